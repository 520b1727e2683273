// Package taker takes units of limits for calls: from what an instance holds of each counter, and with writes of a store for
// many calls at once. What it may hold, and why that is exact, is package limit's.
package taker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sluice/shared/decision"
	"sluice/shared/limit"
	"sluice/shared/limit/counter"
	"sluice/shared/problem"
)

// Store applies Steps. It is dynamo.Table.ApplyLimit outside of tests.
type Store interface {
	// Apply makes one step of the counter with this id, as a whole or not at all, and gives the State as it then is: the
	// one that refused the step if it was not applied. On an error it is not known whether the step was applied.
	Apply(ctx context.Context, id string, s counter.Step) (after counter.State, applied bool, err error)
}

// The Taker's bounds.
const (
	maxRounds   = 3               // of a call through its counters
	maxTries    = 20              // writes for the calls that wait, each from a better guess than the last
	writeWithin = 2 * time.Second // one of them
	lookEvery   = time.Second     // for what is idle
	generation  = 4096            // counters in one of the two generations of known ones
)

// Taker takes units for calls, from what this instance holds of each counter and with conditional writes of a Store. While a
// write for a counter is under way further calls of it queue, and the next write takes for all of them; they are admitted in
// order of arrival. It is exact for any number of Takers over one store; see the package. It is safe for concurrent use.
type Taker struct {
	store   Store
	now     func() time.Time
	options limit.Options
	pause   func(time.Duration)

	mu       sync.Mutex
	known    [2]map[string]*account // by counter; the second generation is what the first was before it was full
	holders  map[*account]struct{}  // may have units on hand
	writing  int
	quiet    chan struct{} // closed when no write is under way
	looked   int64         // when holders were last looked through, ns since the Unix epoch
	crossing []limit.Crossing
	owes     bool // units must be given back before the instance may be frozen
}

// New makes a Taker.
func New(store Store, now func() time.Time, o limit.Options) *Taker {
	quiet := make(chan struct{})
	close(quiet)
	o = o.Shared()
	return &Taker{store: store, now: now, options: o, pause: time.Sleep, known: [2]map[string]*account{{}, {}}, holders: map[*account]struct{}{}, quiet: quiet}
}

// account is one counter in this process. One that has been forgotten while calls still use it does no harm: the store
// settles what two accounts of one counter may take.
type account struct {
	counter string
	holding *limit.Holding
	busy    bool     // a write is under way, or about to be
	queue   []*claim // waits for it, in order of arrival
	back    *back    // to be written before anything else
	cause   error    // why the last write was not answered
}

// back is a step that gives units back; all says that it is all of them.
type back struct {
	counter.Step
	all bool
}

// claim is one call that waits.
type claim struct {
	decision.Claim
	cost int64
	done chan outcome // has room for the one outcome that it gets
}

type outcome struct {
	answer limit.Answer
	err    error
}

// Take takes cost units, 1 if it is 0, of each limit of the claims for one call. Verdict.Admitted is 1 if the call may pass and
// 0 if it is refused, which costs nothing. Errors: problem.Unavailable if the store does not answer and the plan does not
// allow the call without, or if too many others interfere; the context's own if it ends while the call waits; any other if the
// limits cannot be kept.
func (t *Taker) Take(ctx context.Context, claims []decision.Claim, cost int) (limit.Verdict, error) {
	units := int64(max(1, cost))
	for range maxRounds {
		v, good, err := t.round(ctx, claims, units)
		if good || err != nil {
			return v, err
		}
	}
	return limit.Verdict{}, problem.New(problem.Unavailable, "the limits take too long to check at the moment; try again shortly")
}

