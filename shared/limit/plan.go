package limit

import (
	"sluice/shared/limit/counter"
	"time"

	"sluice/shared/decision"
)

// wish is what a write is for.
type wish struct {
	need  int64 // units that calls wait for
	first int64 // units that the first of them needs: with fewer nothing is taken
	want  int64 // units to have on hand afterwards, need included
	hand  hand  // what is there already
	spent int64 // quota units that were spent and not told so far
	adopt bool  // a TAT that no call under these terms can have left behind may be cut back
}

// grant is what an applied step gives.
type grant struct {
	hand   hand  // units of each limit
	window       // where the quota's were charged
	told   int64 // units that the step told to be spent; those that calls wait for are told as soon as they are taken
	served int64 // units for calls that wait
}

// plan makes the step that takes what is wished for from the guessed State, or as much as fits all limits. It is empty where
// nothing fits. A step that is not empty although it grants nothing puts the State in order after a change of plan.
func (t *terms) plan(guess counter.State, now time.Time, skew time.Duration, w wish) (counter.Step, grant) {
	var g grant
	var step counter.Step
	at, have := now.UnixNano(), w.want
	var holds int64
	if t.countsRate() {
		holds = t.rate.holds(guess.TAT, at)
	}
	if t.bindsRate() {
		have = min(have, w.hand.rate+holds)
	}
	if t.countsQuota() {
		g.window = t.quota.window(guess, now, skew)
		if t.bindsQuota() {
			have = min(have, w.hand.quota+t.quota.left(g.window))
		}
	}
	g.served = min(w.need, have)
	if have < w.first {
		if w.adopt && t.bindsRate() && t.rate.foreign(guess.TAT, at) && w.hand.rate+holds < w.first {
			t.rate.adopt(&step, guess.TAT, at)
			step.Expires = t.expires(guess, "", now)
		}
		return step, grant{}
	}
	if have > w.need {
		have = max(w.need, t.modest(guess, w, holds, have, g))
	}
	if t.countsRate() {
		g.hand.rate = min(max(0, have-w.hand.rate), holds)
	}
	if t.countsQuota() {
		g.hand.quota = max(0, have-w.hand.quota)
	}
	if g.hand.rate > 0 {
		t.rate.take(&step, guess.TAT, at, g.hand.rate)
	}
	if g.hand.quota > 0 {
		if g.told = g.served; !g.fresh { // what was spent of an earlier period is nobody's business any more
			g.told += w.spent
		}
		risk := g.hand.quota - g.told
		g.charge(&step, guess, t.mostQuota(), g.hand.quota, risk, t.trust()-risk)
	}
	if !step.Empty() {
		step.Expires = t.expires(guess, g.period, now)
	}
	return step, g
}

// modest bounds a lease, which is more units than calls wait for: half of what a bucket holds, so that others get some; no
// more than flows back while it may be spent; of the quota a small part of what is left, and no more than may be lost.
func (t *terms) modest(guess counter.State, w wish, holds, have int64, g grant) int64 {
	if t.bindsRate() {
		have = min(have, w.hand.rate+holds/2, w.need+t.rate.leased())
	}
	if t.countsQuota() {
		risk := guess.Risk
		if g.fresh {
			risk = 0
		}
		have = min(have, w.hand.quota+t.trust()-risk+w.spent+g.served, w.need+t.quota.left(g.window)/16)
	}
	return have
}

// Plan makes the Step that takes n units of each limit from the guessed State, or as many as fit all of them, for calls that
// spend them at once. The Step is empty where none fits: then there is nothing to write, and if the State was not a guess but
// known, the units are refused. A Step that is not empty although no unit is admitted puts the State in order after a change
// of plan; once it is applied, plan again. With n = 0 the Verdict tells how the limits stand.
//
// It fails if the limits cannot be kept: an unknown kind, a second one of a kind, numbers that make no sense.
func Plan(limits []decision.Limit, guess counter.State, now time.Time, n int) (counter.Step, Verdict, error) {
	t, err := termsOf(limits)
	if err != nil {
		return counter.Step{}, Verdict{}, err
	}
	step, g := t.plan(guess, now, 0, wish{need: int64(n), first: min(1, int64(n)), want: int64(n), adopt: true})
	after, _ := step.Apply(guess)
	if !t.countsQuota() {
		after.Period, after.Used = "", 0
	}
	missing := int64(0)
	if int(g.served) < n {
		missing = 1
	}
	v := Verdict{Admitted: int(g.served), Limits: t.standings(t.at(after, hand{}, now, 0), missing, now)}
	v.RetryAfter = Patience(v.Limits)
	return step, v, nil
}
