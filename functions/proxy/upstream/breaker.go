package upstream

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"sluice/shared/catalog"
)

// Hints tells other instances of an open breaker, and is told by them. They are hints: whoever loses one finds out by itself.
type Hints interface {
	// Hint is until when the upstream is to be avoided; a time that has passed if nobody said so.
	Hint(ctx context.Context, id string) (until time.Time, err error)
	// PutHint says until when it is to be avoided.
	PutHint(ctx context.Context, id string, until time.Time) error
}

// The breaker's defaults, and what is ours to say.
const (
	defaultFailurePercent = 50
	defaultMinimumCalls   = 20
	defaultWindow         = 10 * time.Second
	defaultOpen           = 10 * time.Second

	probes     = 3  // calls that must all do well, half-open, until it closes
	slices     = 10 // of the window: what is older than it goes by a tenth at a time
	hearEvery  = time.Second
	hintWithin = 200 * time.Millisecond
	// overdue is how long after its time a breaker that is still open must have lost time.
	overdue = time.Second
)

// breaker is a circuit breaker of one upstream: closed, open for OpenSeconds, then half-open.
//
// Failures are what speaks of the upstream and not of one request: no connection, no usable answer, no answer in time (if
// the call had at least half of the upstream's timeout: an impatient caller proves nothing), and 502, 503 and 504. A 500
// is none, since whoever finds a request that provokes one could close an API for all; neither are 429 and other 4xx. A
// call that was cancelled says nothing.
//
// Hints. The call with which a breaker opens tells the others, once. An instance looks for a hint after a failure of its
// own, and at most once a second: so a call that does well reads nothing. If there is one, its breaker opens too, for
// its own OpenSeconds, and says nothing. However wrong a hint is, it costs no more than OpenSeconds for each failure.
//
// Freezes. gobreaker keeps time by the monotonic clock, which may stand still while an instance is frozen; an instance
// that wakes for each call would stay open for ever. So the wall clock decides: where it has passed the time by a second and
// gobreaker has not noticed, a new one takes over that opens at the first failure, until a call does well. And after
// a pause that is longer than the window nothing in it counts any more.
type breaker struct {
	asked   catalog.Breaker // as it is configured
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

// How a call went, for gobreaker; nil is well.
var (
	errBad     = errors.New("the upstream failed")
	errNothing = errors.New("nothing was learnt")
)

func newBreaker(s catalog.Breaker, now func() time.Time) *breaker {
	b := &breaker{asked: s, now: now, percent: defaultFailurePercent, minimum: defaultMinimumCalls, window: defaultWindow, open: defaultOpen}
	if s.FailurePercent > 0 {
		b.percent = uint64(s.FailurePercent)
	}
	if s.MinimumCalls > 0 {
		b.minimum = uint64(s.MinimumCalls)
	}
	if s.WindowSeconds > 0 {
		b.window = time.Duration(s.WindowSeconds) * time.Second
	}
	if s.OpenSeconds > 0 {
		b.open = time.Duration(s.OpenSeconds) * time.Second
	}
	b.used.Store(now().UnixNano())
	b.era.Store(b.begin(false))
	return b
}

func (b *breaker) begin(strict bool) *era {
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
			case gobreaker.StateHalfOpen: // until it is known better
			}
		},
	})
	return e
}

// current is the era of now.
func (b *breaker) current() *era {
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

// closed is for how long no call may pass; 0 if one may. A nil breaker lets all pass.
func (b *breaker) closed() time.Duration {
	if b == nil {
		return 0
	}
	if e := b.current(); e.until.Load() != 0 && e.circuit.State() == gobreaker.StateOpen {
		return b.wait(e)
	}
	return 0
}

// wait is when to try again.
func (b *breaker) wait(e *era) time.Duration {
	return max(time.Second, time.Duration(e.until.Load()-b.now().UnixNano()))
}

// allow lets a call pass, or says after how long to try again. done must be called once with nil, errBad or errNothing.
func (b *breaker) allow() (done func(error), at *era, err error) {
	if b == nil {
		return nil, nil, nil
	}
	e := b.current()
	if done, err = e.circuit.Allow(); err != nil {
		return nil, nil, &refused{why: "the breaker is open", wait: b.wait(e)}
	}
	return done, e, nil
}

// report says how a call went, and tells or asks the other instances where the breaker needs it.
func (b *breaker) report(ctx context.Context, id string, hints Hints, e *era, done func(error), how error) {
	done(how)
	if how == nil && e.strict.Load() {
		e.strict.Store(false)
	}
	if !errors.Is(how, errBad) || hints == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hintWithin)
	defer cancel()
	if e.untold.CompareAndSwap(true, false) {
		_ = hints.PutHint(ctx, id, time.Unix(0, e.until.Load())) // the others find out by themselves
		return
	}
	now := b.now()
	heard := b.heard.Load()
	if ago := now.UnixNano() - heard; e.until.Load() != 0 || ago >= 0 && ago < int64(hearEvery) || !b.heard.CompareAndSwap(heard, now.UnixNano()) {
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
