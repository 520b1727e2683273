package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"code.dny.dev/ssrf"

	"sluice/functions/proxy/upstream/breaker"
	"sluice/functions/proxy/upstream/bulkhead"
)

// The pauses before retries double, and each is drawn from nothing to that (full jitter), so that callers who failed
// together do not come back together.
const (
	firstPause  = 50 * time.Millisecond
	longestWait = time.Second
	mostRetries = 3
)

// refused is a call that the upstream was spared.
type refused struct {
	why  string
	wait time.Duration
}

// Error says why.
func (r *refused) Error() string { return r.why }

func open(wait time.Duration) error { return &refused{why: "the breaker is open", wait: wait} }

// trip is a call on its way to one upstream.
type trip struct {
	client  *Client
	call    *Call
	peer    *peer
	request *http.Request
	end     time.Time // when the budget ends, by the wall clock
	slot    *bulkhead.Slot
	copied  bool         // several attempts may have the header at once
	sent    atomic.Int32 // attempts that were sent
	seen    atomic.Bool  // one of them may have arrived
	first   sending      // of the first attempt: one allocation less
}

// enter passes the gates that a call passes once.
func (t *trip) enter(ctx context.Context) error {
	c, u := t.client, &t.call.Settings
	if u.MaxInFlight <= 0 {
		return t.peer.pulse.admit(c.now(), t.call.Priority, c.random)
	}
	if wait := t.peer.breaker.Load().Closed(); wait > 0 { // it would be a waste of a slot
		return open(wait)
	}
	var err error
	t.slot, err = t.peer.pool.Take(ctx, u.MaxInFlight, t.call.Priority, t.end)
	return err
}

// run makes attempts until one does well, none is left, or none can end in time.
func (t *trip) run(ctx context.Context) (Answer, error) {
	u := &t.call.Settings
	attempts := 1
	if u.Retries != nil || u.HedgeAfterMs > 0 {
		t.peer.budget.deposit(budgetPercent(u), t.client.now())
		if u.Retries != nil && t.call.repeatable() {
			attempts += min(u.Retries.Attempts, mostRetries)
		}
	}
	var last result
	for n := 1; ; n++ {
		answer, err := t.attempt(ctx)
		if answer, err = last.unless(answer, err); n >= attempts || !again(answer, err) {
			return answer, err
		}
		wait := t.pause(n, answer)
		if !t.fits(wait) || t.peer.breaker.Load().Closed() > 0 || !t.peer.budget.take(t.client.now()) {
			return answer, err
		}
		last = result{answer, err}
		if err := sleep(ctx, wait); err != nil {
			return Answer{}, err
		}
	}
}

// again reports whether another attempt may do better.
func again(a Answer, err error) bool {
	if err == nil {
		return a.Broken()
	}
	var no *refused
	var large errTooLarge
	switch {
	case errors.As(err, &no), errors.As(err, &large), forbidden(err), slow(err), errors.Is(err, context.Canceled):
		return false
	}
	return true
}

// pause is how long to wait before retry n: what the upstream asks for, if that is longer.
func (t *trip) pause(n int, a Answer) time.Duration {
	wait := time.Duration(t.client.random() * float64(min(firstPause<<(n-1), longestWait)))
	return max(wait, retryAfter(a.Header, t.client.now()))
}

// fits reports whether an attempt can begin after a pause and end in time, if it takes as long as they do.
func (t *trip) fits(wait time.Duration) bool {
	left := t.end.Sub(t.client.now()) - wait
	return left > 0 && left > time.Duration(t.peer.typical.Load())
}

