package fleet_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestPromise10RetriesAreSafeOnTheFleet: only idempotent methods are tried again, and a call with an Idempotency-Key reaches the
// upstream once: when 64 clients make it at once, and when all instances die behind its call of the upstream.
func TestPromise10RetriesAreSafeOnTheFleet(t *testing.T) {
	onEachEngine(t, func(t *testing.T, f *fleet) {
		f.publish("orders", object{"retries": object{"attempts": 2, "budget_percent": 100}, "timeout_ms": 20_000})
		key := f.subscribe("orders", "shop", nil)
		arrived := func(id string) (n int) {
			for _, a := range f.upstream.of("shop") {
				if a.header.Get("X-Case") == id {
					n++
				}
			}
			return n
		}
		f.upstream.behave(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
		f.send(http.MethodPost, "/orders/v1/things", key, `{}`, "X-Case", "post")
		if n := arrived("post"); n != 1 {
			t.Errorf("a POST that failed arrived %d times", n)
		}
		f.call(http.MethodGet, "/orders/v1/things/1", key, "X-Case", "get")
		if n := arrived("get"); n < 1 || n > 3 {
			t.Errorf("a GET that failed arrived %d times, want 3 at most", n)
		}
		once := func(id string) answer {
			return f.send(http.MethodPost, "/orders/v1/things", key, `{}`, "X-Case", id, "Idempotency-Key", id)
		}
		finish := make(chan struct{})
		f.upstream.behave(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { <-finish; w.WriteHeader(http.StatusCreated) }))
		answers := make(chan answer, 64)
		for range 64 {
			go func() { answers <- once("same") }()
		}
		for range 63 {
			if a := <-answers; a.status != http.StatusConflict {
				t.Errorf("a call in flight elsewhere is answered %d %s %v", a.status, a.body, a.err)
			}
		}
		close(finish)
		if a := <-answers; a.status != http.StatusCreated || once("same").status != http.StatusCreated || arrived("same") != 1 {
			t.Errorf("the first call is answered %d %s, and it arrived %d times", a.status, a.body, arrived("same"))
		}
		var death sync.Once
		f.upstream.behave(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			death.Do(func() { f.kill(f.instances("proxy")...) })
			w.WriteHeader(http.StatusCreated)
		}))
		if a := once("death"); a.status == http.StatusCreated {
			t.Errorf("an instance that was killed answers %d", a.status)
		}
		f.until("there are instances again", func() bool { return f.call(http.MethodGet, "/orders/v1/things/1", key).status == http.StatusCreated })
		for range 8 {
			if a := once("death"); a.status != http.StatusConflict || !strings.Contains(string(a.body), "idempotency_in_flight") {
				t.Errorf("a call whose instance died is answered %d %s", a.status, a.body)
			}
		}
		if n := arrived("death"); n != 1 {
			t.Errorf("a call whose instance died arrived %d times", n)
		}
	})
}
