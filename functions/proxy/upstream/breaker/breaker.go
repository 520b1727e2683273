// Package breaker keeps calls from an upstream that fails: closed, open for OpenSeconds, then half-open, and closed again after
// three calls in a row that did well.
//
// Failures are what speaks of the upstream and not of one request: no connection, no usable answer, no answer in time (if
// the call had at least half of the upstream's timeout: an impatient caller proves nothing), and 502, 503 and 504. A 500
// is none, since whoever finds a request that provokes one could close an API for all; neither are 429 and other 4xx. A
// call that was cancelled says nothing. Who calls judges; this package counts.
//
// Hints. The call with which a breaker opens tells the other instances, once. An instance looks for a hint after a failure of
// its own, and at most once a second: so a call that does well reads nothing. If there is one, its breaker opens too, for its
// own OpenSeconds, and says nothing itself. However wrong a hint is, it costs OpenSeconds for each failure at most; whoever
// loses one finds out alone.
//
// Freezes. gobreaker keeps time by the monotonic clock, which may stand still while an instance is frozen; one that wakes
// for each call would stay open for ever. So the wall clock decides: where it has passed the time by a second and gobreaker has
// not noticed, a new one takes over that opens at the first failure, until a call does well. And after a pause that is
// longer than the window nothing in it counts any more.
//
// The library, measured on one machine in one run: sony/gobreaker takes 267 ns and 1 allocation a call, failsafe-go 105 ns
// and none. But with failsafe-go a call that was let in before it opened, and ends while it is half-open, counts as a
// probe: one such call closed it. gobreaker tells them apart by a generation, so it is gobreaker.
package breaker

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"sluice/shared/catalog"
)

// Hints tells other instances of an open breaker, and is told by them.
type Hints interface {
	// Hint is until when the upstream is to be avoided; a time that has passed if nobody said so.
	Hint(ctx context.Context, id string) (until time.Time, err error)
	// PutHint says until when it is to be avoided.
	PutHint(ctx context.Context, id string, until time.Time) error
}

// Outcome is how a call went.
type Outcome int

// The outcomes.
const (
	Nothing Outcome = iota // nothing was learnt
	Well
	Bad
)

// The defaults of catalog.Breaker, and what is ours to say.
const (
	defaultFailurePercent = 50
	defaultMinimumCalls   = 20
	defaultSeconds        = 10

	probes     = 3  // calls that must all do well, half-open, until it closes
	slices     = 10 // of the window: what is older than it goes by a tenth at a time
	hearEvery  = time.Second
	hintWithin = 200 * time.Millisecond
	overdue    = time.Second // how long after its time a breaker that is still open must have lost time
	least      = time.Second // that a caller is asked to wait
)

// Breaker is the circuit breaker of one upstream. It is safe for concurrent use. nil lets all calls pass.
type Breaker struct {
	asked   catalog.Breaker
	percent uint64
	minimum uint64
	window  time.Duration
	open    time.Duration
	now     func() time.Time
	era     atomic.Pointer[era]
	used    atomic.Int64 // ns since the Unix epoch
	heard   atomic.Int64 // when hints were last read, likewise
}

// era is the time of one gobreaker. What ends late in an earlier one changes nothing in the next.
type era struct {
	circuit *gobreaker.TwoStepCircuitBreaker[struct{}]
	strict  atomic.Bool  // the next failure opens it
	told    atomic.Bool  // it is being opened by a hint
	until   atomic.Int64 // until when it is open, ns since the Unix epoch; 0 if it is closed
	untold  atomic.Bool  // it has opened, and nobody was told
}

// What gobreaker is told of a call; nil is well.
var (
	errBad     = errors.New("the upstream failed")
	errNothing = errors.New("nothing was learnt")
)

// New makes a closed breaker. now is the wall clock.
func New(s catalog.Breaker, now func() time.Time) *Breaker {
	percent, minimum := uint64(defaultFailurePercent), uint64(defaultMinimumCalls)
	if s.FailurePercent > 0 {
		percent = uint64(s.FailurePercent)
	}
	if s.MinimumCalls > 0 {
		minimum = uint64(s.MinimumCalls)
	}
	b := &Breaker{asked: s, now: now, percent: percent, minimum: minimum, window: seconds(s.WindowSeconds), open: seconds(s.OpenSeconds)}
	b.used.Store(now().UnixNano())
	b.era.Store(b.begin(false))
	return b
}

