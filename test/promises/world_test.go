// Package promises_test holds one test for each promise that users buy. They run on the real functions and a real store
// engine; clock and network are the test's.
package promises_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/test/platform"
)

// world is a platform with an API behind an upstream that remembers every call.
type world struct {
	*platform.Platform
	upstream *httptest.Server
	mu       sync.Mutex
	seen     []*http.Request
}

type m = map[string]any

// newWorld publishes orders/v1 for partners. App "shop" of partner "acme" is subscribed to it with plan "free".
func newWorld(t *testing.T, instances int) *world {
	t.Helper()
	return worldOn(t, platform.New(t, instances))
}

// worldOn is newWorld on a platform that is there.
func worldOn(t *testing.T, p *platform.Platform) *world {
	t.Helper()
	w := &world{Platform: p}
	w.upstream = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.upstream.Close)
	w.Admin(201, "POST", "/teams", m{"id": "sales", "name": "Sales", "contacts": []m{{"kind": "email", "value": "sales@example.com"}}})
	w.Admin(201, "POST", "/apis", m{"id": "orders", "name": "Orders", "team": "sales", "kind": "rest", "audience": "partner", "sensitivity": "internal"})
	w.Admin(201, "POST", "/apis/orders/versions", m{"version": "v1", "upstream": m{"url": w.upstream.URL}})
	w.Admin(201, "PUT", "/apis/orders/versions/v1/contract", platform.Orders)
	w.Admin(200, "POST", "/apis/orders/versions/v1/transitions", m{"to": "published"})
	w.Admin(201, "POST", "/plans", m{"id": "free", "name": "Free", "approval": "automatic", "rate": m{"requests": 100000, "seconds": 1}})
	w.Admin(201, "POST", "/plans", m{"id": "writer", "name": "Writer", "approval": "automatic", "scopes": []string{"orders:write"},
		"quota": m{"requests": 6, "period": "day"}})
	w.consumer("acme", "partner", "shop", "free")
	return w
}

// consumer makes a consumer with one subscribed app.
func (w *world) consumer(id, kind, app, plan string) (subscription string) {
	w.Admin(201, "POST", "/consumers", m{"id": id, "name": id, "kind": kind})
	w.Admin(201, "POST", "/apps", m{"id": app, "name": app, "consumer": id})
	out := w.Admin(201, "POST", "/subscriptions", m{"app": app, "api": "orders", "plan": plan})
	return fmt.Sprint(out.JSON()["id"])
}

// key issues a key of an app.
func (w *world) key(app string) (id, secret string) {
	out := w.Admin(201, "POST", "/apps/"+app+"/keys", m{}).JSON()
	return fmt.Sprint(out["id"]), fmt.Sprint(out["key"])
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.seen = append(w.seen, r.Clone(r.Context()))
	w.mu.Unlock()
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("Server", "secret-backend/1.2")
	_, _ = rw.Write([]byte(`{"ok":true}`)) // the caller has gone: nobody to tell
}

// forwarded counts the calls that reached the upstream.
func (w *world) forwarded() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen)
}

func (w *world) last() *http.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[len(w.seen)-1]
}

// call makes a call with a key, "" for none.
func (w *world) call(instance int, method, target, key string) platform.Response {
	r := platform.Request{Method: method, Target: target, Headers: map[string]string{}}
	if key != "" {
		r.Headers["x-api-key"] = key
	}
	return w.Gateway(instance, r)
}

// settle lets the promised second pass.
func (w *world) settle() { w.Clock.Advance(time.Second) }

// wantProblem checks what every refusal promises.
func wantProblem(t *testing.T, r platform.Response, status int, code string) {
	t.Helper()
	d := r.JSON()
	typed, _ := d["type"].(string)
	fix, _ := d["fix"].(string)
	id, _ := d["request_id"].(string)
	ok := r.Status == status && d["code"] == code && r.Headers["content-type"] == "application/problem+json" &&
		strings.Contains(typed, ":") && fix != "" && id != "" && r.Headers["x-request-id"] == id && d["status"] == float64(status) && d["title"] != ""
	if !ok {
		t.Errorf("answer %d %v %s, want %d %s as a problem that explains itself", r.Status, r.Headers, r.Body, status, code)
	}
}
