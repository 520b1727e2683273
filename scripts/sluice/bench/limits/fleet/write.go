package fleet

import (
	"time"

	"sluice/shared/limit/counter"
)

// What shared/dynamo does about an attempt that fails.
const (
	attempts = 3
	patience = time.Second // for the answer to one

	abandoned = 16 // one in so many writes is not waited for before the freeze
)

// flight is a write on its way: the step, and its attempts.
type flight struct {
	from    *instance
	counter int
	step    counter.Step
	attempt uint64
	events  int // that are still to come; it is free again when there are none
	landed  bool
	awaited bool // its instance is not frozen before it lands
	early   bool // no write yet: its time has not come, and it is planned then

	after   counter.State // what the store answers to the present attempt
	applied bool
}

// flights keeps flights apart by number, and uses them again.
type flights struct {
	all  []flight
	free []int
}

func (f *flights) take() int {
	if n := len(f.free); n > 0 {
		id := f.free[n-1]
		f.free = f.free[:n-1]
		f.all[id] = flight{}
		return id
	}
	f.all = append(f.all, flight{})
	return len(f.all) - 1
}

// plan plans an event of a flight.
func (w *world) plan(id int, k kind, at int64) {
	f := &w.flights.all[id]
	f.events++
	w.events.push(event{at: at, kind: k, on: int32(id), number: f.attempt}) // #nosec G115 -- few are in the air at once
}

// done ends an event of a flight.
func (w *world) done(id int) {
	f := &w.flights.all[id]
	if f.events--; f.events == 0 && f.landed {
		f.from = nil
		w.flights.free = append(w.flights.free, id)
	}
}

// work makes the next write of a counter, as limit.Taker.work does: calls that need none are answered first, and where there is
// none to make, the first of those that wait is refused.
func (w *world) work(i *instance, counter int) {
	h := &i.holdings[counter]
	h.writing = true
	for w.err == nil {
		w.serve(i, counter)
		now, need, first := w.clock(i), int64(0), int64(0)
		for n, s := range h.queue {
			cost := w.Kinds[w.slots[s].kind].Cost
			if need += cost; n == 0 {
				first = cost
			}
		}
		if len(h.queue) == 0 && h.away {
			need, first = 1, 1 // to see whether the store is back
		}
		step, notBefore, ok := h.m.Ask(need, first, now)
		if wait := int64(notBefore.Sub(now)); ok && wait > 0 {
			w.plan(w.board(flight{from: i, counter: counter, early: true}), sent, w.now+wait)
			return
		}
		if ok {
			w.fly(i, counter, step)
			return
		}
		if len(h.queue) == 0 {
			break
		}
		s := w.unqueue(i, h)
		w.refuse(s, h.m.Refuse(w.Kinds[w.slots[s].kind].Cost, now))
	}
	h.writing = false
}

// serve answers calls that wait at a counter, in order of arrival, up to the first that wants a write. It reports whether it
// answered any.
func (w *world) serve(i *instance, counter int) (answered bool) {
	h := &i.holdings[counter]
	for len(h.queue) > 0 && w.err == nil {
		s := int(h.queue[0])
		settled, on := w.take(s, h, counter)
		if !settled {
			return answered
		}
		answered = true
		w.unqueue(i, h)
		if on {
			w.try(s)
		}
	}
	return answered
}

// unqueue takes the first call out of those that wait.
func (w *world) unqueue(i *instance, h *holding) int {
	s := int(h.queue[0])
	h.queue = append(h.queue[:0], h.queue[1:]...)
	w.slots[s].waits = false
	i.waiting--
	i.awake = max(i.awake, w.now)
	return s
}

// fly sends a step.
func (w *world) fly(i *instance, counter int, step counter.Step) {
	i.holdings[counter].writing = true
	w.depart(w.board(flight{from: i, counter: counter, step: step, attempt: 1}))
}

// board gives a flight its number.
func (w *world) board(f flight) int {
	if f.awaited = w.random.IntN(abandoned) > 0; f.awaited {
		f.from.air++
	}
	id := w.flights.take()
	w.flights.all[id] = f
	return id
}

// send is a write whose time has come.
func (w *world) send(id int, attempt uint64) {
	if w.held(id, event{at: w.now, kind: sent, on: int32(id), number: attempt}) { // #nosec G115 -- few are in the air at once
		return
	}
	if f := w.flights.all[id]; f.early {
		w.land(id)
		w.work(f.from, f.counter)
		return
	}
	w.depart(id)
	w.done(id)
}

// land is the end of a flight.
func (w *world) land(id int) {
	f := &w.flights.all[id]
	f.landed = true
	if f.awaited {
		f.from.air--
		f.from.awake = max(f.from.awake, w.now)
	}
	w.done(id)
}

