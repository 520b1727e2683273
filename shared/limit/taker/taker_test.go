package taker_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/limit"
	"sluice/shared/limit/counter"
	"sluice/shared/limit/taker"
	"sluice/shared/problem"
)

// shelf is a Store that keeps States in memory. Faults and delays are put in front of it by before.
type shelf struct {
	mu     sync.Mutex
	items  map[string]*counter.Item
	writes int
	before func(n int) error // n-th write; its error loses the answer after the step was made
}

func newShelf() *shelf { return &shelf{items: map[string]*counter.Item{}} }

func (s *shelf) Apply(_ context.Context, id string, step counter.Step) (counter.State, bool, error) {
	s.mu.Lock()
	s.writes++
	n := s.writes
	s.mu.Unlock()
	var lost error
	if s.before != nil {
		lost = s.before(n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	after, applied := s.item(id).Apply(step)
	return after, applied, lost
}

func (s *shelf) used() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.item("sub").State.Used
}

func (s *shelf) item(id string) *counter.Item {
	if s.items[id] == nil {
		s.items[id] = &counter.Item{}
	}
	return s.items[id]
}

func fixed(at time.Time) func() time.Time { return func() time.Time { return at } }

// rush makes calls from many goroutines on each Taker at once and counts what passes.
func rush(t *testing.T, takers []*taker.Taker, goroutines, each int, limits ...decision.Limit) (admitted, failed int64) {
	t.Helper()
	var in, out atomic.Int64
	var wg sync.WaitGroup
	for _, k := range takers {
		for range goroutines {
			wg.Go(func() {
				for range each {
					switch v, err := k.Take(t.Context(), claim("sub", limits), 1); {
					case err != nil:
						out.Add(1)
						if !problem.Is(err, problem.Unavailable) {
							t.Error(err)
						}
					case v.Admitted == 1:
						in.Add(1)
					}
				}
			})
		}
	}
	wg.Wait()
	return in.Load(), out.Load()
}

func TestExactlyTheQuotaPassesHoweverManyAsk(t *testing.T) {
	cases := map[string]struct{ takers, goroutines, each, quota, burst int }{
		"one instance, 64 at once":             {1, 64, 50, 1000, 1 << 20},
		"four instances that interfere":        {4, 16, 50, 1000, 1 << 20},
		"four instances, the rate is tighter":  {4, 16, 50, 1000, 300},
		"the quota does not divide by batches": {3, 7, 100, 997, 1 << 20},
		"fewer ask than may":                   {2, 8, 10, 1000, 1 << 20},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			store := newShelf()
			store.before = func(int) error { runtime.Gosched(); return nil }
			var takers []*taker.Taker
			for i := range c.takers { // clocks that lie 100 ms apart
				takers = append(takers, newTaker(store, fixed(noon.Add(time.Duration(i)*100*time.Millisecond))))
			}
			admitted, failed := rush(t, takers, c.goroutines, c.each, rate(1, 86_400, c.burst), quota(c.quota, catalog.Day))
			asked := int64(c.takers * c.goroutines * c.each)
			want := min(asked, int64(c.quota), int64(c.burst))
			if admitted != want || store.used() != want || failed != 0 {
				t.Errorf("%d of %d asked: %d admitted, %d counted, %d failed; want %d", want, asked, admitted, store.used(), failed, want)
			}
			t.Logf("%d calls, %d writes", asked, store.writes)
		})
	}
}

// Lost answers and interference may waste units, but what is admitted never exceeds what is counted.
func TestLostAnswersAdmitNobodyAndNobodyIsChargedTwice(t *testing.T) {
	store := newShelf()
	store.before = func(n int) error {
		if n%7 == 0 {
			return errors.New("connection reset")
		}
		return nil
	}
	var takers []*taker.Taker
	for range 4 {
		takers = append(takers, newTaker(store, fixed(noon)))
	}
	admitted, failed := rush(t, takers, 16, 20, quota(800, catalog.Day))
	if counted := store.used(); admitted > counted || counted > admitted+failed || counted > 800 || failed == 0 {
		t.Errorf("%d admitted, %d failed, %d counted", admitted, failed, counted)
	}
}

func TestCallsThatWaitForAWriteShareTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newShelf()
		gate := make(chan struct{})
		store.before = func(n int) error {
			if n == 1 {
				<-gate
			}
			return nil
		}
		k := newTaker(store, time.Now)
		var mu sync.Mutex
		left := map[int]int64{} // what the calls that passed were told, by order of arrival
		refused := make(chan limit.Verdict, 20)
		call := func(i int) {
			v, err := k.Take(t.Context(), claim("sub", []decision.Limit{quota(8, catalog.Day), rate(100, 1, 100)}), 1)
			switch {
			case err != nil:
				t.Error(err)
			case v.Admitted == 1:
				if _, is := v.Refusal(); is || v.RetryAfter != 0 {
					t.Errorf("an admitted call is told of a refusal: %+v", v)
				}
				mu.Lock()
				left[i] = v.Limits[0].Remaining
				mu.Unlock()
			default:
				refused <- v
			}
		}
		for i := range 12 {
			go call(i)
			synctest.Wait() // it writes, or it queues
		}
		close(gate)
		synctest.Wait()
		if store.writes != 2 {
			t.Errorf("%d writes for 12 calls, want 2", store.writes)
		}
		want := map[int]int64{0: 7, 1: 6, 2: 5, 3: 4, 4: 3, 5: 2, 6: 1, 7: 0}
		if diff := cmp.Diff(want, left); diff != "" || len(refused) != 4 {
			t.Fatalf("%d refused; what those who passed were told: %s", len(refused), diff)
		}
		v := <-refused
		if by, _ := v.Refusal(); by.Limit.Kind != decision.QuotaLimit || v.RetryAfter <= 0 || v.Limits[0].Remaining != 0 {
			t.Errorf("a refused call learns %+v", v)
		}
	})
}

func TestAKnownStateRefusesWithoutAWrite(t *testing.T) {
	now := noon
	store := newShelf()
	k := newTaker(store, func() time.Time { return now })
	ask := func(limits ...decision.Limit) (int, int) {
		t.Helper()
		before := store.writes
		v, err := k.Take(t.Context(), claim("sub", limits), 1)
		if err != nil {
			t.Fatal(err)
		}
		return v.Admitted, store.writes - before
	}
	small, large := quota(2, catalog.Day), quota(3, catalog.Day)
	steps := []struct {
		name             string
		pause            time.Duration
		limit            decision.Limit
		admitted, writes int
	}{
		{"the first call", 0, small, 1, 1},
		{"the second call", 0, small, 1, 1},
		{"a call over the quota", 0, small, 0, 0},
		{"again", 900 * time.Millisecond, small, 0, 0},
		{"a minute later units may have come back, which costs one refused write", time.Minute, small, 0, 1},
		{"a larger plan is in force at once", 0, large, 1, 1},
		{"the smaller one still refuses", 0, small, 0, 0},
		{"a memory that is too old is checked, which costs one refused write", 6 * time.Minute, small, 0, 1},
		{"and is young again", 0, small, 0, 0},
		{"the next day", 24 * time.Hour, small, 1, 1},
	}
	for _, s := range steps {
		now = now.Add(s.pause)
		if admitted, writes := ask(s.limit); admitted != s.admitted || writes != s.writes {
			t.Errorf("%s: admitted %d with %d writes, want %d with %d", s.name, admitted, writes, s.admitted, s.writes)
		}
	}
}

func TestARefusalByRateNeedsNoWriteUntilTimePasses(t *testing.T) {
	now := noon
	store := newShelf()
	k := newTaker(store, func() time.Time { return now })
	limits := []decision.Limit{rate(1, 1, 2)}
	var got []int
	for _, pause := range []time.Duration{0, 0, 0, 500 * time.Millisecond, 499 * time.Millisecond, time.Millisecond, 0} {
		now = now.Add(pause)
		v, err := k.Take(t.Context(), claim("sub", limits), 1)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, v.Admitted)
	}
	if fmt.Sprint(got) != "[1 1 0 0 0 1 0]" || store.writes != 3 {
		t.Errorf("admitted %v with %d writes", got, store.writes)
	}
}

