package alert_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/functions/proxy/alert"
	"sluice/shared/catalog"
	"sluice/shared/limit"
	"sluice/shared/problem"
	"sluice/shared/telemetry"
)

// store keeps alerts like the table does.
type store struct {
	mu    sync.Mutex
	kept  map[catalog.LimitAlert]time.Time // when it was due, by the alert without that
	tries int
	fault error
}

func (s *store) PutAlert(_ context.Context, a catalog.LimitAlert, expires time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tries++; s.fault != nil {
		return false, s.fault
	}
	due := a.At
	a.At = time.Time{}
	if _, there := s.kept[a]; there {
		return false, nil
	}
	if expires.Sub(due) < 31*24*time.Hour {
		return false, fmt.Errorf("the alert ends before its period may: %v", expires)
	}
	s.kept[a] = due
	return true, nil
}

var (
	noon    = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	errDown = problem.New(problem.Unavailable, "down")
)

type rig struct {
	*alert.Teller
	store *store
	log   bytes.Buffer
	now   time.Time
}

func start() *rig {
	r := &rig{store: &store{kept: map[catalog.LimitAlert]time.Time{}}, now: noon}
	r.Teller = alert.New(r.store, func() time.Time { return r.now }, telemetry.New(&r.log, nil))
	return r
}

func (r *rig) lines(text string) int { return strings.Count(r.log.String(), text) }

func crossed(n int) []limit.Crossing {
	return []limit.Crossing{{Counter: fmt.Sprint("sub-", n), Limit: "q", Period: "2026-11-23", Percent: 50}}
}

func keptAs(n int) catalog.LimitAlert {
	return catalog.LimitAlert{Counter: fmt.Sprint("sub-", n), Limit: "q", Period: "2026-11-23", Percent: 50}
}

func TestAnAlertIsKeptAndLoggedOnce(t *testing.T) {
	r := start()
	r.Tell(t.Context(), crossed(1))
	r.Tell(t.Context(), nil)
	r.Tell(t.Context(), crossed(1)) // an instance that took the counter over tells it again
	if len(r.store.kept) != 1 || r.lines(`"limit alert"`) != 1 || r.store.tries != 2 {
		t.Errorf("%d kept, %d tries, log:\n%s", len(r.store.kept), r.store.tries, &r.log)
	}
}

func TestWhileTheStoreIsAway(t *testing.T) {
	t.Run("alerts wait and are kept after it, with the time at which they were due", func(t *testing.T) {
		r := start()
		r.store.fault = errDown
		for n := range 20 {
			r.Tell(t.Context(), crossed(n))
			r.now = r.now.Add(time.Second)
		}
		r.store.fault = nil
		for range 2 {
			r.Tell(t.Context(), nil)
		}
		for n := range 20 {
			if due := r.store.kept[keptAs(n)]; !due.Equal(noon.Add(time.Duration(n) * time.Second)) {
				t.Errorf("alert %d is kept as due at %v", n, due)
			}
		}
		before := r.store.tries
		r.Tell(t.Context(), nil)
		if r.store.tries != before {
			t.Error("it goes on writing what is kept")
		}
	})
	t.Run("each is in the log at once and once, and the outage once", func(t *testing.T) {
		r := start()
		r.store.fault = errDown
		for n := range 5 {
			r.Tell(t.Context(), crossed(n))
			if got := r.lines(`"limit alert"`); got != n+1 {
				t.Errorf("%d alerts of %d are logged", got, n+1)
			}
			r.now = r.now.Add(400 * time.Millisecond)
		}
		r.store.fault = nil
		r.now = r.now.Add(time.Second)
		r.Tell(t.Context(), nil)
		if r.lines(`"limit alert"`) != 5 || r.lines("cannot be kept") != 1 || r.lines("kept again") != 1 {
			t.Errorf("the log is:\n%s", &r.log)
		}
	})
}

func TestAnOutageBoundsWhatAlertsCost(t *testing.T) {
	t.Run("it is tried once a second and not for each answer", func(t *testing.T) {
		r := start()
		r.store.fault = errDown
		for n := range 100 {
			r.Tell(t.Context(), crossed(n))
			r.now = r.now.Add(100 * time.Millisecond)
		}
		if r.store.tries != 10 {
			t.Errorf("%d tries in 10 s, want 10", r.store.tries)
		}
	})
	t.Run("no more than so many wait, and the log says what was let go", func(t *testing.T) {
		r := start()
		r.store.fault = errDown
		for n := range alert.Most + 7 {
			r.Tell(t.Context(), crossed(n))
		}
		r.store.fault = nil
		if err := r.Settle(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		_, oldest := r.store.kept[keptAs(6)]
		_, next := r.store.kept[keptAs(7)]
		if len(r.store.kept) != alert.Most || oldest || !next || r.lines(`"lost":7`) != 1 {
			t.Errorf("%d kept, the oldest %v, the next %v", len(r.store.kept), oldest, next)
		}
	})
	t.Run("one answer's time is spent on a few only", func(t *testing.T) {
		r := start()
		r.store.fault = errDown
		for n := range 100 {
			r.Tell(t.Context(), crossed(n))
		}
		r.store.fault = nil
		r.now = r.now.Add(time.Second)
		before := r.store.tries
		r.Tell(t.Context(), nil)
		if got := r.store.tries - before; got != 16 {
			t.Errorf("%d were written after one answer, want 16", got)
		}
	})
}

func TestAnInstanceThatEndsSaysWhatItLoses(t *testing.T) {
	r := start()
	r.store.fault = errDown
	if err := r.Settle(t.Context(), crossed(1)); !problem.Is(err, problem.Unavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
	if r.lines(`"limit alert"`) != 1 {
		t.Errorf("it is not in the log:\n%s", &r.log)
	}
	if err := start().Settle(t.Context(), nil); err != nil {
		t.Errorf("nothing waits, and yet %v", err)
	}
}

func TestManyAnswersTellAtOnce(t *testing.T) {
	r := start()
	var wg sync.WaitGroup
	for n := range 64 {
		wg.Go(func() { r.Tell(t.Context(), crossed(n)) })
	}
	wg.Wait()
	if err := r.Settle(t.Context(), nil); err != nil || len(r.store.kept) != 64 {
		t.Errorf("%d of 64 are kept, %v", len(r.store.kept), err)
	}
}
