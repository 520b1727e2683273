package taker_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/limit"
	"sluice/shared/limit/taker"
)

// around plays calls around midnight on instances whose clocks are off, and counts what passes in each day of true time.
func around(t rapid.TB, off []time.Duration, skew time.Duration, most, each int, step time.Duration) (before, after int) {
	store := newShelf()
	midnight := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	clocks := make([]*clock, len(off))
	takers := make([]*taker.Taker, len(off))
	for i, o := range off {
		clocks[i] = at(midnight.Add(-3*time.Second + o))
		takers[i] = taker.New(store, clocks[i].now, limit.Options{Instance: fmt.Sprint("i", instances.Add(1)), Skew: skew}).Hurry()
	}
	for now := midnight.Add(-3 * time.Second); now.Before(midnight.Add(3 * time.Second)); now = now.Add(step) {
		for i, k := range takers {
			for range each {
				v, err := k.Take(context.Background(), []decision.Claim{on("sub", quota(most, catalog.Day))}, 1)
				if err != nil {
					t.Fatal(err)
				}
				if now.Before(midnight) {
					before += v.Admitted
				} else {
					after += v.Admitted
				}
			}
			clocks[i].pass(step)
			k.AfterResponse(context.Background())
		}
	}
	return before, after
}

func TestAroundABoundaryEachPeriodOfTrueTimeAdmitsItsQuotaAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		off := make([]time.Duration, rapid.IntRange(1, 4).Draw(t, "instances"))
		for i := range off {
			off[i] = time.Duration(rapid.IntRange(-500, 500).Draw(t, "off")) * time.Millisecond
		}
		most := rapid.SampledFrom([]int{1, 20, 300, 5000}).Draw(t, "quota")
		each := rapid.IntRange(1, 20).Draw(t, "calls")
		step := time.Duration(rapid.IntRange(7, 90).Draw(t, "step")) * time.Millisecond
		before, after := around(t, off, 500*time.Millisecond, most, each, step)
		asked := each * len(off) * int(3*time.Second/step)
		if before > most || after > most {
			t.Fatalf("%d before and %d after midnight, %d are allowed", before, after, most)
		}
		if before < min(most, asked)*99/100-1 {
			t.Fatalf("%d before midnight of %d, %d asked", before, most, asked)
		}
	})
}

func TestWithoutTheSkewClocksThatAreOffAdmitTooMuch(t *testing.T) {
	if before, _ := around(t, []time.Duration{500 * time.Millisecond, -500 * time.Millisecond}, 0, 300, 10, 20*time.Millisecond); before <= 300 {
		t.Skip("the clocks did no harm in this order of calls")
	}
}

func TestOnOneMachineBothPeriodsAreWhole(t *testing.T) {
	before, after := around(t, []time.Duration{0, 0}, 0, 300, 10, 20*time.Millisecond)
	if before != 300 || after != 300 {
		t.Errorf("%d before and %d after midnight of 300 each", before, after)
	}
}

// Between any two instants a rate admits burst and rate × (time between + a second), however calls come and units are leased.
func TestALeasedRateNeverAdmitsMoreThanASecondsWorthBeyondItsBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		requests, seconds := rapid.IntRange(1, 2000).Draw(t, "requests"), rapid.IntRange(1, 20).Draw(t, "seconds")
		burst := rapid.IntRange(1, 3000).Draw(t, "burst")
		store, now := newShelf(), at(noon)
		takers := []*taker.Taker{newTaker(store, now.now), newTaker(store, now.now), newTaker(store, now.now)}
		type passage struct{ at, n int64 }
		var passed []passage
		for range rapid.IntRange(1, 30).Draw(t, "bursts") {
			now.pass(time.Duration(rapid.OneOf(rapid.IntRange(0, 5_000_000), rapid.IntRange(0, 3_000_000_000)).Draw(t, "pause")))
			k := takers[rapid.IntRange(0, 2).Draw(t, "instance")]
			for range rapid.IntRange(1, 60).Draw(t, "calls") {
				v, err := k.Take(context.Background(), []decision.Claim{on("sub", rate(requests, seconds, burst))}, 1)
				if err != nil {
					t.Fatal(err)
				}
				passed = append(passed, passage{now.ns.Load(), int64(v.Admitted)})
				now.pass(time.Duration(rapid.IntRange(0, 2_000_000).Draw(t, "gap")))
			}
		}
		for i := range passed {
			sum := int64(0)
			for _, p := range passed[i:] {
				sum += p.n
				within := float64(p.at-passed[i].at)/1e9 + 1
				if most := float64(burst) + float64(requests)/float64(seconds)*within; float64(sum) > most+1e-6 {
					t.Fatalf("%d within %v s, most is %f", sum, within-1, most)
				}
			}
		}
	})
}
