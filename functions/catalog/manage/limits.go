package manage

import (
	"context"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"

	"sluice/shared/catalog"
	"sluice/shared/limit/counter"
	"sluice/shared/policy"
	"sluice/shared/problem"
	"sluice/shared/resource"
	"sluice/shared/resource/shape"
)

// Counters reads what has been used of limits; *dynamo.Table does.
type Counters interface {
	Grant(ctx context.Context, app catalog.AppID, api catalog.APIID) (catalog.Subscription, error)
	LimitState(ctx context.Context, counter string) (counter.State, error)
	Alerts(ctx context.Context, counter string) ([]catalog.LimitAlert, error)
}

func (m *manager) limits() []resource.Operation {
	filter := func(name, description string) resource.Param {
		p := resource.Param{Name: name, Schema: shape.Matching(description, catalog.SlugPattern)}
		p.Schema.Examples = []any{"orders"}
		return p
	}
	paging := resource.Paging()
	paging[0].Schema.Description = "How many subscriptions a page covers at most; 50 if not given. Each limit of a counter is an item."
	return []resource.Operation{{ID: "listLimits", Method: http.MethodGet, Path: base + "/limits", Tag: "Report", Summary: "Read how much is left of the limits",
		Description: "The live counters, as the gateway sees them. By `app` and `api`: every counter that a call of the app to the API can take of, " +
			"also of single operations, by itself and over all consumers. By `api`: those over all consumers, on the first page, then those of its " +
			"subscriptions as a whole. By `app`: those of its subscriptions as a whole. " +
			"At least one of `app` and `api` is required. A subscription whose plan sets no limit has no item. A team's member who asks by `app` alone " +
			"is shown the subscriptions to the APIs of its own team, so a page may be short, even empty: only an empty `next` is the end.",
		Query:  append([]resource.Param{filter("app", "Only those of this app."), filter("api", "Only those to this API.")}, paging...),
		Status: []int{http.StatusOK}, Answer: &resource.Answer{Name: "LimitPage", Schema: resource.PageSchema(limitModel().View)}, Handle: m.listLimits}}
}

func (m *manager) listLimits(ctx context.Context, call *resource.Call) (*resource.Reply, error) {
	all, api, err := m.permitLimits(ctx, call)
	if err != nil {
		return nil, err
	}
	page, err := m.counted(ctx, call)
	if err != nil {
		return nil, err
	}
	if !all {
		if page.Items, err = m.readable(ctx, call, page.Items); err != nil {
			return nil, err
		}
	}
	plans, err := m.plansOf(ctx, page.Items)
	if err != nil {
		return nil, err
	}
	var counters []counted
	_, byApp := call.Query["app"]
	if api != nil && !byApp && call.Query["cursor"] == "" {
		counters = countersOfAPI(api)
	}
	for i := range page.Items {
		s, plan := &page.Items[i], plans[page.Items[i].Plan]
		if api != nil && byApp {
			counters = append(counters, countersOfCalls(s, &plan, api)...)
		} else {
			counters = append(counters, countersOf(s, &plan)...)
		}
	}
	found, err := m.standings(ctx, call.Now(), counters)
	if err != nil {
		return nil, err
	}
	return resource.PageOf(catalog.Page[standing]{Items: found, Next: page.Next}), nil
}

// permitLimits says whether the sender may ask, and whether it may see all that it asks for: if not, mayReadLimits tells
// which subscriptions it may. It gives the API that is asked for, if one is.
func (m *manager) permitLimits(ctx context.Context, call *resource.Call) (all bool, asked *catalog.API, err error) {
	api, byAPI := call.Query["api"]
	if _, byApp := call.Query["app"]; !byApp && !byAPI {
		return false, nil, &problem.Error{Kind: problem.Unprocessable, Detail: "say whose limits, or for which API", Faults: []problem.Fault{
			{Pointer: "query:api", Detail: "is required without app"}, {Pointer: "query:app", Detail: "is required without api"}}}
	}
	if byAPI {
		owned, err := neighbour(ctx, m.APIs, catalog.KindAPI, api, "query:api")
		if err != nil {
			return false, nil, err
		}
		return true, &owned, call.Permit(ctx, policy.Read, catalog.Ref{Kind: policy.KindLimits, ID: api}, owned.Team)
	}
	err = call.Permit(ctx, policy.Read, catalog.Ref{Kind: policy.KindLimits}, "")
	if !problem.Is(err, problem.Forbidden) {
		return true, nil, err
	}
	return false, nil, call.Permit(ctx, policy.Read, catalog.Ref{Kind: policy.KindLimits}, call.Actor.Team)
}

