package limit_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/limit"
	"sluice/shared/limit/counter"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func rate(requests, seconds, burst int) decision.Limit {
	return decision.Limit{Kind: decision.RateLimit, Name: "gold-rate", Requests: requests, Seconds: seconds, Burst: burst}
}

func quota(requests int, p catalog.Period) decision.Limit {
	return decision.Limit{Kind: decision.QuotaLimit, Name: "gold-quota", Requests: requests, Period: p}
}

// take plans n units on a State that is known and applies the step.
func take(t rapid.TB, s *counter.State, now time.Time, n int, limits ...decision.Limit) limit.Verdict {
	t.Helper()
	for range 3 {
		step, v, err := limit.Plan(limits, *s, now, n)
		if err != nil {
			t.Fatal(err)
		}
		if step.Empty() {
			return v
		}
		after, applied := step.Apply(*s)
		if !applied {
			t.Fatalf("a step from %+v at %v is not applied to it: %+v", *s, now, step)
		}
		if !step.Expires.After(now) {
			t.Fatalf("the state expires at %v, %v is now", step.Expires, now)
		}
		if *s = after; v.Admitted > 0 {
			return v
		}
	}
	t.Fatalf("no end of steps from %+v", *s)
	return limit.Verdict{}
}

// tank is a token bucket in exact rational arithmetic: the reference.
type tank struct {
	rate, burst, units *big.Rat // units per nanosecond, units, units
	at                 time.Time
}

func (k *tank) take(now time.Time, n int) int {
	flow := new(big.Rat).Mul(k.rate, new(big.Rat).SetInt64(now.Sub(k.at).Nanoseconds()))
	if k.at = now; k.units.Add(k.units, flow).Cmp(k.burst) > 0 {
		k.units.Set(k.burst)
	}
	whole := new(big.Int).Quo(k.units.Num(), k.units.Denom())
	got := int(min(int64(n), whole.Int64()))
	k.units.Sub(k.units, new(big.Rat).SetInt64(int64(got)))
	return got
}

func TestARateNeverAdmitsMoreThanBurstAndRateAllowAndWastesLessThanANanosecondAUnit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		requests := rapid.OneOf(rapid.IntRange(1, 50), rapid.IntRange(1, 1_000_000)).Draw(t, "requests")
		seconds := rapid.OneOf(rapid.IntRange(1, 61), rapid.IntRange(1, 86_400)).Draw(t, "seconds")
		burst := rapid.IntRange(1, 200).Draw(t, "burst")
		span := int64(seconds) * int64(time.Second)
		interval := (span + int64(requests) - 1) / int64(requests) // within a nanosecond of what is exact
		slow := &tank{big.NewRat(1, interval), big.NewRat(int64(burst), 1), big.NewRat(int64(burst), 1), noon}
		type passage struct {
			at time.Time
			n  int
		}
		var state counter.State
		var passed []passage
		now := noon
		for range rapid.IntRange(1, 60).Draw(t, "calls") {
			step := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 3*interval), rapid.Int64Range(interval-1, interval+1),
				rapid.Int64Range(0, 300*interval)).Draw(t, "pause")
			now = now.Add(time.Duration(step))
			n := rapid.IntRange(1, 20).Draw(t, "n")
			v := take(t, &state, now, n, rate(requests, seconds, burst))
			if want := slow.take(now, n); v.Admitted != want {
				t.Fatalf("admitted %d of %d at +%v, the exact bucket %d", v.Admitted, n, now.Sub(noon), want)
			}
			passed = append(passed, passage{now, v.Admitted})
		}
		for i := range passed {
			sum := int64(0)
			for _, p := range passed[i:] {
				sum += int64(p.n)
				most := new(big.Rat).Mul(big.NewRat(int64(requests), span), new(big.Rat).SetInt64(p.at.Sub(passed[i].at).Nanoseconds()))
				if most.Add(most, big.NewRat(int64(burst), 1)).Cmp(new(big.Rat).SetInt64(sum)) < 0 {
					t.Fatalf("admitted %d within %v, most is %s", sum, p.at.Sub(passed[i].at), most.FloatString(6))
				}
			}
		}
	})
}

