package upstream_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/functions/proxy/upstream"
	"sluice/shared/catalog"
)

func hedged(afterMs int) change {
	return func(c *upstream.Call) { c.Settings.HedgeAfterMs = afterMs }
}

func TestASlowReadIsAskedForTwiceAndTheFirstGoodAnswerWins(t *testing.T) {
	cases := map[string]struct {
		lines  []line
		took   time.Duration
		sent   int
		ended  int // attempts that were cancelled
		status int
	}{
		"a quick one is asked for once":          {[]line{{after: 99 * time.Millisecond, status: 200}}, 99 * time.Millisecond, 1, 0, 200},
		"the second one wins":                    {[]line{{after: time.Minute}, {after: 50 * time.Millisecond, status: 200}}, 150 * time.Millisecond, 2, 1, 200},
		"the first one wins":                     {[]line{{after: 150 * time.Millisecond, status: 200}, {after: time.Minute}}, 150 * time.Millisecond, 2, 1, 200},
		"a bad answer does not win":              {[]line{{after: time.Second, status: 200}, {after: 50 * time.Millisecond, status: 503}}, time.Second, 2, 0, 200},
		"an error does not win":                  {[]line{{after: time.Second, status: 200}, {after: 50 * time.Millisecond, err: errReset}}, time.Second, 2, 0, 200},
		"of two that are bad an answer is given": {[]line{{after: time.Second, err: errReset}, {after: 50 * time.Millisecond, status: 503}}, time.Second, 2, 0, 503},
		"a 500 is an answer":                     {[]line{{after: time.Minute}, {after: 50 * time.Millisecond, status: 500}}, 150 * time.Millisecond, 2, 1, 500},
		"one that fails at once is not hedged":   {[]line{{after: 10 * time.Millisecond, status: 503}}, 10 * time.Millisecond, 1, 0, 503},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, began := &stage{lines: c.lines}, time.Now()
				a := want(t, over(s), c.status, hedged(100))
				if took := time.Since(began); took != c.took || s.sent() != c.sent || a.Attempts != c.sent {
					t.Errorf("%d attempts (it says %d) in %v", s.sent(), a.Attempts, took)
				}
				if s.now != 0 || s.ended != c.ended {
					t.Errorf("%d attempts are still under way, %d were cancelled", s.now, s.ended)
				}
			})
		})
	}
}

func TestWhatIsNotHedged(t *testing.T) {
	for name, f := range map[string]change{
		"POST": method(http.MethodPost), "PUT": method(http.MethodPut), "OPTIONS": method(http.MethodOptions),
		"a GET with an Idempotency-Key": header("idempotency-key", "1"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stage{lines: []line{{after: time.Second, status: 200}}}
				want(t, over(s), 200, hedged(1), f)
				if s.sent() != 1 {
					t.Errorf("sent %d times", s.sent())
				}
			})
		})
	}
}

func TestHedgesArePaidFromTheBudgetOfRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{lines: []line{{after: 10 * time.Millisecond, status: 200}}}
		up := over(s)
		for range 500 {
			want(t, up, 200, hedged(5))
		}
		if got := s.sent() - 500; got < 100 || got > 106 { // 20 %, one for the start, one a second
			t.Errorf("%d hedges of 500 calls", got)
		}
	})
}

func TestAHedgeThatCannotEndInTimeIsNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{lines: []line{{after: 600 * time.Millisecond, status: 200}}}
		up := over(s)
		second := func(c *upstream.Call) { c.Settings.TimeoutMs = 1000 }
		want(t, up, 200, second)
		want(t, up, 200, second, hedged(500))
		if s.sent() != 2 {
			t.Error("it was begun")
		}
	})
}

func TestAHedgeTakesASlotOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for most, sent := range map[int]int{1: 1, 4: 2} {
			s := &stage{lines: []line{{after: time.Second, status: 200}}}
			slots := &shelf{held: map[string]time.Time{}}
			up := over(s, func(d *upstream.Deps) { d.Slots = slots })
			want(t, up, 200, hedged(100), bounded(most))
			if s.sent() != sent || s.most > most {
				t.Errorf("of %d: sent %d times, %d at once", most, s.sent(), s.most)
			}
			if err := up.Close(t.Context()); err != nil || len(slots.held) != 0 {
				t.Errorf("%d slots are kept, %v", len(slots.held), err)
			}
		}
	})
}

func TestTheLoserOfAHedgeIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{lines: []line{{after: time.Minute}, {status: 200}, {after: time.Minute}, {status: 200}, {status: 200}}}
		up, strict := over(s), breaker(catalog.Breaker{MinimumCalls: 1, FailurePercent: 1})
		want(t, up, 200, hedged(100), strict)
		time.Sleep(time.Second)
		want(t, up, 200, hedged(100), strict)
		want(t, up, 200, strict)
	})
}

func TestAHedgeThatTheBreakerStopsChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{lines: []line{{status: 503}}}
		store := &shelf{held: map[string]time.Time{}, slow: 5}
		up, once := over(s, func(d *upstream.Deps) { d.Slots = store }), func(c *upstream.Call) {
			breaker(catalog.Breaker{MinimumCalls: 1})(c)
			bounded(9)(c)
		}
		want(t, up, 503, once)
		time.Sleep(time.Minute)
		s.lines = []line{{}, {after: time.Second, status: 200}, {after: time.Second, status: 200}, {after: 500 * time.Millisecond, err: errReset}}
		var others sync.WaitGroup
		for range 2 { // of three probes
			others.Go(func() { want(t, up, 200, once) })
		}
		synctest.Wait()
		if e := wantError(t, up, upstream.Failed, once, hedged(100)); !e.Sent || s.sent() != 4 {
			t.Errorf("%v, sent %d times", e, s.sent())
		}
		others.Wait()
	})
}

func TestACallerWhoLeavesEndsBothAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{lines: []line{{after: time.Minute}}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		time.AfterFunc(time.Second, cancel)
		wantErrorWithin(ctx, t, over(s), upstream.Gone, hedged(100))
		if s.now != 0 || s.ended != 2 {
			t.Errorf("%d under way, %d cancelled", s.now, s.ended)
		}
	})
}

// mad is a transport that panics from its nth request on, and takes its time for the others.
type mad struct {
	stage
	from int
}

func (m *mad) RoundTrip(q *http.Request) (*http.Response, error) {
	if m.sent() >= m.from {
		panic("inside")
	}
	return m.stage.RoundTrip(q)
}

func TestAPanicOfAHedgeIsAnAttemptThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want(t, over(&mad{stage{lines: []line{{after: time.Second, status: 200}}}, 1}), 200, hedged(100))
	})
}

func TestAPanicOfAnAttemptIsTheCallersAndLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &shelf{held: map[string]time.Time{}}
		up := over(&mad{}, func(d *upstream.Deps) { d.Slots = store })
		func() {
			defer func() {
				if recover() == nil {
					t.Error("nothing was heard of it")
				}
			}()
			up.Call(t.Context(), call(t, hedged(100), bounded(1))) //nolint:errcheck // it panics
		}()
		if err := up.Close(t.Context()); err != nil || len(store.held) != 0 {
			t.Errorf("%d slots are kept, %v", len(store.held), err)
		}
	})
}
