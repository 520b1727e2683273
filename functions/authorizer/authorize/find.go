package authorize

import (
	"context"
	"fmt"
	"slices"

	"sluice/shared/catalog"
	"sluice/shared/contract"
	"sluice/shared/gatewayevent"
	"sluice/shared/problem"
)

// facts is what the path names, as far as it is there. What depends on something that is missing is not looked for.
type facts struct {
	api       *catalog.API
	version   *catalog.Version
	grant     *catalog.Subscription
	plan      *catalog.Plan
	match     contract.Match
	upstream  string // canonical path behind the version, "/orders/42"
	successor string // path of the version to move to, "/orders/v2"; "" if there is none that is shown
}

// find gathers what the call is about. It refuses nothing; an error means that something could not be read. The query only
// tells operations of one path and method apart, for whoever counts them: they all need the same scopes.
func (a *Authorizer) find(ctx context.Context, r *request, path gatewayevent.Path, who *caller) (*facts, error) {
	f := &facts{}
	if len(path.Segments) < 2 || !slug(path.Segments[0]) || !slug(path.Segments[1]) {
		return f, nil
	}
	id, version, rest := catalog.APIID(path.Segments[0]), catalog.VersionID(path.Segments[1]), path.Segments[2:]
	f.upstream = gatewayevent.Join(rest, path.Trailing)
	var err error
	if who.anonymous() {
		f.api, err = a.findOpen(ctx, r, id)
	} else {
		f.api, err = there(a.view.API(ctx, id))
	}
	if err != nil || f.api == nil {
		return f, wrap("find API", err)
	}
	if f.version, err = there(a.view.Version(ctx, id, version)); err != nil || f.version == nil {
		return f, wrap("find version", err)
	}
	if f.grant, err = a.findGrant(ctx, who, id); err != nil || f.grant == nil {
		return f, wrap("find subscription", err)
	}
	if f.successor, err = a.successor(ctx, f.version); err != nil {
		return f, err
	}
	if f.grant.State != catalog.Active || !f.version.State.Served() {
		return f, nil
	}
	if !who.anonymous() {
		plan, err := a.view.Plan(ctx, f.grant.Plan)
		if err != nil {
			return f, surely("find plan", err)
		}
		f.plan = &plan
	}
	routes, err := a.view.Index(ctx, id, version, f.version.Revision)
	if err != nil {
		return f, surely("find contract", err)
	}
	if path.Trailing && len(rest) > 0 {
		rest = append(slices.Clip(rest), "") // a slash at the end makes another path
	}
	f.match = routes.MatchQuery(r.call.Method, rest, r.query)
	return f, nil
}

// findOpen gives the API if it takes calls without a credential, and nil if not, or if it is not there. Whoever tries names
// until one fits is not looked up for any more; see floods.
func (a *Authorizer) findOpen(ctx context.Context, r *request, id catalog.APIID) (*catalog.API, error) {
	if a.strangers.blocked(r.source, r.at) {
		return nil, nil
	}
	if err := a.view.Fresh(ctx); err != nil {
		return nil, fmt.Errorf("refresh the configuration: %w", err)
	}
	api, err := there(a.view.API(ctx, id))
	if err != nil {
		return nil, err
	}
	if api == nil {
		a.strangers.count(r.source, r.at)
		return nil, nil
	}
	if api.Anonymous == nil { // of which audience it is, judge looks at
		return nil, nil
	}
	return api, nil
}

// findGrant gives the caller's subscription to the API. An API that is open to callers without a credential is as good as a
// subscription of theirs, without scopes.
func (a *Authorizer) findGrant(ctx context.Context, who *caller, api catalog.APIID) (*catalog.Subscription, error) {
	if who.anonymous() {
		return &catalog.Subscription{App: who.app.ID, API: api, State: catalog.Active}, nil
	}
	return there(a.view.Grant(ctx, who.app.ID, api))
}

// successor gives the path of the version to move to, if callers may see it.
func (a *Authorizer) successor(ctx context.Context, v *catalog.Version) (string, error) {
	if v.Successor == "" {
		return "", nil
	}
	next, err := there(a.view.Version(ctx, v.API, v.Successor))
	if err != nil || next == nil || !next.State.Served() {
		return "", wrap("find successor", err)
	}
	return "/" + string(v.API) + "/" + string(v.Successor), nil
}

// there turns problem.NotFound into nil.
func there[T any](v T, err error) (*T, error) {
	if err == nil {
		return &v, nil
	}
	if problem.Is(err, problem.NotFound) {
		return nil, nil
	}
	return nil, err
}

func wrap(action string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", action, err)
}

// surely is for what cannot be missing as long as something refers to it: not to find it is our fault.
func surely(action string, err error) error {
	if problem.Is(err, problem.NotFound) {
		return fmt.Errorf("%s: it is referred to but not there: %s", action, err.Error())
	}
	return fmt.Errorf("%s: %w", action, err)
}

// slug reports whether s matches catalog.SlugPattern. What does not is no id: it is not looked up, and not remembered.
func slug(s string) bool {
	if len(s) < 2 || len(s) > 63 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
