package breaker_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/functions/proxy/upstream/breaker"
	"sluice/shared/catalog"
)

// board keeps hints.
type board struct {
	mu     sync.Mutex
	until  map[string]time.Time
	fault  error
	reads  int
	writes int
}

func (b *board) Hint(_ context.Context, id string) (time.Time, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads++
	return b.until[id], b.fault
}

func (b *board) PutHint(_ context.Context, id string, until time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.writes++; b.fault == nil {
		if b.until == nil {
			b.until = map[string]time.Time{}
		}
		b.until[id] = until
	}
	return b.fault
}

// small opens for 10 s if at least half of 4 or more calls of the last 10 s failed.
var small = catalog.Breaker{FailurePercent: 50, MinimumCalls: 4, WindowSeconds: 10, OpenSeconds: 10}

// unit is a breaker of one instance.
type unit struct {
	t *testing.T
	*breaker.Breaker
	hints breaker.Hints
}

func with(t *testing.T, s catalog.Breaker, hints breaker.Hints) unit {
	return unit{t, breaker.New(s, time.Now), hints}
}

// calls makes calls of this outcome and says how many were let through.
func (u unit) calls(n int, how breaker.Outcome) (passed int) {
	for range n {
		if p, wait := u.Allow(); wait == 0 {
			passed++
			p.Report(u.t.Context(), "x", u.hints, how)
		}
	}
	return passed
}

func (u unit) want(n int, how breaker.Outcome, passed int, why string) {
	u.t.Helper()
	if got := u.calls(n, how); got != passed {
		u.t.Errorf("%s: %d of %d calls passed, want %d", why, got, n, passed)
	}
}

func TestItOpensAtItsPercentageOfEnoughCallsOfItsWindow(t *testing.T) {
	cases := map[string]struct {
		calls []breaker.Outcome
		pause time.Duration // before the last call
		open  bool
	}{
		"too few calls":                       {[]breaker.Outcome{breaker.Bad, breaker.Bad, breaker.Bad}, 0, false},
		"as many as needed":                   {[]breaker.Outcome{breaker.Bad, breaker.Bad, breaker.Bad, breaker.Bad}, 0, true},
		"exactly the percentage":              {[]breaker.Outcome{breaker.Well, breaker.Bad, breaker.Well, breaker.Bad}, 0, true},
		"less than the percentage":            {[]breaker.Outcome{breaker.Bad, breaker.Well, breaker.Well, breaker.Well, breaker.Bad}, 0, false},
		"calls that say nothing do not count": {[]breaker.Outcome{breaker.Bad, breaker.Nothing, breaker.Nothing, breaker.Bad, breaker.Bad}, 0, false},
		"failures of the window":              {[]breaker.Outcome{breaker.Bad, breaker.Bad, breaker.Bad, breaker.Bad}, 8 * time.Second, true},
		"failures from before the window":     {[]breaker.Outcome{breaker.Bad, breaker.Bad, breaker.Bad, breaker.Bad}, 11 * time.Second, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := with(t, small, nil)
				for i, how := range c.calls {
					if i == len(c.calls)-1 {
						time.Sleep(c.pause)
					}
					u.want(1, how, 1, "it is closed")
				}
				if open := u.Closed() > 0; open != c.open {
					t.Errorf("open: %v", open)
				}
			})
		})
	}
}

func TestWithoutSettingsItHasTheDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := with(t, catalog.Breaker{}, nil)
		u.want(10, breaker.Well, 10, "it is closed")
		u.want(30, breaker.Bad, 10, "it opens at half of the calls")
		if wait := u.Closed(); wait != 10*time.Second {
			t.Errorf("open for %v", wait)
		}
	})
}

func TestAfterItsTimeThreeCallsProbeAndCloseIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := with(t, small, nil)
		u.want(10, breaker.Bad, 4, "it opens")
		time.Sleep(9 * time.Second)
		u.want(10, breaker.Well, 0, "it is open")
		time.Sleep(time.Second + time.Millisecond)
		var probes []breaker.Permit
		for range 10 {
			if p, wait := u.Allow(); wait == 0 {
				probes = append(probes, p)
			} else if wait < time.Second {
				t.Errorf("wait %v", wait)
			}
		}
		if len(probes) != 3 {
			t.Fatalf("%d probes at once", len(probes))
		}
		probes[0].Report(t.Context(), "x", nil, breaker.Nothing) // cancelled: another one may probe
		p, wait := u.Allow()
		if wait != 0 {
			t.Fatal("a probe that was cancelled blocks the next one")
		}
		for _, p := range append(probes[1:], p) {
			p.Report(t.Context(), "x", nil, breaker.Well)
		}
		u.want(10, breaker.Well, 10, "it is closed")
	})
}

func TestAProbeThatFailsOpensItAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := with(t, small, nil)
		u.calls(4, breaker.Bad)
		time.Sleep(10*time.Second + 1)
		u.want(1, breaker.Well, 1, "half-open")
		u.want(5, breaker.Bad, 1, "the failed probe")
		if u.Closed() != 10*time.Second {
			t.Error("it is not open")
		}
	})
}

