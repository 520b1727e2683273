package catalog

// Rate is a token bucket: Requests per Seconds on average, at most Burst at once (0 means Requests).
type Rate struct {
	Requests int  `json:"requests"`
	Seconds  int  `json:"seconds"`
	Burst    int  `json:"burst,omitempty"`
	Shadow   bool `json:"shadow,omitempty"` // counts and reports what it would refuse, and refuses nothing
}

// Period is the calendar period of a quota, in UTC.
type Period string

// The periods.
const (
	Day   Period = "day"
	Month Period = "month"
)

// Quota is a number of units per calendar period.
type Quota struct {
	Requests  int    `json:"requests"`
	Period    Period `json:"period"`
	AnchorDay int    `json:"anchor_day,omitempty"` // month: the day it starts on, 1..31, the last one where a month is shorter; 0 means 1
	Shadow    bool   `json:"shadow,omitempty"`     // counts and reports what it would refuse, and refuses nothing
}

// Limits is a rate and a quota that are counted together. Either may be missing.
type Limits struct {
	Rate  *Rate  `json:"rate,omitempty"`
	Quota *Quota `json:"quota,omitempty"`
}

// OperationTraffic is what one operation costs and bears, over all consumers of an API.
type OperationTraffic struct {
	Cost   int     `json:"cost,omitempty"` // units that a call takes of each limit, 1..1000; 0 means 1
	Limits *Limits `json:"limits,omitempty"`
}

// Priority is who is served first where an upstream is saturated.
type Priority string

// The priorities; "" is Normal.
const (
	LowPriority    Priority = "low"
	NormalPriority Priority = "normal"
	HighPriority   Priority = "high"
)

// Outage says what becomes of a plan's calls while the store cannot be reached, so that their limits cannot be checked.
type Outage string

// The choices; "" is OutageLease.
const (
	OutageClosed Outage = "closed" // 503
	OutageLease  Outage = "lease"  // units that are on lease already are spent, then 503
	OutageOpen   Outage = "open"   // then up to Overdraft units more per instance, charged once the store is back
)

// Plan is what is offered for an API: how fast, how much, and which scopes.
type Plan struct {
	Meta
	ID         PlanID            `json:"id"`
	Name       string            `json:"name"`
	Approval   Approval          `json:"approval"`
	Rate       *Rate             `json:"rate,omitempty"`
	Quota      *Quota            `json:"quota,omitempty"`
	Operations map[string]Limits `json:"operations,omitempty"` // per operation id, for each subscription by itself
	Scopes     []string          `json:"scopes,omitempty"`
	Priority   Priority          `json:"priority,omitempty"`
	Outage     Outage            `json:"on_store_outage,omitempty"`
	Overdraft  int               `json:"overdraft,omitempty"` // units, with OutageOpen
}

// Upstream is where the calls of a version go, and how they get there when it is slow or failing.
type Upstream struct {
	URL              string      `json:"url"`                          // http or https, may have a path, no query
	TimeoutMs        int         `json:"timeout_ms,omitempty"`         // 1..29000; 0 means DefaultTimeoutMs
	MaxRequestBytes  int         `json:"max_request_bytes,omitempty"`  // 0 means DefaultMaxRequestBytes
	MaxResponseBytes int         `json:"max_response_bytes,omitempty"` // 0 means DefaultMaxResponseBytes
	MaxInFlight      int         `json:"max_in_flight,omitempty"`      // calls at once over all instances, 1..500; 0 means no bound
	HedgeAfterMs     int         `json:"hedge_after_ms,omitempty"`     // GET and HEAD: a second attempt if the first is slower; 0 is off
	Retries          *Retries    `json:"retries,omitempty"`            // nil means none
	Breaker          *Breaker    `json:"breaker,omitempty"`            // nil means none
	Cache            *Cache      `json:"cache,omitempty"`              // nil means none
	Fallback         *Fallback   `json:"fallback,omitempty"`
	Idempotency      Idempotency `json:"idempotency,omitempty"`
}

// Retries says how often an idempotent call (RFC 9110 §9.2.2) may be tried again.
type Retries struct {
	Attempts      int `json:"attempts"`                 // after the first, 1..3
	BudgetPercent int `json:"budget_percent,omitempty"` // retries per 100 calls, 1..100; 0 means 20
}

// Breaker says when calls are no longer sent to a failing upstream.
type Breaker struct {
	FailurePercent int `json:"failure_percent,omitempty"` // opens at, 1..100; 0 means 50
	MinimumCalls   int `json:"minimum_calls,omitempty"`   // within the window, 1..10000; 0 means 20
	WindowSeconds  int `json:"window_seconds,omitempty"`  // 1..300; 0 means 10
	OpenSeconds    int `json:"open_seconds,omitempty"`    // until a probe is let through, 1..300; 0 means 10
}

// Cache keeps answers as RFC 9111 has it.
type Cache struct {
	MaxBytes            int `json:"max_bytes,omitempty"`              // of one answer; 0 means 256 KB
	DefaultTTLSeconds   int `json:"default_ttl_seconds,omitempty"`    // where the upstream says nothing; 0 means: not kept
	StaleIfErrorSeconds int `json:"stale_if_error_seconds,omitempty"` // RFC 5861 §4, where the upstream says nothing
}

// Fallback is what is answered when the upstream cannot be called or fails.
type Fallback struct {
	URL    string        `json:"url,omitempty"`    // an alternative upstream, tried first
	Static *StaticAnswer `json:"static,omitempty"` // then this
}

// StaticAnswer is a fixed answer. It travels with each decision, so it is small.
type StaticAnswer struct {
	Status      int    `json:"status"`       // 200..599
	ContentType string `json:"content_type"` // of Body
	Body        string `json:"body"`         // at most 1 KB
}

// Idempotency says what is done with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07) on POST and PATCH.
type Idempotency string

// The choices; "" is IdempotencyReplay.
const (
	IdempotencyReplay  Idempotency = "replay"  // where a call has a key, the upstream is called once and its answer is replayed
	IdempotencyRequire Idempotency = "require" // the same, and a call without a key is refused with 400
	IdempotencyOff     Idempotency = "off"     // the upstream sees to it
)