func TestAStoreThatFailsAdmitsNobody(t *testing.T) {
	store := newShelf()
	cases := map[string]func(int) error{
		"it does not answer":       func(int) error { return problem.New(problem.Unavailable, "no answer") },
		"it fails in its own way":  func(int) error { return errors.New("boom") },
		"its context was cut":      func(int) error { return context.DeadlineExceeded },
		"others are always faster": nil,
	}
	for name, before := range cases {
		t.Run(name, func(t *testing.T) {
			store.before = before
			var s taker.Store = store
			if before == nil {
				s = rival{}
			}
			k := newTaker(s, fixed(noon))
			for range 2 {
				v, err := k.Take(t.Context(), claim(name, []decision.Limit{quota(5, catalog.Day), rate(1, 1, 5)}), 1)
				if v.Admitted != 0 || !problem.Is(err, problem.Unavailable) {
					t.Errorf("admitted %d, %v; want problem.Unavailable", v.Admitted, err)
				}
			}
		})
	}
}

// rival is a Store in which somebody else always changes the State in between.
type rival struct{}

func (rival) Apply(_ context.Context, _ string, s counter.Step) (counter.State, bool, error) {
	return counter.State{TAT: noon.Add(time.Duration(rand.IntN(9)-5) * time.Second).UnixNano(), Period: "2026-11-23"}, false, nil
}

func TestManySubscriptionsAreForgottenAndStillExact(t *testing.T) {
	store := newShelf()
	k := newTaker(store, fixed(noon))
	for round := range 3 {
		for i := range 10_000 {
			v, err := k.Take(t.Context(), claim(fmt.Sprint("sub", i), []decision.Limit{quota(2, catalog.Day)}), 1)
			if want := min(1, 2-min(2, round)); err != nil || v.Admitted != want {
				t.Fatalf("round %d, subscription %d: %+v, %v", round, i, v, err)
			}
		}
	}
}

func TestNoLimitsNeedNoWrite(t *testing.T) {
	store := newShelf()
	v, err := newTaker(store, fixed(noon)).Take(t.Context(), claim("sub", nil), 1)
	if err != nil || v.Admitted != 1 || store.writes != 0 {
		t.Errorf("%+v, %v, %d writes", v, err, store.writes)
	}
	if _, err := newTaker(store, fixed(noon)).Take(t.Context(), claim("sub", []decision.Limit{{Kind: "odd"}}), 1); err == nil || store.writes != 0 {
		t.Errorf("limits that cannot be kept: %v, %d writes", err, store.writes)
	}
}

func BenchmarkTake(b *testing.B) {
	limits := []decision.Limit{rate(1_000_000, 1, 1_000_000), quota(1_000_000_000, catalog.Month)}
	b.Run("alone", func(b *testing.B) {
		k := newTaker(newShelf(), time.Now)
		b.ReportAllocs()
		for b.Loop() {
			if v, err := k.Take(b.Context(), claim("sub", limits), 1); err != nil || v.Admitted != 1 {
				b.Fatal(v, err)
			}
		}
	})
	b.Run("refused without a write", func(b *testing.B) {
		k := newTaker(newShelf(), time.Now)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := k.Take(b.Context(), claim("sub", []decision.Limit{quota(1, catalog.Month)}), 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("64 at once, a write takes 1 ms", func(b *testing.B) {
		store := newShelf()
		store.before = func(int) error { time.Sleep(time.Millisecond); return nil }
		k := newTaker(store, time.Now)
		b.SetParallelism(32)
		b.ReportAllocs()
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				if _, err := k.Take(context.Background(), claim("sub", limits), 1); err != nil {
					b.Error(err)
				}
			}
		})
		b.ReportMetric(float64(store.writes)/float64(b.N), "writes/call")
	})
}

// claim is what a call takes of one counter.
func claim(counter string, limits []decision.Limit) []decision.Claim {
	if len(limits) == 0 {
		return nil
	}
	return []decision.Claim{{Counter: counter, Limits: limits}}
}

var instances atomic.Int64

// newTaker makes an instance that is like no other.
func newTaker(store taker.Store, now func() time.Time) *taker.Taker {
	return taker.New(store, now, limit.Options{Instance: fmt.Sprint("i", instances.Add(1))}).Hurry()
}

// noon is when everything happens, unless a test moves the clock.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func rate(requests, seconds, burst int) decision.Limit {
	return decision.Limit{Kind: decision.RateLimit, Name: "gold-rate", Requests: requests, Seconds: seconds, Burst: burst}
}

func quota(requests int, p catalog.Period) decision.Limit {
	return decision.Limit{Kind: decision.QuotaLimit, Name: "gold-quota", Requests: requests, Period: p}
}
