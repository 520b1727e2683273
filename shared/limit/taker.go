package limit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sluice/shared/decision"
	"sluice/shared/problem"
)

// Store applies Steps. It is dynamo.Table.ApplyLimit outside of tests.
type Store interface {
	// Apply makes one step of the limits with this id, as a whole or not at all, and gives the State as it then is: the
	// one that refused the step if it was not applied. On an error it is not known whether the step was applied.
	Apply(ctx context.Context, id string, s Step) (after State, applied bool, err error)
}

// The Taker's bounds.
const (
	maxTries    = 8               // writes for one batch, each from a better guess than the last
	writeWithin = 3 * time.Second // all of them together
	trusted     = 5 * time.Minute // a State seen longer ago than this refuses nobody without asking the store
	generation  = 4096            // subscriptions in one of the two generations of known States
)

// Taker takes units for calls, with one conditional write a call at most where nobody else interferes. While a write for a
// subscription is under way in this process, further calls of it queue, and the next write takes for all of them at once; it
// admits in order of arrival exactly as many as fit. Calls that the last seen State already refuses cost no write:
// within a period Used only grows, and a TAT too far ahead stays so until time passes. They are judged by the limits of their
// own decision, so a larger plan is in force at once.
//
// It is exact, for any number of Takers over one store, since only an applied Step admits. If an answer of the store is lost
// the calls fail with problem.Unavailable and are not tried again: the units may be gone, but nobody is admitted without
// one and nobody is charged twice.
type Taker struct {
	store Store
	now   func() time.Time

	mu    sync.Mutex
	known [2]map[string]*account // by subscription; the second generation is what the first was before it was full
}

// NewTaker makes a Taker.
func NewTaker(store Store, now func() time.Time) *Taker {
	return &Taker{store: store, now: now, known: [2]map[string]*account{{}, {}}}
}

// account is what this process knows of one subscription. An account that has been forgotten while calls still use it does
// no harm: the store settles what two accounts of one subscription may take.
type account struct {
	state State
	seen  int64    // when the store told it, ns since the Unix epoch; 0 if it never did
	busy  bool     // one of its calls holds the pen: it writes, or is about to
	queue []*claim // waits for that one, in order of arrival
}

// trusts reports whether the State is young enough to refuse calls. Wall clocks, since monotonic ones stop in a freeze.
func (a *account) trusts(now time.Time) bool {
	age := now.UnixNano() - a.seen
	return a.seen != 0 && age <= int64(trusted) && -age <= int64(trusted)
}

// claim is one call that waits for a unit.
type claim struct {
	limits []decision.Limit
	done   chan outcome // has room for the one outcome that it gets
}

// outcome is what a claim gets: a verdict, an error, or the pen.
type outcome struct {
	verdict Verdict
	err     error
	lead    bool // the call shall make the next write, for itself and for those that wait
}

// Take takes one unit of each limit of the subscription for one call. Verdict.Admitted is 1 if the call may pass and 0 if it is
// refused, which costs nothing. Errors: problem.Unavailable if the store does not answer or too many others interfere; the
// context's own if it ends while the call still waits for its turn; any other if the limits cannot be kept.
func (t *Taker) Take(ctx context.Context, claims []decision.Claim, _ int) (Verdict, error) {
	if len(claims) == 0 {
		return Verdict{Admitted: 1}, nil
	}
	return t.take(ctx, claims[0].Counter, claims[0].Limits)
}

func (t *Taker) take(ctx context.Context, id string, limits []decision.Limit) (Verdict, error) {
	if len(limits) == 0 {
		return Verdict{Admitted: 1}, nil
	}
	terms, err := termsOf(limits)
	if err != nil {
		return Verdict{}, err
	}
	t.mu.Lock()
	a := t.account(id)
	if v, refused := a.refuses(&terms, t.now()); refused {
		t.mu.Unlock()
		return v, nil
	}
	if !a.busy {
		a.busy = true
		t.mu.Unlock()
		return t.lead(ctx, id, a, &claim{limits: limits})
	}
	c := &claim{limits: limits, done: make(chan outcome, 1)}
	a.queue = append(a.queue, c)
	t.mu.Unlock()
	return t.wait(ctx, id, a, c)
}

// wait gets a claim its outcome. A context that ends takes the claim out of the queue; once a write takes for it, the claim
// waits for the end of that write, so that no admitted unit is lost.
func (t *Taker) wait(ctx context.Context, id string, a *account, c *claim) (Verdict, error) {
	var o outcome
	select {
	case o = <-c.done:
	case <-ctx.Done():
		t.mu.Lock()
		at := slices.Index(a.queue, c)
		if at >= 0 {
			a.queue = slices.Delete(a.queue, at, at+1)
		}
		t.mu.Unlock()
		if at < 0 {
			o = <-c.done
		}
		if at >= 0 || o.lead {
			if o.lead {
				t.pass(a, nil, nil, nil)
			}
			return Verdict{}, fmt.Errorf("wait to take limits: %w", ctx.Err())
		}
	}
	if o.lead {
		return t.lead(ctx, id, a, c)
	}
	return o.verdict, o.err
}