// retryAfter is what the field of that name asks for (RFC 9110 §10.2.3): seconds or a date; 0 if nothing can be made of it.
func retryAfter(h http.Header, now time.Time) time.Duration {
	const longest = 24 * time.Hour
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if n, err := strconv.ParseUint(value, 10, 64); err == nil {
		return time.Duration(min(n, uint64(longest/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(0, at.Sub(now)), longest)
	}
	return 0
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt is one attempt, with a hedge where that is asked for.
func (t *trip) attempt(ctx context.Context) (Answer, error) {
	method, after := t.request.Method, time.Duration(t.call.Settings.HedgeAfterMs)*time.Millisecond
	if after <= 0 || method != http.MethodGet && method != http.MethodHead || !t.call.repeatable() {
		return t.try(ctx)
	}
	return t.hedge(ctx, after)
}

// result is how an attempt ended.
type result struct {
	answer Answer
	err    error
}

func (r result) good() bool { return r.err == nil && !r.answer.Broken() }

// unless gives what a retry brought, or what was there before if the retry was not let through.
func (r result) unless(a Answer, err error) (Answer, error) {
	if err == nil {
		return a, nil
	}
	var no *refused
	if errors.As(err, &no) && (r.err != nil || r.answer.Status != 0) {
		return r.answer, r.err
	}
	return a, err
}

// better is the one of two results to go on with: any answer is better than none.
func (r result) better(than result) result {
	if r.err == nil || than.err != nil && !errors.Is(r.err, errNoHedge) {
		return r
	}
	return than
}

var errNoHedge = errors.New("there is no room for a second attempt")

// try sends the request once, if the breaker lets it.
func (t *trip) try(ctx context.Context) (answer Answer, err error) {
	permit, wait := t.peer.breaker.Load().Allow()
	if wait > 0 {
		return Answer{}, open(wait)
	}
	began := t.client.now()
	how := breaker.Nothing
	defer func() { permit.Report(ctx, t.peer.id, t.client.hints, how) }()
	answer, err = t.send(ctx)
	how = t.judge(ctx, t.end.Sub(began), answer, err)
	switch how {
	case breaker.Well:
		t.peer.learn(t.client.now().Sub(began))
		t.peer.pulse.accept()
	case breaker.Nothing: // it was not turned away
		t.peer.pulse.accept()
	case breaker.Bad:
	}
	return answer, err
}

// judge says what an attempt tells of the upstream; see package breaker.
func (t *trip) judge(ctx context.Context, had time.Duration, a Answer, err error) breaker.Outcome {
	if err == nil {
		if a.Broken() {
			return breaker.Bad
		}
		return breaker.Well
	}
	var large errTooLarge
	switch {
	case errors.As(err, &large):
		return breaker.Well
	case errors.Is(ctx.Err(), context.Canceled):
		return breaker.Nothing
	case slow(err) && had < timeout(t.call.Settings)/2:
		return breaker.Nothing
	}
	return breaker.Bad
}

// send sends the request and reads the answer.
func (t *trip) send(ctx context.Context) (Answer, error) {
	request := t.prepare(ctx)
	res, err := t.client.transport.RoundTrip(request)
	if err != nil {
		if !unsent(err) {
			t.seen.Store(true)
		}
		return Answer{}, err
	}
	t.seen.Store(true)
	defer func() { _ = res.Body.Close() }() // what is left unread is not wanted
	answer, err := read(request.Method, &t.call.Settings, res)
	answer.Source = FromUpstream
	return answer, err
}

// prepare makes the request of one attempt. Nothing of it is shared with an attempt that may still be under way.
func (t *trip) prepare(ctx context.Context) *http.Request {
	own, again := &t.first, t.sent.Add(1) > 1 || t.copied
	if again {
		own = new(sending)
	}
	own.Context, own.trip = ctx, t
	request := t.request.WithContext(own)
	if again {
		request.Header = maps.Clone(request.Header)
	}
	left := int64(1)
	if deadline, ok := ctx.Deadline(); ok {
		left = max(left, time.Until(deadline).Milliseconds())
	}
	request.Header[TimeoutField] = []string{strconv.FormatInt(left, 10)}
	request.GetBody, request.ContentLength = nil, int64(len(t.call.Body))
	switch {
	case len(t.call.Body) > 0:
		request.Body = io.NopCloser(bytes.NewReader(t.call.Body))
	case keyed(request.Header):
		request.Body = once(request)
	default:
		request.Body = http.NoBody
	}
	return request
}

// once gives the body of a request that has none and must not be repeated by net/http; see the package comment.
func once(request *http.Request) io.ReadCloser {
	for _, name := range [...]string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, seen := request.Header[name]; seen {
			delete(request.Header, name)
			request.Header[strings.ToLower(name)] = values
		}
	}
	switch request.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions: // for others an empty body would be announced as one
		return io.NopCloser(strings.NewReader(""))
	}
	return http.NoBody
}

// fault makes the error that callers of the Client get.
func (t *trip) fault(caller context.Context, err error) error {
	e := &Error{Kind: Failed, Sent: t.seen.Load(), Cause: err}
	var no *refused
	var full *bulkhead.Full
	switch {
	case errors.Is(caller.Err(), context.Canceled):
		e.Kind = Gone
	case errors.As(err, &no):
		e.Kind, e.RetryAfter = Unavailable, no.wait
	case errors.As(err, &full):
		e.Kind, e.RetryAfter = Unavailable, full.RetryAfter
	case slow(err):
		e.Kind = TimedOut
	}
	return e
}

func slow(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// forbidden is an address that may not be called: it would be so again.
func forbidden(err error) bool {
	return errors.Is(err, ssrf.ErrProhibitedIP) || errors.Is(err, ssrf.ErrProhibitedNetwork) || errors.Is(err, ssrf.ErrProhibitedPort)
}

// unsent reports that the upstream surely did not see the request: there was no connection, or not to whom it should be.
func unsent(err error) bool {
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &certificate)
}
