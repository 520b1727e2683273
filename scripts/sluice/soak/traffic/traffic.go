// Package traffic sends the calls of a soak and keeps account of what became of each, by what its answer says: whether the
// gateway admitted it, and where the answer came from. An answer is told by three fields.
//
//   - X-Call, which the upstream writes: the call that the answer was made for. If it is this one the upstream has seen it,
//     if it is another the answer was remembered.
//   - RateLimit, which the gateway writes if the limits let the call pass, or refused it.
//   - Idempotency-Replayed, of a call that was repeated and charged nothing.
//
// Where X-Call is not this one the upstream itself is asked whether it has seen the call. So each admitted call is in exactly one class, and
// the sums must agree with the gateway's own counters to the unit. Nothing is kept of a single call.
package traffic

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sluice/scripts/sluice/fault"
	"sluice/shared/usage"
)

// Lane is one kind of caller: an app, or an address, that makes one kind of call.
type Lane struct {
	Name    string
	Method  string
	Path    string
	App     string        // whose answers it must get
	Address string        // a loopback address to call from; "" is any
	Share   int           // of the connections, in parts of all lanes' shares
	Pace    time.Duration // between two calls of a connection
	Keyed   bool          // each call is made three times with one Idempotency-Key, twice at once

	key     atomic.Pointer[string]
	mu      sync.Mutex
	counts  Counts
	latency usage.Sketch // of answers with 200
}

// Counts is what became of a lane's calls.
type Counts struct {
	Calls      int64  `json:"calls"`
	Good       int64  `json:"good"`       // 200
	Fresh      int64  `json:"fresh"`      // admitted, answered by the upstream for this call, whatever it said
	Remembered int64  `json:"remembered"` // admitted, answered with what the upstream said to another call
	Seen       int64  `json:"seen"`       // admitted, the upstream has seen it and its answer is not this one
	Unseen     int64  `json:"unseen"`     // admitted, and did not come to the upstream
	Replayed   int64  `json:"replayed"`   // repeated with an Idempotency-Key, not charged
	Refused    int64  `json:"refused"`    // 429, by a limit
	Turned     int64  `json:"turned"`     // refused before the limits were asked, or because nobody could ask them
	Unknown    int64  `json:"unknown"`    // 401 and 403, which are Turned, too
	Doubtful   int64  `json:"doubtful"`   // no answer, or 500, or one that no function gave: nobody knows how far it came
	Mixed      int64  `json:"mixed"`      // an answer that was made for somebody else
	Example    string `json:"example,omitempty"`
}

// Admitted is how many calls the limits let pass, as far as the answers tell.
func (c Counts) Admitted() int64 { return c.Fresh + c.Remembered + c.Seen + c.Unseen }

// Reached is how many of them the upstream has seen.
func (c Counts) Reached() int64 { return c.Fresh + c.Seen }

// String is one line.
func (c Counts) String() string {
	return fmt.Sprintf("%d × 200, %d × 429, %d turned away, %d in doubt", c.Good, c.Refused, c.Turned, c.Doubtful)
}

// Counts gives what became of the calls so far.
func (l *Lane) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// Latency adds the latencies of the lane's answers with 200 to a distribution.
func (l *Lane) Latency(to usage.Sketch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for bucket, n := range l.latency {
		to[bucket] += n
	}
}

// SetKey gives the lane the key that its next calls have; none before the first.
func (l *Lane) SetKey(key string) { l.key.Store(&key) }

// Upstream knows which calls it has seen.
type Upstream interface {
	// Saw reports whether the call with this request id has come.
	Saw(id string) bool
}

// Drive makes calls of all lanes over so many connections, each lane at least one, until ctx ends. It returns when the last
// calls have come to their end. address is the gateway's.
func Drive(ctx context.Context, address string, lanes []*Lane, connections int, seen Upstream) {
	shares := 0
	for _, l := range lanes {
		shares += l.Share
	}
	var driving sync.WaitGroup
	for _, l := range lanes {
		for n := range max(1, connections*l.Share/max(1, shares)) {
			driving.Go(func() { l.drive(ctx, address, n, seen) })
		}
	}
	driving.Wait()
}

// slowDown is how long a connection rests after a call that no limit let pass: a loop of refusals would take the machine from
// the calls that do.
const slowDown = 3 * time.Millisecond

// drive makes calls over one connection, or two for a lane with keys.
func (l *Lane) drive(ctx context.Context, address string, n int, seen Upstream) {
	first := &line{address: address, from: l.Address}
	defer first.close()
	if l.Keyed {
		l.driveKeyed(ctx, first, n, seen)
		return
	}
	for ctx.Err() == nil {
		took, a := first.call(context.WithoutCancel(ctx), l, "")
		pace := l.Pace
		if class := l.tell(a, took, "", seen); class == classRefused || class == classTurned || class == classDoubtful {
			pace = max(pace, slowDown)
		}
		if pace > 0 && fault.Sleep(ctx, pace) != nil {
			return
		}
	}
}

// driveKeyed makes each call three times: twice at once over two connections, and once more.
func (l *Lane) driveKeyed(ctx context.Context, first *line, n int, seen Upstream) {
	second := &line{address: first.address, from: first.from}
	defer second.close()
	for i := int64(1); ctx.Err() == nil; i++ {
		key := fmt.Sprintf("%s%d-%d", l.Name, n, i)
		var both sync.WaitGroup
		for _, over := range []*line{first, second} {
			both.Go(func() {
				took, a := over.call(context.WithoutCancel(ctx), l, key)
				l.tell(a, took, key, seen)
			})
		}
		both.Wait()
		took, a := first.call(context.WithoutCancel(ctx), l, key)
		l.tell(a, took, key, seen)
		if fault.Sleep(ctx, l.Pace) != nil {
			return
		}
	}
}

// tell counts one answer.
func (l *Lane) tell(a answer, took time.Duration, key string, seen Upstream) class {
	what := a.class(seen)
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &l.counts
	c.Calls++
	if a.status == http.StatusOK {
		c.Good++
		if l.latency == nil {
			l.latency = usage.Sketch{}
		}
		l.latency.Observe(took)
	}
	switch what {
	case classFresh:
		c.Fresh++
	case classRemembered:
		c.Remembered++
	case classSeen:
		c.Seen++
	case classUnseen:
		c.Unseen++
	case classReplayed:
		c.Replayed++
	case classRefused:
		c.Refused++
	case classTurned:
		c.Turned++
		if a.status == http.StatusUnauthorized || a.status == http.StatusForbidden {
			c.Unknown++
			c.Example = fmt.Sprintf("%d %s", a.status, a.body)
		}
	case classDoubtful:
		c.Doubtful++
		c.Example = fmt.Sprintf("%d %s", a.status, a.body)
	}
	if a.foreign(l.App, key) {
		c.Mixed++
		c.Example = fmt.Sprintf("%q got %s", l.App, a.body)
	}
	return what
}
