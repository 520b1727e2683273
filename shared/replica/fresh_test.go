package replica_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/problem"
	"sluice/shared/replica"
)

var (
	errGap  = errors.New("gap")
	errDown = problem.New(problem.Unavailable, "down")
)

func TestFreshAsksAtMostOnceASecond(t *testing.T) {
	w := newWorld(t, replica.Options{})
	for range 100 {
		w.fresh()
		w.clock.add(9 * time.Millisecond)
	}
	if got := w.store.count("head"); got != 1 {
		t.Errorf("%d checks in 0.9 s, want 1", got)
	}
	w.clock.add(100 * time.Millisecond)
	w.fresh()
	if got := w.store.count("head"); got != 2 {
		t.Errorf("%d checks in 1 s, want 2", got)
	}
}

func TestFirstDecisionAfterAFreezeSeesTheRevocation(t *testing.T) {
	w := newWorld(t, replica.Options{})
	key := catalog.CredentialRef("h")
	w.store.set(key, catalog.Credential{Key: "k", App: "a"})
	w.fresh()
	if c, err := w.view.Credential(t.Context(), "h"); err != nil || c.Revoked != nil {
		t.Fatal(c, err)
	}
	revoked := w.clock.now()
	w.store.set(key, catalog.Credential{Key: "k", App: "a", Revoked: &revoked})
	w.clock.add(time.Hour)
	w.fresh()
	if c, err := w.view.Credential(t.Context(), "h"); err != nil || c.Revoked == nil {
		t.Errorf("after an hour's freeze the key is %+v, %v; want revoked", c, err)
	}
}

func TestEitherClockMakesTheViewOld(t *testing.T) {
	t.Run("the wall clock went on while the monotonic one stood still", func(t *testing.T) {
		w := newWorld(t, replica.Options{})
		w.clock.at = time.Now()
		before := w.clock.now()
		w.named("a", "old")
		w.fresh()
		w.sees("a", "old")
		w.named("a", "new")
		w.clock.addWall(time.Hour)
		if wall, mono := w.clock.now().Round(0).Sub(before.Round(0)), w.clock.now().Sub(before); wall != time.Hour || mono != 0 {
			t.Fatalf("the test's clock is wrong: wall %v, monotonic %v", wall, mono)
		}
		w.fresh()
		w.sees("a", "new")
	})
	t.Run("the wall clock was set back", func(t *testing.T) {
		w := newWorld(t, replica.Options{})
		w.named("a", "old")
		w.fresh()
		w.sees("a", "old")
		w.named("a", "new")
		w.clock.add(-time.Minute)
		w.fresh()
		w.sees("a", "new")
	})
	t.Run("the wall clock was set back a little less than the time that passed", func(t *testing.T) {
		w := newWorld(t, replica.Options{})
		w.clock.at = time.Now()
		w.named("a", "old")
		w.fresh()
		w.sees("a", "old")
		w.named("a", "new")
		w.clock.add(time.Hour)
		w.clock.addWall(-time.Hour)
		w.fresh()
		w.sees("a", "new")
	})
}

func TestEntriesDropExactlyWhatTheyName(t *testing.T) {
	w := newWorld(t, replica.Options{})
	w.named("a", "a1")
	w.named("b", "b1")
	w.settle()
	w.sees("a", "a1")
	w.sees("b", "b1")
	w.named("a", "a2")
	w.clock.add(time.Second)
	w.fresh()
	before := w.store.total()
	w.sees("b", "b1")
	if got := w.store.total(); got != before {
		t.Error("b was loaded again, though only a changed")
	}
	w.sees("a", "a2")
}

