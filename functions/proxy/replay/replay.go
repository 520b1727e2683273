// Package replay makes a POST or PATCH with an Idempotency-Key safe to repeat, as draft-ietf-httpapi-idempotency-key-header-07
// has it: the upstream is called once, and whoever repeats the call gets the first answer.
//
// # One key, one call
//
// Before the upstream is called the call is claimed in the store, with one conditional write, for as long as the store
// remembers it (Retention). Nobody ever takes a claim over: only the attempt that has it may call the upstream. So promise 10
// needs no clock and no lease. An instance may die, freeze, lose the store's answers or come back late, and the upstream is
// still called at most once in that time. A second write keeps the answer; calls without a key cost nothing.
//
// What becomes of the claim:
//
//   - Finish: the upstream has answered. Its answer is kept whatever it is, 4xx and 5xx too (draft §2.6): even a 503 of the
//     upstream's own says nothing sure about what was done. A client that wants another try after an error takes a new key.
//   - Abandon: the call surely did not reach the upstream (limits refused it, the breaker is open, no connection was made). The
//     key is free again.
//   - Doubt: the call may have reached the upstream and no answer came (a timeout, a connection that broke). Then, and where
//     the instance died so that Lease has passed, a repeated call is told 409, that the outcome is unknown, and that the
//     client should look before it tries with a new key. That is until the claim is forgotten. To call again would be a
//     guess, and to wait for ever would not end.
//
// The draft knows one conflict, a first call that is still being worked on (§2.6), and leaves an unknown outcome open. Both
// are told as idempotency_in_flight, since the list of codes is fixed and a client does right not to go on with either. They are
// told apart by what a client acts on: Retry-After is there only where waiting helps, else the problem has an outcome,
// "unknown" or "answered" (and too large to be kept), and a fix of its own.
//
// Where the store does not take the end of a call, its caller gets the answer all the same. The write is owed: it is tried
// again before the next call with this key here, and by Settle. Until then repeated calls are told 409.
// Where the store cannot be asked for a claim, the call is refused with 503: a call with a key asks for a promise which then
// cannot be given. A client that wants the call without the promise leaves the key out.
//
// # Scope of a key
//
// A key is the caller's own: of its app, or of its address where it has no credential. For each API, method and path
// template it is another key, since clients number the calls of one sort ("order-17"), and two sorts must not collide.
// It is the same key for all versions of an API, and for all paths of a template: the fingerprint of the request has the version,
// path, query, media type and body in it, so a client that repeats a call on a newer version, or on another resource, is told
// 422 and does not have the work done twice. Keys are stored as a hash together with their scope; answers lie in the table,
// which is encrypted, and are forgotten after Retention.
package replay

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/gatewayevent"
	"sluice/shared/problem"
)

// The times of a claim.
const (
	// Retention is how long a key is remembered, from its first call on.
	Retention = 24 * time.Hour
	// Lease is how long a call may take. Longer than any call of the gateway (30 s), its last write and what clocks differ by: a
	// claim older than this that has no answer is one of an instance that has died, or could not write.
	Lease = 40 * time.Second
)

// Store keeps claims and answers. It is *dynamo.Table outside of tests.
type Store interface {
	// ClaimCall makes the call the owner's, unless it is another's until its held or has an answer; won says whether it is the
	// owner's now, and c is the call as it then is. A repeated claim of the same owner is won as long as there is no answer.
	// What has expired is not there. On an error it is not known whether the claim was made.
	ClaimCall(ctx context.Context, id, owner, fingerprint string, held, expires time.Time) (c catalog.HeldCall, won bool, err error)
	// FinishCall keeps the answer of the owner's call. The same answer twice is success; problem.Conflict if it is not the owner's.
	FinishCall(ctx context.Context, id, owner string, answer []byte, expires time.Time) error
	// AbandonCall lets go of the owner's call if there is no answer; else it does nothing.
	AbandonCall(ctx context.Context, id, owner string) error
}

// Call is a call that may carry an Idempotency-Key.
type Call struct {
	Method  string
	Query   string            // raw
	Header  map[string]string // as the event has it
	Body    []byte            // decoded
	Caller  decision.Caller
	Address string // of the client, or its network: whose key it is where Caller.App is ""
	Target  decision.Target
}

// Answer is what a caller gets. A kept one has the header Replayed. Header's keys are as http.Header has them.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Replayed is the field of an answer that came from the memory; its value is "true".
const Replayed = "Idempotency-Replayed"

// Refusal is why a call ends here.
type Refusal struct {
	decision.Denial
	RetryAfter time.Duration // 0 if waiting is of no use, or nothing is known
	Cause      error         // for the log only
}

// Error says what happened, for the log.
func (r *Refusal) Error() string {
	if r.Cause != nil {
		return string(r.Code) + ": " + r.Cause.Error()
	}
	return string(r.Code)
}

// Unwrap gives the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

// Replayer sees to it that calls with a key are made once. It is safe for concurrent use.
type Replayer struct {
	store  Store
	now    func() time.Time
	random io.Reader
	debts  debts
	pack   packer
}

// New makes a Replayer. random is nil for crypto/rand.
func New(store Store, now func() time.Time, random io.Reader) *Replayer {
	if random == nil {
		random = rand.Reader
	}
	return &Replayer{store: store, now: now, random: random}
}

