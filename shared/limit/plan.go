// Package limit is the arithmetic of rates and quotas on instants, and the taking of units from a store. It does no I/O.
//
// The limits of one subscription live in one State. A call takes one unit of each limit in one Step, a single conditional
// write that is applied as a whole or not at all: so a refused call costs nothing, and what the store has applied is
// admitted exactly once (promises 3 and 4). Plan makes Steps; Taker takes units for calls, with at most one write a call and
// far less than that under load.
//
// What is exact, and against which clock: a quota admits at most its number in every period as it is counted, whatever the
// clocks do. A rate admits at most burst + rate × (t2 − t1 + s) between t1 and t2, where s is how far the clocks of the
// instances lie apart. Clocks are wall clocks: those of a frozen instance are right again once it thaws.
package limit

import (
	"fmt"
	"slices"
	"time"

	"sluice/shared/decision"
)

// retention is how long a State is kept after the last instant at which it matters.
const retention = 24 * time.Hour

// Verdict is what Plan and Taker say about calls.
type Verdict struct {
	Admitted   int           // how many units pass, in order of arrival
	RetryAfter time.Duration // if not all pass: how long until one more would fit every limit, if nobody else takes it
	Limits     []Standing    // how each limit stands once the admitted units are taken, in the order of the decision's limits
}

// Standing is how one limit stands.
type Standing struct {
	Limit     decision.Limit
	Remaining int64         // units that could be taken at once
	Reset     time.Duration // until it is whole again: the bucket full, the period over
	Wait      time.Duration // until it has a unit; 0 if it has one
	Exceeded  bool          // it is a reason why not all units pass
}

// Refusal gives the limit that keeps the next unit waiting longest; false if all units passed.
func (v Verdict) Refusal() (Standing, bool) {
	var worst Standing
	for _, s := range v.Limits {
		if s.Exceeded && (!worst.Exceeded || s.Wait > worst.Wait) {
			worst = s
		}
	}
	return worst, worst.Exceeded
}

// terms is the limits of a decision, checked: one rate and one quota at most, since that is what a State can keep.
type terms struct {
	limits  []decision.Limit
	rate    bucket
	quota   allowance
	rateAt  int // their places in limits, -1 if there is none
	quotaAt int
}

func termsOf(limits []decision.Limit) (terms, error) {
	t := terms{limits: limits, rateAt: -1, quotaAt: -1}
	for i, l := range limits {
		switch {
		case l.Kind == decision.RateLimit && t.rateAt < 0:
			b, err := bucketOf(l)
			if err != nil {
				return terms{}, err
			}
			t.rate, t.rateAt = b, i
		case l.Kind == decision.QuotaLimit && t.quotaAt < 0:
			a, err := allowanceOf(l)
			if err != nil {
				return terms{}, err
			}
			t.quota, t.quotaAt = a, i
		default:
			return terms{}, fmt.Errorf("the limit %q of kind %q is unknown or one too many", l.Name, l.Kind)
		}
	}
	return t, nil
}

// Plan makes the Step that takes n units of each limit from the guessed State, or as many as fit all of them. The Step is
// empty where none fits: then there is nothing to write, and if the State was not a guess but known, the units are refused.
// A Step that is not empty although no unit is admitted puts the State in order after a change of plan; once it is applied,
// plan again. With n = 0 the Verdict tells how the limits stand.
//
// It fails if the limits cannot be kept: an unknown kind, a second one of a kind, numbers that make no sense.
func Plan(limits []decision.Limit, guess State, now time.Time, n int) (Step, Verdict, error) {
	t, err := termsOf(limits)
	if err != nil {
		return Step{}, Verdict{}, err
	}
	step, v := t.plan(guess, now, n)
	return step, v, nil
}