func TestRetryAfterIsTheFirstInstantAtWhichACallPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := []decision.Limit{rate(rapid.IntRange(1, 100).Draw(t, "requests"), rapid.IntRange(1, 100).Draw(t, "seconds"), rapid.IntRange(1, 5).Draw(t, "burst"))}
		if rapid.Bool().Draw(t, "with quota") {
			limits = append(limits, quota(rapid.IntRange(1, 8).Draw(t, "quota"), rapid.SampledFrom([]catalog.Period{catalog.Day, catalog.Month}).Draw(t, "period")))
		}
		var state counter.State
		v := take(t, &state, noon, 10, limits...)
		if v.Admitted == 10 {
			return
		}
		if v = take(t, &state, noon, 1, limits...); v.Admitted != 0 || v.RetryAfter <= 0 {
			t.Fatalf("a call that does not fit: %+v", v)
		}
		if worst, refused := v.Refusal(); !refused || worst.Wait != v.RetryAfter || worst.Remaining != 0 {
			t.Fatalf("refused by %+v of %+v", worst, v)
		}
		early, late := state, state
		if v := take(t, &early, noon.Add(v.RetryAfter-1), 1, limits...); v.Admitted != 0 {
			t.Fatal("a call passes before its time")
		}
		if v := take(t, &late, noon.Add(v.RetryAfter), 1, limits...); v.Admitted != 1 {
			t.Fatalf("a call that waited as told is refused: %+v", v)
		}
	})
}

// A quota is exact in each period as it is counted, and wastes nothing: clocks may jump to and fro.
func TestAQuotaAdmitsExactlyItsNumberInEachPeriod(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 30).Draw(t, "quota")
		period := rapid.SampledFrom([]catalog.Period{catalog.Day, catalog.Month}).Draw(t, "period")
		var state counter.State
		used, latest := map[string]int{}, ""
		now := noon
		for range rapid.IntRange(1, 60).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.Int64Range(-int64(6*time.Hour), int64(48*time.Hour)).Draw(t, "pause")))
			layout := map[catalog.Period]string{catalog.Day: "2006-01-02", catalog.Month: "2006-01"}[period]
			if p := now.Format(layout); p > latest {
				latest = p
			}
			n := rapid.IntRange(1, 12).Draw(t, "n")
			v := take(t, &state, now, n, quota(most, period))
			if want := min(n, most-used[latest]); v.Admitted != want {
				t.Fatalf("admitted %d of %d in %s, where %d of %d were used", v.Admitted, n, latest, used[latest], most)
			}
			used[latest] += v.Admitted
			if got := v.Limits[0].Remaining; got != int64(most-used[latest]) {
				t.Fatalf("remaining %d, want %d", got, most-used[latest])
			}
		}
	})
}

// A step from any guess is applied only to a State that has the units: stale knowledge cannot admit.
func TestAStepFromAWrongGuessNeverAdmitsWhatTheStateDoesNotHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := []decision.Limit{quota(rapid.IntRange(1, 10).Draw(t, "quota"), catalog.Day), rate(rapid.IntRange(1, 5).Draw(t, "requests"), 1, rapid.IntRange(1, 6).Draw(t, "burst"))}
		states := rapid.Custom(func(t *rapid.T) counter.State {
			s := counter.State{Period: rapid.SampledFrom([]string{"", "2026-11-22", "2026-11-23", "2026-11-24", "2026-11"}).Draw(t, "period")}
			if s.Period != "" {
				s.Used = rapid.Int64Range(0, 12).Draw(t, "used")
				s.TAT = noon.UnixNano() + rapid.Int64Range(-int64(time.Second), int64(5*time.Second)).Draw(t, "tat")
			}
			return s
		})
		guess, actual := states.Draw(t, "guess"), states.Draw(t, "actual")
		n := rapid.IntRange(1, 8).Draw(t, "n")
		step, v, err := limit.Plan(limits, guess, noon, n)
		if err != nil {
			t.Fatal(err)
		}
		after, applied := step.Apply(actual)
		if !applied || v.Admitted == 0 {
			return
		}
		want := actual
		if got := take(t, &want, noon, v.Admitted, limits...); got.Admitted != v.Admitted {
			t.Fatalf("a step for %d was applied to %+v, which holds %d", v.Admitted, actual, got.Admitted)
		}
		if diff := cmp.Diff(want, after); diff != "" {
			t.Fatalf("the state differs from that of a step with a right guess: %s", diff)
		}
	})
}