// readable keeps the subscriptions whose limits the sender may see.
func (m *manager) readable(ctx context.Context, call *resource.Call, of []catalog.Subscription) ([]catalog.Subscription, error) {
	may := make([]bool, len(of))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, s := range of {
		group.Go(func() (err error) {
			may[i], err = m.mayReadLimits(within, call, s.API)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	kept := of[:0]
	for i, s := range of {
		if may[i] {
			kept = append(kept, s)
		}
	}
	return kept, nil
}

// mayReadLimits reports whether the sender may see limits for the API.
func (m *manager) mayReadLimits(ctx context.Context, call *resource.Call, api catalog.APIID) (bool, error) {
	owned, err := m.APIs.Get(ctx, catalog.Ref{Kind: catalog.KindAPI, ID: string(api)})
	if err != nil {
		return false, unlessGone(err)
	}
	err = call.Permit(ctx, policy.Read, catalog.Ref{Kind: policy.KindLimits, ID: string(api)}, owned.Team)
	if problem.Is(err, problem.Forbidden) {
		return false, nil
	}
	return err == nil, err
}

// counted gives the page of subscriptions whose limits are asked for.
func (m *manager) counted(ctx context.Context, call *resource.Call) (catalog.Page[catalog.Subscription], error) {
	var page catalog.Page[catalog.Subscription]
	query := catalog.Query{Kind: catalog.KindSubscription, Limit: call.Limit(), Cursor: call.Query["cursor"]}
	app, byApp := call.Query["app"]
	api, byAPI := call.Query["api"]
	if byApp {
		if _, err := neighbour(ctx, m.Apps, catalog.KindApp, app, "query:app"); err != nil {
			return page, err
		}
	}
	switch {
	case byApp && byAPI:
		if query.Cursor != "" {
			return page, &problem.Error{Kind: problem.Invalid, Detail: "the cursor is not one of this list",
				Faults: []problem.Fault{{Pointer: "query:cursor", Detail: "this list has only one page"}}}
		}
		grant, err := m.Counters.Grant(ctx, catalog.AppID(app), catalog.APIID(api))
		if problem.Is(err, problem.NotFound) {
			return page, nil
		}
		if err != nil {
			return page, fmt.Errorf("find subscription: %w", err)
		}
		page.Items = []catalog.Subscription{grant}
		return page, nil
	case byApp:
		query.Parent = &catalog.Ref{Kind: catalog.KindApp, ID: app}
	default:
		query.Parent = &catalog.Ref{Kind: catalog.KindAPI, ID: api}
	}
	page, err := m.Subscriptions.List(ctx, query)
	if err != nil {
		return page, fmt.Errorf("list subscriptions: %w", err)
	}
	return page, nil
}

// plansOf reads the plans of subscriptions, each once. One that is gone is left out: its last subscription has moved to
// another meanwhile.
func (m *manager) plansOf(ctx context.Context, subscriptions []catalog.Subscription) (map[catalog.PlanID]catalog.Plan, error) {
	plans := map[catalog.PlanID]catalog.Plan{}
	for _, s := range subscriptions {
		if _, ok := plans[s.Plan]; ok {
			continue
		}
		plan, err := m.Plans.Get(ctx, catalog.Ref{Kind: catalog.KindPlan, ID: string(s.Plan)})
		if err := unlessGone(err); err != nil {
			return nil, fmt.Errorf("find plan: %w", err)
		}
		plans[s.Plan] = plan
	}
	return plans, nil
}