func (t *terms) plan(guess State, now time.Time, n int) (Step, Verdict) {
	at, fit := now.UnixNano(), int64(n)
	foreign := t.rateAt >= 0 && t.rate.foreign(guess.TAT, at)
	if t.rateAt >= 0 {
		fit = min(fit, t.rate.holds(guess.TAT, at))
	}
	var period string
	var used int64
	var fresh bool
	if t.quotaAt >= 0 {
		period, used, fresh = t.quota.spent(guess, now)
		fit = max(0, min(fit, t.quota.most-used))
	}
	var step Step
	after := State{TAT: guess.TAT, Period: period, Used: used + fit}
	switch {
	case fit > 0:
		if t.rateAt >= 0 {
			t.rate.take(&step, guess.TAT, at, fit)
			after.TAT = max(guess.TAT, at) + fit*t.rate.interval
		}
		if t.quotaAt >= 0 && fresh {
			step.QuotaReset = &QuotaReset{From: guess.Period, Period: period, Units: fit}
		} else if t.quotaAt >= 0 {
			step.QuotaAdd = &QuotaAdd{Period: period, Units: fit, Most: t.quota.most - fit}
		}
	case n > 0 && foreign && (t.quotaAt < 0 || used < t.quota.most):
		t.rate.adopt(&step, guess.TAT, at)
	}
	if !step.Empty() {
		step.Expires = t.expires(guess, after, now)
	}
	return step, t.verdict(after, now, int64(n), fit)
}

// verdict tells how the limits stand at a State whose period is the one that calls count in.
func (t *terms) verdict(s State, now time.Time, n, admitted int64) Verdict {
	v := Verdict{Admitted: int(admitted)}
	if len(t.limits) == 0 {
		return v
	}
	v.Limits = make([]Standing, len(t.limits))
	if t.rateAt >= 0 {
		at := now.UnixNano()
		v.Limits[t.rateAt] = Standing{Limit: t.limits[t.rateAt], Remaining: t.rate.holds(s.TAT, at),
			Reset: t.rate.refilled(s.TAT, at), Wait: t.rate.wait(s.TAT, at)}
		if t.rate.foreign(s.TAT, at) { // about to be cut back
			v.Limits[t.rateAt].Reset, v.Limits[t.rateAt].Wait = time.Duration(t.rate.depth), time.Duration(t.rate.interval)
		}
	}
	if t.quotaAt >= 0 {
		left := max(0, t.quota.most-s.Used)
		q := Standing{Limit: t.limits[t.quotaAt], Remaining: left, Reset: max(0, t.quota.end(s.Period, now).Sub(now))}
		if left == 0 {
			q.Wait = q.Reset
		}
		v.Limits[t.quotaAt] = q
	}
	if admitted < n {
		for i := range v.Limits {
			s := &v.Limits[i]
			s.Exceeded = s.Remaining == 0
			v.RetryAfter = max(v.RetryAfter, s.Wait)
		}
	}
	return v
}

// earlier gives the Verdict of one call that passed, and behind which n more were admitted in the same Step.
func (t *terms) earlier(v Verdict, n int64) Verdict {
	limits := slices.Clone(v.Limits)
	for i := range limits {
		s := &limits[i]
		s.Remaining, s.Exceeded = s.Remaining+n, false
		if n > 0 {
			s.Wait = 0
		}
		if i == t.rateAt {
			s.Reset = max(0, s.Reset-time.Duration(n*t.rate.interval))
		}
	}
	return Verdict{Admitted: 1, Limits: limits}
}

// expires gives the instant after which the State means nothing: the bucket is full, and the period is over, also that of a
// quota which an earlier plan had and a later one may have again.
func (t *terms) expires(guess, after State, now time.Time) time.Time {
	last := now
	if t.rateAt >= 0 {
		last = now.Add(time.Duration(t.rate.depth))
	}
	if guess.TAT > last.UnixNano() {
		last = time.Unix(0, guess.TAT)
	}
	for _, period := range []string{guess.Period, after.Period} {
		if period == "" {
			continue
		}
		if end := endOf(period, now); end.After(last) {
			last = end
		}
	}
	return last.Add(retention)
}
