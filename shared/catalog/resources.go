package catalog

import "time"

// TeamID is a slug that an admin chooses, and so are the ids down to AppID.
type TeamID string

// APIID is the first segment of every path of the API.
type APIID string

// VersionID is the name of a version inside its API, "v1": the second segment.
type VersionID string

// PlanID names a plan.
type PlanID string

// ConsumerID names a consumer.
type ConsumerID string

// AppID names an app.
type AppID string

// SubscriptionID is a UUID that the platform chooses.
type SubscriptionID string

// KeyID is a UUID that the platform chooses. It is no secret.
type KeyID string

// RevisionID is the hex SHA-256 of a contract's source.
type RevisionID string

// Contact is a way to reach somebody: kind "email", "chat", "phone", "url" ...
type Contact struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

// Team is the people inside who own APIs.
type Team struct {
	Meta
	ID       TeamID    `json:"id"`
	Name     string    `json:"name"`
	Contacts []Contact `json:"contacts,omitempty"`
}

// APIKind is the protocol of an API.
type APIKind string

// The kinds of API.
const (
	REST    APIKind = "rest"
	GraphQL APIKind = "graphql"
	Event   APIKind = "event"
)

// Audience is who an API, or a consumer, is: each one includes those before it.
type Audience string

// The audiences, from the narrowest to the widest.
const (
	Internal Audience = "internal"
	Partner  Audience = "partner"
	Public   Audience = "public"
)

// Sensitivity classes what an API hands out.
type Sensitivity string

// The classes, from the least to the most sensitive.
const (
	Open           Sensitivity = "open"
	InternalData   Sensitivity = "internal"
	Confidential   Sensitivity = "confidential"
	RestrictedData Sensitivity = "restricted"
)

// API is a product of a team.
type API struct {
	Meta
	ID          APIID       `json:"id"`
	Name        string      `json:"name"`
	Summary     string      `json:"summary,omitempty"`
	Team        TeamID      `json:"team"`
	Kind        APIKind     `json:"kind"`
	Audience    Audience    `json:"audience"`
	Sensitivity Sensitivity `json:"sensitivity"`
	Tags        []string    `json:"tags,omitempty"`

	Limits     *Limits                     `json:"limits,omitempty"`     // over all consumers: what the backend bears
	Operations map[string]OperationTraffic `json:"operations,omitempty"` // by operation id
	Anonymous  *Limits                     `json:"anonymous,omitempty"`  // public APIs: calls without a credential pass, limited per address
}

// Validation says how strictly traffic is held against the contract.
type Validation struct {
	Request  string `json:"request"`  // enforce, report, off
	Response string `json:"response"` // off, report, strip, block
}

// Version is one contract line of an API that moves through the lifecycle.
type Version struct {
	Meta
	API        APIID      `json:"api"`
	Version    VersionID  `json:"version"`
	Upstream   Upstream   `json:"upstream"`
	Validation Validation `json:"validation"`
	State      State      `json:"state"`
	Revision   RevisionID `json:"revision,omitempty"`   // the contract being served; "" before the first PUT
	Deprecated *time.Time `json:"deprecated,omitempty"` // when it was deprecated
	Sunset     *time.Time `json:"sunset,omitempty"`
	Successor  VersionID  `json:"successor,omitempty"` // a version of the same API
	Reason     string     `json:"reason,omitempty"`    // why it goes, where there is no successor
	Retired    *time.Time `json:"retired,omitempty"`
}

// Approval says whether a subscription starts active or waits for an admin.
type Approval string

// The ways to approve.
const (
	Automatic Approval = "automatic"
	Manual    Approval = "manual"
)

// Consumer is the organisation that uses APIs.
type Consumer struct {
	Meta
	ID       ConsumerID `json:"id"`
	Name     string     `json:"name"`
	Kind     Audience   `json:"kind"`
	Contacts []Contact  `json:"contacts,omitempty"`
}

// App is a client program of a consumer: the thing that is limited and measured.
type App struct {
	Meta
	ID       AppID      `json:"id"`
	Name     string     `json:"name"`
	Consumer ConsumerID `json:"consumer"`
}

// SubscriptionState is where a subscription stands.
type SubscriptionState string

// The states of a subscription.
const (
	Requested SubscriptionState = "requested"
	Active    SubscriptionState = "active"
	Suspended SubscriptionState = "suspended"
	Ended     SubscriptionState = "ended"
)

// Subscription is an app's right to use an API under a plan. Scopes is a part of the plan's scopes.
type Subscription struct {
	Meta
	ID     SubscriptionID    `json:"id"`
	App    AppID             `json:"app"`
	API    APIID             `json:"api"`
	Plan   PlanID            `json:"plan"`
	Scopes []string          `json:"scopes,omitempty"`
	State  SubscriptionState `json:"state"`
}

// Key is an API key of an app, without its secret.
type Key struct {
	Meta
	ID      KeyID      `json:"id"`
	App     AppID      `json:"app"`
	Prefix  string     `json:"prefix"` // the start of the secret, to recognise it by
	Hash    string     `json:"-"`      // the store keeps it apart; never answered
	Expires *time.Time `json:"expires,omitempty"`
	Revoked *time.Time `json:"revoked,omitempty"`
}

// AdminKey is a credential for the Management API, without its secret.
type AdminKey struct {
	Meta
	ID      KeyID      `json:"id"`
	Name    string     `json:"name"`
	Role    Role       `json:"role"`
	Team    TeamID     `json:"team,omitempty"` // for RoleTeamMember
	Prefix  string     `json:"prefix"`
	Hash    string     `json:"-"`
	Expires *time.Time `json:"expires,omitempty"`
	Revoked *time.Time `json:"revoked,omitempty"`
}

// Credential is what the hash of a presented secret leads to: an app's key or an admin's.
type Credential struct {
	Key     KeyID      `json:"key"`
	App     AppID      `json:"app,omitempty"`
	Admin   *Actor     `json:"admin,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
	Revoked *time.Time `json:"revoked,omitempty"`
}
