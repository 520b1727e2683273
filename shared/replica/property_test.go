package replica_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/shared/catalog"
	"sluice/shared/problem"
	"sluice/shared/replica"
)

// history is what an app was called, and from when until when. The newest one has no end.
type history struct {
	mu     sync.Mutex
	values map[catalog.AppID][]spell
}

type spell struct {
	name        string
	from, until time.Time
}

// change notes that an app is called name: it may be seen from from on, and what was before until until.
func (h *history) change(id catalog.AppID, name string, from, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.values[id]
	list[len(list)-1].until = until
	h.values[id] = append(list, spell{name: name, from: from})
}

// current reports whether an app was called name at some time in from..until.
func (h *history) current(id catalog.AppID, name string, from, until time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.values[id], func(s spell) bool {
		return s.name == name && !s.from.After(until) && (s.until.IsZero() || !s.until.Before(from))
	})
}

// TestEveryValueIsAtMostASecondOld has 64 callers decide while apps change, in one step or part by part, entries are swept,
// and the clock jumps. Whatever a getter gives after Fresh was current within the second before Fresh was called, or later.
func TestEveryValueIsAtMostASecondOld(t *testing.T) {
	const apps, callers, decisions = 20, 64, 300
	w := newWorld(t, replica.Options{Entries: apps / 2}) // so that entries are evicted too
	w.store.page = 3
	w.store.answers = func(string) { runtime.Gosched() } // let others in between a read and its use
	h := &history{values: map[catalog.AppID][]spell{}}
	id := func(n int) catalog.AppID { return catalog.AppID(fmt.Sprint("a", n)) }
	for n := range apps {
		h.values[id(n)] = []spell{{name: "(none)"}}
	}
	var stop atomic.Bool
	var world, readers sync.WaitGroup
	world.Go(func() { mutate(w, h, &stop, func() catalog.AppID { return id(rand.IntN(apps)) }) })
	world.Go(func() {
		for n := 0; !stop.Load(); n++ {
			step := time.Duration(rand.IntN(700)) * time.Millisecond
			if n%1000 == 999 {
				step = time.Hour
			}
			w.clock.add(step)
			for range 4 {
				runtime.Gosched()
			}
		}
	})
	var seen atomic.Int64
	for range callers {
		readers.Go(func() {
			for range decisions {
				decideOnce(w, h, &seen, id(rand.IntN(apps)))
			}
		})
	}
	readers.Wait()
	stop.Store(true)
	world.Wait()
	if got := seen.Load(); got < callers*decisions/2 {
		t.Errorf("only %d of %d decisions could be made", got, callers*decisions)
	}
	t.Logf("%d decisions, %d changes, %d checks, %d loads", seen.Load(), w.store.head, w.store.count("head"), w.store.count("app"))
}

func mutate(w *world, h *history, stop *atomic.Bool, pick func() catalog.AppID) {
	for n := 0; !stop.Load(); n++ {
		id, name := pick(), fmt.Sprint("v", n)
		var value any = catalog.App{ID: id, Name: name}
		if n%5 == 4 {
			value, name = nil, "(none)"
		}
		from := w.clock.now()
		if n%3 == 0 {
			w.store.begin(appRef(id))
			runtime.Gosched()
			w.store.finish(appRef(id), value)
		} else {
			w.store.set(appRef(id), value)
		}
		h.change(id, name, from, w.clock.now())
		if n%50 == 49 {
			w.store.mu.Lock()
			w.store.swept = w.store.head
			w.store.mu.Unlock()
		}
		for range 50 {
			runtime.Gosched()
		}
	}
}

func decideOnce(w *world, h *history, seen *atomic.Int64, id catalog.AppID) {
	from := w.clock.now().Add(-time.Second)
	if err := w.view.Fresh(w.Context()); err != nil {
		return // the clock jumped in each of its rounds
	}
	a, err := w.view.App(w.Context(), id)
	name := a.Name
	if problem.Is(err, problem.NotFound) {
		name = "(none)"
	} else if err != nil {
		return
	}
	until := w.clock.now()
	// The change is noted just after it can be seen, so wait for the note of what we saw.
	for range 1000 {
		if h.current(id, name, from, until) {
			seen.Add(1)
			return
		}
		runtime.Gosched()
	}
	w.Errorf("app %s is %q, which it was not between %v and %v", id, name, from, until)
}

// TestTheViewFollowsAnyHistory is the same promise, step by step, with outages.
func TestTheViewFollowsAnyHistory(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c := newClock()
		s := newStore(c)
		v := replica.New(sourceOf(s), c.now, replica.Options{Entries: rapid.IntRange(1, 4).Draw(r, "entries"), StaleMax: time.Minute})
		s.page = rapid.IntRange(0, 3).Draw(r, "page")
		ids := []catalog.AppID{"a", "b", "c", "d"}
		h := &history{values: map[catalog.AppID][]spell{"a": {{name: "(none)"}}, "b": {{name: "(none)"}}, "c": {{name: "(none)"}}, "d": {{name: "(none)"}}}}
		n := 0
		reachable := c.now() // when the store was last not known to be out of reach
		var good time.Time   // start of the last check that can have been good
		change := func(name string, value func(id catalog.AppID) any) func(*rapid.T) {
			return func(r *rapid.T) {
				id := rapid.SampledFrom(ids).Draw(r, "app")
				n++
				text := name
				if text == "" {
					text = fmt.Sprint("v", n)
				}
				s.set(appRef(id), value(id))
				h.change(id, text, c.now(), c.now())
			}
		}
		r.Repeat(map[string]func(*rapid.T){
			"set":    change("", func(id catalog.AppID) any { return catalog.App{ID: id, Name: fmt.Sprint("v", n)} }),
			"delete": change("(none)", func(catalog.AppID) any { return nil }),
			"sweep":  func(*rapid.T) { s.swept = s.head },
			"pass": func(r *rapid.T) {
				c.add(time.Duration(rapid.IntRange(0, 3000).Draw(r, "ms")) * time.Millisecond)
			},
			"freeze": func(*rapid.T) { c.add(time.Hour) },
			"go":     func(*rapid.T) { s.fault = down },
			"return": func(*rapid.T) { s.fault = nil },
			"decide": func(r *rapid.T) {
				now := c.now()
				err := v.Fresh(t.Context())
				if err == nil && !v.Stale() && s.fault == nil {
					reachable, good = now, now
				}
				if s.fault == nil && err != nil && now.Sub(reachable) > 2*time.Second && !v.Stale() {
					r.Fatalf("the store is there, and Fresh says %v", err)
				}
				if err != nil {
					if !problem.Is(err, problem.Unavailable) {
						r.Fatalf("Fresh: %v", err)
					}
					return
				}
				bound := now.Add(-time.Second)
				if v.Stale() {
					bound = good.Add(-time.Second)
					if now.Sub(good) > time.Minute+time.Second {
						r.Fatalf("served %v after the last good check", now.Sub(good))
					}
				}
				id := rapid.SampledFrom(ids).Draw(r, "app")
				a, err := v.App(t.Context(), id)
				name := a.Name
				if problem.Is(err, problem.NotFound) {
					name = "(none)"
				} else if problem.Is(err, problem.Unavailable) && s.fault != nil || v.Stale() && err != nil {
					return
				} else if err != nil {
					r.Fatal(err)
				}
				if !h.current(id, name, bound, now) {
					r.Fatalf("app %s is %q at %v", id, name, now)
				}
			},
		})
	})
}
