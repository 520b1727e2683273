package limit

import (
	"math"
	"time"
)

// The bounds of leases.
const (
	lifetime   = time.Second            // how long rate units may be spent after they were charged
	horizon    = 500 * time.Millisecond // a lease is what will be spent within this time
	idleAfter  = time.Second            // what nobody has spent of for so long is given back
	forgotten  = 5 * time.Second        // what was spent so long ago says nothing about now
	trusted    = 5 * time.Minute        // a State that was seen longer ago refuses nobody without asking the store
	largest    = 1 << 20                // units of one lease
	writesEach = 800                    // writes a second that all instances together make on one counter, about
	longest    = 100 * time.Millisecond // pause between two writes of an instance
	staleness  = time.Second            // how long some instances may go by an earlier plan (promise 2)
)

// pace is how quickly units are spent and written for.
type pace struct {
	since   int64 // when used began to count: the last write that was applied
	used    int64 // units spent since
	last    int64 // when a call last spent
	lease   int64 // units of the last lease
	next    int64 // no write before
	misses  int   // writes in a row that were not applied
	recheck int64 // a used-up quota of which units are out is not asked for before
	wait    int64 // between two rechecks, growing
}

// want is how many units to have on hand: what calls wait for, and what will be spent within the horizon if it goes on as it
// did. It at most doubles from one lease to the next.
func (p *pace) want(need, at int64) int64 {
	elapsed := at - p.since
	if p.since == 0 || elapsed > int64(forgotten) || elapsed <= 0 {
		return need
	}
	rate := float64(p.used) / float64(max(elapsed, int64(time.Millisecond)))
	return need + min(int64(rate*float64(horizon)), 2*p.lease, largest)
}

// wrote notes a write. others is what other instances took since our last one, by which their number is guessed: the more of
// us write, the longer each one waits before it writes again, so that all together stay below what one item can take.
func (p *pace) wrote(at, units, others int64) {
	if p.lease > 0 && others > 0 {
		instances := 1 + others/p.lease
		p.next = at + min(int64(longest), instances*int64(time.Second)/writesEach)
	}
	p.since, p.used, p.lease, p.misses = at, 0, units, 0
}

// refused notes a write that was not applied, since others had written: the more of them in a row, the longer until the next.
func (p *pace) refused(at int64, w *write) {
	if w == nil || w.back {
		return
	}
	p.misses = min(p.misses+1, 6)
	if p.misses > 1 { // the first one may have guessed badly, for want of knowing
		p.next = max(p.next, at+min(int64(longest), int64(time.Millisecond)<<p.misses))
	}
}

// Ask makes the next write, for calls that wait for need units in all, the first of them for first; or with need 0 a renewal
// ahead of need. The write should not be made before the time given. ok is false if there is nothing to write: Take then
// says what is said to the calls.
func (h *Holding) Ask(need, first int64, now time.Time) (s Step, notBefore time.Time, ok bool) {
	at := now.UnixNano()
	h.lapse(at)
	notBefore = time.Unix(0, min(h.pace.next, at+int64(longest)))
	if h.lost && h.pending.worthwhile(at) {
		return h.pending.step, notBefore, true
	}
	h.lost, h.pending = false, nil
	if h.outage.debt > 0 && h.terms.countsQuota() {
		return h.pay(now), notBefore, true
	}
	w := wish{need: need, first: max(1, first), hand: h.hand(), spent: h.units.spent,
		adopt: h.foreign != 0 && at-h.foreign > int64(staleness+2*h.options.Skew)}
	w.want = min(h.pace.want(need, at), need+largest)
	step, g := h.terms.plan(h.state, now, h.options.Skew, w)
	if step.Empty() && need > 0 { // an old memory says no, or units may have come back: ask as if there were some
		step, g = h.terms.plan(h.hopeful(need, now), now, h.options.Skew, w)
	}
	if step.Empty() {
		return Step{}, notBefore, false
	}
	return h.begin(write{step: step, grant: g, at: at}), notBefore, true
}