// held keeps an event of a flight for an instance that is frozen, and drops it with one that has ended.
func (w *world) held(id int, e event) bool {
	f := &w.flights.all[id]
	if f.from.gone {
		f.landed = true
		w.done(id)
		return true
	}
	if w.frozen(f.from) {
		f.from.mail = append(f.from.mail, mail{e, w.now})
		return true
	}
	return false
}

// depart makes the present attempt: what will go wrong with it is drawn now.
func (w *world) depart(id int) {
	f := &w.flights.all[id]
	faults, luck := &w.Faults, w.random.Float64()
	there := w.now + w.latency()
	if w.Trace != nil {
		w.trace("%s: attempt %d at %s: %s", f.from.name, f.attempt, w.Counters[f.counter].ID, describe(f.step))
	}
	switch {
	case luck < faults.LostRequest:
		w.plan(id, failed, w.givenUp(there))
	case luck < faults.LostRequest+faults.Late:
		w.plan(id, arrivesUnheard, w.now+w.random.Int64N(int64(5*time.Second)))
		w.plan(id, failed, w.givenUp(there))
	case luck < faults.LostRequest+faults.Late+faults.LostAnswer:
		w.plan(id, arrivesUnheard, there)
		w.plan(id, failed, w.givenUp(there+w.latency()))
	default:
		w.plan(id, arrives, there)
	}
	if faults.Crash > 0 && w.random.Float64() < faults.Crash {
		w.plan(id, flightCrashes, w.now+w.random.Int64N(3*(there-w.now)+1))
	}
}

// givenUp gives the instant at which an attempt is known to have failed: the connection breaks at once, or nothing is heard.
func (w *world) givenUp(soon int64) int64 {
	if w.random.IntN(4) > 0 {
		return soon
	}
	return w.now + int64(patience)
}

// latency is one way to the store or back: about 2 ms, and one in a hundred takes much longer.
func (w *world) latency() int64 {
	ms := 1 + w.random.ExpFloat64()
	if w.random.IntN(100) == 0 {
		ms *= 1 + 20*w.random.Float64()
	}
	return int64(ms * float64(time.Millisecond))
}

// arrive is an attempt that reaches the store.
func (w *world) arrive(id int, attempt uint64, heard bool) {
	f := &w.flights.all[id]
	after, applied, err := w.apply(f)
	if heard {
		back := w.now + w.latency()
		if err {
			w.plan(id, failed, back)
		} else {
			f.after, f.applied = after, applied
			w.plan(id, answered, back)
		}
	}
	_ = attempt
	w.done(id)
}

// answer is what an instance learns of an attempt.
func (w *world) answer(id int, attempt uint64, ok bool) {
	k := failed
	if ok {
		k = answered
	}
	if w.held(id, event{at: w.now, kind: k, on: int32(id), number: attempt}) { // #nosec G115 -- few are in the air at once
		return
	}
	f := &w.flights.all[id]
	if !ok && f.attempt < attempts && !f.step.GivesBack() {
		f.attempt++
		w.plan(id, sent, w.now+w.random.Int64N(int64(10*time.Millisecond)<<f.attempt))
		w.done(id)
		return
	}
	i, counter, after, applied := f.from, f.counter, f.after, f.applied
	w.land(id)
	h := &i.holdings[counter]
	h.away = !ok
	w.doubt(h, counter, f.step, !ok)
	if ok {
		if w.Trace != nil {
			w.trace("%s: told applied %v, %+v", i.name, applied, after)
		}
		h.m.Told(after, applied, w.clock(i))
	} else {
		w.trace("%s: lost", i.name)
		h.m.Lost(w.clock(i))
		i.owes = true
	}
	w.settle(i, counter)
}

// doubt tells the audit what nobody knows to be charged, since an instance was not answered, until it is. Units at risk are
// accounted for anyway.
func (w *world) doubt(h *holding, counter int, s counter.Step, lost bool) {
	cost := int64(0)
	switch {
	case !lost:
	case s.QuotaAdd != nil:
		cost = max(0, s.QuotaAdd.Units-max(0, s.QuotaAdd.Risk))
	case s.QuotaReset != nil:
		cost = max(0, s.QuotaReset.Units-s.QuotaReset.Risk)
	}
	if cost != h.doubt {
		w.audit.Doubt(w.now, counter, w.claims[counter][0].terms, cost-h.doubt)
		h.doubt = cost
	}
}

// settle goes on after a write.
func (w *world) settle(i *instance, counter int) {
	h := &i.holdings[counter]
	if h.tries++; w.serve(i, counter) {
		h.tries = 0
	}
	for h.tries == maxTries && len(h.queue) > 0 {
		w.fail(w.unqueue(i, h))
	}
	if len(h.queue) == 0 {
		h.tries, h.writing = 0, false
	} else {
		w.work(i, counter)
	}
	switch {
	case i.leaving:
		w.leave(i)
	case i.owes && !h.writing:
		w.giveBack(i)
	}
}
