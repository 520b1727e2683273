package limit

import (
	"time"

	"sluice/shared/limit/counter"
)

// The bounds of leases.
const (
	lifetime   = time.Second            // how long rate units may be spent after they were charged
	horizon    = 500 * time.Millisecond // a lease is what will be spent within this time
	idleAfter  = time.Second            // what nobody has spent of for so long is given back
	forgotten  = 5 * time.Second        // what was spent so long ago says nothing about now
	trusted    = 5 * time.Minute        // a State that was seen longer ago refuses nobody without asking the store
	largest    = 1 << 20                // units of one lease
	writesEach = 480                    // writes a second that all instances together make on one counter, about
	longest    = 200 * time.Millisecond // pause between two writes of an instance
	missed     = time.Millisecond       // pause after writes that others forestalled, doubled with each
	staleness  = time.Second            // how long some instances may go by an earlier plan (promise 2)
)

// pace is how quickly units are spent and written for.
type pace struct {
	since   int64 // when used began to count: the last write that was applied
	used    int64 // units spent since
	last    int64 // when a call last spent
	lease   int64 // units of the last lease
	next    int64 // no write before
	misses  int   // writes in a row that were not applied
	recheck int64 // a used-up quota of which units are out is not asked for before
	wait    int64 // between two rechecks, growing
}

// want is how many units to have on hand: what calls wait for, and what will be spent within the horizon if it goes on as it
// did. It at most doubles from one lease to the next.
func (p *pace) want(need, at int64) int64 {
	elapsed := at - p.since
	if p.since == 0 || elapsed > int64(forgotten) || elapsed <= 0 {
		return need
	}
	rate := float64(p.used) / float64(max(elapsed, int64(time.Millisecond)))
	return need + min(int64(rate*float64(horizon)), 2*p.lease, largest)
}

// wrote notes a write. The more instances write, the longer each one waits before it writes again, so that all together stay
// below what one item can take. Their number is that of the marks of late, and where these do not suffice it is guessed from
// what others took since our last write.
func (p *pace) wrote(at, units, others int64, seen counter.Seen) {
	instances := seen.Writers()
	if p.lease > 0 && others > 0 && instances >= counter.Own {
		instances = max(instances, 1+others/p.lease)
	}
	if p.misses > 0 && instances > 1 { // it took two writes or more
		instances *= 2
	}
	p.rest(at, instances)
	p.since, p.used, p.lease, p.misses = at, 0, units, 0
}

// rest keeps the next write away for as long as it takes until each instance has made one.
func (p *pace) rest(at, instances int64) {
	if instances > 1 {
		p.next = at + min(int64(longest), instances*int64(time.Second)/writesEach)
	}
}

// refused notes a write that was not applied, since others had written. The next one knows what they left, so it is made at
// once; if it is forestalled as well, it takes ever longer until the next two.
func (p *pace) refused(at int64, seen counter.Seen) {
	if p.misses = min(p.misses+1, 8); p.misses%2 == 0 {
		p.rest(at, 2*seen.Writers())
		p.next = max(p.next, at+min(int64(longest), int64(missed)<<p.misses))
	}
}
