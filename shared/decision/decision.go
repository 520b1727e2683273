// Package decision holds the answer to "may this call pass?": the closed list of refusals, and how a decision travels
// from the authorizer to the function behind it. It does no I/O.
//
// An HTTP API cannot shape a denial, so a refusal travels like an allow: as one string in the authorizer's context.
// Whoever receives it must call Verify, which binds it to exactly one call.
package decision

import (
	"time"

	"sluice/shared/catalog"
	"sluice/shared/problem"
)

// ContextKey is the member of the authorizer context that carries the decision.
const ContextKey = "decision"

// Plane is which of the two HTTP APIs a decision is for.
type Plane string

// The planes.
const (
	Gateway    Plane = "gateway"
	Management Plane = "management"
)

// Decision is the authorizer's verdict on exactly one call. Either Refusal is set, or the call may pass.
type Decision struct {
	Call    Call           `json:"c"`
	Refusal *Denial        `json:"r,omitempty"`
	Caller  Caller         `json:"w"`
	Target  Target         `json:"t"`
	Claims  []Claim        `json:"l,omitempty"`
	Cost    int            `json:"x,omitempty"` // units that the call takes of each limit; 0 means 1
	Notice  *Notice        `json:"n,omitempty"`
	Admin   *catalog.Actor `json:"a,omitempty"` // management plane: who acts
	At      time.Time      `json:"at"`          // when it was decided, UTC
}

// Call is the one call that a decision is about. RequestID is for those who look; it does not bind, since a gateway may
// number the question to the authorizer and the call itself apart.
type Call struct {
	Plane      Plane  `json:"p"`
	RequestID  string `json:"i"`
	Method     string `json:"m"`
	Path       string `json:"u"`           // as received, or what stands for a long one; see gatewayevent
	Credential string `json:"k,omitempty"` // digest of what was presented, "" for nothing; see gatewayevent
}

// sameAs reports whether two calls may share a decision.
func (c Call) sameAs(other Call) bool {
	other.RequestID = c.RequestID
	return c == other
}

// Denial says why a call may not pass.
type Denial struct {
	Code   Refusal           `json:"c"`
	Detail string            `json:"d,omitempty"` // what would fix it; safe for the caller
	Allow  []string          `json:"a,omitempty"` // method_not_allowed: the methods that are there
	Link   string            `json:"l,omitempty"` // version_retired: path of the successor, "/orders/v2"
	Faults []problem.Fault   `json:"f,omitempty"`
	Hints  map[string]string `json:"h,omitempty"` // extra members of the problem, e.g. missing scopes
}

// Caller is who calls.
type Caller struct {
	Consumer     catalog.ConsumerID     `json:"c,omitempty"`
	App          catalog.AppID          `json:"a,omitempty"`
	Key          catalog.KeyID          `json:"k,omitempty"`
	Subscription catalog.SubscriptionID `json:"s,omitempty"`
	Plan         catalog.PlanID         `json:"p,omitempty"`
	Scopes       []string               `json:"o,omitempty"`
	Priority     catalog.Priority       `json:"y,omitempty"`
}

// Target is what is called and where the call goes.
type Target struct {
	API       catalog.APIID      `json:"a,omitempty"`
	Version   catalog.VersionID  `json:"v,omitempty"`
	Revision  catalog.RevisionID `json:"r,omitempty"`
	Operation string             `json:"o,omitempty"` // operation id, or "GET /template" where the contract has none
	Route     string             `json:"t,omitempty"` // path template
	Path      string             `json:"p,omitempty"` // canonical, percent-encoded path for the upstream, "/orders/42"
	Upstream  catalog.Upstream   `json:"u,omitzero"`
}

// LimitKind tells the two sorts of limit apart.
type LimitKind string

// The sorts of limit.
const (
	RateLimit  LimitKind = "rate"
	QuotaLimit LimitKind = "quota"
)

// Claim is what a call takes of one counter: the limits that are kept there together. All claims of a call must be met.
type Claim struct {
	Counter   string         `json:"i"` // see SubscriptionCounter and its siblings
	Limits    []Limit        `json:"l"` // at most one of each kind
	Outage    catalog.Outage `json:"o,omitempty"`
	Overdraft int            `json:"d,omitempty"` // units, with catalog.OutageOpen
}

// Limit is one limit that the call must take its cost of before it passes.
type Limit struct {
	Kind      LimitKind      `json:"k"`
	Name      string         `json:"n"` // policy name shown in RateLimit headers
	Requests  int            `json:"q"`
	Seconds   int            `json:"s,omitempty"` // rate
	Burst     int            `json:"b,omitempty"` // rate; at least 1
	Period    catalog.Period `json:"p,omitempty"` // quota
	AnchorDay int            `json:"a,omitempty"` // quota of a month; see catalog.Quota
	Shadow    bool           `json:"h,omitempty"` // it refuses nothing
}

// Notice is what the consumer should learn of the version's end (RFC 9745, RFC 8594).
type Notice struct {
	Deprecated time.Time  `json:"d"`
	Sunset     *time.Time `json:"s,omitempty"`
	Successor  string     `json:"l,omitempty"` // path of the successor, "/orders/v2"
}

// Allowed reports whether the call may pass.
func (d *Decision) Allowed() bool { return d.Refusal == nil }

// Verify reads a decision from the authorizer context and binds it to the call at hand: a decision that is missing,
// garbled, in another form, or about another plane, method, path or credential is an error, and the call must then be refused
// (promises 1 and 12).
func Verify(context map[string]any, want Call) (*Decision, error) {
	s, ok := context[ContextKey].(string)
	if !ok || s == "" {
		return nil, problem.New(problem.Internal, "the call came without a decision")
	}
	d, err := read(s)
	if err != nil {
		return nil, problem.Wrap(err, problem.Internal, "the decision cannot be read")
	}
	if !d.Call.sameAs(want) {
		return nil, problem.New(problem.Internal, "the decision is about another call")
	}
	if d.Refusal == nil && d.At.IsZero() {
		return nil, problem.New(problem.Internal, "the decision is empty")
	}
	if !understood(d.Claims) {
		return nil, problem.New(problem.Internal, "the decision claims what this release does not know how to take")
	}
	return d, nil
}

// understood reports whether each claim says what to take of which counter. While a release replaces another one, the
// authorizer may be older or newer than who reads: a claim in another form must not pass for one of nothing.
func understood(claims []Claim) bool {
	for i := range claims {
		if c := &claims[i]; c.Counter == "" || len(c.Limits) == 0 {
			return false
		}
		for _, l := range claims[i].Limits {
			if l.Kind != RateLimit && l.Kind != QuotaLimit {
				return false
			}
		}
	}
	return true
}
