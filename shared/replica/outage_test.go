package replica_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"sluice/shared/problem"
	"sluice/shared/replica"
)

func down(context.Context, string) error { return errDown }

// outage is a world with a known app, whose store has just gone away.
func outage(t *testing.T) *world {
	w := newWorld(t, replica.Options{StaleMax: time.Minute})
	w.named("a", "a1")
	w.named("b", "b1")
	w.settle()
	w.sees("a", "a1")
	w.sees("none", "(none)")
	w.store.fault = down
	w.clock.add(time.Second)
	w.fresh()
	return w
}

func TestInAnOutage(t *testing.T) {
	t.Run("what is known is served, what is not known is unavailable at once and without asking", func(t *testing.T) {
		w := outage(t)
		before := w.store.total()
		w.sees("a", "a1")
		w.sees("none", "(none)")
		if _, err := w.view.App(t.Context(), "b"); !problem.Is(err, problem.Unavailable) {
			t.Errorf("got %v, want unavailable", err)
		}
		if got := w.store.total(); got != before {
			t.Errorf("%d reads during an outage that is known", got-before)
		}
		if !w.view.Stale() {
			t.Error("the view does not say that it is stale")
		}
	})
	t.Run("the store is tried once a second, with a short deadline", func(t *testing.T) {
		w := outage(t)
		before := w.store.total()
		w.store.fault = func(ctx context.Context, _ string) error {
			end, ok := ctx.Deadline()
			if left := time.Until(end); !ok || left > 500*time.Millisecond {
				t.Errorf("an attempt may take %v, want at most 500 ms", left)
			}
			return errDown
		}
		for range 1000 {
			w.clock.add(10 * time.Millisecond)
			w.fresh()
		}
		if got := w.store.total() - before; got > 10 || got < 9 {
			t.Errorf("%d attempts in 10 s, want one a second", got)
		}
	})
}

func TestTheGraceOfAnOutage(t *testing.T) {
	t.Run("known entries are served until StaleMax after the last good check, then nothing is", func(t *testing.T) {
		w := outage(t) // its last good check was 1 s ago
		w.clock.add(58 * time.Second)
		w.fresh()
		w.clock.add(time.Second)
		if err := w.view.Fresh(t.Context()); !problem.Is(err, problem.Unavailable) {
			t.Errorf("got %v, want unavailable", err)
		}
	})
	t.Run("it is over with the first good check, and what changed is seen", func(t *testing.T) {
		w := outage(t)
		w.clock.add(2 * time.Minute)
		if err := w.view.Fresh(t.Context()); !problem.Is(err, problem.Unavailable) {
			t.Fatalf("got %v, want unavailable", err)
		}
		w.named("a", "a2")
		w.store.fault = nil
		w.clock.add(time.Second)
		w.fresh()
		w.sees("a", "a2")
		w.sees("b", "b1")
		if w.view.Stale() {
			t.Error("the view says that it is stale")
		}
	})
	t.Run("a clock that goes backwards does not lengthen the grace", func(t *testing.T) {
		w := outage(t)
		w.clock.add(-time.Hour)
		if err := w.view.Fresh(t.Context()); !problem.Is(err, problem.Unavailable) {
			t.Errorf("got %v, want unavailable", err)
		}
	})
	t.Run("no grace is given where none is set", func(t *testing.T) {
		w := newWorld(t, replica.Options{StaleMax: replica.NoGrace})
		w.fresh()
		w.store.fault = down
		w.clock.add(time.Second)
		if err := w.view.Fresh(t.Context()); !problem.Is(err, problem.Unavailable) {
			t.Errorf("got %v, want unavailable", err)
		}
	})
	t.Run("a new instance has nothing to serve", func(t *testing.T) {
		w := newWorld(t, replica.Options{})
		w.store.fault = down
		if err := w.view.Fresh(t.Context()); !problem.Is(err, problem.Unavailable) {
			t.Errorf("got %v, want unavailable", err)
		}
	})
}

func TestAnOutageInMidFeedIsNoGap(t *testing.T) {
	t.Run("entries that were read before it broke off are not read as a gap", func(t *testing.T) {
		w := newWorld(t, replica.Options{})
		w.named("a", "a1")
		w.named("b", "b1")
		w.settle()
		w.sees("a", "a1")
		w.sees("b", "b1")
		w.named("c", "c1")
		w.named("a", "a2")
		w.store.page = 1
		n := 0
		w.store.fault = func(_ context.Context, op string) error {
			if op == "since" {
				if n++; n > 1 {
					return errDown
				}
			}
			return nil
		}
		w.clock.add(time.Second)
		w.fresh()
		w.sees("b", "b1") // still known: an outage forgets nothing
		w.store.fault = nil
		w.clock.add(time.Second)
		w.fresh()
		reads := w.store.count("app")
		w.sees("b", "b1")
		if w.store.count("app") != reads {
			t.Error("b was dropped by an outage")
		}
		w.sees("a", "a2")
	})
}

func TestOneLostAnswerIsNoOutage(t *testing.T) {
	// A connection that died while the instance was frozen fails the first attempt; the hour's freeze exceeds the grace.
	w := newWorld(t, replica.Options{})
	w.named("a", "old")
	w.settle()
	w.sees("a", "old")
	w.named("a", "new")
	w.clock.add(time.Hour)
	var once sync.Once
	w.store.fault = func(context.Context, string) (err error) {
		once.Do(func() { err = errDown })
		return err
	}
	w.fresh()
	w.sees("a", "new")
	if w.view.Stale() {
		t.Error("the view says that it is stale")
	}
}