// round takes units of each counter. good is false if what one gave was no longer good when the last one had given.
func (t *Taker) round(ctx context.Context, claims []decision.Claim, units int64) (v limit.Verdict, good bool, err error) {
	if len(claims) > 1 {
		if v, denied := t.denied(claims, units); denied {
			return v, true, nil
		}
	}
	v.Admitted = 1
	var paid [8]limit.Answer
	answers := paid[:0]
	for i := range claims {
		a, err := t.take(ctx, &claims[i], units)
		if err != nil {
			t.giveBack(claims[:i], answers)
			return limit.Verdict{}, false, fmt.Errorf("take limits: %w", err)
		}
		if v.Limits == nil {
			v.Limits = a.Limits
		} else {
			v.Limits = append(v.Limits, a.Limits...)
		}
		if a.Outcome == limit.Refused {
			t.giveBack(claims[:i], answers)
			return limit.Verdict{Limits: v.Limits, RetryAfter: limit.Patience(v.Limits)}, true, nil
		}
		answers = append(answers, a)
	}
	now := t.now()
	for _, a := range answers {
		if !a.Good(now) {
			t.giveBack(claims, answers)
			return limit.Verdict{}, false, nil
		}
	}
	return v, true, nil
}

// denied looks for a counter that is known to refuse the call, so that nothing need be taken of the others.
func (t *Taker) denied(claims []decision.Claim, units int64) (limit.Verdict, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for i := range claims {
		if a := t.account(claims[i].Counter); a.holding.Denies(&claims[i], units, now) {
			all := a.holding.Refuse(units, now).Limits
			return limit.Verdict{Limits: all, RetryAfter: limit.Patience(all)}, true
		}
	}
	return limit.Verdict{}, false
}

// giveBack undoes what counters gave to a call that another one refused.
func (t *Taker) giveBack(claims []decision.Claim, answers []limit.Answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, a := range answers {
		t.put(t.account(claims[i].Counter), a)
	}
}

// put puts back what a call was given. t.mu is held.
func (t *Taker) put(a *account, given limit.Answer) {
	if a.holding.GiveBack(given) {
		t.holders[a], t.owes = struct{}{}, true
	}
}

// take takes units of one counter.
func (t *Taker) take(ctx context.Context, c *decision.Claim, cost int64) (limit.Answer, error) {
	t.mu.Lock()
	a := t.account(c.Counter)
	if len(a.queue) == 0 {
		now := t.now()
		answer, err := a.holding.Take(c, cost, now)
		if err != nil || answer.Outcome != limit.Wanted {
			if err == nil && !a.busy && a.holding.Renewable(now) {
				t.begin(a)
			}
			err = a.or(err, answer)
			t.mu.Unlock()
			return answer, err
		}
	}
	w := &claim{Claim: *c, cost: cost, done: make(chan outcome, 1)}
	a.queue = append(a.queue, w)
	if !a.busy {
		t.begin(a)
	}
	t.mu.Unlock()
	select {
	case o := <-w.done:
		return o.answer, o.err
	case <-ctx.Done():
		return t.leave(ctx, a, w)
	}
}

// or is the error of an answer that neither admits nor refuses.
func (a *account) or(err error, answer limit.Answer) error {
	if err == nil && answer.Outcome == limit.Unreachable {
		return problem.Wrap(a.cause, problem.Unavailable, "the limits cannot be checked at the moment; try again shortly")
	}
	return err
}

// leave takes a call whose caller has gone out of the queue. If it has been given units in the meantime they are put back.
func (t *Taker) leave(ctx context.Context, a *account, w *claim) (limit.Answer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at := slices.Index(a.queue, w); at >= 0 {
		a.queue = slices.Delete(a.queue, at, at+1)
	} else if o := <-w.done; o.err == nil && o.answer.Outcome == limit.Admitted {
		t.put(a, o.answer)
	}
	return limit.Answer{}, fmt.Errorf("wait: %w", ctx.Err())
}

// begin starts writing for an account. t.mu is held.
func (t *Taker) begin(a *account) {
	a.busy = true
	if t.writing++; t.writing == 1 {
		t.quiet = make(chan struct{})
	}
	go t.work(a)
}

// work makes writes for an account until no call waits. It ends by itself: each write is bounded in time, and so is their
// number.
func (t *Taker) work(a *account) {
	defer func() {
		fault := recover() // a store that panics must not leave calls waiting
		t.mu.Lock()
		defer t.mu.Unlock()
		if fault != nil {
			a.holding.Lost(t.now())
			a.fail(fmt.Errorf("panic: %v", fault))
		}
		a.busy = false
		if len(a.queue) > 0 {
			t.begin(a)
		}
		if t.writing--; t.writing == 0 {
			close(t.quiet)
		}
	}()
	for try := 1; ; try++ {
		answered, more := t.write(a)
		switch {
		case !more:
			return
		case answered:
			try = 0
		case try == maxTries:
			t.mu.Lock()
			a.fail(problem.New(problem.Unavailable, "too many others take of this counter at once; try again shortly"))
			t.mu.Unlock()
			return
		}
	}
}

