package promises_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sluice/test/platform"
)

// things is a contract with every method that is forwarded.
const things = `
openapi: 3.1.0
info: {title: Things, version: "1"}
paths:
  /things/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: getThing, responses: {"200": {description: d}}}
    head: {operationId: headThing, responses: {"200": {description: d}}}
    options: {operationId: optionsOfThing, responses: {"200": {description: d}}}
    put: {operationId: putThing, responses: {"200": {description: d}}}
    delete: {operationId: deleteThing, responses: {"200": {description: d}}}
    post: {operationId: postThing, responses: {"200": {description: d}}}
    patch: {operationId: patchThing, responses: {"200": {description: d}}}
`

// mood is what an upstream does with a request that has arrived and was read; n is its number.
type mood func(rw http.ResponseWriter, r *http.Request, n int)

// shaky is an upstream that counts what arrives, and then does what its mood says.
type shaky struct {
	*httptest.Server
	mu    sync.Mutex
	mood  mood
	all   int
	cases map[string]int // arrivals by the id of the thing
}

func (u *shaky) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // so that the server sees it when the caller leaves
	u.mu.Lock()
	u.all++
	u.cases[strings.TrimPrefix(r.URL.Path, "/things/")]++
	act, n := u.mood, u.all
	u.mu.Unlock()
	act(rw, r, n)
}

// is sets the mood, and forgets what has arrived.
func (u *shaky) is(a mood) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.mood, u.all, u.cases = a, 0, map[string]int{}
}

// arrived counts the requests for a thing, and for all of them.
func (u *shaky) arrived(id string) (of, all int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.cases[id], u.all
}

func well(rw http.ResponseWriter, _ *http.Request, n int) { _, _ = fmt.Fprintf(rw, `{"work":%d}`, n) }

func hangs(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }

func answers(status int) mood {
	return func(rw http.ResponseWriter, _ *http.Request, n int) {
		rw.WriteHeader(status)
		_, _ = fmt.Fprintf(rw, `{"failed":%d}`, n)
	}
}

func drops(rw http.ResponseWriter, _ *http.Request, _ int) {
	if c, _, err := http.NewResponseController(rw).Hijack(); err == nil {
		_ = c.Close()
	}
}

// shake puts a shaky upstream behind orders/v1, called as the settings say, without limits. Every instance knows the key.
func (w *world) shake(t *testing.T, settings m) (*shaky, string) {
	t.Helper()
	u := &shaky{}
	u.is(well)
	u.Server = httptest.NewServer(u)
	t.Cleanup(func() { u.CloseClientConnections(); u.Close() })
	settings = maps.Clone(settings)
	settings["url"] = u.URL
	w.Admin(200, "PUT", "/apis/orders/versions/v1/contract", things)
	w.Admin(200, "PATCH", "/apis/orders/versions/v1", m{"upstream": settings})
	w.Admin(201, "POST", "/plans", m{"id": "open", "name": "Open", "approval": "automatic"})
	w.Admin(200, "PATCH", "/subscriptions/"+w.subscriptionOf("shop"), m{"plan": "open"})
	_, key := w.key("shop")
	w.Clock.Advance(10 * time.Second)
	for i := range w.Proxies {
		if out := w.call(i, "GET", "/orders/v1/things/warm", key); out.Status != 200 {
			t.Fatalf("warm call: %d %s", out.Status, out.Body)
		}
	}
	return u, key
}

// thing calls one thing; repeat is the Idempotency-Key, "" for none.
func (w *world) thing(instance int, method, id, key, repeat, body string) platform.Response {
	r := platform.Request{Method: method, Target: "/orders/v1/things/" + id, Body: body, Headers: map[string]string{"x-api-key": key}}
	if body != "" {
		r.Headers["content-type"] = "application/json"
	}
	if repeat != "" {
		r.Headers["idempotency-key"] = repeat
	}
	return w.Gateway(instance, r)
}

