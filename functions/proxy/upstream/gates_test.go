package upstream_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/functions/proxy/upstream"
	"sluice/shared/catalog"
)

// shelf is a store of slots and hints.
type shelf struct {
	mu    sync.Mutex
	held  map[string]time.Time
	ids   map[string]int // how often each upstream was asked for
	hints map[string]time.Time
	fault error
	slow  int // the take of this number lasts 600 ms
}

func (s *shelf) TakeSlot(_ context.Context, id, holder string, most int, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = map[string]int{}
	}
	if s.ids[id]++; s.ids[id] == s.slow {
		s.mu.Unlock()
		time.Sleep(600 * time.Millisecond)
		s.mu.Lock()
	}
	for name, at := range s.held {
		if !at.After(time.Now()) {
			delete(s.held, name)
		}
	}
	if _, ok := s.held[holder]; s.fault != nil || !ok && len(s.held) >= most {
		return false, s.fault
	}
	s.held[holder] = until
	return true, nil
}

func (s *shelf) FreeSlot(_ context.Context, _, holder string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, holder)
	return s.fault
}

func (s *shelf) Hint(_ context.Context, id string) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hints[id], s.fault
}

func (s *shelf) PutHint(_ context.Context, id string, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hints[id] = until
	return s.fault
}

func bounded(most int) change {
	return func(c *upstream.Call) { c.Settings.MaxInFlight = most }
}

func TestWhatTheBreakerTakesForAFailure(t *testing.T) {
	cases := map[string]struct {
		line line
		bad  bool
	}{
		"200": {line{status: 200}, false}, "404": {line{status: 404}, false}, "429": {line{status: 429}, false},
		"500": {line{status: 500}, false}, "501": {line{status: 501}, false},
		"502": {line{status: 502}, true}, "503": {line{status: 503}, true}, "504": {line{status: 504}, true},
		"a broken connection": {line{err: errReset}, true}, "an impossible status": {line{status: 600}, true},
		"no answer in time": {line{after: time.Minute}, true},
		"a long answer":     {line{status: 200, body: "12345678901"}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stage{lines: []line{c.line}}
				up, once := over(s), breaker(catalog.Breaker{MinimumCalls: 1})
				small := func(c *upstream.Call) { c.Settings.MaxResponseBytes = 10 }
				up.Call(t.Context(), call(t, once, small)) //nolint:errcheck // the next one tells
				s.lines = []line{{status: 200}}
				if c.bad {
					if e := wantError(t, up, upstream.Unavailable, once); e.RetryAfter != 10*time.Second || e.Sent {
						t.Errorf("%+v", e)
					}
					return
				}
				want(t, up, 200, once)
			})
		})
	}
}

func TestAnImpatientCallerProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up, once := over(&stage{lines: []line{{after: time.Minute}}}), breaker(catalog.Breaker{MinimumCalls: 1})
		for _, c := range []struct {
			deadline time.Duration
			kind     upstream.Kind
		}{{2500 * time.Millisecond, upstream.TimedOut}, {3500 * time.Millisecond, upstream.TimedOut}, {time.Minute, upstream.Unavailable}} {
			ctx, cancel := context.WithTimeout(t.Context(), c.deadline)
			wantErrorWithin(ctx, t, up, c.kind, once)
			cancel()
		}
	})
}

func TestUpstreamsHaveBreakersOfTheirOwn(t *testing.T) {
	s := &stage{lines: []line{{status: 503}}}
	up, once := over(s), breaker(catalog.Breaker{MinimumCalls: 1})
	want(t, up, 503, once)
	wantError(t, up, upstream.Unavailable, once)
	want(t, up, 503, once, func(c *upstream.Call) { c.Settings.URL += "/other" })
	want(t, up, 503, once, func(c *upstream.Call) { c.Version = "v2" })
	want(t, up, 503, breaker(catalog.Breaker{MinimumCalls: 2})) // a breaker that is changed starts anew
	want(t, up, 503)                                            // without one, all pass
}

func TestABreakerThatOpensIsSharedByItsHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &shelf{hints: map[string]time.Time{}}
		s := &stage{lines: []line{{status: 503}}}
		shared := func(d *upstream.Deps) { d.Hints = store }
		a, b := over(s, shared), over(s, shared)
		four := breaker(catalog.Breaker{MinimumCalls: 4})
		for range 4 {
			want(t, a, 503, four)
		}
		if until := store.hints["orders/v1/a.example"]; !until.Equal(time.Now().Add(10 * time.Second)) {
			t.Errorf("%v", store.hints)
		}
		want(t, b, 503, four)
		wantError(t, b, upstream.Unavailable, four)
	})
}

func TestInFlightIsBoundedOverAllInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{lines: []line{{after: time.Second, status: 200}}}
		store := &shelf{held: map[string]time.Time{}}
		var wg sync.WaitGroup
		var mu sync.Mutex
		passed := 0
		for i := range 40 {
			up := over(s, func(d *upstream.Deps) { d.Slots, d.Instance = store, strconv.Itoa(i) })
			wg.Go(func() {
				a, err := up.Call(t.Context(), call(t, bounded(5)))
				var e *upstream.Error
				mu.Lock()
				defer mu.Unlock()
				if err == nil && a.Status == 200 {
					passed++
				} else if !errors.As(err, &e) || e.Kind != upstream.Unavailable || e.Sent {
					t.Error(a.Status, err)
				}
			})
		}
		wg.Wait()
		if s.most > 5 || passed != 5 {
			t.Errorf("%d at once, %d passed", s.most, passed)
		}
		if store.ids["orders/v1/a.example"] != 40 {
			t.Errorf("%v", store.ids)
		}
	})
}

