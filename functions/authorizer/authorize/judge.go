package authorize

import (
	"sluice/shared/catalog"
	"sluice/shared/decision"
)

// judge refuses what the facts alone refuse. It is pure: no I/O, no clock. The order is the one of the package comment.
func judge(who *caller, f *facts) error {
	if !f.visibleTo(who) {
		return unseen(who)
	}
	if f.grant == nil {
		return refuse(decision.NotSubscribed, "")
	}
	if err := judgeSubscription(f.grant.State); err != nil {
		return err
	}
	if f.version.State == catalog.Retired {
		return &refusal{decision.Denial{Code: decision.VersionRetired, Link: f.successor}}
	}
	if f.match.Operation != nil {
		return nil
	}
	if len(f.match.Allow) > 0 {
		return &refusal{decision.Denial{Code: decision.MethodNotAllowed, Allow: f.match.Allow}}
	}
	return refuse(decision.NoSuchOperation, "")
}

// unseen is one answer for all that is not there and all that the caller may not see (promise 9). To a caller without a
// credential it says that: it may be all that it lacks.
func unseen(who *caller) error {
	if who.anonymous() {
		return who.missing
	}
	return refuse(decision.NoSuchAPI, "")
}

// visibleTo reports whether the caller may know of the version: the API is for consumers like it, and the version is
// being served, or was when the caller could use it.
func (f *facts) visibleTo(who *caller) bool {
	if f.api == nil || f.version == nil || !f.api.Audience.Admits(who.consumer.Kind) {
		return false
	}
	switch f.version.State {
	case catalog.Published, catalog.Deprecated:
		return true
	case catalog.Retired:
		return f.grant != nil
	case catalog.Draft, catalog.InReview:
	}
	return false
}

func judgeSubscription(s catalog.SubscriptionState) error {
	switch s {
	case catalog.Active:
		return nil
	case catalog.Requested:
		return refuse(decision.SubscriptionInactive, "the subscription has been requested and waits for approval")
	case catalog.Suspended:
		return refuse(decision.SubscriptionInactive, "the subscription has been suspended")
	case catalog.Ended:
		return refuse(decision.SubscriptionInactive, "the subscription has ended")
	}
	return refuse(decision.SubscriptionInactive, "")
}
