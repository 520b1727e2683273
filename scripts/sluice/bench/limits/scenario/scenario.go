// Package scenario is what the limits are simulated under: who calls how much of what, and what goes wrong meanwhile. Each
// scenario draws its numbers from a seed, so that one scenario under many seeds is many cases.
package scenario

import (
	"math"
	"math/rand/v2"
	"time"

	"sluice/scripts/sluice/bench/limits/audit"
	"sluice/scripts/sluice/bench/limits/fleet"
	"sluice/shared/catalog"
	"sluice/shared/decision"
)

// Skew is how far the clocks of instances may be off, as promise 3 has it.
const Skew = 500 * time.Millisecond

// Slack is how much longer than t2 − t1 a rate may count: a second of lease, and the skew of two clocks.
const Slack = time.Second + 2*Skew

// Scenario is a situation.
type Scenario struct {
	Name     string
	What     string
	PerCall  float64 // most writes a call; 0 where nothing is promised
	PerItem  bool    // at most 1,000 writes a second on one item are promised
	scenario func(*draw, *fleet.Config)
}

// Find gives a scenario by its name.
func Find(name string) (Scenario, bool) {
	for _, s := range All() {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}

// Config draws the numbers of a run of so many calls.
func (s Scenario) Config(seed uint64, calls int64) fleet.Config {
	name := uint64(14695981039346656037)
	for _, b := range []byte(s.Name) {
		name = (name ^ uint64(b)) * 1099511628211
	}
	d := &draw{rand.New(rand.NewPCG(seed, name)), calls} // #nosec G404 -- runs must repeat
	c := fleet.Config{
		Seed: d.Uint64(), Calls: calls,
		Shape:   fleet.Shape{Instances: 64, Slots: 1, Service: 3 * time.Millisecond},
		Clocks:  fleet.Clocks{Skew: Skew},
		Parts:   fleet.Sound(Skew),
		Rules:   audit.Rules{Slack: Slack, Skew: Skew},
		Kinds:   []fleet.Kind{{Weight: 1, Counters: []int{0}, Cost: 1}},
		Traffic: fleet.Traffic{Cycle: days(d)},
	}
	s.scenario(d, &c)
	return c
}

// draw draws numbers.
type draw struct {
	*rand.Rand
	calls int64 // of the run
}

// cycles is about how many periods a run may take at most: nanoseconds since 1970 end in 2262.
const cycles = 1000

// between draws a number of low..high, as likely of each magnitude.
func (d *draw) between(low, high int) int {
	x := math.Exp(math.Log(float64(low)) + d.Float64()*(math.Log(float64(high)+1)-math.Log(float64(low))))
	return min(high, max(low, int(x)))
}

func (d *draw) one(of ...int) int { return of[d.IntN(len(of))] }

// share is 2 % or less, as likely of each magnitude down to a hundredth of that.
func (d *draw) share() float64 { return 0.02 * math.Pow(100, -d.Float64()) }

// days begins a cycle each day.
func days(d *draw) func(int) time.Time {
	first := time.Date(2026, time.Month(1+d.IntN(12)), 1+d.IntN(28), 0, 0, 0, 0, time.UTC)
	return func(n int) time.Time { return first.AddDate(0, 0, n) }
}

// months begins a cycle on a day of each month, or on its last day.
func months(d *draw, day int) func(int) time.Time {
	year, month := 2026, time.Month(1+d.IntN(12))
	return func(n int) time.Time {
		first := time.Date(year, month+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
		return first.AddDate(0, 0, min(max(1, day), first.AddDate(0, 1, -1).Day())-1)
	}
}

func quota(n int, p catalog.Period, anchor int) decision.Limit {
	return decision.Limit{Kind: decision.QuotaLimit, Name: "quota", Requests: n, Period: p, AnchorDay: anchor}
}

func rate(n, seconds, burst int) decision.Limit {
	return decision.Limit{Kind: decision.RateLimit, Name: "rate", Requests: n, Seconds: seconds, Burst: burst}
}

// one is a single counter with a single plan.
func one(limits ...decision.Limit) []fleet.Counter {
	return []fleet.Counter{{ID: "sub", Plans: [][]decision.Limit{limits}, Outage: catalog.OutageClosed}}
}

// steady is traffic for so long in each cycle, from its start and a second.
func steady(perSecond float64, seconds int) fleet.Phase {
	return fleet.Phase{From: time.Second, For: time.Duration(seconds) * time.Second, PerSecond: perSecond}
}

// asking is how many calls a second it takes to ask for 0.8 to 1.6 times n in so many seconds, or more if the run would take too
// many periods; within what is promised.
func (d *draw) asking(n, seconds int) float64 {
	return min(10_000, max(5, (0.8+0.8*d.Float64())*float64(n)/float64(seconds), float64(d.calls)/cycles/float64(seconds)))
}

// rough is what may go wrong all at once.
func rough(d *draw) fleet.Faults {
	return fleet.Faults{Crash: d.share(), LostRequest: d.share(), LostAnswer: d.share(), Throttled: d.share(),
		CrashEvery: time.Duration(d.between(2_000, 120_000)) * time.Millisecond, StopEvery: time.Duration(d.between(2_000, 120_000)) * time.Millisecond}
}
