package promises_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"sluice/scripts/sluice/fault"
	"sluice/test/engine"
	"sluice/test/platform"
)

// TestPromise12NoStoreFailoverFailsACall: the store answers errors, throttles or is away, for a minute and right after a
// change of what is called. No known caller is refused whose plan has no limits or allows an outage, and the counters are
// exact once the store is back.
func TestPromise12NoStoreFailoverFailsACall(t *testing.T) {
	const instances = 4
	w, drill := worldOnADrill(t, instances)
	w.counted()
	w.Admin(201, "POST", "/plans", m{"id": "open", "name": "Open", "approval": "automatic"})
	w.consumer("free", "partner", "unlimited", "open")
	_, counted := w.key("shop")
	_, unlimited := w.key("unlimited")
	w.settle()
	quit := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { w.run(quit) })
	stop := sync.OnceFunc(func() { close(quit); running.Wait() })
	t.Cleanup(stop)
	arrived, free := 0, 0
	ask := func(when string) {
		for i := range instances {
			for _, key := range []string{counted, unlimited} {
				if out := w.call(i, "GET", "/orders/v1/orders", key); out.Status != 200 {
					t.Errorf("%s: instance %d answers %d %s", when, i, out.Status, out.Body)
				}
			}
			w.Proxies[i].AfterResponse(t.Context())
		}
		arrived += instances
		free += instances
	}
	for name, f := range map[string]struct {
		fault fault.Fault
		steps int // of a minute
	}{
		"errors":    {fault.Fault{Kind: fault.Errors, Share: 1}, 12},
		"throttled": {fault.Fault{Kind: fault.Throttle, Share: 1}, 12},
		"away":      {fault.Fault{Kind: fault.Down, Length: time.Hour}, 12},
	} {
		for range 3 {
			w.Clock.Advance(2 * time.Second)
			ask("before " + name)
		}
		w.Admin(200, "PATCH", "/apps/shop", m{"name": "Shop, " + name})
		w.Admin(200, "PATCH", "/plans/counted", m{"name": "Counted, " + name})
		w.settle()
		ask("after a change")
		f.fault.Target = fault.Store
		if err := drill.Inject(f.fault); err != nil {
			t.Fatal(err)
		}
		for step := range f.steps {
			w.Clock.Advance(time.Minute / time.Duration(f.steps))
			ask(fmt.Sprintf("%s, step %d", name, step))
		}
		drill.Clear()
		for range 3 {
			w.Clock.Advance(2 * time.Second)
			ask("after " + name)
		}
	}
	stop()
	if n := w.forwarded(); n != arrived+free {
		t.Errorf("%d calls arrived, want %d", n, arrived+free)
	}
	w.wantExact(t, arrived)
}

// worldOnADrill is a world whose store can fail.
func worldOnADrill(t *testing.T, instances int) (*world, *fault.Drill) {
	t.Helper()
	cfg := engine.Dynoxide(t)
	store, err := fault.Pass(cfg.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	drill := fault.NewDrill(fault.World{Now: time.Now, Sleep: fault.Sleep, Random: func() float64 { return 0 }})
	stand, err := drill.StandIn(t.Context(), fault.Store, store)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stand.Close)
	cfg.Endpoint = stand.URL()
	return worldOn(t, platform.On(t, cfg, instances)), drill
}