func TestALateEndOfAnEarlierCallIsNoProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := with(t, small, nil)
		var slow []breaker.Permit
		for range 3 {
			p, _ := u.Allow()
			slow = append(slow, p)
		}
		u.calls(4, breaker.Bad)
		time.Sleep(10*time.Second + 1)
		u.want(1, breaker.Well, 1, "half-open")
		for _, p := range slow {
			p.Report(t.Context(), "x", nil, breaker.Well)
		}
		u.want(5, breaker.Bad, 1, "it is still half-open")
	})
}

func TestOneInstanceTellsTheOthersAndTheyAskOnlyAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hints := &board{}
		a, b := with(t, small, hints), with(t, small, hints)
		b.calls(1000, breaker.Well)
		if hints.reads != 0 {
			t.Errorf("calls that did well read %d hints", hints.reads)
		}
		a.calls(10, breaker.Bad)
		if hints.writes != 1 || !hints.until["x"].Equal(time.Now().Add(10*time.Second)) {
			t.Errorf("%d hints, %v", hints.writes, hints.until)
		}
		b.want(5, breaker.Well, 5, "without a failure of its own it does not ask")
		b.want(5, breaker.Bad, 1, "it believes after one failure")
		if hints.writes != 1 {
			t.Error("hearsay is passed on")
		}
		time.Sleep(10*time.Second + 1)
		b.want(3, breaker.Well, 3, "it probes")
		b.want(9, breaker.Bad, 4, "the hint has passed: it opens by itself, by its percentage")
		if hints.writes != 2 {
			t.Errorf("%d hints were written", hints.writes)
		}
	})
}

func TestHintsAreReadOnceASecondAndTheirFaultsChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hints := &board{fault: errors.New("down")}
		u := with(t, catalog.Breaker{MinimumCalls: 10000, WindowSeconds: 300}, hints)
		for range 50 {
			u.want(1, breaker.Bad, 1, "it is closed")
			time.Sleep(100 * time.Millisecond)
		}
		if hints.reads != 5 {
			t.Errorf("%d reads in 5 s", hints.reads)
		}
		u = with(t, small, hints)
		u.want(10, breaker.Bad, 4, "it opens although it cannot tell")
	})
}

func TestASlowStoreOfHintsHoldsACallUpForAMomentOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		u := with(t, small, stuck{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // the call's own time has passed
		p, _ := u.Allow()
		p.Report(ctx, "x", stuck{}, breaker.Bad)
		if took := time.Since(began); took != 200*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

// stuck is a store that does not answer.
type stuck struct{}

func (stuck) Hint(ctx context.Context, _ string) (time.Time, error) {
	<-ctx.Done()
	return time.Time{}, ctx.Err()
}

func (stuck) PutHint(ctx context.Context, _ string, _ time.Time) error {
	<-ctx.Done()
	return ctx.Err()
}

// The clock that is given is the wall clock; the monotonic one, which gobreaker sees, stands still meanwhile.
func TestAnInstanceThatWasFrozenGoesByTheWallClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		frozen := time.Duration(0)
		hints := &board{}
		u := unit{t, breaker.New(small, func() time.Time { return time.Now().Add(frozen) }), hints}
		u.want(10, breaker.Bad, 4, "it opens")
		frozen += 5 * time.Second
		u.want(10, breaker.Bad, 0, "it is open")
		if wait := u.Closed(); wait != 5*time.Second {
			t.Errorf("%v are left", wait)
		}
		frozen += 7 * time.Second
		u.want(10, breaker.Bad, 1, "its time has passed, and the first failure opens it")
		if hints.writes != 2 {
			t.Errorf("%d hints", hints.writes)
		}
		frozen += 12 * time.Second
		u.want(1, breaker.Well, 1, "it probes")
		u.want(2, breaker.Bad, 2, "a call did well: its percentage counts again")
		frozen += 11 * time.Second
		u.want(3, breaker.Bad, 3, "what is older than the window does not")
	})
}

func TestItIsWhatItsSettingsSay(t *testing.T) {
	b := breaker.New(small, time.Now)
	other := small
	other.OpenSeconds++
	var none *breaker.Breaker
	if !b.Is(&small) || b.Is(&other) || b.Is(nil) || none.Is(&small) || !none.Is(nil) {
		t.Error("it takes one for another")
	}
	p, wait := none.Allow()
	if p.Report(t.Context(), "", nil, breaker.Bad); wait != 0 || none.Closed() != 0 {
		t.Error("no breaker stops calls")
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	u := with(t, catalog.Breaker{MinimumCalls: 100, WindowSeconds: 1, OpenSeconds: 1}, &board{})
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := range 500 {
				how := breaker.Outcome((n + i) % 3)
				if p, wait := u.Allow(); wait == 0 {
					p.Report(t.Context(), "x", u.hints, how)
				}
			}
		})
	}
	wg.Wait()
}
