package forward_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sluice/functions/proxy/alert"
	"sluice/functions/proxy/cache"
	"sluice/functions/proxy/forward"
	"sluice/functions/proxy/replay"
	"sluice/functions/proxy/upstream"
	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/gatewayevent"
	"sluice/shared/limit"
	"sluice/shared/limit/counter"
	"sluice/shared/limit/taker"
	"sluice/shared/problem"
	"sluice/shared/settings"
	"sluice/shared/telemetry"
	"sluice/shared/usage"
)

// noon is when everything happens, unless a test moves the clock.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// rig is a Proxy with an upstream, a store of limits and an outbox.
type rig struct {
	*forward.Proxy
	t        testing.TB
	upstream *httptest.Server
	limits   *shelf
	counter  *usage.Counter
	outbox   *outbox
	store    *notebook
	log      *buffer

	mu   sync.Mutex
	now  time.Time
	seen []*http.Request // what the upstream got, bodies in bodies
	body []string
}

// start makes a rig. answer is what the upstream does; nil for 200 "ok".
func start(t testing.TB, answer http.HandlerFunc, change ...func(*forward.Deps)) *rig {
	t.Helper()
	r := &rig{t: t, limits: &shelf{states: map[string]counter.State{}}, outbox: &outbox{}, store: &notebook{alerts: map[catalog.LimitAlert]bool{}, calls: map[string]catalog.HeldCall{}}, log: &buffer{}, now: noon}
	ids := 0
	r.counter = usage.NewCounter(func() string {
		ids++
		return strings.Repeat("0", 7) + string(rune('a'+ids)) + "-0000-4000-8000-000000000000"
	}, 0)
	r.upstream = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.seen, r.body = append(r.seen, q), append(r.body, string(body))
		r.mu.Unlock()
		if answer == nil {
			_, _ = io.WriteString(w, "ok")
			return
		}
		answer(w, q)
	}))
	t.Cleanup(r.upstream.Close)
	transport := loopback(t)
	d := forward.Deps{Limits: taker.New(r.limits, r.clock, limit.Options{Instance: "i1"}), Upstreams: upstream.New(upstream.Deps{Transport: transport, Now: r.clock}),
		Alerts: alert.New(r.store, r.clock, telemetry.New(r.log, nil)), Replays: replay.New(r.store, r.clock, nil), Cache: cache.New(1<<20, r.clock), Counter: r.counter, Outbox: r.outbox,
		FlushAfter: 2 * time.Second, Now: r.clock, Log: telemetry.New(r.log, nil)}
	for _, f := range change {
		f(&d)
	}
	r.Proxy = forward.New(d)
	return r
}

// loopback is the transport of the local cloud.
func loopback(t testing.TB) *http.Transport {
	t.Helper()
	transport, err := upstream.Transport(settings.LoopbackToo, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// over is a client over a transport.
func over(transport http.RoundTripper) *upstream.Client {
	return upstream.New(upstream.Deps{Transport: transport, Now: time.Now})
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// calls is how many calls reached the upstream, last the last of them.
func (r *rig) calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen)
}

func (r *rig) last() (*http.Request, string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) == 0 {
		r.t.Fatal("no call reached the upstream")
	}
	return r.seen[len(r.seen)-1], r.body[len(r.body)-1]
}

// allow is a decision that lets the gold app call the upstream's orders, before changes.
func (r *rig) allow(changes ...func(*decision.Decision)) *decision.Decision {
	d := &decision.Decision{
		Caller: decision.Caller{Consumer: "acme", App: "acme-shop", Key: "k-1", Subscription: "sub-1", Plan: "gold", Scopes: []string{"orders:read", "orders:write"}},
		Target: decision.Target{API: "orders", Version: "v1", Operation: "getOrder", Route: "/orders/{id}", Path: "/orders/42",
			Upstream: catalog.Upstream{URL: r.upstream.URL + "/base", TimeoutMs: 5000}},
		At: noon,
	}
	for _, f := range changes {
		f(d)
	}
	return d
}

