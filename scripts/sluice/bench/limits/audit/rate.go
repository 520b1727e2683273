package audit

import (
	"fmt"
	"math"
	"time"

	"sluice/shared/decision"
)

// rate is a rate in whole numbers: units per window, reduced by their greatest common divisor, so that a level is exact.
// A level is counted in units × window.
type rate struct {
	units, window int64 // units per window ns
	most          int64 // level: (burst + rate × slack) × window
	burst         int64
}

// terms is the limits of a call.
type terms struct {
	rate   rate
	most   int64 // quota; 0 for none
	period period
}

func termsOf(limits []decision.Limit, slack time.Duration) (terms, error) {
	var t terms
	for _, l := range limits {
		switch {
		case l.Requests < 1:
			return terms{}, fmt.Errorf("the limit %q of %d cannot be counted", l.Name, l.Requests)
		case l.Shadow:
		case l.Kind == decision.RateLimit && t.rate.window == 0:
			r, err := rateOf(l, slack)
			if err != nil {
				return terms{}, err
			}
			t.rate = r
		case l.Kind == decision.QuotaLimit && t.most == 0:
			p, err := periodOf(l)
			if err != nil {
				return terms{}, err
			}
			t.most, t.period = int64(l.Requests), p
		default:
			return terms{}, fmt.Errorf("the limit %q of kind %q is unknown or one too many", l.Name, l.Kind)
		}
	}
	return t, nil
}

func rateOf(l decision.Limit, slack time.Duration) (rate, error) {
	if l.Seconds < 1 || l.Seconds > math.MaxInt32 {
		return rate{}, fmt.Errorf("the rate %q of %d per %d s cannot be counted", l.Name, l.Requests, l.Seconds)
	}
	units, window, burst := int64(l.Requests), int64(l.Seconds)*int64(time.Second), int64(l.Burst)
	if burst == 0 {
		burst = units
	}
	g := divisor(units, window)
	units, window = units/g, window/g
	const room = math.MaxInt64 / 4
	if burst > room/window || int64(slack) > room/units {
		return rate{}, fmt.Errorf("the rate %q of %d per %d s, burst %d, is too large to be counted exactly", l.Name, l.Requests, l.Seconds, burst)
	}
	return rate{units: units, window: window, most: burst*window + units*int64(slack), burst: burst}, nil
}

func divisor(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// leak is the bucket that tells, of the worst window which ends now, how much of the rate it took: each unit raises the level,
// time lowers it, never below nothing. With c the costs, its level after an entry j is the largest, over all earlier entries i,
// of c(i) + … + c(j) − rate × (t(j) − t(i)), which is what the promise bounds.
type leak struct {
	terms      int
	level, at  int64
	since, sum int64 // the worst window begins at since; units in it
	used       bool
}

// plansAtOnce is how many plans of a counter may be in force at a time, while instances learn of a change.
const plansAtOnce = 4

// pour takes an admitted entry.
func (a *Auditor) pour(c *counter, t *terms, e Entry) {
	l := c.leak(e.Terms)
	if gone := e.At - l.at; !l.used || gone > l.level/t.rate.units {
		l.level = 0
	} else {
		l.level -= gone * t.rate.units
	}
	if l.level == 0 {
		l.since, l.sum = e.At, 0
	}
	l.at, l.used = e.At, true
	if e.Cost > (math.MaxInt64/2-l.level)/t.rate.window || l.level+e.Cost*t.rate.window > t.rate.most {
		a.found.Over += e.Cost
		a.fault(Violation{Rule: Rate, At: e.At, Call: e.Call, Counter: c.name, Detail: fmt.Sprintf(
			"%d units within %s since %s, with a burst of %d and %d more each %s", l.sum+e.Cost, time.Duration(e.At-l.since), stamp(l.since),
			t.rate.burst, t.rate.units, time.Duration(t.rate.window))})
		return // it is counted as beyond, so those that follow are not blamed for it
	}
	l.level += e.Cost * t.rate.window
	l.sum += e.Cost
}

func (c *counter) leak(terms int) *leak {
	for i := range c.rates {
		if c.rates[i].terms == terms {
			return &c.rates[i]
		}
	}
	if len(c.rates) == plansAtOnce {
		c.rates = append(c.rates[:0], c.rates[1:]...)
	}
	c.rates = append(c.rates, leak{terms: terms})
	return &c.rates[len(c.rates)-1]
}

// window counts what happened within the last second.
type window struct {
	times []int64 // a ring
	head  int
	count int
}

// add takes an event and gives how many there were in the second that ends with it.
func (w *window) add(at int64) int {
	for w.count > 0 && w.times[w.head] <= at-int64(time.Second) {
		w.head, w.count = (w.head+1)%len(w.times), w.count-1
	}
	if w.count == len(w.times) {
		grown := make([]int64, max(16, 2*len(w.times)))
		n := copy(grown, w.times[w.head:])
		copy(grown[n:], w.times[:w.head])
		w.times, w.head = grown, 0
	}
	w.times[(w.head+w.count)%len(w.times)] = at
	w.count++
	return w.count
}
