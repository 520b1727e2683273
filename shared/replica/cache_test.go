package replica_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/contract"
	"sluice/shared/problem"
	"sluice/shared/replica"
)

// blockLoads makes the next load of an app stop before it answers: in tells that it has read, out lets it go on.
func blockLoads(s *store) (in, out chan struct{}) {
	in, out = make(chan struct{}), make(chan struct{})
	var stopped atomic.Bool
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = func(op string) {
		if op == "app" && stopped.CompareAndSwap(false, true) {
			close(in)
			<-out
		}
	}
	return in, out
}

func TestALoadThatRacedWithAnInvalidationIsNotKept(t *testing.T) {
	cases := map[string]struct {
		before, after string
		want          string
		spoil         func(*store)
	}{
		"a value that changed":       {"old", "new", "new", func(*store) {}},
		"a value that was deleted":   {"old", "", "(none)", func(*store) {}},
		"a value that was created":   {"", "new", "new", func(*store) {}},
		"when everything is dropped": {"old", "new", "new", func(s *store) { s.swept = s.head }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, replica.Options{})
			w.named("a", c.before)
			w.settle()
			in, out := blockLoads(w.store)
			var wg sync.WaitGroup
			var loaded string
			wg.Go(func() { loaded = w.app("a") })
			<-in // the old value has been read, and is on its way
			w.named("a", c.after)
			w.store.mu.Lock()
			c.spoil(w.store)
			w.store.mu.Unlock()
			w.clock.add(time.Second)
			w.fresh()
			w.sees("a", c.want) // does not wait for the old load
			close(out)
			wg.Wait()
			if loaded != c.want {
				t.Errorf("the caller that was overtaken got %q, want %q", loaded, c.want)
			}
			w.sees("a", c.want)
		})
	}
}

func TestALoadThatIsOvertakenAgainAndAgainEndsAllTheSame(t *testing.T) {
	w := newWorld(t, replica.Options{})
	w.settle()
	n := 0
	w.named("a", "v0")
	w.store.answers = func(op string) {
		if op == "app" {
			n++
			w.named("a", fmt.Sprint("v", n))
			w.clock.add(time.Second)
			w.fresh()
		}
	}
	got := w.app("a")
	w.store.answers = nil
	if n > 10 || got == "" {
		t.Errorf("%d loads gave %q", n, got)
	}
	w.sees("a", fmt.Sprint("v", n))
}

