package promises_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/scripts/sluice/fault"
	"sluice/test/engine"
	"sluice/test/platform"
)

// once calls POST for a thing with a key, at some instance.
func (w *world) once(instance int, key, id string) platform.Response {
	return w.thing(instance, "POST", id, key, id, `{"n":1}`)
}

// wantOutcomeUnknown is what everybody is told whose call may have been carried out, and is not made again.
func wantOutcomeUnknown(t *testing.T, out platform.Response) {
	t.Helper()
	wantProblem(t, out, 409, "idempotency_in_flight")
	if out.JSON()["outcome"] != "unknown" || out.Headers["retry-after"] != "" {
		t.Errorf("%v %s does not say that waiting is of no use", out.Headers, out.Body)
	}
}

// wantReplay is the first answer once more.
func wantReplay(t *testing.T, out, first platform.Response) {
	t.Helper()
	if out.Status != first.Status || string(out.Body) != string(first.Body) || out.Headers["idempotency-replayed"] != "true" {
		t.Errorf("%d %v %s is not the answer %d %s", out.Status, out.Headers, out.Body, first.Status, first.Body)
	}
}

// TestPromise10ACallWithAKeyReachesTheUpstreamOnce when 64 clients make it at once, over four instances.
func TestPromise10ACallWithAKeyReachesTheUpstreamOnce(t *testing.T) {
	w := newWorld(t, 4)
	u, key := w.shake(t, m{"idempotency": "require", "retries": m{"attempts": 3, "budget_percent": 100}})
	finish := make(chan struct{})
	u.is(func(rw http.ResponseWriter, r *http.Request, n int) { <-finish; well(rw, r, n) })
	answered := make(chan platform.Response, 64)
	for n := range 64 {
		go func() { answered <- w.once(n%4, key, "same") }()
	}
	for range 63 { // the one that is carried out waits
		out := <-answered
		wantProblem(t, out, 409, "idempotency_in_flight")
		if out.Headers["retry-after"] == "" {
			t.Errorf("in flight, and %v does not say when to come back", out.Headers)
		}
	}
	close(finish)
	first := <-answered
	if n, _ := u.arrived("same"); first.Status != 200 || n != 1 {
		t.Fatalf("%d %s, and it arrived %d times", first.Status, first.Body, n)
	}
	for i := range 4 {
		wantReplay(t, w.once(i, key, "same"), first)
	}
	wantProblem(t, w.thing(1, "POST", "same", key, "same", `{"n":2}`), 422, "idempotency_mismatch")
	wantProblem(t, w.thing(2, "POST", "other", key, "same", `{"n":1}`), 422, "idempotency_mismatch")
	wantProblem(t, w.thing(3, "POST", "same", key, "", `{"n":1}`), 400, "invalid_request")
	wantProblem(t, w.thing(0, "PATCH", "same", key, "", `{"n":1}`), 400, "invalid_request")
	if _, all := u.arrived("same"); all != 1 {
		t.Errorf("%d calls arrived", all)
	}
}

// TestPromise10ACallWithAKeyIsNotMadeAgainAfterItsInstanceHasDied, in the call or right behind it.
func TestPromise10ACallWithAKeyIsNotMadeAgainAfterItsInstanceHasDied(t *testing.T) {
	w := newWorld(t, 3)
	u, key := w.shake(t, m{})
	var stuck, revive chan struct{}
	works := func(rw http.ResponseWriter, r *http.Request, n int) { stuck <- struct{}{}; <-revive; well(rw, r, n) }
	for name, c := range map[string]struct {
		mood  mood
		known bool // its first caller has an answer before anybody else calls
	}{
		"while the upstream works": {works, false},
		"before it can keep the answer": {func(rw http.ResponseWriter, r *http.Request, n int) {
			w.Network.Cut(true)
			works(rw, r, n)
		}, true},
	} {
		id := strings.ReplaceAll(name, " ", "-")
		stuck, revive = make(chan struct{}, 9), make(chan struct{})
		u.is(c.mood)
		first := make(chan platform.Response, 1)
		go func() { first <- w.once(0, key, id) }()
		<-stuck
		var made platform.Response
		if c.known {
			close(revive)
			made = <-first
			w.Network.Cut(false)
			w.settle()
		}
		wantProblem(t, w.once(1, key, id), 409, "idempotency_in_flight")
		w.Clock.Advance(41 * time.Second)
		for i := range 4 {
			wantOutcomeUnknown(t, w.once(1+i%2, key, id))
			w.Clock.Advance(time.Hour)
		}
		if !c.known {
			close(revive)
			made = <-first
		}
		if made.Status != 200 {
			t.Errorf("%s: who called first gets %d %s", name, made.Status, made.Body)
		}
		wantReplay(t, w.once(0, key, id), made) // it was only thought dead, and keeps what it had not kept
		wantReplay(t, w.once(1, key, id), made)
		if n, _ := u.arrived(id); n != 1 {
			t.Errorf("%s: it arrived %d times", name, n)
		}
	}
}

