package fleet

import (
	"math"
	"math/rand/v2"
	"time"
)

// Traffic is when calls come. It repeats for ever: cycle n begins at Cycle(n), and its phases at their From behind that.
type Traffic struct {
	Cycle  func(n int) time.Time
	Phases []Phase
}

// Phase is a time of steady traffic. Phases follow each other and do not overlap, also over the end of a cycle.
type Phase struct {
	From, For time.Duration
	PerSecond float64 // calls, over all instances
	Spread    Spread
	Together  bool // all slots make their first call at its very start
	Restart   bool // all instances are stopped before it, and others begin
}

// Spread is which instances get the calls.
type Spread uint8

// The spreads.
const (
	Even   Spread = iota
	One           // all to one instance
	Skewed        // the n-th gets 1/n of what the first does
	Turns         // all to one instance, in each phase to the next
)

// lastStart is when the last phase may begin: nanoseconds since 1970 are soon too many.
const lastStart = int64(math.MaxInt64 / 10 * 8)

// traffic deals out the calls.
type traffic struct {
	Traffic
	slots, each int
	share       [3][]float64 // of the calls, by Spread and instance
	starts      []int64      // of the phases so far
	random      *rand.Rand
}

func trafficOf(c Config, random *rand.Rand) traffic {
	t := traffic{Traffic: c.Traffic, slots: c.Shape.Slots, each: len(c.Traffic.Phases), random: random}
	total := 0.0
	for i := range c.Shape.Instances {
		total += 1 / float64(i+1)
	}
	for i := range c.Shape.Instances {
		one := 0.0
		if i == 0 {
			one = 1
		}
		for s, share := range [...]float64{Even: 1 / float64(c.Shape.Instances), One: one, Skewed: 1 / float64(i+1) / total} {
			t.share[s] = append(t.share[s], share/float64(c.Shape.Slots))
		}
	}
	return t
}

// start gives the true time at which a phase begins, counted through all cycles.
func (t *traffic) start(phase int) int64 {
	for n := len(t.starts); n <= phase; n++ {
		t.starts = append(t.starts, t.Cycle(n/t.each).Add(t.Phases[n%t.each].From).UnixNano())
	}
	return t.starts[phase]
}

// shareOf is a slot's share of the calls of a phase.
func (t *traffic) shareOf(s Spread, instance, phase int) float64 {
	if s != Turns {
		return t.share[s][instance]
	}
	if phase%len(t.share[One]) != instance {
		return 0
	}
	return t.share[One][0]
}

// next gives the instant of the first call of a slot at from or later, and its phase. The slot's last call was in the phase
// that is given.
func (t *traffic) next(instance, phase int, from int64) (at int64, in int) {
	for empty := 0; empty <= 2*max(t.each, len(t.share[One])); phase++ {
		p := &t.Phases[phase%t.each]
		start := t.start(phase)
		if start > lastStart {
			break
		}
		end := start + int64(p.For)
		rate := p.PerSecond * t.shareOf(p.Spread, instance, phase)
		if rate <= 0 || from >= end {
			empty++
			continue
		}
		if p.Together && from <= start {
			return start, phase
		}
		gap := t.random.ExpFloat64() / rate * float64(time.Second)
		if at := max(from, start) + int64(min(gap, math.MaxInt64/4)); at < end {
			return max(at, from), phase
		}
		from = max(from, end)
	}
	return math.MaxInt64, phase // this slot has none
}