func TestAnOpenBreakerTakesNoSlot(t *testing.T) {
	store := &shelf{held: map[string]time.Time{}}
	up := over(&stage{lines: []line{{status: 503}}}, func(d *upstream.Deps) { d.Slots = store })
	once := breaker(catalog.Breaker{MinimumCalls: 1})
	want(t, up, 503, once, bounded(5))
	if err := up.AfterResponse(t.Context()); err != nil || len(store.held) != 0 {
		t.Errorf("%d slots, %v", len(store.held), err)
	}
	wantError(t, up, upstream.Unavailable, once, bounded(5))
	if store.ids["orders/v1/a.example"] != 1 {
		t.Errorf("%v", store.ids)
	}
}

func TestWithoutItsStoreABoundedUpstreamIsUnavailable(t *testing.T) {
	s := &stage{lines: []line{{status: 200}}}
	if e := wantError(t, over(s), upstream.Unavailable, bounded(5)); e.Sent {
		t.Error(e)
	}
	down := &shelf{fault: errors.New("down")}
	up := over(s, func(d *upstream.Deps) { d.Slots = down })
	if e := wantError(t, up, upstream.Unavailable, bounded(5)); e.Sent || s.sent() != 0 {
		t.Error(e)
	}
	want(t, up, 200)
}

func TestAnOverloadedUpstreamIsSparedLowCallsFirst(t *testing.T) {
	for percent, least := range map[int][2]int{0: {0, 0}, 10: {0, 0}, 50: {400, 540}, 100: {850, 910}} { // of 1,000 low ones, how many are shed
		synctest.Test(t, func(t *testing.T) {
			s, n := &stage{lines: []line{{status: 200}}}, 0
			drawn := 0.0
			up := over(s, func(d *upstream.Deps) {
				d.Random = func() float64 { drawn += 0.381966; drawn -= float64(int(drawn)); return drawn }
			})
			shed := map[catalog.Priority]int{}
			for range 1000 {
				for _, p := range []catalog.Priority{catalog.LowPriority, catalog.NormalPriority, catalog.HighPriority} {
					n++
					s.lines[0].status = 200
					if n*percent/100 != (n-1)*percent/100 {
						s.lines[0].status = 503
					}
					_, err := up.Call(t.Context(), call(t, func(c *upstream.Call) { c.Priority = p }))
					if err != nil {
						shed[p]++
					}
					time.Sleep(5 * time.Millisecond)
				}
			}
			if low := shed[catalog.LowPriority]; low < least[0] || low > least[1] || len(shed) > 1 {
				t.Errorf("with %d %% turned away: %v were shed", percent, shed)
			}
			s.lines[0].status = 200
			time.Sleep(time.Minute)
			for range 100 {
				want(t, up, 200, func(c *upstream.Call) { c.Priority = catalog.LowPriority })
			}
		})
	}
}

func TestManyUpstreamsAreNotRememberedForEver(t *testing.T) {
	up := over(&stage{lines: []line{{status: 200}}})
	for i := range 1300 {
		want(t, up, 200, func(c *upstream.Call) { c.Settings.URL = "http://a.example/" + strconv.Itoa(i) })
	}
	if n := upstream.Known(up); n != 1024 {
		t.Errorf("%d are remembered", n)
	}
}

func TestTheOneThatWasUsedLongestAgoIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{lines: []line{{status: 503}}}
		up, once := over(s), breaker(catalog.Breaker{MinimumCalls: 1, OpenSeconds: 300})
		want(t, up, 503, once)
		for i := range 2500 {
			time.Sleep(time.Millisecond)
			s.lines = []line{{status: 200}}
			want(t, up, 200, func(c *upstream.Call) { c.Settings.URL = "http://a.example/" + strconv.Itoa(i) })
			wantError(t, up, upstream.Unavailable, once)
		}
	})
}

func TestManyCallsAtOnceWithEverything(t *testing.T) {
	store := &shelf{held: map[string]time.Time{}, hints: map[string]time.Time{}}
	s := &stage{lines: []line{{status: 200}, {status: 503}, {err: errReset}, {status: 200}}}
	up := over(s, func(d *upstream.Deps) { d.Slots, d.Hints = store, store })
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range 100 {
				c := call(t, retries(1, 20), hedged(1), bounded(8), breaker(catalog.Breaker{}))
				if i%3 == 0 {
					c.Request.Method = http.MethodPost
				}
				_, _ = up.Call(t.Context(), c)
				_ = up.AfterResponse(t.Context())
			}
		})
	}
	wg.Wait()
	if err := up.Close(t.Context()); err != nil || len(store.held) != 0 || s.most > 8 {
		t.Errorf("%d slots are kept, %d at once, %v", len(store.held), s.most, err)
	}
}
