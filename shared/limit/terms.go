package limit

import (
	"fmt"
	"math"
	"slices"
	"sluice/shared/limit/counter"
	"time"

	"sluice/shared/decision"
)

// retention is how long a State is kept after the last instant at which it matters.
const retention = 24 * time.Hour

// unbounded is more units than anybody counts, and little enough to add to.
const unbounded = math.MaxInt64 / 4

// Verdict is what is said about calls.
type Verdict struct {
	Admitted   int           // how many units pass, in order of arrival; of a Taker, 1 or 0 calls
	RetryAfter time.Duration // if not all pass: how long until one more would fit every limit, if nobody else takes it
	Limits     []Standing    // how each limit stands once the admitted units are taken, in the order of the claims
}

// Standing is how one limit stands, as far as is known: other instances may have taken units since.
type Standing struct {
	Limit     decision.Limit
	Remaining int64         // units that could be taken at once
	Reset     time.Duration // until it is whole again: the bucket full, the period over
	Wait      time.Duration // until it has a unit; 0 if it has one
	Exceeded  bool          // it is a reason why not all units pass, or would be if it were not in the shadow
}

// Refusal gives the limit that keeps the next unit waiting longest; false if all units passed. A limit in the shadow
// refuses nothing.
func (v Verdict) Refusal() (Standing, bool) {
	var worst Standing
	for _, s := range v.Limits {
		if s.Exceeded && !s.Limit.Shadow && (!worst.Exceeded || s.Wait > worst.Wait) {
			worst = s
		}
	}
	return worst, worst.Exceeded
}

// terms is the limits of a claim, checked: one rate and one quota at most, since that is what a State can keep.
type terms struct {
	limits  []decision.Limit
	rate    bucket
	quota   allowance
	rateAt  int // their places in limits, -1 if there is none
	quotaAt int
	ends    [2]ending // looked up last
}

// ending is an instant by which a period is over.
type ending struct {
	period string
	at     time.Time
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

// same reports whether the limits are those of the terms.
func (t *terms) same(limits []decision.Limit) bool { return slices.Equal(t.limits, limits) }

// counts and binds tell whether there is a limit of the kind, and whether it refuses.
func (t *terms) countsRate() bool  { return t.rateAt >= 0 }
func (t *terms) countsQuota() bool { return t.quotaAt >= 0 }
func (t *terms) bindsRate() bool   { return t.rateAt >= 0 && !t.limits[t.rateAt].Shadow }
func (t *terms) bindsQuota() bool  { return t.quotaAt >= 0 && !t.limits[t.quotaAt].Shadow }

// mostQuota is what Used may come to. A quota in the shadow counts on.
func (t *terms) mostQuota() int64 {
	if t.bindsQuota() {
		return t.quota.most
	}
	return unbounded
}

// trust is how many units of the quota may be out on lease or lost: one in a hundred, which promise 4 allows to be wasted.
func (t *terms) trust() int64 { return t.quota.most / 100 }

// hand is what an instance has of units that are charged already.
type hand struct{ rate, quota int64 }

// stand is what standings are told from.
type stand struct {
	tat  int64
	hand hand
	left int64     // of the quota, beside what is on hand
	end  time.Time // of its period
	skew time.Duration
}

// at gives the stand of a State.
func (t *terms) at(s counter.State, h hand, now time.Time, skew time.Duration) stand {
	st := stand{tat: s.TAT, hand: h, skew: skew}
	if t.countsQuota() {
		w := t.quota.window(s, now, skew)
		st.left, st.end = t.quota.left(w), t.quota.end(w.period, now)
	}
	return st
}

// standings tells how the limits stand, and which of them have less than the units.
func (t *terms) standings(st stand, units int64, now time.Time) []Standing {
	if len(t.limits) == 0 {
		return nil
	}
	all := make([]Standing, len(t.limits))
	if t.countsRate() {
		at := now.UnixNano()
		s := Standing{Limit: t.limits[t.rateAt], Remaining: t.rate.holds(st.tat, at) + st.hand.rate, Reset: t.rate.refilled(st.tat, at)}
		s.Wait = t.rate.wait(st.tat, at, max(1, units)-st.hand.rate)
		if t.rate.foreign(st.tat, at) { // about to be cut back
			s.Reset, s.Wait = time.Duration(t.rate.depth), time.Duration(t.rate.interval)
		}
		s.Exceeded = s.Remaining < units
		all[t.rateAt] = s
	}
	if t.countsQuota() {
		s := Standing{Limit: t.limits[t.quotaAt], Remaining: st.left + st.hand.quota, Reset: max(0, st.end.Sub(now))}
		if s.Exceeded = s.Remaining < units; s.Exceeded || s.Remaining == 0 {
			s.Wait = max(0, st.end.Add(st.skew).Sub(now))
		}
		all[t.quotaAt] = s
	}
	return all
}

// Patience tells how long until the limits that are exceeded have enough.
func Patience(all []Standing) (wait time.Duration) {
	for _, s := range all {
		if s.Exceeded && !s.Limit.Shadow {
			wait = max(wait, s.Wait)
		}
	}
	return wait
}

// expires gives the instant after which the State means nothing: the bucket is full, and the period is over, also that of a
// quota which an earlier plan had and a later one may have again.
func (t *terms) expires(guess counter.State, period string, now time.Time) time.Time {
	last := now
	if t.countsRate() {
		last = now.Add(time.Duration(t.rate.depth))
	}
	if guess.TAT > last.UnixNano() {
		last = time.Unix(0, guess.TAT)
	}
	for _, name := range []string{guess.Period, guess.AheadOf, period} {
		if name == "" {
			continue
		}
		if end := t.over(name, now); end.After(last) {
			last = end
		}
	}
	return last.Add(retention)
}

// over is endOf, remembered: reading a date takes longer than all the rest of a write.
func (t *terms) over(name string, now time.Time) time.Time {
	for _, e := range t.ends {
		if e.period == name {
			return e.at
		}
	}
	t.ends[1], t.ends[0] = t.ends[0], ending{name, endOf(name, now)}
	return t.ends[0].at
}

// endOf gives an instant by which a period is over whatever plan it is of: names with a day may stand for a month from it.
func endOf(name string, now time.Time) time.Time {
	if start, err := time.Parse(monthLayout, name); err == nil {
		return start.AddDate(0, 1, 0)
	}
	if start, err := time.Parse(dayLayout, name); err == nil {
		return start.AddDate(0, 1, 3)
	}
	return now.Add(24 * time.Hour)
}
