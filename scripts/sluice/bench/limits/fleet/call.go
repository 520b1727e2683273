package fleet

import (
	"time"

	"sluice/scripts/sluice/bench/limits/audit"
	"sluice/shared/decision"
	"sluice/shared/limit"
)

// maxRounds is how often a call takes anew.
const maxRounds = 3

// maxTries is how many writes a call waits for in vain, before it is answered 503.
const maxTries = 20

// slot makes one call after the other at one place.
type slot struct {
	instance int // its place
	phase    int // of the traffic, of its last call
	call     uint64
	began    int64 // when its decision was made, true time
	kind     int
	on       *instance
	taken    []limit.Answer // of the kind's counters, from the first
	rounds   int            // in which something was no longer good when the last counter had given
	waits    bool           // for the next of them
}

// begin plans the next call of a slot, at from or later.
func (w *world) begin(s int, from int64) {
	slot := &w.slots[s]
	at, phase := w.traffic.next(slot.instance, slot.phase, from)
	slot.phase = phase
	if at == never || w.result.Calls >= w.Calls {
		return
	}
	w.events.push(event{at: at, kind: callBegins, on: int32(s)}) // #nosec G115 -- there are few slots
}

// call makes a call.
func (w *world) call(s int) {
	if w.result.Calls >= w.Calls {
		return
	}
	slot := &w.slots[s]
	w.result.Calls++
	slot.began, w.last = w.now, w.now
	slot.call, slot.kind, slot.taken, slot.rounds = uint64(w.result.Calls), w.pick(), slot.taken[:0], 0 // #nosec G115 -- it counts up
	if i := w.instances[slot.instance]; w.frozen(i) || len(i.mail) > 0 {
		i.awake = w.now
		w.thaw(i)
	}
	slot.on = w.instances[slot.instance] // another one, if it ended on what it found
	slot.on.awake = max(slot.on.awake, w.now)
	w.try(s)
}

func (w *world) pick() int {
	if len(w.Kinds) == 1 {
		return 0
	}
	total := 0
	for _, k := range w.Kinds {
		total += k.Weight
	}
	n := w.random.IntN(total)
	for i, k := range w.Kinds {
		if n -= k.Weight; n < 0 {
			return i
		}
	}
	return 0
}

// try takes from the counters of a call that it has not taken from yet, as limit.Taker.Take does. Where calls wait already, it
// waits behind them.
func (w *world) try(s int) {
	slot := &w.slots[s]
	i, kind := slot.on, &w.Kinds[slot.kind]
	for len(slot.taken) < len(kind.Counters) {
		counter := kind.Counters[len(slot.taken)]
		h := w.holding(i, counter)
		if len(h.queue) == 0 {
			settled, on := w.take(s, h, counter)
			if settled && !h.writing && h.m.Renewable(w.clock(i)) {
				w.work(i, counter)
			}
			if settled && on {
				continue
			}
			if settled {
				return
			}
		}
		slot.waits = true
		i.waiting++
		h.queue = append(h.queue, int32(s)) // #nosec G115 -- there are few slots
		if !h.writing {
			w.work(i, counter)
		}
		return
	}
	now := w.clock(i)
	for _, a := range slot.taken {
		if a.Good(now) {
			continue
		}
		w.putBack(s)
		if slot.rounds++; slot.rounds == maxRounds {
			w.fail(s)
			return
		}
		w.try(s)
		return
	}
	w.admit(s)
}

// take takes from the next counter of a call. settled says that it need not wait, and on that it may go on.
func (w *world) take(s int, h *holding, counter int) (settled, on bool) {
	slot := &w.slots[s]
	c := w.claim(slot, counter)
	answer, err := h.m.Take(&c.Claim, w.Kinds[slot.kind].Cost, w.clock(slot.on))
	if err != nil {
		w.stuck("take from %s: %w", c.Counter, err)
		return true, false
	}
	switch answer.Outcome {
	case limit.Admitted:
		slot.taken = append(slot.taken, answer)
		return true, true
	case limit.Refused:
		w.refuse(s, answer)
	case limit.Unreachable:
		w.fail(s)
	case limit.Wanted:
		return false, false
	}
	return true, false
}

// admit sends a call on.
func (w *world) admit(s int) {
	w.result.Admitted++
	w.enter(s, audit.Admitted)
	w.respond(s, w.now+w.around(w.Shape.Service))
}

// respond sends an answer. Behind one an instance gives back what it owes, and about once a second what is idle.
func (w *world) respond(s int, at int64) {
	slot := &w.slots[s]
	slot.on.awake = max(slot.on.awake, at)
	if slot.on.owes || at-slot.on.looked >= int64(time.Second) {
		slot.on.looked = at
		w.events.push(event{at: at, kind: callEnds, on: int32(s), number: slot.call}) // #nosec G115 -- there are few slots
		return
	}
	w.begin(s, at)
}

// enter tells the audit what became of a call, at each of its counters.
func (w *world) enter(s int, fate audit.Fate) {
	slot := &w.slots[s]
	kind := &w.Kinds[slot.kind]
	for _, counter := range kind.Counters {
		w.note(slot, counter, fate)
	}
	if w.Trace != nil {
		w.trace("%s: call %d of cost %d: %s", slot.on.name, slot.call, kind.Cost, [...]string{"admitted", "over the rate", "over the quota", "died"}[fate])
	}
}

// note tells the audit what became of a call at one counter.
func (w *world) note(slot *slot, counter int, fate audit.Fate) {
	w.audit.Add(audit.Entry{At: w.now, Call: slot.call, Cost: w.Kinds[slot.kind].Cost, Counter: counter,
		Terms: w.claim(slot, counter).terms, Fate: fate})
	w.result.Digest = (w.result.Digest ^ uint64(w.now) ^ slot.call<<8 ^ uint64(fate)) * 0x9E3779B97F4A7C15 // #nosec G115 -- any bits do
}

// refuse answers a call 429, because of the counter that it would have taken from next.
func (w *world) refuse(s int, a limit.Answer) {
	slot := &w.slots[s]
	w.result.Refused++
	fate := audit.OverRate
	for _, l := range a.Limits {
		if l.Exceeded && l.Limit.Kind == decision.QuotaLimit {
			fate = audit.OverQuota
		}
	}
	kind := &w.Kinds[slot.kind]
	w.note(slot, kind.Counters[len(slot.taken)], fate)
	if w.Trace != nil {
		w.trace("%s: call %d of cost %d: refused at %s", slot.on.name, slot.call, kind.Cost, w.Counters[kind.Counters[len(slot.taken)]].ID)
	}
	w.leaveOff(s)
}

// fail answers a call 503.
func (w *world) fail(s int) {
	w.result.Failed++
	w.trace("%s: call %d: 503", w.slots[s].on.name, w.slots[s].call)
	w.leaveOff(s)
}

// leaveOff ends a call that is not sent on.
func (w *world) leaveOff(s int) {
	w.putBack(s)
	w.respond(s, w.now+int64(time.Millisecond))
}

// putBack gives back what a call took.
func (w *world) putBack(s int) {
	slot := &w.slots[s]
	for n, a := range slot.taken {
		if slot.on.holdings[w.Kinds[slot.kind].Counters[n]].m.GiveBack(a) {
			slot.on.owes = true
		}
	}
	slot.taken = slot.taken[:0]
}

// around gives a time that is m on average.
func (w *world) around(m time.Duration) int64 {
	return int64((0.5 + 0.5*w.random.ExpFloat64()) * float64(m))
}