func TestConcurrentCallersShareOneLoad(t *testing.T) {
	w := newWorld(t, replica.Options{})
	w.named("a", "a1")
	w.fresh()
	in, out := blockLoads(w.store)
	var wg sync.WaitGroup
	wg.Go(func() { w.sees("a", "a1") })
	<-in
	for range 63 {
		wg.Go(func() { w.sees("a", "a1") })
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.view.App(ctx, "a"); !problem.Is(err, problem.Unavailable) {
		t.Errorf("a waiter whose call has ended got %v, want unavailable", err)
	}
	close(out)
	wg.Wait()
	if got := w.store.count("app"); got != 1 {
		t.Errorf("%d loads for 64 callers, want 1", got)
	}
}

func TestTheEndOfOneCallDoesNotEndTheLoadForOthers(t *testing.T) {
	w := newWorld(t, replica.Options{})
	w.named("a", "a1")
	w.fresh()
	ctx, cancel := context.WithCancel(t.Context())
	w.store.fault = func(context.Context, string) error { cancel(); return nil }
	if a, err := w.view.App(ctx, "a"); err != nil || a.Name != "a1" {
		t.Errorf("the load failed with its first caller: %v", err)
	}
}

func TestAFailedLoadIsNotRemembered(t *testing.T) {
	garbled := errors.New("garbled")
	w := newWorld(t, replica.Options{})
	w.named("a", "a1")
	w.fresh()
	w.store.fault = func(context.Context, string) error { return garbled }
	if _, err := w.view.App(t.Context(), "a"); !errors.Is(err, garbled) {
		t.Errorf("got %v, want the store's own error", err)
	}
	w.store.fault = func(context.Context, string) error { return errDown }
	if _, err := w.view.App(t.Context(), "a"); !problem.Is(err, problem.Unavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
	w.store.fault = nil
	w.sees("a", "a1")
}

func TestALoadHasADeadlineShorterThanTheBound(t *testing.T) {
	w := newWorld(t, replica.Options{})
	w.fresh()
	w.store.fault = func(ctx context.Context, _ string) error {
		end, ok := ctx.Deadline()
		if left := time.Until(end); !ok || left >= time.Second {
			t.Errorf("a load may take %v, want less than 1 s", left)
		}
		return nil
	}
	w.sees("a", "(none)")
}

func TestMemoryIsBounded(t *testing.T) {
	const most = 100
	w := newWorld(t, replica.Options{Entries: most})
	w.fresh()
	id := func(i int) catalog.AppID { return catalog.AppID(fmt.Sprint("a", i)) }
	for i := range 10 * most {
		w.named(id(i), "x")
	}
	w.settle()
	kept := func(from, to int) (n int) {
		for i := from; i < to; i++ {
			before := w.store.count("app")
			w.sees(id(i), w.app(id(i)))
			if w.store.count("app") == before {
				n++
			}
		}
		return n
	}
	for i := range 10 * most {
		w.sees(id(i), "x")
	}
	if got := kept(9*most, 10*most); got < most*9/10 {
		t.Errorf("%d of the last %d were kept", got, most)
	}
	t.Run("no more than that is kept", func(t *testing.T) {
		if got := kept(0, 8*most); got != 0 {
			t.Errorf("%d entries are kept beyond the bound", got)
		}
	})
	t.Run("names that do not exist do not push out those that do", func(t *testing.T) {
		kept(0, most/2)
		if got := kept(0, most/2); got != most/2 {
			t.Fatalf("%d of %d were kept to begin with", got, most/2)
		}
		for i := range 100 * most {
			w.sees(catalog.AppID(fmt.Sprint("none", i)), "(none)")
		}
		if got := kept(0, most/2); got != most/2 {
			t.Errorf("%d of %d were kept", got, most/2)
		}
	})
	t.Run("what is in use stays while a long tail passes by", func(t *testing.T) {
		before := w.store.count("app")
		misses := 0
		for i := range 10 * most {
			hotBefore := w.store.count("app")
			w.sees(id(0), "x")
			misses += w.store.count("app") - hotBefore
			w.sees(id(i), "x")
		}
		if misses > 1 {
			t.Errorf("the hot one was loaded %d times while %d others passed", misses, w.store.count("app")-before)
		}
	})
}

// routes encodes an index of n operations.
func routes(t *testing.T, n int) []byte {
	t.Helper()
	var list []contract.Operation
	for i := range n {
		at := fmt.Sprintf("/p%d/%s", i, strings.Repeat("x", i%7))
		at = strings.TrimSuffix(at, "/")
		list = append(list, contract.Operation{ID: fmt.Sprint("op", i), Method: "GET", Template: at})
	}
	ix, err := contract.NewIndex(list)
	if err != nil {
		t.Fatal(err)
	}
	chunk, err := ix.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return chunk
}

func TestIndexesAreKeptByRevisionAndBoundedByBytes(t *testing.T) {
	small := routes(t, 3)
	w := newWorld(t, replica.Options{IndexBytes: 3 * len(small)})
	for _, r := range []catalog.RevisionID{"r1", "r2", "r3", "r4", "r5"} {
		w.store.chunks[r] = small
	}
	w.store.chunks["huge"] = routes(t, 300)
	w.store.chunks["garbled"] = []byte("garbled")
	w.settle()
	get := func(r catalog.RevisionID) error {
		ix, err := w.view.Index(t.Context(), "x", "v1", r)
		if err == nil && ix.Match("GET", []string{"p0"}).Operation == nil {
			t.Errorf("revision %s has no p0", r)
		}
		return err
	}
	loads := func(r catalog.RevisionID) int {
		before := w.store.count("chunk")
		if err := get(r); err != nil {
			t.Errorf("%s: %v", r, err)
		}
		return w.store.count("chunk") - before
	}
	for _, r := range []catalog.RevisionID{"r1", "r2", "r3"} {
		if loads(r) != 1 || loads(r) != 0 {
			t.Errorf("%s was not loaded exactly once", r)
		}
	}
	loads("r4")
	if n := loads("r1") + loads("r2") + loads("r3"); n == 0 {
		t.Error("four indexes were kept in the room of three")
	}
	loads("huge")
	if loads("huge") != 0 {
		t.Error("an index that is larger than the bound is loaded on each call")
	}
	for _, r := range []catalog.RevisionID{"garbled", "absent"} {
		if err := get(r); err == nil || problem.Is(err, problem.NotFound) || problem.Is(err, problem.Unavailable) {
			t.Errorf("%s: got %v, want an internal error", r, err)
		}
	}
	w.store.mu.Lock()
	w.store.chunks["absent"] = small
	w.store.mu.Unlock()
	if err := get("absent"); err != nil {
		t.Errorf("an index that came late is not found: %v", err)
	}
	t.Run("a change of its version does not drop it", func(t *testing.T) {
		loads("r5")
		w.store.set(catalog.VersionRef("x", "v1"), catalog.Version{})
		w.clock.add(time.Second)
		w.fresh()
		if loads("r5") != 0 {
			t.Error("it was loaded again")
		}
	})
}

func TestKnowsCredentialNeverReads(t *testing.T) {
	w := newWorld(t, replica.Options{})
	w.store.set(catalog.CredentialRef("h"), catalog.Credential{Key: "k"})
	w.fresh()
	before := w.store.total()
	if w.view.KnowsCredential("h") || w.view.KnowsCredential("none") {
		t.Error("it knows what it never saw")
	}
	if got := w.store.total(); got != before {
		t.Error("it read the store")
	}
	for _, h := range []string{"h", "none"} {
		_, _ = w.view.Credential(t.Context(), h)
	}
	if !w.view.KnowsCredential("h") || w.view.KnowsCredential("none") {
		t.Error("it does not know what it saw, or knows what is not there")
	}
}