func TestBothLimitsOrNeither(t *testing.T) {
	cases := map[string]struct {
		state    counter.State
		limits   []decision.Limit
		n        int
		admitted int
		by       string
	}{
		"an exhausted quota takes nothing of the rate": {
			counter.State{TAT: noon.UnixNano(), Period: "2026-11-23", Used: 5}, []decision.Limit{rate(1, 1, 3), quota(5, catalog.Day)}, 1, 0, "gold-quota"},
		"an empty bucket takes nothing of the quota": {
			counter.State{TAT: noon.Add(3 * time.Second).UnixNano(), Period: "2026-11-23", Used: 1}, []decision.Limit{rate(1, 1, 3), quota(5, catalog.Day)}, 1, 0, "gold-rate"},
		"where both are used up, the one that lasts longer is named": {
			counter.State{TAT: noon.Add(3 * time.Second).UnixNano(), Period: "2026-11-23", Used: 5}, []decision.Limit{rate(1, 1, 3), quota(5, catalog.Day)}, 1, 0, "gold-quota"},
		"a batch takes what fits the tighter limit": {
			counter.State{}, []decision.Limit{rate(1, 1, 3), quota(5, catalog.Day)}, 9, 3, "gold-rate"},
		"a fresh subscription has its whole burst": {counter.State{}, []decision.Limit{rate(7, 60, 4)}, 4, 4, ""},
		"burst 0 is as many as requests":           {counter.State{}, []decision.Limit{rate(7, 60, 0)}, 9, 7, "gold-rate"},
		"no limits admit all":                      {counter.State{}, nil, 3, 3, ""},
		"a quota that was lowered below what is used refuses": {
			counter.State{Period: "2026-11-23", Used: 50}, []decision.Limit{quota(5, catalog.Day)}, 1, 0, "gold-quota"},
		"a quota that was raised admits at once": {
			counter.State{Period: "2026-11-23", Used: 50}, []decision.Limit{quota(51, catalog.Day)}, 3, 1, "gold-quota"},
		"a plan that moves from days to months counts on": {
			counter.State{Period: "2026-11-23", Used: 5}, []decision.Limit{quota(7, catalog.Month)}, 9, 2, "gold-quota"},
		"a plan that moves from months to days starts a day": {
			counter.State{Period: "2026-11", Used: 500}, []decision.Limit{quota(7, catalog.Day)}, 9, 7, "gold-quota"},
		"a month that began as a day ends with the month": {
			counter.State{Period: "2026-10-31", Used: 7}, []decision.Limit{quota(7, catalog.Month)}, 1, 1, ""},
		"a clock that runs behind counts in the period that others have opened": {
			counter.State{Period: "2026-11-24", Used: 6}, []decision.Limit{quota(7, catalog.Day)}, 3, 1, "gold-quota"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			before := c.state
			v := take(t, &c.state, noon, c.n, c.limits...)
			worst, refused := v.Refusal()
			if v.Admitted != c.admitted || refused != (c.by != "") || worst.Limit.Name != c.by {
				t.Errorf("admitted %d, refused by %q; want %d, %q", v.Admitted, worst.Limit.Name, c.admitted, c.by)
			}
			if c.admitted == 0 && before != c.state {
				t.Errorf("a refusal changed %+v to %+v", before, c.state)
			}
		})
	}
}