// write makes one write for an account and answers the calls that it settles. more says that others still wait.
func (t *Taker) write(a *account) (answered, more bool) {
	step, pause, returns, ok := t.next(a, false)
	if ok && pause > 0 {
		t.pause(pause)
		step, _, returns, ok = t.next(a, true)
	}
	if ok {
		t.apply(a, step, returns)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return a.serve(t.now()) || !ok, len(a.queue) > 0 || a.back != nil
}

// next gives the write that is due, or the pause until one is; returns is what gives units back. If there is none although a
// call waits, the call is refused.
func (t *Taker) next(a *account, rested bool) (s counter.Step, pause time.Duration, returns *back, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if returns = a.back; returns != nil {
		a.back = nil
		return returns.Step, 0, returns, true
	}
	if rested {
		a.holding.Rested()
	}
	a.serve(now)
	need, first := a.needs()
	if len(a.queue) == 0 && a.holding.Away() {
		need, first = 1, 1 // to see whether the store is back
	}
	s, notBefore, ok := a.holding.Ask(need, first, now)
	if !ok && len(a.queue) > 0 {
		c := a.queue[0]
		a.queue = slices.Delete(a.queue, 0, 1)
		c.done <- outcome{answer: a.holding.Refuse(c.cost, now)}
	}
	return s, notBefore.Sub(now), nil, ok
}

// apply shows a step to the store, and tells the Holding what became of it.
func (t *Taker) apply(a *account, step counter.Step, returns *back) {
	ctx, cancel := context.WithTimeout(context.Background(), writeWithin)
	defer cancel()
	after, applied, err := t.store.Apply(ctx, a.counter, step)
	t.mu.Lock()
	defer t.mu.Unlock()
	if a.cause = err; err != nil {
		a.holding.Lost(t.now())
		t.holders[a], t.owes = struct{}{}, true
		return
	}
	t.crossing = append(t.crossing, a.holding.Told(after, applied, t.now())...)
	if applied {
		t.holders[a] = struct{}{}
	}
	if returns != nil { // there may be more, or somebody had written in between
		if again, ok := a.holding.Return(returns.all, t.now()); ok {
			a.back = &back{again, returns.all}
		}
	}
}

// needs adds up what calls wait for under the terms of the first of them.
func (a *account) needs() (need, first int64) {
	for i, c := range a.queue {
		if i == 0 {
			first = c.cost
		}
		need += c.cost
	}
	return need, first
}

// serve answers calls in order of arrival, up to the first that wants a write. It reports whether it answered any.
func (a *account) serve(now time.Time) (answered bool) {
	for len(a.queue) > 0 {
		c := a.queue[0]
		answer, err := a.holding.Take(&c.Claim, c.cost, now)
		if err == nil && answer.Outcome == limit.Wanted {
			return answered
		}
		a.queue, answered = slices.Delete(a.queue, 0, 1), true
		c.done <- outcome{answer, a.or(err, answer)}
	}
	return answered
}

// fail answers all calls that wait with an error.
func (a *account) fail(err error) {
	for _, c := range a.queue {
		c.done <- outcome{err: err}
	}
	a.queue = nil
}

// Crossings hands out what quotas came to since the last time.
func (t *Taker) Crossings() []limit.Crossing {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.crossing
	t.crossing = nil
	return all
}

// account gives what is known of a counter. It forgets those that were used longest ago, a generation at a time. t.mu is held.
func (t *Taker) account(counter string) *account {
	if a := t.known[0][counter]; a != nil {
		return a
	}
	a := t.known[1][counter]
	counter = strings.Clone(counter) // it is part of a decision, which would be kept with it
	if a == nil {
		a = &account{counter: counter, holding: limit.NewHolding(t.options)}
	}
	if len(t.known[0]) >= generation {
		t.known[0], t.known[1] = make(map[string]*account, generation), t.known[0]
	}
	t.known[0][counter] = a
	return a
}
