package catalog

import "time"

// HeldCall is a call with an Idempotency-Key: somebody is carrying it out, or has done so and its answer is kept.
type HeldCall struct {
	Owner       string    // who carries it out, a name for this one attempt
	Fingerprint string    // of the request; the same key with another one is a mistake of the caller
	Held        time.Time // until when it is the owner's; then, if there is no answer, anybody's
	Expires     time.Time // when all of it is forgotten
	Answer      []byte    // as the owner wrote it; nil until there is one
}

// LimitAlert says that a counter passed a part of one of its limits for the first time in a period.
type LimitAlert struct {
	Counter string    `json:"counter"` // as in decision.Claim
	Limit   string    `json:"limit"`
	Period  string    `json:"period"`  // as text, which sorts as time does: "2026-11"
	Percent int       `json:"percent"` // of the limit, 0..999
	At      time.Time `json:"at"`
}
