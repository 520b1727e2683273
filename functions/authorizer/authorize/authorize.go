// Package authorize decides who is calling, which operation, and whether they may: the only place where access to an API
// is decided (promise 1). Anything that is missing, garbled or surplus is a refusal.
//
// The steps of a call on the gateway plane, and what each may refuse with. The order is a promise to callers, since the
// first refusal is the one they are told:
//
//  1. form: uri_too_long, header_fields_too_large, invalid_request. It depends on nothing but the request itself.
//  2. identify: ambiguous_credentials, credential_missing, credential_invalid, credential_expired. Nothing about any API is
//     told to somebody we do not know. A key with a wrong checksum costs no read; a revoked one answers as an unknown one.
//     A call without any credential goes on, since an API for the public can be open to that; wherever it leads to anything
//     else, the answer is credential_missing.
//  3. find gathers the API, version, subscription, plan and operation that the path names; judge, which is pure, refuses:
//     no_such_api, where the API or version is not there, not (yet) shown, or not for this consumer: all the same answer,
//     and so is a retired version to a caller without a subscription, who never had anything to do with it;
//     then not_subscribed and subscription_inactive: an outsider is not told which operations there are;
//     then version_retired, with the way forward;
//     then no_such_operation and method_not_allowed.
//  4. permit: policies/access has the last word, on the same facts: scope_missing, policy_refused, or any of the above.
//
// On the management plane there are form and identify only, by an admin's key: the functions behind it ask policies/admin
// about each action.
//
// A refusal travels to the function behind as a decision, like an allow, since an HTTP API cannot shape a denial. The one
// exception is an address that floods us with bad credentials: the gateway itself then answers 403, without a second
// invocation. A key that this instance already knows passes even then; see floods.
//
// If the configuration cannot be read the refusal is upstream_unavailable: it is our fault and not the credential's.
package authorize

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sluice/shared/catalog"
	"sluice/shared/contract"
	"sluice/shared/decision"
	"sluice/shared/gatewayevent"
	"sluice/shared/policy"
)

// Freshness bounds the age of what is then read from the View.
type Freshness interface {
	// Fresh makes sure that it is at most a second old; problem.Unavailable if that, or an outage's grace, cannot be had.
	Fresh(ctx context.Context) error
	// Stale reports whether an outage's grace is being used.
	Stale() bool
	// KnowsCredential reports without any read whether the hash leads to a credential that was seen lately.
	KnowsCredential(hash string) bool
}

// Callers is what is known of callers. In this and the next two, what is not there is problem.NotFound, and what cannot be
// read problem.Unavailable.
type Callers interface {
	Credential(ctx context.Context, hash string) (catalog.Credential, error)
	App(ctx context.Context, id catalog.AppID) (catalog.App, error)
	Consumer(ctx context.Context, id catalog.ConsumerID) (catalog.Consumer, error)
}

// Products is what is known of APIs.
type Products interface {
	API(ctx context.Context, id catalog.APIID) (catalog.API, error)
	Version(ctx context.Context, api catalog.APIID, v catalog.VersionID) (catalog.Version, error)
	Index(ctx context.Context, api catalog.APIID, v catalog.VersionID, r catalog.RevisionID) (*contract.Index, error)
}

// Terms is what callers may do with APIs.
type Terms interface {
	Grant(ctx context.Context, app catalog.AppID, api catalog.APIID) (catalog.Subscription, error)
	Plan(ctx context.Context, id catalog.PlanID) (catalog.Plan, error)
}

// View is the configuration: one value in all four roles, a replica.View.
type View struct {
	Freshness
	Callers
	Products
	Terms
}

// Policy has the last word. An error denies.
type Policy interface {
	Decide(ctx context.Context, in policy.Input) (policy.Verdict, error)
}

// Deps is what an Authorizer works with.
type Deps struct {
	View   View
	Policy Policy // policies/access
	Now    func() time.Time
	Log    *slog.Logger
}

// Authorizer answers the gateways' question whether a call may pass. It is safe for concurrent use.
type Authorizer struct {
	view   View
	policy Policy
	now    func() time.Time
	log    *slog.Logger
	floods *floods // of bad credentials

	strangers *floods // of calls without one to APIs that are not there
}

// New makes an Authorizer. It reads nothing.
func New(d Deps) *Authorizer {
	return &Authorizer{view: d.View, policy: d.Policy, now: d.Now, log: d.Log, floods: newFloods(), strangers: newFloods()}
}

// Handle answers one authorizer event of either HTTP API (payload 2.0, simple response). It never fails: whatever is wrong
// becomes a decision that refuses, or isAuthorized: false.
func (a *Authorizer) Handle(
	ctx context.Context, e events.APIGatewayV2CustomAuthorizerV2Request,
) (events.APIGatewayV2CustomAuthorizerSimpleResponse, error) {
	r := read(&e, a.now().UTC())
	d := decision.Decision{Call: r.call, At: r.at}
	err := a.decide(ctx, r, &d)
	text, err := written(r, &d, err)
	if err != nil {
		d = refused(&d, denial(err))
		if bad(d.Refusal.Code) {
			a.floods.count(r.source, r.at)
		}
	}
	a.record(ctx, r, &d, err)
	return answer(&d, text, err), nil
}

// decide runs the steps of the plane. It fills the decision in as far as it gets; any error refuses.
func (a *Authorizer) decide(ctx context.Context, r *request, d *decision.Decision) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = &crash{fault: fault}
		}
	}()
	if r.call.Plane == decision.Management {
		return a.management(ctx, r, d)
	}
	return a.gateway(ctx, r, d)
}

// gateway is the life of a call on the gateway plane.
func (a *Authorizer) gateway(ctx context.Context, r *request, d *decision.Decision) error {
	if err := form(r); err != nil {
		return err
	}
	path, err := gatewayevent.ParsePath(r.path)
	if err != nil {
		return err
	}
	who, err := a.identify(ctx, r)
	if err != nil {
		return err
	}
	d.Caller = who.named()
	what, err := a.find(ctx, r, path, who)
	if err != nil {
		return err
	}
	d.Target = what.named(who)
	if err := judge(who, what); err != nil {
		return err
	}
	d.Caller, d.Target = what.caller(who), what.target()
	if err := a.permit(ctx, r, who, what, d.Caller.Scopes); err != nil {
		return err
	}
	d.Claims, d.Cost, d.Notice = what.claims(who), decision.Cost(what.api, d.Target.Operation), what.notice()
	return nil
}

// management is the life of a call on the management plane.
func (a *Authorizer) management(ctx context.Context, r *request, d *decision.Decision) error {
	if err := form(r); err != nil {
		return err
	}
	admin, err := a.identifyAdmin(ctx, r)
	if err != nil {
		return err
	}
	d.Admin = admin
	return nil
}
