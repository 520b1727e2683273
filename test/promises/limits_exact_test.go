package promises_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// rush makes calls from 64 clients at once; route says to which instance the n-th goes.
func (w *world) rush(key string, calls int, route func(n int) int) (passed int64) {
	var done, ok atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for n := int(done.Add(1)) - 1; n < calls; n = int(done.Add(1)) - 1 {
				if w.call(route(n), "GET", "/orders/v1/orders", key).Status == 200 {
					ok.Add(1)
				}
			}
		})
	}
	all.Wait()
	return ok.Load()
}

// quota subscribes a new app under a quota of its own, and gives a fresh key of it.
func (w *world) quota(name string, requests int) (key string) {
	w.Admin(201, "POST", "/plans", m{"id": name, "name": name, "approval": "automatic", "quota": m{"requests": requests, "period": "day"}})
	w.consumer(name, "partner", name, name)
	_, key = w.key(name)
	w.settle()
	return key
}

// ask lets time pass and one client ask at some instances, until each of them has refused it.
func (w *world) ask(key string, instances ...int) {
	for _, i := range instances {
		w.Clock.Advance(time.Minute)
		for w.call(i, "GET", "/orders/v1/orders", key).Status == 200 { // it ends: no quota is without
		}
	}
}

// TestPromise3ExactlyTheQuotaPassesHowever64ClientsCall, counted where it matters: at the upstream.
func TestPromise3ExactlyTheQuotaPassesHowever64ClientsCall(t *testing.T) {
	const most = 200
	w := newWorld(t, 8)
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	w.Clock.Advance(noon.Add(24 * time.Hour * time.Duration(1+int(w.Clock.Now().Sub(noon)/(24*time.Hour)))).Sub(w.Clock.Now()))
	for name, c := range map[string]struct {
		route func(n int) int
		dead  int // instances that nobody calls any more, with whatever they hold
	}{
		"fresh":        {func(n int) int { return n % 4 }, 0},
		"all-to-one":   {func(int) int { return 0 }, 0},
		"then-another": {func(n int) int { return min(1, n/(most/2)) }, 1},
		"killed":       {func(n int) int { return n%4 + 4*min(1, n/(most/2)) }, 4},
	} {
		key := w.quota(name, most)
		before := w.forwarded()
		w.rush(key, most+most/2, c.route)
		if passed := w.forwarded() - before; passed > most {
			t.Errorf("%s: %d of %d passed", name, passed, most)
		}
		w.ask(key, 4, 5, 6, 7)
		passed := w.forwarded() - before
		if least := most - min(c.dead, 1)*most/100; passed > most || passed < least {
			t.Errorf("%s: %d of %d passed, want %d at least", name, passed, most, least)
		}
		t.Logf("%s: %d of %d", name, passed, most)
	}
}

// TestPromise3ExactlyTheQuotaPassesOnBothSidesOfMidnight: 64 clients call before it and behind it.
func TestPromise3ExactlyTheQuotaPassesOnBothSidesOfMidnight(t *testing.T) {
	const most = 100
	w := newWorld(t, 4)
	key := w.quota("midnight", most)
	now := w.Clock.Now()
	midnight := now.Truncate(24 * time.Hour).Add(24 * time.Hour)
	w.Clock.Advance(midnight.Sub(now) - 10*time.Second)
	for day, at := range []time.Duration{0, 24 * time.Hour, 24 * time.Hour} {
		w.Clock.Advance(at)
		before := w.forwarded()
		w.rush(key, 2*most, func(n int) int { return n % 4 })
		w.Clock.Advance(2 * time.Second)
		w.rush(key, 64, func(n int) int { return n % 4 })
		w.Clock.Advance(-2 * time.Second)
		if passed := w.forwarded() - before; passed != most {
			t.Errorf("day %d: %d of %d passed", day, passed, most)
		}
	}
}
