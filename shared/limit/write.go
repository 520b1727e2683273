package limit

import (
	"math"
	"sluice/shared/limit/counter"
	"time"
)

// seat is where a Holding's steps leave their IDs, and what they found there last.
type seat struct {
	place int
	head  counter.Mark
}

// write is a step and what it gives.
type write struct {
	step  counter.Step
	grant grant
	at    int64
	debt  int64 // units of an overdraft that it charges
	terms int   // under which it was made
	back  bool  // it gives units back
	lost  int   // how often it was shown in vain: it may have been applied then
}

// Ask makes the next write, for calls that wait for need units in all, the first of them for first; or with need 0 a renewal
// ahead of need. If it is too early for a write, notBefore is later than now and there is no Step: ask again then. ok is
// false if there is nothing to write: Take then says what is said to the calls.
func (h *Holding) Ask(need, first int64, now time.Time) (s counter.Step, notBefore time.Time, ok bool) {
	at := now.UnixNano()
	h.lapse(at)
	if next := min(h.pace.next, at+int64(longest)); next > at {
		return counter.Step{}, time.Unix(0, next), true
	}
	if h.again(at) {
		return h.pending.step, now, true
	}
	if h.outage.debt > 0 && h.terms.countsQuota() {
		return h.pay(now), now, true
	}
	w := wish{need: need, first: max(1, first), hand: h.hand(), spent: h.units.spent,
		adopt: h.foreign.since != 0 && at-h.foreign.since > int64(staleness+2*h.options.Skew)}
	w.want = min(h.pace.want(need, at), need+largest)
	step, g := h.terms.plan(h.state, now, h.options.Skew, w)
	if step.Empty() && need > 0 { // an old memory says no, or units may have come back: ask as if there were some
		step, g = h.terms.plan(h.hopeful(need, now), now, h.options.Skew, w)
	}
	if step.Empty() {
		return counter.Step{}, now, false
	}
	return h.begin(write{step: step, grant: g, at: at}), now, true
}

// Rested says that the time that Ask gave has come, whatever the clock says.
func (h *Holding) Rested() { h.pace.next = 0 }

// hopeful is the State that allows what calls wait for, if the last seen one is too old to refuse them.
func (h *Holding) hopeful(need int64, now time.Time) counter.State {
	s := h.state
	if !h.known(now) {
		s.TAT = min(s.TAT, now.UnixNano())
	}
	if h.terms.bindsQuota() && (!h.known(now) || now.UnixNano() >= h.pace.recheck) {
		s.Used = max(0, min(s.Used, h.terms.quota.most-need))
		s.Ahead = max(0, min(s.Ahead, h.terms.quota.most-need))
	}
	return s
}

// begin puts a write under way.
func (h *Holding) begin(w write) counter.Step {
	w.terms = h.changes
	w.step.ID, w.step.Place = h.options.names.Next(time.Unix(0, w.at)), h.seat.place
	if w.back || !w.step.Shared() {
		w.step.After = h.seat.head
	}
	h.pending = &w
	return w.step
}

// again reports whether the answer to the write under way was lost and it is to be shown again, before any other. One that
// gives nothing any more is dropped.
func (h *Holding) again(at int64) bool {
	if !h.lost {
		return false
	}
	until := h.units.until
	if h.pending.debt > 0 {
		until = h.outage.until
	}
	if h.pending.worthwhile(at, until) {
		return true
	}
	h.dropped, h.pending, h.lost = h.pending, nil, false
	return false
}

// worthwhile reports whether what a lost write does is still of use, and showing it again does no harm.
func (w *write) worthwhile(at, until int64) bool {
	switch {
	case w.back:
		return !w.step.Shared() && at < until
	case w.debt > 0:
		return at < until
	case w.grant.hand.quota > 0 && at < w.grant.until.UnixNano():
		return true
	}
	return at < w.at+int64(lifetime)
}

// Crossing says that a quota has come to a part of its number. Exactly one instance is told of each.
type Crossing struct {
	Counter, Limit, Period string
	Percent                int
}

