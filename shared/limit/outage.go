package limit

import (
	"sluice/shared/limit/counter"
	"time"

	"sluice/shared/catalog"
)

// between is how long a store that does not answer is left alone.
const between = time.Second

// outage is what is known of a store that does not answer. The zero outage is that of a store that does.
type outage struct {
	since int64 // ns since the Unix epoch
	next  int64 // no call asks the store before
	spent int64 // units of the overdraft that were spent in this outage
	debt  int64 // units to be charged once the store is back
	until int64 // when the period is over that they belong to, and they with it
	tat   int64 // of this instance's own bucket, which stands in for the store's
}

func (o *outage) away() bool { return o.since != 0 }

// due reports whether it is time to look whether the store is back.
func (o *outage) due(at int64) bool { return o.since != 0 && (at >= o.next || at < o.since) }

// Lost says that the write under way was not answered: it is not known whether it was applied. The next Ask shows the same
// step again. A step that gives units back is shown once, so that the first loss of one says nothing about the store.
func (h *Holding) Lost(now time.Time) {
	at := now.UnixNano()
	if h.lost = h.pending != nil; h.lost {
		if h.pending.lost++; h.pending.back && h.pending.lost == 1 {
			return
		}
	}
	if h.outage.since == 0 {
		h.outage.since, h.outage.tat = at, h.state.TAT
	}
	h.outage.next = at + int64(between)
}

// overdraw admits a call on the overdraft of its plan, if it has one and some of it is left: as fast as the rate allows one
// instance, and at most the plan's number of units in one outage.
func (h *Holding) overdraw(cost int64, now time.Time) Answer {
	o, at := &h.outage, now.UnixNano()
	if h.claim.Outage != catalog.OutageOpen || o.spent+cost > int64(h.claim.Overdraft) {
		return Answer{Outcome: Unreachable}
	}
	if h.terms.bindsRate() {
		if h.terms.rate.holds(o.tat, at) < cost {
			st := h.terms.at(h.state, hand{}, now, h.options.Skew)
			st.tat = o.tat
			return Answer{Outcome: Refused, Limits: h.terms.standings(st, cost, now)}
		}
		o.tat = max(o.tat, at) + cost*h.terms.rate.interval
	}
	o.spent += cost
	a := Answer{Outcome: Admitted, Limits: h.terms.standings(h.terms.at(h.state, h.hand(), now, h.options.Skew), 0, now)}
	if h.terms.countsQuota() { // a bucket refills in any case
		o.debt, a.debt = o.debt+cost, cost
		o.until = h.terms.quota.look(now, h.options.Skew).end.Add(-h.options.Skew).UnixNano()
	}
	return a
}

// pay makes the write that charges the overdraft, whatever the quota has left: the calls have passed.
func (h *Holding) pay(now time.Time) counter.Step {
	debt := h.outage.debt
	w := h.terms.quota.window(h.state, now, h.options.Skew)
	step := counter.Step{Expires: h.terms.expires(h.state, w.period, now)}
	w.charge(&step, h.state, unbounded, debt, 0, 0)
	return h.begin(write{step: step, at: now.UnixNano(), debt: debt})
}