// TestPromise10OnlyIdempotentMethodsAreTriedAgain, whatever the upstream does with a request that it has read.
func TestPromise10OnlyIdempotentMethodsAreTriedAgain(t *testing.T) {
	w := newWorld(t, 1)
	u, key := w.shake(t, m{"retries": m{"attempts": 2, "budget_percent": 100}, "timeout_ms": 400})
	repeatable := []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE"} // RFC 9110 §9.2.2
	for name, c := range map[string]struct {
		mood   mood
		again  bool
		status int
	}{
		"it drops the connection":       {drops, true, 502},
		"it answers 502":                {answers(502), true, 502},
		"it answers 503":                {answers(503), true, 503},
		"it answers 500":                {answers(500), false, 500},
		"it hangs until it is too late": {hangs, false, 504},
	} {
		u.is(c.mood)
		w.Clock.Advance(30 * time.Second) // the budget is full, and no connection is kept
		var calls sync.WaitGroup
		for _, method := range append(slices.Clone(repeatable), "POST", "PATCH") {
			for _, repeat := range []string{"", "once"} {
				id, want := method+repeat, 1
				if repeat != "" {
					repeat = `"` + name + `"` // a key of its own
				}
				if c.again && repeat == "" && slices.Contains(repeatable, method) {
					want = 3
				}
				calls.Go(func() {
					out := w.thing(0, method, id, key, repeat, "")
					if n, _ := u.arrived(id); n != want || out.Status != c.status {
						t.Errorf("%s: %s %q arrived %d times, want %d: %d %s", name, method, repeat, n, want, out.Status, out.Body)
					}
				})
			}
		}
		calls.Wait()
	}
}

// TestPromise10RetriesEndBeforeTheCallersDeadline.
func TestPromise10RetriesEndBeforeTheCallersDeadline(t *testing.T) {
	w := newWorld(t, 1)
	u, key := w.shake(t, m{"retries": m{"attempts": 3, "budget_percent": 100}, "timeout_ms": 20_000})
	const patience = 1100 * time.Millisecond // of which half a second is to shape the answer and send it
	slowly := func(rw http.ResponseWriter, r *http.Request, n int) {
		select {
		case <-time.After(200 * time.Millisecond):
			answers(503)(rw, r, n)
		case <-r.Context().Done():
		}
	}
	for name, c := range map[string]struct {
		mood mood
		most int
	}{"slowly": {slowly, 3}, "hangs": {hangs, 1}} {
		u.is(c.mood)
		w.Clock.Advance(30 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		began := time.Now()
		status := w.within(ctx, "GET", "/orders/v1/things/"+name, key)
		took, n := time.Since(began), 0
		cancel()
		if n, _ = u.arrived(name); took > patience || n < 1 || n > c.most || status < 503 {
			t.Errorf("%s: %d after %v of %v and %d attempts, want %d at most", name, status, took, patience, n, c.most)
		}
	}
}

// within makes a call that has a deadline.
func (w *world) within(ctx context.Context, method, path, key string) int {
	e := events.APIGatewayV2HTTPRequest{Version: "2.0", RouteKey: "$default", RawPath: path, Headers: map[string]string{"x-api-key": key}}
	e.RequestContext.RequestID, e.RequestContext.RouteKey = "within", "$default"
	e.RequestContext.HTTP = events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: method, Path: path, SourceIP: "192.0.2.1"}
	verdict, err := w.Authorizers[0].Handle(ctx, platform.AuthorizerEvent(e))
	if err != nil {
		return 0
	}
	e.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: verdict.Context}
	return w.Invoke(ctx, w.Proxies[0].Handle, e).Status
}

// crowd makes calls from 64 clients at once and gives their answers.
func crowd(calls int, do func(n int) platform.Response) []platform.Response {
	all := make([]platform.Response, calls)
	var clients sync.WaitGroup
	next := make(chan int, calls)
	for n := range calls {
		next <- n
	}
	close(next)
	for range 64 {
		clients.Go(func() {
			for n := range next {
				all[n] = do(n)
			}
		})
	}
	clients.Wait()
	return all
}

// TestPromise10RetriesStayWithinTheirBudget when every call fails.
func TestPromise10RetriesStayWithinTheirBudget(t *testing.T) {
	const calls, percent, minimum = 200, 20, 10
	w := newWorld(t, 1)
	u, key := w.shake(t, m{"retries": m{"attempts": 3, "budget_percent": percent}})
	for name, mood := range map[string]mood{"503": answers(503), "drops": drops} {
		for _, kept := range []bool{false, true} {
			w.Clock.Advance(time.Minute) // what can be saved up has been
			u.is(well)
			if kept { // connections are open, which break
				crowd(64, func(int) platform.Response { return w.thing(0, "GET", "warm", key, "", "") })
			}
			u.is(mood)
			crowd(calls, func(int) platform.Response { return w.thing(0, "GET", name, key, "", "") })
			n, _ := u.arrived(name)
			if most := calls*(100+percent)/100 + minimum; n > most || n < calls*(100+percent/2)/100 {
				t.Errorf("%s, kept connections %v: %d calls arrived %d times, want %d at most", name, kept, calls, n, most)
			}
		}
	}
}