func TestEveryKindIsDroppedByItsRef(t *testing.T) {
	ctx := context.Background()
	sub := &catalog.Subscription{ID: "s", App: "a", API: "x"}
	key := &catalog.Key{ID: "k", App: "a", Hash: "h"}
	kinds := map[string]struct {
		refs []catalog.Ref // as the store's records announce it
		get  func(*replica.View) error
	}{
		"credential": {key.Touches(), func(v *replica.View) error { _, err := v.Credential(ctx, "h"); return err }},
		"app":        {(&catalog.App{ID: "a"}).Touches(), func(v *replica.View) error { _, err := v.App(ctx, "a"); return err }},
		"consumer":   {(&catalog.Consumer{ID: "c"}).Touches(), func(v *replica.View) error { _, err := v.Consumer(ctx, "c"); return err }},
		"grant":      {sub.Touches(), func(v *replica.View) error { _, err := v.Grant(ctx, "a", "x"); return err }},
		"plan":       {(&catalog.Plan{ID: "p"}).Touches(), func(v *replica.View) error { _, err := v.Plan(ctx, "p"); return err }},
		"api":        {(&catalog.API{ID: "x"}).Touches(), func(v *replica.View) error { _, err := v.API(ctx, "x"); return err }},
		"version": {(&catalog.Version{API: "x", Version: "v1"}).Touches(),
			func(v *replica.View) error { _, err := v.Version(ctx, "x", "v1"); return err }},
	}
	for op, k := range kinds {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t, replica.Options{})
			w.fresh()
			for range 3 {
				if err := k.get(w.view); !problem.Is(err, problem.NotFound) {
					t.Fatalf("got %v, want not found", err)
				}
			}
			if got := w.store.count(op); got != 1 {
				t.Errorf("%d reads for what is not there, want 1: it is remembered", got)
			}
			w.store.mu.Lock()
			w.store.announce(k.refs...)
			w.store.mu.Unlock()
			w.clock.add(time.Second)
			w.fresh()
			if err := k.get(w.view); !problem.Is(err, problem.NotFound) {
				t.Fatalf("got %v, want not found", err)
			}
			if got := w.store.count(op); got != 2 {
				t.Errorf("%d reads after a change, want 2", got)
			}
		})
	}
}

func TestWhatIsNoCleanContinuationDropsEverything(t *testing.T) {
	cases := map[string]func(*store){
		"the entries were swept":                            func(s *store) { s.swept = s.head },
		"the sequence jumps":                                func(s *store) { s.entries[len(s.entries)-1].Seq += 5; s.head += 5 },
		"an entry in the middle is missing":                 func(s *store) { s.entries = append(s.entries[:1:1], s.entries[2:]...) },
		"the head went back (a restored table)":             func(s *store) { s.entries, s.head = nil, 0 },
		"the head is there and its entries are not":         func(s *store) { s.entries = nil },
		"more has changed than is worth reading one by one": func(s *store) { s.head += 100_000 },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, replica.Options{})
			w.named("a", "a1")
			w.settle()
			w.sees("a", "a1")
			w.store.mu.Lock()
			w.store.write(appRef("a"), catalog.App{ID: "a", Name: "a2"}) // changed in an entry that cannot be had
			w.store.announce(appRef("b"))
			w.store.announce(appRef("c"))
			spoil(w.store)
			w.store.mu.Unlock()
			w.clock.add(time.Second)
			w.fresh()
			w.sees("a", "a2")
			// From here on the feed is followed again.
			w.store.mu.Lock()
			w.store.swept, w.store.entries = w.store.head, nil
			w.store.mu.Unlock()
			w.clock.add(10 * time.Second)
			w.fresh()
			w.sees("a", "a2")
			reads := w.store.count("app")
			w.named("b", "b1")
			w.clock.add(time.Second)
			w.fresh()
			w.sees("a", "a2")
			if got := w.store.count("app"); got != reads {
				t.Error("a was dropped again by a clean entry about b")
			}
			w.sees("b", "b1")
		})
	}
}

func TestEntriesArriveInPages(t *testing.T) {
	w := newWorld(t, replica.Options{})
	w.store.page = 7
	w.fresh()
	const n = 100
	for i := range n {
		id := catalog.AppID(fmt.Sprint("a", i))
		w.named(id, "old")
		w.sees(id, "old")
	}
	for i := range n {
		w.named(catalog.AppID(fmt.Sprint("a", i)), "new")
	}
	w.clock.add(time.Second)
	w.fresh()
	for i := range n {
		w.sees(catalog.AppID(fmt.Sprint("a", i)), "new")
	}
}

func TestAnInstanceThatIsFarBehindStartsAnew(t *testing.T) {
	w := newWorld(t, replica.Options{})
	w.named("a", "old")
	w.settle()
	w.sees("a", "old")
	for range 5000 {
		w.named("a", "new")
	}
	w.store.page = 20
	before := w.store.count("since")
	w.clock.add(time.Second)
	w.fresh()
	w.sees("a", "new")
	if got := w.store.count("since") - before; got > 5 {
		t.Errorf("%d pages were read, want as few as a start needs", got)
	}
}