// TestPromise10WhatIsReplayedAfterTheUpstreamFailed: its answer if there is one, and never a second try.
func TestPromise10WhatIsReplayedAfterTheUpstreamFailed(t *testing.T) {
	w := newWorld(t, 2)
	u, key := w.shake(t, m{"retries": m{"attempts": 3, "budget_percent": 100}, "timeout_ms": 300})
	for name, c := range map[string]struct {
		mood     mood
		answered bool
	}{"it-answered-500": {answers(500), true}, "it-answered-503": {answers(503), true}, "it-answered-404": {answers(404), true},
		"it-dropped-the-connection": {drops, false}, "it-hung": {hangs, false}} {
		u.is(c.mood)
		first := w.once(0, key, name)
		u.mu.Lock()
		u.mood = well // by now it would work
		u.mu.Unlock()
		for i := range 2 {
			if again := w.once(i, key, name); c.answered {
				wantReplay(t, again, first)
			} else {
				wantOutcomeUnknown(t, again)
			}
		}
		if n, _ := u.arrived(name); n != 1 {
			t.Errorf("%s: it arrived %d times", name, n)
		}
	}
	u.is(well)
	w.Admin(200, "PATCH", "/apis/orders/versions/v1", m{"upstream": m{"url": "http://127.0.0.1:1"}}) // where nobody listens
	w.settle()
	wantProblem(t, w.once(0, key, "nobody-saw-it"), 502, "upstream_failed")
	w.Admin(200, "PATCH", "/apis/orders/versions/v1", m{"upstream": m{"url": u.URL}})
	w.settle()
	if out := w.once(1, key, "nobody-saw-it"); out.Status != 200 || out.Headers["idempotency-replayed"] != "" {
		t.Errorf("a call that surely did not arrive cannot be made again: %d %s", out.Status, out.Body)
	}
}

// TestPromise10ACallWithAKeyReachesTheUpstreamOnceWhateverTheStoreDoes: answers are lost, refused, and slowed down.
func TestPromise10ACallWithAKeyReachesTheUpstreamOnceWhateverTheStoreDoes(t *testing.T) {
	const keys, calls = 8, 128
	cfg := engine.Dynoxide(t)
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(10, 12))
	drill := fault.NewDrill(fault.World{Now: time.Now, Sleep: fault.Sleep, Random: func() float64 { mu.Lock(); defer mu.Unlock(); return r.Float64() }})
	store, err := fault.Pass(cfg.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	stand, err := drill.StandIn(t.Context(), fault.Store, store)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stand.Close)
	cfg.Endpoint = stand.URL()
	w := worldOn(t, platform.On(t, cfg, 4))
	u, key := w.shake(t, m{"retries": m{"attempts": 3, "budget_percent": 100}})
	for _, kind := range []fault.Kind{fault.Lost, fault.Errors, fault.Throttle} {
		if err := drill.Inject(fault.Fault{Target: fault.Store, Kind: kind, Share: 0.5}); err != nil {
			t.Fatal(err)
		}
		u.is(well)
		name := func(n int) string { return fmt.Sprintf("%s-%d", kind, n%keys) }
		during := crowd(calls, func(n int) platform.Response { return w.once(n/keys%4, key, name(n)) })
		drill.Clear()
		if all := drill.Status(); all[len(all)-1].Hits == 0 {
			t.Errorf("%s hit nothing", kind)
		}
		w.Clock.Advance(time.Minute)
		after := crowd(4*keys, func(n int) platform.Response { return w.once(n/keys, key, name(n)) })
		known := 0
		for n := range keys {
			arrived, _ := u.arrived(name(n))
			bodies := map[string]bool{}
			for _, all := range [][]platform.Response{during, after} {
				for i := n; i < len(all); i += keys {
					if all[i].Status == 200 {
						bodies[string(all[i].Body)] = true
					}
				}
			}
			if arrived != 1 || len(bodies) > 1 {
				t.Errorf("%s arrived %d times, and was answered %v", name(n), arrived, slices.Collect(maps.Keys(bodies)))
			}
			known += len(bodies)
		}
		t.Logf("%s: %d of %d calls are known to their callers", kind, known, keys)
	}
}