// hopeful is the State that allows what calls wait for, if the last seen one is too old to refuse them.
func (h *Holding) hopeful(need int64, now time.Time) State {
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
func (h *Holding) begin(w write) Step {
	w.step.ID = h.name()
	h.pending = &w
	return w.step
}

// worthwhile reports whether a write whose answer was lost should be shown again: what it gives could still be spent.
func (w *write) worthwhile(at int64) bool {
	return w != nil && !w.back && (w.debt > 0 || w.grant.hand.quota > 0 && at < w.grant.until.UnixNano() || at < w.at+int64(lifetime))
}

// Crossing says that a quota has come to a part of its number. Exactly one instance is told of each.
type Crossing struct {
	Counter, Limit, Period string
	Percent                int
}

// Told takes the store's answer to the write under way: the State as it then is, and whether the step was applied.
func (h *Holding) Told(after State, applied bool, now time.Time) []Crossing {
	w, before := h.pending, h.state
	h.pending, h.lost = nil, false
	h.state, h.seen = after, now.UnixNano()
	h.outage = outage{debt: h.outage.debt}
	h.look()
	if w == nil || !applied {
		h.pace.refused(h.seen, w)
		h.wait(after)
		h.keep(w)
		return nil
	}
	h.outage.debt -= w.debt
	if w.grant.hand.rate > 0 {
		h.rates = [2]batch{h.rates[1], {w.grant.hand.rate, w.at + int64(lifetime)}}
		if h.rates[0].n == 0 && h.rates[1].n == 0 {
			h.rates = [2]batch{}
		}
	}
	if w.grant.hand.quota > 0 {
		h.receive(w.grant)
	}
	if !w.back {
		h.pace.wrote(w.at, max(w.grant.hand.rate, w.grant.hand.quota), h.others(before, after, w))
	}
	h.wait(after)
	return h.crossings(w)
}

// look notes since when the TAT is of other terms. It is cut back only once no instance can have these any more: else those
// of the old plan would undo what calls under the new one were charged.
func (h *Holding) look() {
	switch {
	case !h.terms.countsRate() || !h.terms.rate.foreign(h.state.TAT, h.seen):
		h.foreign = 0
	case h.foreign == 0:
		h.foreign = h.seen
	}
}

// keep puts units back on hand that the store has not taken: another instance had written.
func (h *Holding) keep(w *write) {
	if w == nil || !w.back || h.units.until == 0 || h.state.Period != h.units.period {
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
func (h *Holding) others(before, after State, w *write) int64 {
	switch {
	case h.terms.countsQuota() && before.Period == after.Period:
		return after.Used - before.Used - w.grant.hand.quota
	case h.terms.countsRate() && w.step.RateAdvance != nil && before.TAT != 0:
		return (after.TAT-before.TAT)/h.terms.rate.interval - w.grant.hand.rate
	}
	return 0
}

// wait notes when to ask for a used-up quota again: at once if a unit may have come back, ever later if none does; and never
// within the period if none is out.
func (h *Holding) wait(s State) {
	if !h.terms.bindsQuota() || s.Used < h.terms.quota.most {
		h.pace.wait, h.pace.recheck = 0, 0
		if s.Used > 0 && h.terms.bindsQuota() { // a call that costs more than is left is told so for a moment
			h.pace.recheck = h.seen + int64(time.Second)
		}
		return
	}
	if s.Risk <= 0 {
		h.pace.recheck = math.MaxInt64
		return
	}
	h.pace.wait = min(max(int64(time.Second), 2*h.pace.wait), int64(30*time.Second))
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

// Return makes the write that gives quota units back which nobody has spent of for a second; with all, every one, and it
// tells what was spent. ok is false if there is nothing to write, or a write is under way. What is given back can no longer be
// spent, unless Told says that the store did not take it; then try again. Rate units are not given back: they flow back by themselves within the same second.
func (h *Holding) Return(all bool, now time.Time) (s Step, ok bool) {
	at := now.UnixNano()
	h.lapse(at)
	u, n := h.units, h.units.aside
	if all || at-h.pace.last >= int64(idleAfter) {
		n += u.n
		h.units.n = 0
	}
	if h.pending != nil && (!h.lost || !all) || h.state.Mark == "" || n == 0 && (!all || u.spent == 0) {
		h.units.n = u.n
		return Step{}, false
	}
	add := &QuotaAdd{Period: u.period, Units: -n, Most: unbounded, Risk: -n - u.spent}
	switch {
	case u.ahead != "" && h.state.Period == u.ahead: // which has begun: the units are of the new period alone
		add.Period = u.ahead
	case u.ahead != "":
		add.Ahead = &Ahead{Of: u.ahead, Units: -n, Most: unbounded}
	}
	h.units.aside, h.units.spent = 0, 0
	h.lost = false
	s = Step{After: h.state.Mark, QuotaAdd: add, Expires: h.terms.expires(h.state, u.period, now)}
	return h.begin(write{step: s, at: at, back: true}), true
}