// Told takes the store's answer to the write under way: the State as it then is, and whether the step was applied.
func (h *Holding) Told(after counter.State, applied bool, now time.Time) []Crossing {
	w, before := h.pending, h.state
	h.pending, h.lost = nil, false
	h.state, h.seen = after, now.UnixNano()
	h.outage = outage{debt: h.outage.debt, until: h.outage.until}
	h.look()
	if w == nil {
		h.wait(after)
		return nil
	}
	if !applied {
		h.sit(w, after.Seen)
		if w.lost > 0 && !w.back { // an earlier one may still arrive
			h.dropped = w
		}
		if !w.back {
			h.pace.refused(h.seen, after.Seen)
		}
		h.wait(after)
		h.keep(w)
		return nil
	}
	h.seat.head, h.dropped = w.step.ID, nil
	h.outage.debt = max(0, h.outage.debt-w.debt)
	h.gain(w)
	if !w.back {
		h.pace.wrote(w.at, max(w.grant.hand.rate, w.grant.hand.quota), h.others(before, after, w), after.Seen)
	}
	h.wait(after)
	return h.crossings(w)
}

// sit finds out from a refusal what stands in our place. If it is a step of ours that was given up, it was applied after all. If
// somebody else took the place over we take another.
func (h *Holding) sit(w *write, seen counter.Seen) {
	switch {
	case w.step.Shared() && seen.Spare >= counter.Own:
		h.seat.head = seen.Mark
	case w.step.Shared():
		h.seat = seat{seen.Spare, seen.SpareMark}
	case seen.Mark == w.step.After:
	case h.dropped != nil && h.dropped.step.ID == seen.Mark:
		h.gain(h.dropped)
		h.seat.head, h.dropped = seen.Mark, nil
	case seen.Mark.SameInstance(w.step.ID):
		h.seat.head = seen.Mark
	default:
		h.seat = seat{seen.Spare, seen.SpareMark}
	}
}

// gain puts what a write was granted on hand. What other terms granted than those of now is not spent, but given back.
func (h *Holding) gain(w *write) {
	if w.grant.hand.rate > 0 && w.terms == h.changes {
		h.rates = [2]batch{h.rates[1], {w.grant.hand.rate, w.at + int64(lifetime)}}
		if h.rates[0].n == 0 && h.rates[1].n == 0 {
			h.rates = [2]batch{}
		}
	}
	if w.grant.hand.quota > 0 {
		h.receive(w.grant)
		if w.terms != h.changes {
			h.units.n, h.units.aside = h.units.n-w.grant.hand.quota, h.units.aside+w.grant.hand.quota
		}
	}
}

// look notes since when the TAT has stood where other terms have left it. It is cut back only once no instance can have these
// any more: else one of the old plan would undo what calls under the new one were charged. Whoever still has them moves it.
func (h *Holding) look() {
	switch {
	case !h.terms.countsRate() || !h.terms.rate.foreign(h.state.TAT, h.seen):
		h.foreign = foreign{}
	case h.foreign.tat != h.state.TAT:
		h.foreign = foreign{tat: h.state.TAT, since: h.seen}
	}
}

// keep notes units to be given back once more that the store has surely not taken: the step was shown once, or what we left in
// our place was there. If somebody else has taken the place over, an earlier showing may have been applied before.
func (h *Holding) keep(w *write) {
	there := h.state.Seen.Mark
	ours := there == w.step.After || there.SameInstance(w.step.ID) && there.From(w.step.ID) < 0
	if !w.back || w.lost > 0 && !ours || h.units.until == 0 || h.state.Period != h.units.period {
		return
	}
	n := -w.step.QuotaAdd.Units
	h.units.aside, h.units.spent = h.units.aside+n, h.units.spent-w.step.QuotaAdd.Risk-n
}

// receive puts quota units on hand. Those of an earlier period stay good if they were charged to this one too.
func (h *Holding) receive(g grant) {
	u := &h.units
	if u.period != g.period && u.ahead != g.period {
		*u = lot{}
	}
	if u.period != g.period {
		u.spent = 0
	}
	u.n, u.spent = u.n+g.hand.quota, u.spent-g.told
	u.period, u.ahead, u.until = g.period, g.ahead, g.until.UnixNano()
	u.end = h.terms.quota.end(g.period, g.until)
}

// others guesses what other instances took between our last look and this write.
func (h *Holding) others(before, after counter.State, w *write) int64 {
	switch {
	case h.terms.countsQuota() && before.Period == after.Period:
		return after.Used - before.Used - w.grant.hand.quota
	case h.terms.countsRate() && w.step.RateAdvance != nil && before.TAT != 0:
		return (after.TAT-before.TAT)/h.terms.rate.interval - w.grant.hand.rate
	}
	return 0
}