func seconds(n int) time.Duration {
	if n <= 0 {
		n = defaultSeconds
	}
	return time.Duration(n) * time.Second
}

// Is reports whether the breaker is as the settings want it.
func (b *Breaker) Is(s *catalog.Breaker) bool {
	if b == nil || s == nil {
		return b == nil && s == nil
	}
	return b.asked == *s
}

func (b *Breaker) begin(strict bool) *era {
	e := &era{}
	e.strict.Store(strict)
	e.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: probes, Interval: b.window, BucketPeriod: b.window / slices, Timeout: b.open,
		ReadyToTrip: func(n gobreaker.Counts) bool {
			bad, all := uint64(n.TotalFailures), uint64(n.TotalFailures)+uint64(n.TotalSuccesses)
			return e.strict.Load() || all >= b.minimum && bad*100 >= b.percent*all
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errNothing) },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			switch to {
			case gobreaker.StateOpen:
				e.until.Store(b.now().Add(b.open).UnixNano())
				e.strict.Store(false)
				e.untold.Store(!e.told.Load())
			case gobreaker.StateClosed:
				e.until.Store(0)
			case gobreaker.StateHalfOpen: // as it was, until it is known better
			}
		},
	})
	return e
}

// current is the era of now.
func (b *Breaker) current() *era {
	now := b.now().UnixNano()
	before := b.used.Swap(now)
	e := b.era.Load()
	until := e.until.Load()
	switch {
	case until == 0 && now-before > int64(b.window) && !e.strict.Load():
		b.era.CompareAndSwap(e, b.begin(false))
	case until != 0 && now > until+int64(overdue) && e.circuit.State() == gobreaker.StateOpen:
		b.era.CompareAndSwap(e, b.begin(true))
	default:
		return e
	}
	return b.era.Load()
}

// Closed is after how long to try again if no call may pass now; 0 if one may. It lets nobody pass: Allow does.
func (b *Breaker) Closed() time.Duration {
	if b == nil {
		return 0
	}
	if e := b.current(); e.until.Load() != 0 && e.circuit.State() == gobreaker.StateOpen {
		return b.wait(e)
	}
	return 0
}

// wait is when to try again.
func (b *Breaker) wait(e *era) time.Duration {
	return max(least, time.Duration(e.until.Load()-b.now().UnixNano()))
}

// Permit lets one call pass. It must be reported on, once.
type Permit struct {
	breaker *Breaker
	era     *era
	done    func(error)
}

// Allow lets a call pass; if it does not, wait is after how long to try again, at least a second.
func (b *Breaker) Allow() (p Permit, wait time.Duration) {
	if b == nil {
		return Permit{}, 0
	}
	e := b.current()
	done, err := e.circuit.Allow()
	if err != nil {
		return Permit{}, b.wait(e)
	}
	return Permit{breaker: b, era: e, done: done}, 0
}

// Report says how the call went, and tells or asks the other instances where the breaker needs it: for that it may take 200 ms,
// whatever is left of the context. Hints may be nil. A fault of theirs changes nothing.
func (p Permit) Report(ctx context.Context, id string, hints Hints, how Outcome) {
	if p.breaker == nil {
		return
	}
	switch how {
	case Well:
		p.done(nil)
		if p.era.strict.Load() {
			p.era.strict.Store(false)
		}
	case Bad:
		p.done(errBad)
		if hints != nil {
			p.breaker.share(ctx, id, hints, p.era)
		}
	case Nothing:
		p.done(errNothing)
	}
}

// share tells the others that the breaker has opened, or asks whether another one has.
func (b *Breaker) share(ctx context.Context, id string, hints Hints, e *era) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hintWithin)
	defer cancel()
	if e.untold.CompareAndSwap(true, false) {
		_ = hints.PutHint(ctx, id, time.Unix(0, e.until.Load())) // the others find out by themselves
		return
	}
	now, heard := b.now(), b.heard.Load()
	ago := time.Duration(now.UnixNano() - heard)
	if e.until.Load() != 0 || ago >= 0 && ago < hearEvery || !b.heard.CompareAndSwap(heard, now.UnixNano()) {
		return
	}
	if until, err := hints.Hint(ctx, id); err == nil && until.After(now) {
		e.believe()
	}
}

// believe opens the breaker because somebody said so.
func (e *era) believe() {
	e.told.Store(true)
	e.strict.Store(true)
	if done, err := e.circuit.Allow(); err == nil {
		done(errBad)
	} else { // it is open already
		e.strict.Store(false)
	}
	e.told.Store(false)
}
