package promises_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/test/platform"
)

// traffic is 64 clients that call all the time, while the clock runs. A client reports each answer that is not 200.
type traffic struct {
	w       *world
	calling sync.RWMutex // held by each call
	done    chan struct{}
	quit    chan struct{}
	clients sync.WaitGroup
	failed  atomic.Int64
}

// traffic starts; call makes the n-th call of a client.
func (w *world) traffic(t *testing.T, call func(client, n int) platform.Response) *traffic {
	t.Helper()
	f := &traffic{w: w, done: make(chan struct{}, 64), quit: make(chan struct{})}
	for client := range 64 {
		f.clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-f.quit:
					return
				default:
				}
				f.calling.RLock()
				out := call(client, n)
				f.calling.RUnlock()
				if out.Status != 200 && f.failed.Add(1) < 5 {
					t.Errorf("client %d, call %d: %d %s", client, n, out.Status, out.Body)
				}
				select {
				case f.done <- struct{}{}:
				default: // nobody waits
				}
			}
		})
	}
	f.clients.Go(func() { w.run(f.quit) })
	t.Cleanup(f.stop)
	return f
}

// run moves the clock on, four times as fast as time goes: limits wait for it, too.
func (w *world) run(quit <-chan struct{}) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case now := <-tick.C:
			w.Clock.Advance(4 * now.Sub(last))
			last = now
		case <-quit:
			return
		}
	}
}

// goesOn lets time pass, and 64 calls at least.
func (f *traffic) goesOn(d time.Duration) {
	end := f.w.Clock.Now().Add(d)
	for n := 0; n < 64 || f.w.Clock.Now().Before(end); n++ {
		<-f.done
	}
}

// between does something while no call is under way.
func (f *traffic) between(do func()) {
	f.calling.Lock()
	defer f.calling.Unlock()
	do()
}

// stop ends all calls.
func (f *traffic) stop() {
	select {
	case <-f.quit:
		return
	default:
	}
	close(f.quit)
	f.clients.Wait()
}

// counted puts shop under a plan whose quota is counted and never reached.
func (w *world) counted() {
	w.Admin(201, "POST", "/plans", m{"id": "counted", "name": "Counted", "approval": "automatic", "quota": m{"requests": 1_000_000, "period": "month"},
		"rate": m{"requests": 1_000_000, "seconds": 1}, "on_store_outage": "open", "overdraft": 10_000})
	w.Admin(200, "PATCH", "/subscriptions/"+w.subscriptionOf("shop"), m{"plan": "counted"})
}

// wantExact holds quota and usage of shop against what the upstream saw, once all instances have been stopped.
func (w *world) wantExact(t *testing.T, arrived int) {
	t.Helper()
	for _, p := range w.Proxies {
		w.stop(t, p.Close)
	}
	w.Rollup()
	var used, leased, calls float64
	for _, item := range w.Admin(200, "GET", "/limits?api=orders&app=shop", nil).JSON()["items"].([]any) {
		if l := item.(m); l["kind"] == "quota" {
			used, leased = l["used"].(float64), l["leased"].(float64)
		}
	}
	for _, p := range w.Admin(200, "GET", "/usage?api=orders&app=shop&step=hour", nil).JSON()["points"].([]any) {
		calls += p.(m)["calls"].(float64)
	}
	if int(used) != arrived || leased != 0 || int(calls) != arrived {
		t.Errorf("the upstream saw %d calls, the quota counted %v of which %v are leased, usage has %v", arrived, used, leased, calls)
	}
}

// stop gives an instance as long as Lambda does.
func (w *world) stop(t *testing.T, end func(context.Context) error) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := end(ctx); err != nil {
		t.Errorf("stop an instance: %v", err)
	}
}