// wait notes when to ask for a used-up quota again: ever later, since units may come back. Those on lease do soonest; others do
// if calls that they were charged for have gone.
func (h *Holding) wait(s counter.State) {
	if !h.terms.bindsQuota() || s.Used < h.terms.quota.most {
		h.pace.wait, h.pace.recheck = 0, 0
		if s.Used > 0 && h.terms.bindsQuota() { // a call that costs more than is left is told so for a moment
			h.pace.recheck = h.seen + int64(time.Second)
		}
		return
	}
	longest := int64(trusted)
	if s.Risk > 0 {
		longest = int64(30 * time.Second)
	}
	h.pace.wait = min(max(int64(time.Second), 2*h.pace.wait), longest)
	h.pace.recheck = h.seen + h.pace.wait
}

// crossings tells which parts of its number the quota came to with the write.
func (h *Holding) crossings(w *write) []Crossing {
	if !h.terms.countsQuota() || w.back {
		return nil
	}
	units := w.debt
	if q := w.step.QuotaAdd; q != nil {
		units = q.Units
	} else if q := w.step.QuotaReset; q != nil {
		units = q.Units
	}
	var all []Crossing
	for _, percent := range [...]int{50, 80, 100} {
		mark := h.terms.quota.most * int64(percent)
		if 100*(h.state.Used-units) < mark && 100*h.state.Used >= mark {
			all = append(all, Crossing{h.claim.Counter, h.terms.limits[h.terms.quotaAt].Name, h.state.Period, percent})
		}
	}
	return all
}

// Renewable reports whether a write is worthwhile although no call waits for it: most of a lease is spent, quickly; or it is
// time to look whether the store is back. Ask for a unit then, if nobody else does.
func (h *Holding) Renewable(now time.Time) bool {
	at, on := now.UnixNano(), h.hand()
	if h.outage.away() || h.outage.debt > 0 {
		return h.outage.due(at) && (h.pending == nil || h.lost)
	}
	if h.pending != nil || h.pace.lease < 4 || at < h.pace.next {
		return false
	}
	least := int64(math.MaxInt64)
	if h.terms.countsRate() {
		least = on.rate
	}
	if h.terms.countsQuota() {
		least = min(least, on.quota)
	}
	return 4*least <= h.pace.lease && h.pace.want(0, at) > least && at-h.pace.last < int64(idleAfter)
}

// Owes reports whether units are on hand that the store was told to be spent, since a call waited for them that did not take
// them in the end; or whether that is not known, since the write was not answered, and it was not shown again. Nothing bounds
// how many there are, so it is settled before the instance may be frozen, if that can be.
func (h *Holding) Owes() bool {
	return h.units.aside > 0 || h.units.n > 0 && h.units.spent < 0 || h.lost && h.pending.lost == 1
}

// Return makes the write that gives quota units back: those that it owes, and those which nobody has spent of for a second;
// with all, every one, and it tells what was spent. A write that was not answered is shown again first, and an overdraft is paid. ok is false if there is nothing to write, or a write is under way. What is
// given back can no longer be spent. If Told says that the store did not take it, try again. Rate units are not given back:
// they flow back by themselves within the same second.
func (h *Holding) Return(all bool, now time.Time) (s counter.Step, ok bool) {
	at := now.UnixNano()
	h.lapse(at)
	switch {
	case h.again(at):
		return h.pending.step, all || h.pending.lost == 1 || h.outage.due(at)
	case h.pending != nil:
		return counter.Step{}, false
	case h.outage.debt > 0 && h.terms.countsQuota() && (all || !h.outage.away() || h.outage.due(at)):
		return h.pay(now), true
	}
	u := &h.units
	on := min(u.n, max(0, -u.spent))
	if all || at-h.pace.last >= int64(idleAfter) {
		on = u.n
	}
	give := u.aside + on
	if give == 0 && (!all || u.spent == 0) {
		return counter.Step{}, false
	}
	if h.seat.place < counter.Own && !h.options.names.Gave(h.seat.head) { // take the place first
		return h.begin(write{step: counter.Step{Expires: h.terms.expires(h.state, u.period, now)}, at: at}), true
	}
	if h.seat.place >= counter.Own && h.seat.head == 0 {
		return counter.Step{}, false
	}
	add := &counter.QuotaAdd{Period: u.period, Units: -give, Most: unbounded, Risk: -give - u.spent}
	switch {
	case u.ahead != "" && h.state.Period == u.ahead: // which has begun: the units are of the new period alone
		add.Period = u.ahead
	case u.ahead != "":
		add.Ahead = &counter.Ahead{Of: u.ahead, Units: -give, Most: unbounded}
	}
	u.n, u.aside, u.spent = u.n-on, 0, 0
	s = counter.Step{QuotaAdd: add, Expires: h.terms.expires(h.state, u.period, now)}
	return h.begin(write{step: s, at: at, back: true}), true
}