func TestAFasterPlanIsInForceAtOnceAlthoughTheSlowOneLeftADebtOfDays(t *testing.T) {
	var state counter.State
	take(t, &state, noon, 10, rate(1, 86_400, 10))
	fast := rate(100, 1, 100)
	if v := take(t, &state, noon, 1, fast); v.Admitted != 0 || v.RetryAfter != 10*time.Millisecond {
		t.Errorf("the debt of the old plan counts as an empty bucket: %+v", v)
	}
	if v := take(t, &state, noon.Add(10*time.Millisecond), 2, fast); v.Admitted != 1 {
		t.Errorf("after one interval one call passes: %+v", v)
	}
}

func TestHowTheLimitsStand(t *testing.T) {
	limits := []decision.Limit{rate(60, 60, 10), quota(100, catalog.Month)}
	var state counter.State
	take(t, &state, noon, 4, limits...)
	step, v, err := limit.Plan(limits, state, noon.Add(time.Second), 0)
	if err != nil || !step.Empty() {
		t.Fatalf("asking changes something: %+v, %v", step, err)
	}
	want := limit.Verdict{Limits: []limit.Standing{
		{Limit: limits[0], Remaining: 7, Reset: 3 * time.Second},
		{Limit: limits[1], Remaining: 96, Reset: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC).Sub(noon.Add(time.Second))},
	}}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Error(diff)
	}
}

func TestLimitsThatCannotBeKeptAreAnError(t *testing.T) {
	for name, limits := range map[string][]decision.Limit{
		"an unknown kind":      {{Kind: "concurrency", Requests: 1}},
		"no kind":              {{Requests: 1, Seconds: 1}},
		"two rates":            {rate(1, 1, 1), rate(2, 1, 1)},
		"two quotas":           {quota(1, catalog.Day), quota(2, catalog.Month)},
		"a rate of nothing":    {rate(0, 1, 1)},
		"a rate without time":  {rate(1, 0, 1)},
		"a rate over ages":     {rate(1, 1<<62, 1)},
		"a negative burst":     {rate(1, 1, -1)},
		"a negative rate":      {rate(-1, 1, 1)},
		"a quota of nothing":   {quota(0, catalog.Day)},
		"a quota per fortnite": {quota(1, "fortnight")},
	} {
		t.Run(name, func(t *testing.T) {
			if step, v, err := limit.Plan(limits, counter.State{}, noon, 1); err == nil {
				t.Errorf("admitted %d with %+v", v.Admitted, step)
			}
		})
	}
}

// The largest plan that the catalog accepts must not overflow.
func TestTheLargestPlansKeepTheirNumbers(t *testing.T) {
	for name, l := range map[string]decision.Limit{
		"the fastest": rate(1_000_000_000, 1, 1_000_000_000), "the slowest": rate(1, 86_400, 1_000_000_000), "the deepest": rate(1, 86_400, 1_000_000),
	} {
		t.Run(name, func(t *testing.T) {
			var state counter.State
			v := take(t, &state, noon, 10_000, l)
			if v.Admitted != 10_000 || state.TAT <= noon.UnixNano() || v.Limits[0].Remaining <= 0 {
				t.Errorf("%+v leaves %+v", v, state)
			}
		})
	}
}

func TestWindowsAreTheLengthsOfCalendarPeriods(t *testing.T) {
	for at, days := range map[string]int{"2026-02-10": 28, "2028-02-29": 29, "2026-12-31": 31, "2026-11-30": 30} {
		now, err := time.Parse("2006-01-02", at)
		if err != nil {
			t.Fatal(err)
		}
		if got := limit.Window(quota(1, catalog.Month), now); got != time.Duration(days)*24*time.Hour {
			t.Errorf("the month of %s has %v", at, got)
		}
	}
	if limit.Window(quota(1, catalog.Day), noon) != 24*time.Hour {
		t.Error("a day has 24 hours")
	}
}

func BenchmarkPlan(b *testing.B) {
	limits := []decision.Limit{rate(100, 1, 100), quota(1_000_000, catalog.Month)}
	state := counter.State{TAT: noon.UnixNano() + 5, Period: "2026-11", Used: 7}
	b.ReportAllocs()
	for b.Loop() {
		if _, v, err := limit.Plan(limits, state, noon, 1); err != nil || v.Admitted != 1 {
			b.Fatal(v, err)
		}
	}
}
