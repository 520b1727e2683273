package upstream

import (
	"math"
	"sync"
	"time"

	"sluice/shared/catalog"
)

// Shedding, where an upstream has no MaxInFlight that would do it. An instance has one call at a time, so it sees no queue and
// its own concurrency says nothing; and calls of one upstream differ too much for a slow one to be a sign. What it does see
// is how many calls the upstream turned away, which is whatever counts as a failure for the breaker. So each instance counts
// the calls that were asked for and those that were accepted, both fading with a half-life of 5 s, and sheds a call of low
// priority with the probability (asked − k × accepted) / (asked + 1), as in "Site Reliability Engineering" (2016), ch. 21,
// "Client-side throttling"; with k = 1.25 that begins where 20 % of calls are turned away. Calls that were shed count as
// asked for, so the share falls and rises with the load. One in ten passes in any case, so that recovery is seen.
//
// Normal and high calls are not shed here: where that many fail it is the breaker's turn, and who has none wants none.
const (
	halfLife   = 5 * time.Second
	fadeEvery  = 250 * time.Millisecond
	fewest     = 20 // calls that must have been asked for
	k          = 1.25
	mostlyShed = 0.9
	shedFor    = 2 * time.Second
)

// pulse is how an upstream takes its calls. The zero value is ready.
type pulse struct {
	mu       sync.Mutex
	asked    float64
	accepted float64
	at       int64 // ns since the Unix epoch, when they were last faded
}

var errShed = &refused{why: "the upstream is overloaded, and calls of this priority are shed", wait: shedFor}

// admit counts a call and says whether it may go on.
func (p *pulse) admit(now time.Time, priority catalog.Priority, random func() float64) error {
	p.mu.Lock()
	p.fade(now)
	asked, accepted := p.asked, p.accepted
	p.asked++
	p.mu.Unlock()
	if priority != catalog.LowPriority || asked < fewest {
		return nil
	}
	odds := min((asked-k*accepted)/(asked+1), mostlyShed)
	if odds > 0 && random() < odds {
		return errShed
	}
	return nil
}

// accept counts a call that was not turned away.
func (p *pulse) accept() {
	p.mu.Lock()
	p.accepted = min(p.accepted+1, p.asked) // a hedge is one more answer, and not one more call
	p.mu.Unlock()
}

func (p *pulse) fade(now time.Time) {
	t := now.UnixNano()
	past := t - p.at
	if past < 0 {
		p.at = t
	}
	if past < int64(fadeEvery) {
		return
	}
	f := math.Exp2(-float64(past) / float64(halfLife))
	p.asked, p.accepted, p.at = p.asked*f, p.accepted*f, t
}
