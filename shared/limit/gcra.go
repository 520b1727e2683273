package limit

import (
	"fmt"
	"sluice/shared/limit/counter"
	"time"

	"sluice/shared/decision"
)

// maxDepth bounds how far ahead of now a TAT may run, so that int64 nanoseconds suffice. A bucket that would take longer
// than this to fill is smaller than its plan says.
const maxDepth = int64(50 * 365 * 24 * time.Hour)

// skewSlack is how much further than the bucket is deep a TAT may lie ahead of our clock before it cannot be this plan's:
// other instances' clocks may run ahead of ours.
const skewSlack = int64(2 * time.Second)

// bucket is a token bucket, kept as the generic cell rate algorithm: instead of tokens and the time they were counted at,
// one instant tells all, the TAT at which the bucket will be full. A unit pushes it interval ahead, and it may never lie
// more than depth ahead of now.
//
// The interval between units is seconds/requests, which is rarely a whole number of nanoseconds: 3 per second are
// 333,333,333⅓ ns apart. It is rounded up, and depth is a multiple of what it was rounded to. So a full bucket holds exactly
// burst units, n units at once cost what n units one by one do, and units flow back by less than a nanosecond each too slowly
// and never too fast: in any time d at most burst + d·requests/seconds units pass.
type bucket struct{ interval, depth int64 } // ns

func bucketOf(l decision.Limit) (bucket, error) {
	if l.Requests < 1 || l.Seconds < 1 || int64(l.Seconds) > maxDepth/int64(time.Second) || l.Burst < 0 {
		return bucket{}, fmt.Errorf("the rate %q of %d per %d s, burst %d, cannot be kept", l.Name, l.Requests, l.Seconds, l.Burst)
	}
	burst := int64(l.Burst)
	if burst == 0 {
		burst = int64(l.Requests)
	}
	span, requests := int64(l.Seconds)*int64(time.Second), int64(l.Requests)
	interval := (span-1)/requests + 1
	return bucket{interval, interval * min(burst, max(1, maxDepth/interval))}, nil
}

// holds tells how many units the bucket has.
func (b bucket) holds(tat, now int64) int64 {
	return max(0, (now+b.depth-max(tat, now))/b.interval)
}

// wait tells how long it takes until the bucket has n units; 0 if it has them.
func (b bucket) wait(tat, now, n int64) time.Duration {
	return time.Duration(max(0, tat+n*b.interval-b.depth-now))
}

// refilled tells how long it takes until the bucket is full.
func (b bucket) refilled(tat, now int64) time.Duration { return time.Duration(max(0, tat-now)) }

// foreign reports whether no call under this bucket can have left the TAT behind: an earlier plan did, with a slower or
// deeper bucket. Without care an app that moves to a faster plan would wait for its old one to refill, maybe for days.
func (b bucket) foreign(tat, now int64) bool { return tat > now+b.depth+skewSlack }

// leased is how many units may be taken ahead of need: what flows back while they may be spent. So units that lapse
// unspent are back by then, and no more of them are ever out.
func (b bucket) leased() int64 { return int64(lifetime) / b.interval }

// take puts n units into the step, n as holds tells or less. Whatever happens between the guess of the TAT and the write,
// the step is only applied if the bucket has n units at the instant now.
func (b bucket) take(s *counter.Step, tat, now, n int64) {
	cost := n * b.interval
	if tat < now {
		s.RateSet = &counter.RateSet{To: now + cost, Below: now}
		return
	}
	s.RateAdvance = &counter.RateAdvance{By: cost, Min: now, Max: now + b.depth - cost}
}

// adopt cuts a foreign TAT back to that of an empty bucket.
func (b bucket) adopt(s *counter.Step, tat, now int64) {
	s.RateAdvance = &counter.RateAdvance{By: now + b.depth - tat, Min: tat, Max: tat}
}