// Begin says what to do with a call. With an Answer it is to be answered so. With an Attempt it may go on to the upstream,
// once, and exactly one of the Attempt's methods ends it. With neither it has no key and needs none. The error is a *Refusal
// where a caller may be told: 400 for a bad or missing key, 409 in flight or unknown, 422 for another payload, 503 without
// a store.
//
// Cost: nothing without a key, else one conditional write (two if the store does not answer the first).
func (r *Replayer) Begin(ctx context.Context, c Call) (*Attempt, *Answer, error) {
	key, err := c.key()
	if err != nil || key == "" {
		return nil, nil, err
	}
	id, err := c.id(key)
	if err != nil {
		return nil, nil, err
	}
	owner, err := r.name()
	if err != nil {
		return nil, nil, err
	}
	_ = r.debts.settle(ctx, r.store, id) // what stays owed refuses the call below, if it matters
	// Until it is forgotten nobody else may have it: it is held as long as it is kept, in whole seconds as the store has them.
	expires := r.now().UTC().Add(Retention).Truncate(time.Second)
	a := &Attempt{r: r, id: id, owner: owner, expires: expires}
	fingerprint := c.fingerprint()
	held, won, err := r.claim(ctx, a, fingerprint)
	if err != nil {
		return nil, nil, r.unclaimed(ctx, a, err)
	}
	if won {
		return a, nil, nil
	}
	answer, err := r.judge(held, fingerprint)
	return nil, answer, err
}

// claim asks the store for the call, and once more if it does not say: a claim that was made is won again.
func (r *Replayer) claim(ctx context.Context, a *Attempt, fingerprint string) (held catalog.HeldCall, won bool, err error) {
	for range 2 {
		held, won, err = r.store.ClaimCall(ctx, a.id, a.owner, fingerprint, a.expires, a.expires)
		if err == nil || ctx.Err() != nil || !problem.Is(err, problem.Unavailable) {
			break
		}
	}
	return held, won, err
}

// unclaimed refuses a call of which nobody knows whether it is claimed, and lets go of the claim in case it is.
func (r *Replayer) unclaimed(ctx context.Context, a *Attempt, err error) error {
	r.debts.owe(debt{id: a.id, owner: a.owner})
	if cause := ctx.Err(); errors.Is(cause, context.Canceled) {
		return fmt.Errorf("claim call: %w", cause)
	}
	if problem.Is(err, problem.Unavailable) || errors.Is(err, context.DeadlineExceeded) {
		return &Refusal{Cause: err, RetryAfter: time.Second, Denial: decision.Denial{Code: decision.UpstreamUnavailable,
			Detail: "the gateway cannot remember Idempotency-Keys at the moment, and the call was not made",
			Hints:  map[string]string{"fix": "Repeat the call with the same key as Retry-After says."}}}
	}
	return fmt.Errorf("claim call: %w", err)
}

// judge says what a call gets whose key is in use.
func (r *Replayer) judge(held catalog.HeldCall, fingerprint string) (*Answer, error) {
	if held.Fingerprint != fingerprint {
		return nil, &Refusal{Denial: decision.Denial{Code: decision.IdempotencyMismatch,
			Detail: "this Idempotency-Key came first with another version, path, query, media type or body"}}
	}
	if held.Answer != nil {
		return decode(held.Answer)
	}
	took := Retention - held.Expires.Sub(r.now())
	if took >= Lease {
		return nil, unknown()
	}
	// As long again as it took so far: few questions about a slow call, and not much waiting for a quick one.
	return nil, &Refusal{RetryAfter: min(max(took, time.Second), max(Lease-took, time.Second)),
		Denial: decision.Denial{Code: decision.IdempotencyInFlight, Detail: "the first call with this Idempotency-Key is still being worked on"}}
}

// unknown refuses a call of which nobody knows whether it was carried out.
func unknown() *Refusal {
	return &Refusal{Denial: decision.Denial{Code: decision.IdempotencyInFlight,
		Detail: "the first call with this Idempotency-Key was not answered, and its outcome is unknown; it is not made again",
		Hints: map[string]string{"outcome": "unknown",
			"fix": "Look whether the first call took effect. If it did not, call with a new key."}}}
}

// id names the call in the store.
func (c *Call) id(key string) (string, error) {
	whose := "app/" + string(c.Caller.App)
	if c.Caller.App == "" {
		if whose = "address/" + c.Address; c.Address == "" {
			return "", errors.New("find the scope of an Idempotency-Key: a call of nobody")
		}
	}
	route := cmp.Or(c.Target.Route, c.Target.Path)
	if c.Target.API == "" || route == "" {
		return "", errors.New("find the scope of an Idempotency-Key: a call of nothing")
	}
	return digest([]byte(whose), []byte(c.Target.API), []byte(c.Method), []byte(shape(route)), []byte(key)), nil
}

// shape is a path template without the names of its parameters, which a version may choose anew.
func shape(route string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(route, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("{}")
		_, route, _ = strings.Cut(rest, "}")
	}
}

// fingerprint is a hash of what the call asks for.
func (c *Call) fingerprint() string {
	media, _ := gatewayevent.Header(c.Header, "content-type")
	coding, _ := gatewayevent.Header(c.Header, "content-encoding")
	return digest([]byte(c.Target.Version), []byte(c.Method), []byte(c.Target.Path), []byte(c.Query), []byte(media), []byte(coding), c.Body)
}

// digest is a hash of parts that no two different lists of parts share.
func digest(parts ...[]byte) string {
	h := sha256.New()
	var size [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(p)))
		h.Write(size[:])
		h.Write(p)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// name makes up the name of an attempt. No two are the same.
func (r *Replayer) name() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(r.random, b[:]); err != nil {
		return "", fmt.Errorf("name an attempt: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}
