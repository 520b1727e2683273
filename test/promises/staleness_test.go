package promises_test

import (
	"strings"
	"testing"
	"time"
)

// TestPromise2BoundedStaleness: a decision uses configuration at most 1 s old, on every instance, whatever changed.
func TestPromise2BoundedStaleness(t *testing.T) {
	changes := map[string]struct {
		change func(w *world, subscription, key string)
		status int
		code   string
	}{
		"a revoked key": {func(w *world, _, key string) { w.Admin(204, "DELETE", "/apps/shop/keys/"+key, nil) }, 401, "credential_invalid"},
		"a suspended subscription": {func(w *world, s, _ string) {
			w.Admin(200, "PATCH", "/subscriptions/"+s, m{"state": "suspended"})
		}, 403, "subscription_inactive"},
		"an ended subscription": {func(w *world, s, _ string) {
			w.Admin(200, "PATCH", "/subscriptions/"+s, m{"state": "ended"})
		}, 403, "subscription_inactive"},
		"a deleted subscription": {func(w *world, s, _ string) { w.Admin(204, "DELETE", "/subscriptions/"+s, nil) }, 403, "not_subscribed"},
		"an audience that narrows": {func(w *world, _, _ string) {
			w.Admin(200, "PATCH", "/apis/orders", m{"audience": "internal"})
		}, 404, "no_such_api"},
		"a retired version": {func(w *world, _, _ string) {
			w.Admin(200, "POST", "/apis/orders/versions/v1/transitions", m{"to": "deprecated", "sunset": w.Clock.Now().AddDate(0, 1, 0), "reason": "unused"})
			w.Admin(200, "POST", "/apis/orders/versions/v1/transitions", m{"to": "retired"})
		}, 410, "version_retired"},
		"a contract without the operation": {func(w *world, _, _ string) {
			w.Admin(200, "PUT", "/apis/orders/versions/v1/contract", "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n  /else: {get: {responses: {'200': {description: d}}}}\n")
		}, 404, "no_such_operation"},
		"a plan with a quota that is used up": {func(w *world, s, _ string) {
			w.Admin(201, "POST", "/plans", m{"id": "tiny", "name": "Tiny", "approval": "automatic", "quota": m{"requests": 1, "period": "day"}})
			w.Admin(200, "PATCH", "/subscriptions/"+s, m{"plan": "tiny"})
		}, 429, "quota_exhausted"},
	}
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			w.Admin(200, "PATCH", "/plans/free", m{"quota": m{"requests": 1000, "period": "day"}})
			subscription := w.subscriptionOf("shop")
			id, key := w.key("shop")
			w.settle()
			for i := range 2 { // both instances know the key by now
				if out := w.call(i, "GET", "/orders/v1/orders", key); out.Status != 200 {
					t.Fatalf("warm call: %d %s", out.Status, out.Body)
				}
			}
			c.change(w, subscription, id)
			w.settle()
			for i := range 2 {
				wantProblem(t, w.call(i, "GET", "/orders/v1/orders", key), c.status, c.code)
			}
		})
	}
}

func (w *world) subscriptionOf(app string) string {
	items, _ := w.Admin(200, "GET", "/subscriptions?app="+app, nil).JSON()["items"].([]any)
	id, _ := items[0].(m)["id"].(string)
	return id
}

// TestPromise2AnInstanceFrozenForAnHourSeesTheRevocation: the first decision after the thaw looks at the feed first.
func TestPromise2AnInstanceFrozenForAnHourSeesTheRevocation(t *testing.T) {
	w := newWorld(t, 2)
	id, key := w.key("shop")
	w.settle()
	for i := range 2 {
		if out := w.call(i, "GET", "/orders/v1/orders", key); out.Status != 200 {
			t.Fatalf("%d %s", out.Status, out.Body)
		}
	}
	// Instance 1 is frozen: nobody calls it while the world goes on.
	w.Admin(204, "DELETE", "/apps/shop/keys/"+id, nil)
	for range 60 {
		w.Clock.Advance(time.Minute)
		wantProblem(t, w.call(0, "GET", "/orders/v1/orders", key), 401, "credential_invalid")
	}
	before := w.forwarded()
	wantProblem(t, w.call(1, "GET", "/orders/v1/orders", key), 401, "credential_invalid")
	if w.forwarded() != before {
		t.Error("the revoked call was forwarded")
	}
}

// TestPromise2AnOutageOfTheStore: known callers are served for five minutes, unknown ones get 503, then all get 503.
// The plan has no limits: what limits do without a store is promised elsewhere.
func TestPromise2AnOutageOfTheStore(t *testing.T) {
	w := newWorld(t, 1)
	w.Admin(201, "POST", "/plans", m{"id": "open", "name": "Open", "approval": "automatic"})
	w.Admin(200, "PATCH", "/subscriptions/"+w.subscriptionOf("shop"), m{"plan": "open"})
	_, known := w.key("shop")
	_, unknown := w.key("shop")
	w.settle()
	if out := w.call(0, "GET", "/orders/v1/orders", known); out.Status != 200 {
		t.Fatalf("%d %s", out.Status, out.Body)
	}
	w.Network.Cut(true)
	for at := range 29 {
		w.Clock.Advance(10 * time.Second)
		if out := w.call(0, "GET", "/orders/v1/orders", known); out.Status != 200 {
			t.Fatalf("%d s into the outage a known caller gets %d %s", (at+1)*10, out.Status, out.Body)
		}
	}
	out := w.call(0, "GET", "/orders/v1/orders", unknown)
	wantProblem(t, out, 503, "upstream_unavailable")
	if out.Headers["retry-after"] == "" {
		t.Error("503 without Retry-After")
	}
	w.Clock.Advance(11 * time.Second)
	wantProblem(t, w.call(0, "GET", "/orders/v1/orders", known), 503, "upstream_unavailable")
	w.Network.Cut(false)
	w.settle()
	for _, key := range []string{known, unknown} {
		if out := w.call(0, "GET", "/orders/v1/orders", key); out.Status != 200 {
			t.Errorf("after the outage: %d %s", out.Status, out.Body)
		}
	}
}

// TestPromise2AWarmCallReadsNothing: staleness is not bounded by asking each time.
func TestPromise2AWarmCallReadsNothing(t *testing.T) {
	w := newWorld(t, 1)
	w.Admin(201, "POST", "/plans", m{"id": "open", "name": "Open", "approval": "automatic"})
	w.Admin(200, "PATCH", "/subscriptions/"+w.subscriptionOf("shop"), m{"plan": "open"})
	_, key := w.key("shop")
	for range 60 { // what changed a moment ago is looked at again, since a transaction becomes visible item by item
		w.settle()
		w.call(0, "GET", "/orders/v1/orders", key)
	}
	before := w.Network.Calls.Load()
	for range 1000 {
		if out := w.call(0, "GET", "/orders/v1/orders", key); out.Status != 200 {
			t.Fatalf("%d %s", out.Status, out.Body)
		}
	}
	if n := w.Network.Calls.Load() - before; n != 0 {
		t.Errorf("1,000 warm calls within a second asked the store %d times", n)
	}
	w.settle()
	w.call(0, "GET", "/orders/v1/orders", key)
	if n := w.Network.Calls.Load() - before; n != 1 {
		t.Errorf("the first call of the next second asked the store %d times, want 1:\n%s", n, strings.Join(w.Network.Asked()[before:], "\n"))
	}
}
