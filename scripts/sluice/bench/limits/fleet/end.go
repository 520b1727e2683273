package fleet

import (
	"math"
	"time"

	"sluice/scripts/sluice/bench/limits/audit"
)

// never is an instant that does not come.
const never = int64(math.MaxInt64)

// plague plans the next crash, stop or outage.
func (w *world) plague(k kind) {
	every := map[kind]time.Duration{crashes: w.Faults.CrashEvery, stops: w.Faults.StopEvery, outageBegins: w.Faults.OutageEvery}[k]
	if every > 0 {
		w.events.push(event{at: w.busy() + int64(w.random.ExpFloat64()*float64(every)), kind: k})
	}
}

// busy gives now, or the next instant at which there is traffic.
func (w *world) busy() int64 {
	if w.now < w.traffic.start(w.phase)+int64(w.traffic.Phases[w.phase%w.traffic.each].For) {
		return max(w.now, w.traffic.start(w.phase))
	}
	return max(w.now, w.traffic.start(w.phase+1))
}

// strike lets a crash, a stop or an outage happen, if there is traffic.
func (w *world) strike(k kind) {
	if w.result.Calls >= w.Calls {
		return
	}
	if w.busy() > w.now {
		w.plague(k)
		return
	}
	switch place := w.random.IntN(len(w.instances)); k {
	case crashes:
		w.crash(w.instances[place])
	case stops:
		w.stop(w.instances[place])
	default:
		w.store.down = w.now + int64(w.random.ExpFloat64()*float64(w.Faults.OutageFor))
		w.lend()
		w.trace("the store is away until %s", time.Unix(0, w.store.down).UTC())
	}
	w.plague(k)
}

// lend tells the audit what may pass in an outage.
func (w *world) lend() {
	for i, c := range w.Counters {
		if c.Overdraft > 0 {
			w.audit.Lend(w.now, i, w.claims[i][0].terms, int64(c.Overdraft*len(w.instances)))
		}
	}
}

// settleAll stops every instance, with a store that answers, and holds what it has counted against the log.
func (w *world) settleAll() {
	w.store.down = 0
	w.now = w.last + int64(2*time.Second) // not the next day
	for _, i := range w.instances {
		i.leaving = true
		w.thaw(i)
		w.leave(i)
	}
	w.run()
	for i := range w.Counters {
		w.audit.Settle(w.last, i, w.claims[i][0].terms, w.store.items[i].state.Used)
	}
}

// crashFlight ends the instance of a write.
func (w *world) crashFlight(id int) {
	if from := w.flights.all[id].from; !from.gone && !w.frozen(from) {
		w.crash(from)
	}
	w.done(id)
}

// crash ends an instance with all that it knows. Another takes its place.
func (w *world) crash(i *instance) {
	w.result.Crashes++
	w.trace("%s: crashes", i.name)
	i.gone = true
	w.bury(i)
	if i.leaving {
		return
	}
	w.replace(i)
	for s := i.place * w.Shape.Slots; s < (i.place+1)*w.Shape.Slots; s++ {
		if slot := &w.slots[s]; slot.waits && slot.on == i {
			w.result.Died++
			slot.waits = false
			w.enter(s, audit.Died)
			w.begin(s, w.now+int64(time.Millisecond))
		}
	}
}

// bury lets go of the writes that an instance would still hear of.
func (w *world) bury(i *instance) {
	for _, m := range i.mail {
		w.flights.all[m.on].landed = true
		w.done(int(m.on))
	}
	i.mail = nil
}

func (w *world) replace(i *instance) {
	n := w.newborn()
	n.place = i.place
	w.instances[i.place] = n
}

// stop ends an instance that makes no call, with time to give back what it holds.
func (w *world) stop(i *instance) {
	for s := i.place * w.Shape.Slots; s < (i.place+1)*w.Shape.Slots; s++ {
		if w.slots[s].waits {
			return // it is asked to stop when it has answered
		}
	}
	w.result.Stops++
	w.trace("%s: is stopped", i.name)
	i.leaving = true
	w.replace(i)
	w.thaw(i)
	w.leave(i)
}

// leave gives back what is left in an instance that was stopped. It ends once there is nothing more.
func (w *world) leave(i *instance) {
	busy := false
	for counter := range i.holdings {
		h := &i.holdings[counter]
		if h.m.Writer == nil {
			continue
		}
		if !h.writing {
			if step, ok := h.m.Return(true, w.clock(i)); ok {
				w.fly(i, counter, step)
			}
		}
		busy = busy || h.writing
	}
	if !busy {
		i.gone = true
	}
}

// ended is the end of a call in an instance that has time before it is frozen.
func (w *world) ended(s int, call uint64) {
	if slot := &w.slots[s]; slot.call == call {
		w.giveBack(slot.on)
	}
	w.begin(s, w.now)
}

// giveBack gives back what an instance owes, and what is idle.
func (w *world) giveBack(i *instance) {
	if i.gone || i.leaving {
		return
	}
	i.owes = false
	for counter := range i.holdings {
		h := &i.holdings[counter]
		switch {
		case h.m.Writer == nil:
		case h.writing || len(h.queue) > 0:
			i.owes = true // maybe: look again behind the write
		default:
			if step, ok := h.m.Return(false, w.clock(i)); ok {
				i.owes = true // and here
				w.fly(i, counter, step)
			}
		}
	}
}

// begins begins a phase of the traffic.
func (w *world) begins(n int) {
	w.phase = n
	if w.result.Calls >= w.Calls {
		return
	}
	if w.traffic.Phases[n%w.traffic.each].Restart {
		for _, i := range w.instances {
			w.stop(i)
		}
	}
	next := w.traffic.start(n + 1)
	if next > lastStart {
		return
	}
	w.events.push(event{at: max(w.now, next), kind: phaseBegins, number: uint64(n) + 1}) // #nosec G115 -- it counts up
}
