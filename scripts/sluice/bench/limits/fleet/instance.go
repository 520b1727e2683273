package fleet

import (
	"strconv"
	"time"

	"sluice/shared/limit"
)

// instance is one instance of the gateway, from its first call to its end.
type instance struct {
	name     string
	place    int
	holdings []holding // by counter
	gone     bool      // it has ended: nothing reaches it any more
	leaving  bool      // it was stopped and gives back what it holds
	lag      int64     // how late it learns of a new plan, ns

	offset, drift int64 // of its clock: ns, and ns a second
	born          int64

	awake   int64  // it runs until then, true time, because a call is on its way
	waiting int    // calls that wait for a write: it runs
	air     int    // writes that it waits for before it is frozen
	looked  int64  // when it last looked for what is idle
	owes    bool   // it has units that it must give back before it is frozen
	mail    []mail // answers and timers that came while it was frozen
}

// mail is an event that a frozen instance has not seen yet.
type mail struct {
	event
	came int64
}

// holding is one counter in an instance.
type holding struct {
	m       Machine // zero until a call takes from the counter
	writing bool
	away    bool    // the last write was not answered
	tries   int     // writes since a call was answered
	doubt   int64   // units of a write that was not answered
	queue   []int32 // slots whose calls wait, in order of arrival
}

// newborn makes an instance.
func (w *world) newborn() *instance {
	i := &instance{name: "i" + strconv.FormatUint(w.random.Uint64(), 36), place: len(w.instances), holdings: make([]holding, len(w.Counters)),
		born: w.now, lag: w.random.Int64N(int64(time.Second))}
	w.set(i)
	return i
}

// set sets an instance's clock.
func (w *world) set(i *instance) {
	i.offset, i.drift, i.born = 0, 0, w.now
	skew := int64(w.Clocks.Skew)
	if skew == 0 {
		return
	}
	i.offset = w.random.Int64N(2*skew+1) - skew
	if w.Clocks.Edge && i.offset < 0 {
		i.offset = -skew
	} else if w.Clocks.Edge {
		i.offset = skew
	}
	if w.Clocks.Drift {
		i.drift = w.random.Int64N(2_000_001) - 1_000_000 // up to a millisecond a second
	}
}

// clock is what an instance believes to be the time. A clock that drifts turns round where it would be off by more than Skew.
func (w *world) clock(i *instance) time.Time {
	off := i.offset
	if i.drift != 0 {
		skew := int64(w.Clocks.Skew)
		off += int64(float64(w.now-i.born) / 1e9 * float64(i.drift))
		off = (off+skew)%(4*skew) - skew
		if off < -skew {
			off += 4 * skew
		}
		if off > skew {
			off = 2*skew - off
		}
	}
	return time.Unix(0, w.now+off).UTC()
}

// frozen reports whether an instance does not run at this moment.
func (w *world) frozen(i *instance) bool {
	return !w.Shape.NoFreeze && !i.leaving && i.waiting == 0 && i.air == 0 && w.now > i.awake
}

// thaw gives an instance what came while it was frozen. An answer that came long ago may be seen or may have been given up:
// the timer and the answer are found at the same time.
func (w *world) thaw(i *instance) {
	if w.Clocks.Jump && w.random.IntN(64) == 0 {
		w.set(i)
	}
	for n := 0; n < len(i.mail) && !i.gone; n++ {
		m := i.mail[n]
		if m.kind == answered && w.now-m.came > int64(patience) && w.random.IntN(2) == 0 {
			m.kind = failed
		}
		w.happen(m.event)
	}
	i.mail = i.mail[:0]
}

// holding gives what an instance holds of a counter.
func (w *world) holding(i *instance, counter int) *holding {
	h := &i.holdings[counter]
	if h.m.Spender == nil {
		h.m = w.Parts.Machine(limit.Options{Instance: i.name, Skew: w.Parts.Skew})
	}
	return h
}

// claim gives the claim on a counter as the decision about a slot's call has it.
func (w *world) claim(s *slot, counter int) *claim {
	plans := w.claims[counter]
	if len(plans) == 1 {
		return &plans[0]
	}
	turn := (s.began - s.on.lag) / int64(w.Counters[counter].Every)
	c := &plans[turn%int64(len(plans))]
	if c.turn < turn {
		terms, err := w.audit.Terms(c.Limits)
		if err != nil {
			w.stuck("plan of %s: %w", c.Counter, err)
		}
		c.terms, c.turn = terms, turn
	}
	return c
}
