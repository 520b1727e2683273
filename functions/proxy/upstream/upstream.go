// Package upstream calls the upstream of a version and brings an answer back, or says in one typed error why there is none.
//
// A call passes these gates, in this order. What comes early costs nothing, and what is refused early was surely not sent:
//
//  1. budget: the smaller of the upstream's timeout and what is left of the caller's deadline. Retries, pauses and hedges
//     all live within it, and each attempt tells the upstream how long we wait (TimeoutField).
//  2. shed (shed.go): an upstream that is overloaded is spared the calls of low priority first.
//  3. bulkhead (package bulkhead): a slot of MaxInFlight, exact over all instances.
//  4. attempts (attempt.go, hedge.go): each asks the breaker (package breaker); reads may be hedged and repeatable calls retried, out of one
//     budget (budget.go).
//
// Then, if the caller asks for it, Fallback gives another answer: first from the alternative upstream, then the static one.
// A stale answer of a cache is better than either, so whoever has a cache looks there between Call and Fallback.
//
// Repeating. A call is repeatable if its method is idempotent (RFC 9110 §9.2.2) and it carries no Idempotency-Key: such a
// key promises that the upstream sees the call once, whatever its method. net/http repeats requests by itself: any of which
// no byte was sent, which is harmless, and, where a kept connection breaks, GET, HEAD, OPTIONS and TRACE without a body and
// whatever has an Idempotency-Key. What it repeats is paid for out of the same budget (repeat.go). The fields of that name are therefore sent in lower case, where net/http does not see
// them, and a GET, HEAD or OPTIONS that has one gets a body, which turns out to be empty. (TRACE is not forwarded.)
//
// Library: package breaker is over gobreaker, and says why. Retries are a loop of our own: failsafe-go's cost a call that does well
// 17 allocations and 1.6 µs where the loop costs none and less than can be measured in the same run; and its budget bounds
// the retries of one moment, which in an instance that has one call at a time is all or nothing. Ours depend on the call's
// method and deadline, on the answer's Retry-After, and on the calls of the last seconds.
//
// A warm call with breaker, retries, slots and fallback costs 3 allocations and about 1 µs more than a bare round trip with a
// timeout, with a hedge that is not needed 14 and 3 µs; see BenchmarkCall.
package upstream

import (
	"context"
	"crypto/rand"
	"errors"
	"math/big"
	"net/http"
	"sync/atomic"
	"time"

	"sluice/functions/proxy/upstream/breaker"
	"sluice/functions/proxy/upstream/bulkhead"
	"sluice/shared/catalog"
)

// TimeoutField is the request field that tells the upstream for how many milliseconds somebody waits for its answer.
const TimeoutField = "X-Sluice-Timeout-Ms"

// headRoom is left of the caller's deadline to shape the answer and send it.
const headRoom = 500 * time.Millisecond

// Call is a call on its way to an upstream. The Client owns it until its methods have returned.
type Call struct {
	Request  *http.Request // to the upstream itself. Its Body is ignored and its Header is written to
	Body     []byte
	Path     string // below the upstream's URL, percent-encoded: what an alternative is asked for
	API      catalog.APIID
	Version  catalog.VersionID
	Settings catalog.Upstream
	Priority catalog.Priority
}

// Source is who gave an answer.
type Source string

// The sources. FallbackField tells callers about all but the first.
const (
	FromUpstream    Source = "upstream"
	FromAlternative Source = "alternative"
	FromStatic      Source = "static"
)

// FallbackField is the field that should tell a caller which fallback the answer comes from: "alternative" or "static".
const FallbackField = "x-sluice-fallback"

// Answer is an answer that was read to its end.
type Answer struct {
	Status   int // 200..599
	Header   http.Header
	Body     []byte // at most MaxResponseBytes; nil if the answer cannot have one
	Source   Source
	Attempts int // requests that were sent for it
}

// Broken reports whether the answer speaks of an upstream that is not there: 502, 503 or 504. A 500 speaks of one request.
func (a Answer) Broken() bool { return broken(a.Status) }

