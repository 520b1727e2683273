// Package catalog holds what an API management platform knows: teams, APIs, versions, plans, consumers, apps and
// subscriptions, the lifecycle of a version, and what makes each of them valid. It does no I/O.
//
// Field names in JSON are those of the Management API; the same JSON is what the store keeps.
package catalog

import "time"

// Kind names a type of resource.
type Kind string

// The kinds of resource, in the order in which one needs the other.
const (
	KindTeam         Kind = "team"
	KindAPI          Kind = "api"
	KindVersion      Kind = "version" // id "<api>/<version>"
	KindPlan         Kind = "plan"
	KindConsumer     Kind = "consumer"
	KindApp          Kind = "app"
	KindSubscription Kind = "subscription"
	KindKey          Kind = "key"        // an API key of an app; id "<app>/<key>"
	KindAdminKey     Kind = "admin-key"  // a credential for the Management API
	KindCredential   Kind = "credential" // what a presented secret leads to; id is its hash
	KindGrant        Kind = "grant"      // subscription of an app to an API; id "<app>/<api>"
)

// Ref names one resource. Feed entries and audit entries speak in Refs.
type Ref struct {
	Kind Kind   `json:"kind"`
	ID   string `json:"id"`
}

// String writes a Ref as "kind:id".
func (r Ref) String() string { return string(r.Kind) + ":" + r.ID }

// Edge is one relation of a resource to a parent: the parent must exist, cannot be deleted while the edge is there, and
// can list its children by Name. Two children of one kind cannot share a Name under one parent.
type Edge struct {
	Parent Ref
	Name   string
}

// Meta is what every resource carries. Rev counts changes and is its ETag.
type Meta struct {
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	Rev     int64     `json:"-"`
}

// Stamp gives access to the Meta of any resource.
func (m *Meta) Stamp() *Meta { return m }

// Record is what the store needs to know of a resource to keep it.
type Record interface {
	Ref() Ref
	Edges() []Edge
	Touches() []Ref // what instances must drop from their view when this changes
	Stamp() *Meta
}

// Role is what an admin credential may do.
type Role string

// The roles of the Management API.
const (
	RolePlatformAdmin Role = "platform-admin"
	RoleTeamMember    Role = "team-member" // for the APIs of its own team
	RoleAuditor       Role = "auditor"     // reads everything, changes nothing
)

// Actor is who makes a change.
type Actor struct {
	ID   string `json:"id"` // id of the admin key, or "system"
	Name string `json:"name,omitempty"`
	Role Role   `json:"role"`
	Team TeamID `json:"team,omitempty"`
}

// Write is the circumstances of one change: they land in its audit entry, in the same transaction as the change.
type Write struct {
	Actor     Actor
	RequestID string
	Action    string    // "team.create", "version.transition" ...
	At        time.Time // UTC
	Replay    *Replay   // the remembered answer to a POST with an Idempotency-Key, or nil
}

// Replay is the remembered answer to a POST that carried an Idempotency-Key.
type Replay struct {
	ID          string    `json:"id"`          // hash of principal, path and Idempotency-Key
	Fingerprint string    `json:"fingerprint"` // hash of the request body
	Status      int       `json:"status"`
	Location    string    `json:"location,omitempty"`
	ETag        string    `json:"etag,omitempty"`
	Body        []byte    `json:"body,omitempty"` // never contains a secret
	Expires     time.Time `json:"expires"`
}

// Query selects a page of one kind. Parent narrows it to the children of one resource.
type Query struct {
	Kind   Kind
	Parent *Ref
	Limit  int    // 1..100; 0 means 50
	Cursor string // opaque; "" is the start
}

// Page is one page of a list. Next is the cursor of the following page, "" at the end.
type Page[T any] struct {
	Items []T
	Next  string
}

// Entry is one change in the feed that every instance follows. Seq has no gaps.
type Entry struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Touches []Ref     `json:"touches"`
}

// AuditEntry tells who changed what, when, from what to what. Secrets are never part of it.
type AuditEntry struct {
	ID        string    `json:"id"`
	At        time.Time `json:"at"`
	Actor     Actor     `json:"actor"`
	Action    string    `json:"action"`
	Resource  Ref       `json:"resource"`
	Before    any       `json:"before"`
	After     any       `json:"after"`
	RequestID string    `json:"request_id"`
}