// lead makes one write for the claim and for those that queue behind it under the same limits, then hands the pen to the
// next in the queue. It holds the pen, which is account.busy.
func (t *Taker) lead(ctx context.Context, id string, a *account, first *claim) (Verdict, error) {
	others := t.join(a, first)
	passed := false
	defer func() {
		if !passed { // a store that panics must not leave the others waiting
			t.pass(a, others, nil, unavailable(errors.New("the write did not end")))
		}
	}()
	terms, err := termsOf(first.limits)
	if err != nil {
		return Verdict{}, err
	}
	v, err := t.write(ctx, id, a, &terms, 1+len(others))
	verdicts := terms.split(v, 1+len(others))
	passed = true
	t.pass(a, others, verdicts[1:], err)
	if err != nil {
		return Verdict{}, err
	}
	return verdicts[0], nil
}

// join takes those out of the queue that can share a write with the claim.
func (t *Taker) join(a *account, first *claim) []*claim {
	t.mu.Lock()
	defer t.mu.Unlock()
	same := 0
	for same < len(a.queue) && slices.Equal(a.queue[same].limits, first.limits) {
		same++
	}
	if same == 0 {
		return nil
	}
	others := slices.Clone(a.queue[:same])
	a.queue = slices.Delete(a.queue, 0, same)
	return others
}

// pass tells the claims what they got, and gives the pen to the next.
func (t *Taker) pass(a *account, claims []*claim, verdicts []Verdict, err error) {
	for i, c := range claims {
		if err != nil {
			c.done <- outcome{err: err}
			continue
		}
		c.done <- outcome{verdict: verdicts[i]}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(a.queue) == 0 {
		a.busy = false
		return
	}
	next := a.queue[0]
	a.queue = slices.Delete(a.queue, 0, 1)
	next.done <- outcome{lead: true}
}

// split gives each call of a batch its own verdict: the first ones pass, the rest learn why not.
func (t *terms) split(v Verdict, n int) []Verdict {
	if n == 1 {
		return []Verdict{v}
	}
	each := make([]Verdict, n)
	for i := range each {
		if i < v.Admitted {
			each[i] = t.earlier(v, int64(v.Admitted-1-i))
			continue
		}
		each[i] = v
		each[i].Admitted = 0
	}
	return each
}

// write takes up to n units, guessing from the last seen State and learning from each refused guess. It outlives the
// caller's context for a bounded time: calls of others ride on the same write.
func (t *Taker) write(ctx context.Context, id string, a *account, terms *terms, n int) (Verdict, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWithin)
	defer cancel()
	guess, known := t.recall(a)
	for range maxTries {
		step, v := terms.plan(guess, t.now(), n)
		if step.Empty() {
			if known {
				return v, nil
			}
			guess = State{} // an old memory says no: ask the store
			step, v = terms.plan(guess, t.now(), n)
		}
		after, applied, err := t.store.Apply(ctx, id, step)
		if err != nil {
			return Verdict{}, unavailable(err)
		}
		t.learn(a, after)
		if applied && v.Admitted > 0 {
			return terms.verdictAfter(v, after, t.now(), n), nil
		}
		guess, known = after, true
	}
	return Verdict{}, problem.New(problem.Unavailable, "too many calls of this subscription at once; try again shortly")
}

// verdictAfter tells how the limits stand at the State that the store holds: others may have taken units too since the guess.
func (t *terms) verdictAfter(planned Verdict, s State, now time.Time, n int) Verdict {
	if t.quotaAt < 0 {
		s.Period, s.Used = "", 0
	}
	v := t.verdict(s, now, int64(n), int64(planned.Admitted))
	for i := range v.Limits { // what refused the rest of the batch was decided at the time of the plan
		v.Limits[i].Exceeded = planned.Limits[i].Exceeded
	}
	v.RetryAfter = max(v.RetryAfter, planned.RetryAfter)
	return v
}

// unavailable says that a failed write admits nobody, whatever became of it.
func unavailable(err error) error {
	if problem.Is(err, problem.Unavailable) {
		return fmt.Errorf("take limits: %w", err)
	}
	return problem.Wrap(fmt.Errorf("take limits: %w", err), problem.Unavailable, "the limits cannot be checked at the moment; try again shortly")
}

// account gives what is known of a subscription. It forgets those that were used longest ago, a generation at a time.
// t.mu is held.
func (t *Taker) account(id string) *account {
	if a := t.known[0][id]; a != nil {
		return a
	}
	a := t.known[1][id]
	if a == nil {
		a = &account{}
	}
	if len(t.known[0]) >= generation {
		t.known[0], t.known[1] = make(map[string]*account, generation), t.known[0]
	}
	t.known[0][id] = a
	return a
}

// refuses reports whether the last seen State proves that the next unit does not fit. t.mu is held.
func (a *account) refuses(terms *terms, now time.Time) (Verdict, bool) {
	if !a.trusts(now) {
		return Verdict{}, false
	}
	step, v := terms.plan(a.state, now, 1)
	return v, v.Admitted == 0 && step.Empty()
}

// recall gives the State to plan from, and whether it is young enough to refuse by.
func (t *Taker) recall(a *account) (State, bool) {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	return a.state, a.trusts(now)
}

func (t *Taker) learn(a *account, s State) {
	now := t.now().UnixNano()
	t.mu.Lock()
	defer t.mu.Unlock()
	a.state, a.seen = s, now
}