func TestAChangeThatBecomesVisiblePartByPartIsNotMissed(t *testing.T) {
	t.Run("by a running view", func(t *testing.T) {
		w := newWorld(t, replica.Options{})
		w.named("a", "old")
		w.fresh()
		w.clock.add(time.Second)
		w.store.begin(appRef("a"))
		w.fresh()
		w.sees("a", "old") // the entry is there, the item is not: nobody was told yet that it has changed
		w.store.finish(appRef("a"), catalog.App{ID: "a", Name: "new"})
		w.clock.add(time.Second)
		w.fresh()
		w.sees("a", "new")
	})
	t.Run("by a view that has just started", func(t *testing.T) {
		w := newWorld(t, replica.Options{})
		w.named("a", "old")
		w.store.begin(appRef("a"))
		w.fresh()
		w.sees("a", "old")
		w.store.finish(appRef("a"), catalog.App{ID: "a", Name: "new"})
		w.clock.add(time.Second)
		w.fresh()
		w.sees("a", "new")
	})
	t.Run("and a change that has settled costs nothing more", func(t *testing.T) {
		w := newWorld(t, replica.Options{})
		w.named("a", "a1")
		for range 7 {
			w.fresh()
			w.sees("a", "a1")
			w.clock.add(time.Second)
		}
		reads := w.store.count("app")
		for range 60 {
			w.fresh()
			w.sees("a", "a1")
			w.clock.add(time.Second)
		}
		if got := w.store.count("app"); got != reads {
			t.Errorf("%d more reads in a minute without changes", got-reads)
		}
	})
}

func TestACheckCountsFromItsStart(t *testing.T) {
	// The store takes 0.9 s to answer, and a change lands right after the head was read.
	w := newWorld(t, replica.Options{})
	w.named("a", "old")
	w.settle()
	w.sees("a", "old")
	w.clock.add(time.Second)
	var once sync.Once
	w.store.answers = func(op string) {
		if op == "head" {
			once.Do(func() { w.named("a", "new"); w.clock.add(900 * time.Millisecond) })
		}
	}
	w.fresh()
	w.sees("a", "old")
	w.clock.add(100 * time.Millisecond) // 1 s after the check began, and 0.1 s after it ended
	w.fresh()
	w.sees("a", "new")
}

func TestACheckThatWasFrozenInItsMidstIsNotUsed(t *testing.T) {
	w := newWorld(t, replica.Options{})
	w.named("a", "old")
	w.fresh()
	w.sees("a", "old")
	w.clock.add(time.Second)
	var once sync.Once
	w.store.answers = func(op string) {
		if op == "head" {
			once.Do(func() { w.named("a", "new"); w.clock.add(time.Hour) })
		}
	}
	w.fresh()
	w.sees("a", "new")
}

func TestAStoreThatIsAlwaysTooSlowIsUnavailable(t *testing.T) {
	w := newWorld(t, replica.Options{})
	w.store.answers = func(string) { w.clock.add(2 * time.Second) }
	if err := w.view.Fresh(t.Context()); !problem.Is(err, problem.Unavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
}

func TestConcurrentCallersShareOneCheck(t *testing.T) {
	w := newWorld(t, replica.Options{})
	inside, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.store.fault = func(_ context.Context, op string) error {
		once.Do(func() { close(inside); <-release })
		return nil
	}
	var wg sync.WaitGroup
	wg.Go(func() { w.fresh() })
	<-inside
	for range 63 {
		wg.Go(func() { w.fresh() })
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.view.Fresh(ctx); !problem.Is(err, problem.Unavailable) {
		t.Errorf("a waiter whose call has ended got %v, want unavailable", err)
	}
	close(release)
	wg.Wait()
	if got := w.store.count("head"); got != 1 {
		t.Errorf("%d checks for 64 callers, want 1", got)
	}
}

func TestTheEndOfOneCallDoesNotEndTheCheckForOthers(t *testing.T) {
	w := newWorld(t, replica.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	w.store.fault = func(context.Context, string) error { cancel(); return nil }
	if err := w.view.Fresh(ctx); err != nil {
		t.Errorf("the check failed with its first caller: %v", err)
	}
}

func TestAPanicInTheStoreLetsOthersIn(t *testing.T) {
	w := newWorld(t, replica.Options{})
	w.named("a", "a1")
	w.store.fault = func(context.Context, string) error { panic("store") }
	for _, step := range []func(){
		func() { _ = w.view.Fresh(t.Context()) },
		func() { _, _ = w.view.App(t.Context(), "a") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			step()
		}()
	}
	w.store.fault = nil
	w.fresh()
	w.sees("a", "a1")
}
