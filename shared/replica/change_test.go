package replica_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/problem"
	"sluice/shared/replica"
)

// change is a world in which an app is renamed and a key revoked while both are in use, and whose store goes away for good
// at its read number last, counted from the change.
type change struct {
	*world
	last   int
	reads  []string // what was asked for since the change
	told   bool     // an answer with the entries has been given
	called int
}

func newChange(t *testing.T, last int) *change {
	c := &change{world: newWorld(t, replica.Options{}), last: last}
	c.named("a", "old")
	c.named("b", "b1")
	c.store.set(catalog.CredentialRef("h"), catalog.Credential{Key: "k", App: "a"})
	c.settle()
	c.call()
	c.named("a", "new")
	revoked := c.clock.now()
	c.store.set(catalog.CredentialRef("h"), catalog.Credential{Key: "k", App: "a", Revoked: &revoked})
	c.store.fault = func(_ context.Context, op string) error {
		if c.reads = append(c.reads, op); len(c.reads) >= c.last {
			return errDown
		}
		c.told = c.told || op == "since"
		return nil
	}
	return c
}

// call is one decision: what it sees of the app and the key, "(unavailable)" where it sees nothing.
func (c *change) call() (app, key string) {
	c.Helper()
	c.fresh()
	c.called++
	c.sees("b", "b1") // whatever happens to others
	a, err := c.view.App(c.Context(), "a")
	app = a.Name
	if problem.Is(err, problem.Unavailable) {
		app = "(unavailable)"
	} else if err != nil {
		c.Error(err)
	}
	switch k, err := c.view.Credential(c.Context(), "h"); {
	case problem.Is(err, problem.Unavailable):
		key = "(unavailable)"
	case err != nil:
		c.Error(err)
	case k.Revoked != nil:
		key = "new"
	default:
		key = "old"
	}
	return app, key
}

func TestAStoreThatGoesAwayAtAnyMomentAfterAChange(t *testing.T) {
	const calls, spacing = 60, 250 * time.Millisecond // 15 s
	down, cutOff := 0, map[string]int{}
	for last := 1; ; last++ {
		c := newChange(t, last)
		seen, lost := map[string]bool{}, map[string]bool{}
		for range calls {
			c.clock.add(spacing)
			app, key := c.call()
			for who, what := range map[string]string{"app": app, "key": key} {
				switch {
				case what == "old" && c.told:
					t.Errorf("down at read %d (%v): call %d was served an %s that is known to be outdated", last, c.reads, c.called, who)
				case what == "old" && seen[who]:
					t.Errorf("down at read %d (%v): call %d was served an older %s than one before", last, c.reads, c.called, who)
				}
				seen[who] = seen[who] || what == "new"
				lost[who] = lost[who] || what == "(unavailable)"
			}
		}
		for who, is := range lost {
			if is {
				cutOff[who]++
			}
		}
		if len(c.reads) < last {
			break // the store has outlived the test
		}
		down++
	}
	if down < 20 {
		t.Errorf("the store went away at %d moments only", down)
	}
	// One check reads the head, the entries, the key and the app. Only between the last three can it lose what it had.
	if cutOff["key"] != 1 || cutOff["app"] != 2 {
		t.Errorf("of %d moments %v cut off a known caller, want 1 for the key and 2 for the app", down, cutOff)
	}
}

func TestWhatIsDueIsServedOnlyWhereItCannotBeReadAgain(t *testing.T) {
	// The first check after the change reads it again; the second one cannot, though the feed answers.
	due := func(t *testing.T) *world {
		w := newWorld(t, replica.Options{StaleMax: time.Minute})
		w.named("a", "a1")
		w.settle()
		w.sees("a", "a1")
		w.named("a", "a2")
		w.clock.add(time.Second)
		w.fresh()
		w.sees("a", "a2")
		w.store.fault = func(_ context.Context, op string) error {
			if op == "app" {
				return errDown
			}
			return nil
		}
		w.clock.add(time.Second)
		w.fresh()
		return w
	}
	t.Run("it is served while it cannot be read", func(t *testing.T) { due(t).sees("a", "a2") })
	t.Run("it is not served once it can be read", func(t *testing.T) {
		w := due(t)
		w.store.finish(appRef("a"), catalog.App{ID: "a", Name: "a3"}) // its entry was seen before it
		w.store.fault = nil
		w.sees("a", "a3")
	})
	t.Run("it is not served longer than StaleMax after it was read", func(t *testing.T) {
		w := due(t)
		for range 58 {
			w.clock.add(time.Second)
			w.fresh()
			w.sees("a", "a2")
		}
		w.clock.add(time.Second)
		w.fresh()
		if _, err := w.view.App(t.Context(), "a"); !problem.Is(err, problem.Unavailable) {
			t.Errorf("got %v, want unavailable", err)
		}
	})
	t.Run("it is not served once another change of it is known", func(t *testing.T) {
		w := due(t)
		w.named("a", "a3")
		w.clock.add(time.Second)
		w.fresh()
		if a, err := w.view.App(t.Context(), "a"); !problem.Is(err, problem.Unavailable) {
			t.Errorf("got %q, %v, want unavailable", a.Name, err)
		}
	})
}

func TestACheckReadsAgainOnlyWhatIsInUseAndAFewThingsAtATime(t *testing.T) {
	const changed = 100
	id := func(n int) catalog.AppID { return catalog.AppID(fmt.Sprint("a", n)) }
	w := newWorld(t, replica.Options{})
	for n := range changed {
		w.named(id(n), "old")
	}
	w.settle()
	for n := range changed {
		w.sees(id(n), "old")
	}
	for n := range changed {
		w.named(id(n), "new")
	}
	w.named("stranger", "new")
	reads := func() int {
		before := w.store.count("app")
		w.clock.add(time.Second)
		w.fresh()
		return w.store.count("app") - before
	}
	if got := reads(); got != 16 {
		t.Errorf("one check read %d of %d things that changed, want 16", got, changed)
	}
	for n := range changed {
		w.sees(id(n), "new")
	}
	reads()
	for range 3 {
		w.sees("a7", "new")
		w.sees("a7", "new") // in use: more than the one who loaded it asks
		if got := reads(); got != 1 {
			t.Errorf("one check read %d things again of which one is in use, want 1", got)
		}
	}
}