// TestPromise12NoKeyRotationFailsACall: as long as the overlap lasts both keys work, on every instance.
func TestPromise12NoKeyRotationFailsACall(t *testing.T) {
	const overlap = 6
	w := newWorld(t, 4)
	w.counted()
	id, secret := w.key("shop")
	var older, newer atomic.Pointer[string]
	older.Store(&secret)
	newer.Store(&secret)
	calls := w.traffic(t, func(client, n int) platform.Response {
		key := &older
		if client%2 == 0 {
			key = &newer
		}
		return w.call((client+n)%4, "GET", "/orders/v1/orders", *key.Load())
	})
	for range 1 {
		calls.goesOn(time.Second)
		out := w.Admin(201, "POST", "/apps/shop/keys/"+id+"/rotate", m{"overlap_seconds": overlap}).JSON()
		fresh := fmt.Sprint(out["key"])
		newer.Store(&fresh) // at once
		calls.goesOn(overlap / 2 * time.Second)
		old := *older.Load()
		calls.between(func() { older.Store(&fresh) })
		calls.goesOn((overlap/2 + 1) * time.Second)
		for i := range 4 {
			wantProblem(t, w.call(i, "GET", "/orders/v1/orders", old), 401, "credential_expired")
		}
		id = fmt.Sprint(out["id"])
	}
	calls.stop()
	w.wantExact(t, w.forwarded())
}

// TestPromise12NoDeploymentFailsACall: two new instances take over at a time, the old ones are stopped with calls under way.
func TestPromise12NoDeploymentFailsACall(t *testing.T) {
	const live, deployments = 2, 3
	w := newWorld(t, live*(deployments+1))
	w.counted()
	_, key := w.key("shop")
	w.settle()
	var first atomic.Int64 // of the instances that are called
	calls := w.traffic(t, func(client, n int) platform.Response {
		i := int(first.Load()) + (client+n)%live
		out := w.call(i, "GET", "/orders/v1/orders", key)
		w.Proxies[i].AfterResponse(t.Context())
		return out
	})
	for range deployments {
		calls.goesOn(1500 * time.Millisecond)
		old := int(first.Load())
		first.Add(live)
		for i := old; i < old+live; i++ {
			w.stop(t, w.Proxies[i].Close)
		}
		calls.between(func() {}) // what was under way is answered
		for i := old; i < old+live; i++ {
			w.stop(t, w.Proxies[i].Close)
		}
	}
	calls.goesOn(time.Second)
	calls.stop()
	w.wantExact(t, w.forwarded())
}

// TestPromise12NoRollbackFailsACall that is in both contracts: contracts and upstreams come and go under load.
func TestPromise12NoRollbackFailsACall(t *testing.T) {
	w := newWorld(t, 4)
	w.counted()
	_, key := w.key("shop")
	w.settle()
	other := httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(other.Close)
	wider := strings.Replace(platform.Orders, "  /orders/{id}:\n", "  /extra: {get: {responses: {\"200\": {description: d}}}}\n  /orders/{id}:\n", 1)
	calls := w.traffic(t, func(client, n int) platform.Response {
		return w.call((client+n)%4, "GET", []string{"/orders/v1/orders", "/orders/v1/orders/42"}[n%2], key)
	})
	for range 1 {
		w.Admin(200, "PUT", "/apis/orders/versions/v1/contract", wider)
		calls.goesOn(1500 * time.Millisecond)
		for i := range 4 {
			if out := w.call(i, "GET", "/orders/v1/extra", key); out.Status != 200 {
				t.Errorf("the new contract is not served: %d %s", out.Status, out.Body)
			}
		}
		w.Admin(200, "PATCH", "/apis/orders/versions/v1", m{"upstream": m{"url": other.URL}})
		calls.goesOn(1500 * time.Millisecond)
		w.Admin(200, "PUT", "/apis/orders/versions/v1/contract", platform.Orders)
		calls.goesOn(1500 * time.Millisecond)
		for i := range 4 {
			wantProblem(t, w.call(i, "GET", "/orders/v1/extra", key), 404, "no_such_operation")
		}
		w.Admin(200, "PATCH", "/apis/orders/versions/v1", m{"upstream": m{"url": w.upstream.URL}})
		calls.goesOn(1500 * time.Millisecond)
	}
	calls.stop()
	w.wantExact(t, w.forwarded())
}
