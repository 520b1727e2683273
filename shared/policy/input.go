package policy

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

// Input is what a policy is asked about: an *AccessInput, an *AdminInput, or a Document.
type Input interface{ term() *ast.Term }

// AccessInput is what policies/access is asked about: may this call pass? What is nil or "" is missing in the input, and
// what is missing denies. The resources are only read, and only during Decide.
type AccessInput struct {
	Plane        decision.Plane
	Method       string // as received, upper case
	Path         string // as received
	Credential   *CredentialFacts
	Consumer     *catalog.Consumer
	App          *catalog.App
	Scopes       []string // that the subscription grants to the caller
	Subscription *catalog.Subscription
	API          *catalog.API
	Version      *catalog.Version
	Operation    *Operation
}

// CredentialFacts is what is known of the credential that the call presented; nil if it presented none.
type CredentialFacts struct {
	Kind    CredentialKind
	Revoked bool
	Expired bool
}

// CredentialKind is a sort of credential.
type CredentialKind string

// The sorts of credential.
const (
	KindKey   CredentialKind = "key"   // an app's API key
	KindAdmin CredentialKind = "admin" // an admin's key: no credential on the data plane
)

// Operation is what the call asks for. Scopes are alternatives: one of the lists must be held in full; none means that no
// scope is needed.
type Operation struct {
	ID       string
	Method   string
	Template string
	Scopes   [][]string
}

// AdminInput is what policies/admin is asked about: may this admin do that?
type AdminInput struct {
	Actor    catalog.Actor
	Action   Action
	Resource catalog.Ref
	Owner    catalog.TeamID // the team that owns the resource, "" if none or unknown
}

// Action is what an admin wants to do with a resource.
type Action string

// The actions.
const (
	Read       Action = "read"
	Create     Action = "create"
	Update     Action = "update"
	Delete     Action = "delete"
	Transition Action = "transition"
	Issue      Action = "issue"
)

// The kinds of resource that policies/admin knows besides those of catalog.
const (
	KindContract catalog.Kind = "contract"
	KindAudit    catalog.Kind = "audit"
	KindUsage    catalog.Kind = "usage"
	KindLimits   catalog.Kind = "limits"
	KindFindings catalog.Kind = "findings"
)
