package limit

import (
	"math"
	"slices"
	"sluice/shared/limit/counter"
	"strings"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

// Options is what an instance is.
type Options struct {
	Instance string        // no other instance has it, now or ever
	Skew     time.Duration // how far this instance's clock may be off; see the package

	names *counter.Names // of its steps, of all counters: no two have the same
}

// Outcome is what is said to a call.
type Outcome int

// The outcomes.
const (
	Admitted    Outcome = iota // units were spent
	Refused                    // the limits do not allow it, which cost nothing
	Wanted                     // a write must be made first; see Ask
	Unreachable                // the store cannot be asked, and the plan does not allow the call without
)

// Answer is what Take says.
type Answer struct {
	Outcome Outcome
	Limits  []Standing // how the limits stand now
	receipt
}

// receipt is what a call was given, so that it can be undone, and until when the call may go on with it.
type receipt struct {
	rates  [2]batch
	quota  int64
	period string
	debt   int64
	until  int64
}

// Holding is what one instance holds of one counter: units that were charged in the store and can be spent from memory. It
// is a state machine without I/O, clock or goroutine, and not safe for concurrent use. At most one write is under way: what
// Ask or Return made is answered by Told or Lost before the next.
type Holding struct {
	options Options
	terms   terms
	changes int // of the terms
	claim   decision.Claim
	state   counter.State // as last seen
	seen    int64         // when, ns since the Unix epoch; 0 if never
	rates   [2]batch      // rate units, the older ones first
	units   lot           // quota units
	seat    seat          // where its steps leave their IDs
	pending *write        // under way, or lost
	lost    bool          // the answer to pending did not come
	dropped *write        // was lost and then given up
	pace    pace
	outage  outage
	foreign foreign
}

// foreign is a TAT that other terms have left, and since when it was seen, ns since the Unix epoch.
type foreign struct{ tat, since int64 }

// batch is rate units and until when they may be spent.
type batch struct{ n, until int64 }

// lot is quota units, where they were charged, and until when they may be spent.
type lot struct {
	n             int64
	period, ahead string
	until         int64
	end           time.Time // of the period
	aside         int64     // to be given back, and not to be spent
	spent         int64     // of those charged there, spent and not told so far; less than nothing if told ahead
}

// Shared gives options for all Holdings of an instance: no two of their steps have the same ID.
func (o Options) Shared() Options {
	o.names = counter.NamesOf(o.Instance)
	return o
}

// NewHolding makes a Holding that knows nothing.
func NewHolding(o Options) *Holding {
	if o.names == nil {
		o = o.Shared()
	}
	return &Holding{options: o, seat: seat{place: o.names.Home()}}
}

// Take spends units for a call: cost of each limit of the claim. It fails if the limits cannot be kept.
func (h *Holding) Take(claim *decision.Claim, cost int64, now time.Time) (Answer, error) {
	if err := h.agree(claim); err != nil {
		return Answer{}, err
	}
	at := now.UnixNano()
	h.lapse(at)
	switch {
	case h.outage.away() && h.claim.Outage == catalog.OutageClosed:
		return Answer{Outcome: Unreachable}, nil
	case h.covers(cost, now):
		return h.spend(cost, now), nil
	case h.refuses(cost, now):
		return h.Refuse(cost, now), nil
	case h.outage.away():
		return h.overdraw(cost, now), nil
	}
	return Answer{Outcome: Wanted}, nil
}

// Refuse is the answer to a call for which nothing could be asked.
func (h *Holding) Refuse(cost int64, now time.Time) Answer {
	return Answer{Outcome: Refused, Limits: h.terms.standings(h.terms.at(h.state, h.hand(), now, h.options.Skew), cost, now)}
}

// Denies reports whether the counter is known to refuse the call, before anything is taken of others for it.
func (h *Holding) Denies(claim *decision.Claim, cost int64, now time.Time) bool {
	if h.agree(claim) != nil {
		return false
	}
	h.lapse(now.UnixNano())
	return !h.covers(cost, now) && h.refuses(cost, now)
}

// agree takes over the terms of a call. Units that were taken under others stay where they are: they were charged.
func (h *Holding) agree(claim *decision.Claim) error {
	h.claim.Outage, h.claim.Overdraft = outageOf(claim.Outage), claim.Overdraft
	if h.claim.Counter != "" && h.terms.same(claim.Limits) {
		return nil
	}
	t, err := termsOf(keptLimits(claim.Limits))
	if err != nil {
		return err
	}
	if h.terms.countsQuota() && t.quota.most < h.terms.quota.most { // what a larger plan has leased is not for a smaller one
		h.units.n, h.units.aside = 0, h.units.aside+h.units.n
	}
	h.claim, h.terms, h.foreign = decision.Claim{Counter: strings.Clone(claim.Counter), Limits: t.limits, Outage: h.claim.Outage, Overdraft: claim.Overdraft}, t, foreign{}
	h.changes++
	h.rates = [2]batch{} // of another rate
	return nil
}

// keptLimits copies limits that are kept for longer than the decision they came with: their texts are parts of its text, all
// of which would be kept with them.
func keptLimits(limits []decision.Limit) []decision.Limit {
	kept := slices.Clone(limits)
	for i := range kept {
		l := &kept[i]
		l.Kind, l.Name, l.Period = decision.LimitKind(strings.Clone(string(l.Kind))), strings.Clone(l.Name), catalog.Period(strings.Clone(string(l.Period)))
	}
	return kept
}

// outageOf gives the choice as our own text, for the same reason.
func outageOf(o catalog.Outage) catalog.Outage {
	for _, known := range [...]catalog.Outage{catalog.OutageClosed, catalog.OutageLease, catalog.OutageOpen} {
		if o == known {
			return known
		}
	}
	return ""
}

// lapse forgets what may no longer be spent. While the store is away, a rate's units on hand stay good: they were charged, and
// nobody can charge new ones.
func (h *Holding) lapse(at int64) {
	if !h.outage.away() {
		for i := range h.rates {
			if at >= h.rates[i].until {
				h.rates[i] = batch{}
			}
		}
	}
	if at >= h.units.until {
		h.units = lot{}
	}
	if at >= h.outage.until {
		h.outage.debt = 0
	}
}

// hand is what is there to be spent.
func (h *Holding) hand() hand { return hand{rate: h.rates[0].n + h.rates[1].n, quota: h.units.n} }

// covers reports whether what is on hand suffices. A rate in the shadow that is known to be used up needs nothing.
func (h *Holding) covers(cost int64, now time.Time) bool {
	on := h.hand()
	if h.terms.countsQuota() && on.quota < cost {
		return false
	}
	if !h.terms.countsRate() || on.rate >= cost {
		return true
	}
	return !h.terms.bindsRate() && h.known(now) && h.terms.rate.holds(h.state.TAT, now.UnixNano()) < cost
}

// spend takes the cost from what is on hand.
func (h *Holding) spend(cost int64, now time.Time) Answer {
	r := receipt{until: math.MaxInt64}
	if h.terms.countsQuota() {
		h.units.n, h.units.spent, r.quota = h.units.n-cost, h.units.spent+cost, cost
		r.period, r.until = h.units.period, h.units.until
	}
	rated := int64(0)
	if h.terms.countsRate() {
		rated = h.spendRate(cost, &r)
	}
	h.pace.used += cost
	h.pace.last = now.UnixNano()
	return Answer{Outcome: Admitted, Limits: h.stand(now, rated < cost), receipt: r}
}

// stand tells how the limits stand after a call that passed; short says that a rate in the shadow did not have enough.
func (h *Holding) stand(now time.Time, short bool) []Standing {
	st := stand{tat: h.state.TAT, hand: h.hand(), skew: h.options.Skew}
	if h.terms.countsQuota() {
		st.left, st.end = max(0, h.terms.quota.most-h.state.Used), h.units.end
	}
	all := h.terms.standings(st, 0, now)
	if h.terms.countsRate() {
		all[h.terms.rateAt].Exceeded = short
	}
	if h.terms.countsQuota() && !h.terms.bindsQuota() {
		q := &all[h.terms.quotaAt]
		beyond := h.state.Used - h.units.n - h.terms.quota.most
		q.Exceeded, q.Remaining = beyond > 0, max(0, -beyond)
	}
	return all
}

// spendRate takes rate units, the older ones first, as many as there are.
func (h *Holding) spendRate(cost int64, r *receipt) (spent int64) {
	for i := range h.rates {
		n := min(cost-spent, h.rates[i].n)
		h.rates[i].n, spent = h.rates[i].n-n, spent+n
		r.rates[i] = batch{n, h.rates[i].until}
		if n > 0 && !h.outage.away() {
			r.until = min(r.until, h.rates[i].until)
		}
	}
	return spent
}

// GiveBack undoes a Take that admitted, for a call that another counter refused. It reports whether units are now on hand that
// must be given back to the store before the instance may be frozen: see Owes.
func (h *Holding) GiveBack(a Answer) (owes bool) {
	if a.quota > 0 && a.period == h.units.period {
		h.units.n, h.units.spent = h.units.n+a.quota, h.units.spent-a.quota
	}
	for _, given := range a.rates {
		for i := range h.rates {
			if given.n > 0 && h.rates[i].until == given.until {
				h.rates[i].n += given.n
			}
		}
	}
	h.outage.debt = max(0, h.outage.debt-a.debt)
	h.pace.used = max(0, h.pace.used-a.quota)
	return h.Owes()
}

// Good reports whether the call that got the answer may still go on with it: it may have waited for another counter.
func (a Answer) Good(now time.Time) bool { return a.until == 0 || now.UnixNano() < a.until }

// refuses reports whether the last seen State proves that the cost does not fit.
func (h *Holding) refuses(cost int64, now time.Time) bool {
	if !h.known(now) {
		return false
	}
	at, on := now.UnixNano(), h.hand()
	if h.terms.bindsRate() && on.rate+h.terms.rate.holds(h.state.TAT, at) < cost && !h.terms.rate.foreign(h.state.TAT, at) {
		return true
	}
	return h.usedUp(cost, now) && (at < h.pace.recheck || h.outage.away())
}

// usedUp reports whether the quota had less than the cost when it was last seen.
func (h *Holding) usedUp(cost int64, now time.Time) bool {
	if !h.terms.bindsQuota() {
		return false
	}
	return h.units.n+h.terms.quota.left(h.terms.quota.window(h.state, now, h.options.Skew)) < cost
}

// Holds reports whether there is something to settle with the store: units that could be given back, or an overdraft.
func (h *Holding) Holds() bool { return h.units.n+h.units.aside > 0 || h.outage.debt > 0 || h.lost }

// Away reports whether the store did not answer last.
func (h *Holding) Away() bool { return h.outage.away() }

// known reports whether the State is young enough to refuse calls. Wall clocks, since monotonic ones stop in a freeze.
func (h *Holding) known(now time.Time) bool {
	age := now.UnixNano() - h.seen
	return h.seen != 0 && age <= int64(trusted) && -age <= int64(trusted)
}
