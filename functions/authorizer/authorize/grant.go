package authorize

import (
	"slices"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

// What an allow grants: who is counted, where the call goes, which limits it takes, what the caller should learn.

// caller names the caller with the terms it calls under. A scope counts if the subscription has it and the plan (still)
// offers it.
func (f *facts) caller(who *caller) decision.Caller {
	if who.anonymous() { // who pays for nothing is served last
		return decision.Caller{Consumer: who.consumer.ID, App: who.app.ID, Priority: catalog.LowPriority}
	}
	c := who.named()
	c.Subscription, c.Plan, c.Priority = f.grant.ID, f.plan.ID, f.plan.Priority
	c.Scopes = f.grant.Scopes
	offered := func(s string) bool { return slices.Contains(f.plan.Scopes, s) }
	for _, s := range f.grant.Scopes {
		if !offered(s) {
			c.Scopes = slices.DeleteFunc(slices.Clone(f.grant.Scopes), func(s string) bool { return !offered(s) })
			break
		}
	}
	return c
}

// named is the API and the version, for whoever counts refusals; nothing if the caller may not know of them.
func (f *facts) named(who *caller) decision.Target {
	if !f.visibleTo(who) {
		return decision.Target{}
	}
	return decision.Target{API: f.api.ID, Version: f.version.Version}
}

// target is what is called and where the call goes.
func (f *facts) target() decision.Target {
	op := f.match.Operation
	return decision.Target{API: f.api.ID, Version: f.version.Version, Revision: f.version.Revision,
		Operation: op.ID, Route: op.Template, Path: f.upstream, Upstream: f.version.Upstream}
}

// claims are what the call takes of which counters.
func (f *facts) claims(who *caller) []decision.Claim {
	if who.anonymous() {
		return decision.AnonymousClaims(f.api, who.network, f.match.Operation.ID)
	}
	return decision.ClaimsOf(f.plan, f.grant.ID, f.api, f.match.Operation.ID)
}

// notice tells of the version's end, if it is near.
func (f *facts) notice() *decision.Notice {
	if f.version.State != catalog.Deprecated {
		return nil
	}
	n := &decision.Notice{Deprecated: f.version.Updated, Sunset: f.version.Sunset, Successor: f.successor}
	if f.version.Deprecated != nil {
		n.Deprecated = *f.version.Deprecated
	}
	return n
}