// event is a call that carries the decision, before changes.
func event(t testing.TB, d *decision.Decision, changes ...func(*events.APIGatewayV2HTTPRequest)) events.APIGatewayV2HTTPRequest {
	t.Helper()
	e := events.APIGatewayV2HTTPRequest{Version: "2.0", RouteKey: "$default", RawPath: "/orders/v1/orders/42",
		Headers: map[string]string{"host": "api.example.com", "x-api-key": "slk_caller-secret-0000"}}
	e.RequestContext.RequestID = "req-1"
	e.RequestContext.DomainName = "api.example.com"
	e.RequestContext.HTTP.Method = http.MethodGet
	e.RequestContext.HTTP.SourceIP = "192.0.2.1"
	for _, f := range changes {
		f(&e)
	}
	if d != nil {
		d.Call = gatewayevent.CallOf(decision.Gateway, e)
		text, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		e.RequestContext.Authorizer = authorizer(map[string]any{decision.ContextKey: text})
	}
	return e
}

func authorizer(context map[string]any) *events.APIGatewayV2HTTPRequestContextAuthorizerDescription {
	return &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: context}
}

// handle makes a call. An error of Handle fails the test: there is always an answer.
func (r *rig) handle(e events.APIGatewayV2HTTPRequest) events.APIGatewayV2HTTPResponse {
	r.t.Helper()
	return r.handleWithin(r.t.Context(), e)
}

func (r *rig) handleWithin(ctx context.Context, e events.APIGatewayV2HTTPRequest) events.APIGatewayV2HTTPResponse {
	r.t.Helper()
	out, err := r.Handle(ctx, e)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// get makes an allowed call.
func (r *rig) get(changes ...func(*decision.Decision)) events.APIGatewayV2HTTPResponse {
	r.t.Helper()
	return r.handle(event(r.t, r.allow(changes...)))
}

// usage gives what the counters say, over all operations.
func (r *rig) usage() map[string]int64 {
	r.t.Helper()
	if err := r.Flush(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return r.outbox.sum(r.t)
}

// wantProblem checks what every refusal has, and gives its document.
func wantProblem(t testing.TB, out events.APIGatewayV2HTTPResponse, status int, code string) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(out.Body), &doc); err != nil {
		t.Fatalf("%v in %d %q", err, out.StatusCode, out.Body)
	}
	if out.StatusCode != status || doc["code"] != code || doc["status"] != float64(status) {
		t.Fatalf("answer %d %s, want %d %s", out.StatusCode, out.Body, status, code)
	}
	if out.Headers["content-type"] != problem.MediaType || out.Headers["cache-control"] != "no-store" || out.Headers["x-request-id"] != "req-1" ||
		doc["request_id"] != "req-1" || doc["title"] == "" || doc["type"] == "" {
		t.Errorf("not a whole problem: %v %s", out.Headers, out.Body)
	}
	return doc
}

// shelf is a limit.Store in memory.
type shelf struct {
	mu     sync.Mutex
	states map[string]counter.State
	fault  error
}

func (s *shelf) Apply(_ context.Context, id string, step counter.Step) (counter.State, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		return counter.State{}, false, s.fault
	}
	after, applied := step.Apply(s.states[id])
	s.states[id] = after
	return after, applied, nil
}

func (s *shelf) used() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.states["sub-1"].Used
}

// outbox keeps flushed usage.
type outbox struct {
	mu      sync.Mutex
	records []usage.Pending
	fault   error
}

func (o *outbox) PutUsage(_ context.Context, p usage.Pending, expires time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fault != nil {
		return o.fault
	}
	if !expires.After(noon) {
		return problem.New(problem.Invalid, "a record that has expired")
	}
	if !slices.ContainsFunc(o.records, func(have usage.Pending) bool { return have.ID == p.ID }) {
		o.records = append(o.records, p)
	}
	return nil
}

func (o *outbox) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.records)
}

func (o *outbox) sum(t testing.TB) map[string]int64 {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	total := map[string]int64{}
	for _, p := range o.records {
		record, err := usage.Decode(p.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, cell := range record.Cells {
			for name, n := range cell.Add {
				total[name] += n
			}
		}
	}
	return total
}

// buffer is a log that may be written to and read at once.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// lines gives the log's lines.
func (b *buffer) lines(t testing.TB) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(b.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}