func broken(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// Kind says why there is no answer.
type Kind string

// The kinds of error.
const (
	Failed      Kind = "failed"      // the upstream gave no usable answer
	TimedOut    Kind = "timed out"   // it did not answer in time
	Unavailable Kind = "unavailable" // it was not asked: its breaker is open, it is full, or the call was shed
	Gone        Kind = "gone"        // nobody waits for the answer any more
)

// Error says why there is no answer. Its text is for the log and not for callers.
type Error struct {
	Kind       Kind
	RetryAfter time.Duration // Unavailable: when to try again; at least 1 s
	Sent       bool          // the upstream may have seen the call
	Cause      error
}

// Error gives the kind and the cause.
func (e *Error) Error() string { return "call upstream: " + string(e.Kind) + ": " + e.Cause.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Deps is what a Client works with.
type Deps struct {
	Transport http.RoundTripper // Transport outside of tests
	Slots     bulkhead.Slots    // nil: upstreams with a MaxInFlight are unavailable, for nobody counts
	Hints     breaker.Hints     // nil: a breaker knows only what this instance has seen
	Instance  string            // unique to this process, 1..40 bytes; "" makes one up
	Now       func() time.Time  // the wall clock: what is valid until when outlives a frozen instance
	Random    func() float64    // in [0, 1); nil for one of this machine's
}

// Client calls upstreams. It is safe for concurrent use. Close it.
type Client struct {
	transport http.RoundTripper
	hints     breaker.Hints
	bulkhead  *bulkhead.Bulkhead
	peers     peers
	lastCall  atomic.Int64 // ns since the Unix epoch
	now       func() time.Time
	random    func() float64
}

// New makes a Client. It calls nobody.
func New(d Deps) *Client {
	c := &Client{transport: d.Transport, hints: d.Hints, now: d.Now, random: d.Random}
	if c.random == nil {
		c.random = chance
	}
	instance := d.Instance
	if instance == "" {
		instance = rand.Text()[:16] // 80 random bits
	}
	c.bulkhead = bulkhead.New(bulkhead.Deps{Slots: d.Slots, Instance: instance, Now: d.Now, Random: c.random})
	return c
}

// chance is a random number from crypto/rand: asked for on retries only, so its price does not matter.
func chance() float64 {
	const precision = 1 << 53
	n, err := rand.Int(rand.Reader, big.NewInt(precision))
	if err != nil {
		return 0.5 // without chance, in the middle
	}
	return float64(n.Int64()) / precision
}

// Call asks the upstream itself. Its error is always an *Error. The answer may be one that is Broken: then all attempts
// that were possible have been made, and whoever has something better may give that.
func (c *Client) Call(ctx context.Context, call *Call) (Answer, error) {
	c.dropStale()
	p := c.peers.of(c, call, key{call.API, call.Version, call.Settings.URL, false}, call.Request.URL.Host)
	return c.reach(ctx, call, p, call.Request)
}

// reach asks one upstream, within the budget.
func (c *Client) reach(ctx context.Context, call *Call, p *peer, request *http.Request) (Answer, error) {
	left := patience(ctx, call.Settings)
	if left <= 0 {
		return Answer{}, &Error{Kind: late(ctx), Cause: errNoTime}
	}
	bounded, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	t := trip{client: c, call: call, peer: p, request: request, end: c.now().Add(left)}
	if err := t.enter(bounded); err != nil {
		return Answer{}, t.fault(ctx, err)
	}
	defer t.slot.Release()
	answer, err := t.run(bounded)
	if err != nil {
		return Answer{}, t.fault(ctx, err)
	}
	answer.Attempts = int(t.sent.Load())
	return answer, nil
}

var errNoTime = errors.New("no time is left to call")

// patience is how long the upstream may take. Contexts run on the real clock, so this does too.
func patience(ctx context.Context, u catalog.Upstream) time.Duration {
	most := timeout(u)
	if deadline, ok := ctx.Deadline(); ok {
		most = min(most, time.Until(deadline)-headRoom)
	}
	if ctx.Err() != nil {
		return 0
	}
	return most
}

func timeout(u catalog.Upstream) time.Duration {
	if u.TimeoutMs <= 0 {
		return catalog.DefaultTimeoutMs * time.Millisecond
	}
	return time.Duration(u.TimeoutMs) * time.Millisecond
}

// late is the kind of a call for which there is no time.
func late(caller context.Context) Kind {
	if errors.Is(caller.Err(), context.Canceled) {
		return Gone
	}
	return TimedOut
}

// repeatable reports whether the call may reach an upstream more than once.
func (call *Call) repeatable() bool {
	switch call.Request.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return !keyed(call.Request.Header)
	}
	return false
}

// keyed reports whether there is an Idempotency-Key, spelled so that net/http sees it or does not.
func keyed(h http.Header) bool {
	for _, name := range [...]string{"idempotency-key", "x-idempotency-key", "Idempotency-Key", "X-Idempotency-Key"} {
		if _, ok := h[name]; ok {
			return true
		}
	}
	return false
}

// AfterResponse gives slots back that are not worth keeping. Call it after each answer, or now and then. What cannot be
// given back passes by itself.
func (c *Client) AfterResponse(ctx context.Context) error { return c.giveBack(ctx, false) }

// Close gives all idle slots back. Calls that are under way go on.
func (c *Client) Close(ctx context.Context) error { return c.giveBack(ctx, true) }

func (c *Client) giveBack(ctx context.Context, all bool) error {
	var faults []error
	for _, p := range c.peers.all() {
		if err := p.pool.GiveBack(ctx, all); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}
