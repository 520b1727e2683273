package upstream_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/functions/proxy/upstream"
	"sluice/shared/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// line is what a played upstream does with one request.
type line struct {
	after      time.Duration
	status     int // 0: err
	err        error
	retryAfter string
	body       string
}

var errReset = errors.New("connection reset")

// stage is a transport that plays its lines one after the other, and the last one for ever.
type stage struct {
	mu     sync.Mutex
	lines  []line
	got    []*http.Request
	bodies []string
	at     []time.Time
	now    int // in flight
	most   int // at once
	ended  int // cancelled before they had an answer
}

func (s *stage) RoundTrip(q *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	l := s.lines[min(len(s.got), len(s.lines)-1)]
	s.got, s.bodies, s.at = append(s.got, q), append(s.bodies, string(body)), append(s.at, time.Now())
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.now--; s.mu.Unlock() }()
	if l.after > 0 {
		select {
		case <-time.After(l.after):
		case <-q.Context().Done():
			s.mu.Lock()
			s.ended++
			s.mu.Unlock()
			return nil, q.Context().Err()
		}
	}
	if l.status == 0 {
		return nil, l.err
	}
	res := &http.Response{StatusCode: l.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(l.body)), ContentLength: int64(len(l.body))}
	if l.retryAfter != "" {
		res.Header.Set("Retry-After", l.retryAfter)
	}
	return res, nil
}

func (s *stage) sent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

// over makes a client over a transport, before changes.
func over(transport http.RoundTripper, change ...func(*upstream.Deps)) *upstream.Client {
	d := upstream.Deps{Transport: transport, Now: time.Now, Instance: "i", Random: func() float64 { return 0.5 }}
	for _, f := range change {
		f(&d)
	}
	return upstream.New(d)
}

// call is a GET with a timeout of 5 s, before changes.
func call(t testing.TB, change ...func(*upstream.Call)) *upstream.Call {
	t.Helper()
	const at = "http://a.example/base"
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/orders/42?x=1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	c := &upstream.Call{Request: q, Path: "/orders/42", API: "orders", Version: "v1", Settings: catalog.Upstream{URL: at, TimeoutMs: 5000}}
	for _, f := range change {
		f(c)
	}
	return c
}

type change = func(*upstream.Call)

func method(m string) change { return func(c *upstream.Call) { c.Request.Method = m } }

func header(name, value string) change {
	return func(c *upstream.Call) { c.Request.Header[name] = []string{value} }
}

func retries(n, percent int) change {
	return func(c *upstream.Call) {
		c.Settings.Retries = &catalog.Retries{Attempts: n, BudgetPercent: percent}
	}
}

func breaker(b catalog.Breaker) change {
	return func(c *upstream.Call) { c.Settings.Breaker = &b }
}

// want makes a call and wants this status.
func want(t testing.TB, c *upstream.Client, status int, change ...change) upstream.Answer {
	t.Helper()
	a, err := c.Call(t.Context(), call(t, change...))
	if err != nil || a.Status != status {
		t.Fatalf("answer %d, %v; want %d", a.Status, err, status)
	}
	return a
}

// wantError makes a call and wants an error of this kind.
func wantError(t testing.TB, c *upstream.Client, kind upstream.Kind, change ...change) *upstream.Error {
	t.Helper()
	return wantErrorWithin(t.Context(), t, c, kind, change...)
}

func wantErrorWithin(ctx context.Context, t testing.TB, c *upstream.Client, kind upstream.Kind, change ...change) *upstream.Error {
	t.Helper()
	a, err := c.Call(ctx, call(t, change...))
	var e *upstream.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Error() == "" || (kind == upstream.Unavailable) != (e.RetryAfter >= time.Second) {
		t.Fatalf("answer %d, error %v; want it %s", a.Status, err, kind)
	}
	return e
}
