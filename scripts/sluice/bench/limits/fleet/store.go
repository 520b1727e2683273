package fleet

import (
	"fmt"
	"time"

	"sluice/shared/limit/counter"
)

// perSecond is how many writes of one item DynamoDB takes in a second.
const perSecond = 1000

// store is a model of DynamoDB: what happens to an item happens at one instant.
type store struct {
	items []item
	down  int64 // until then, true time
}

type item struct {
	state counter.State
	marks counter.Marks
	full  int64 // when its bucket of writes is full again, true time
}

// apply is what the store does with an attempt that has arrived. err is an answer that says nothing.
func (w *world) apply(f *flight) (after counter.State, applied, err bool) {
	i := &w.store.items[f.counter]
	if w.now < w.store.down {
		return counter.State{}, false, true
	}
	w.audit.Written(w.now, f.counter)
	const interval = int64(time.Second) / perSecond
	if i.full = max(i.full, w.now); i.full-w.now > int64(time.Second)-interval || (w.Faults.Throttled > 0 && w.random.Float64() < w.Faults.Throttled) {
		return counter.State{}, false, true
	}
	i.full += interval
	place := &i.marks[f.step.Place]
	if *place == f.step.ID && !w.Parts.Amnesia {
		w.result.Repeats++
		after, applied = i.state, true
	} else {
		i.state.Seen.Mark = *place
		if w.Parts.Amnesia {
			i.state.Seen.Mark = f.step.After
		}
		if after, applied = w.Parts.Apply(f.step, i.state); applied {
			i.state, *place = after, f.step.ID
		}
	}
	after.Seen = i.marks.See(f.step)
	if w.Trace != nil {
		w.trace("store: %x: applied %v, %+v", f.step.ID, applied, after)
	}
	return after, applied, false
}

// describe writes a step for a trace.
func describe(s counter.Step) string {
	text := fmt.Sprintf("%x at %d after %x", s.ID, s.Place, s.After)
	if s.RateAdvance != nil {
		text += fmt.Sprintf(" advance %+v", *s.RateAdvance)
	}
	if s.RateSet != nil {
		text += fmt.Sprintf(" set %+v", *s.RateSet)
	}
	if a := s.QuotaAdd; a != nil {
		text += fmt.Sprintf(" add %d of %s, most %d, risk %d most %d", a.Units, a.Period, a.Most, a.Risk, a.MostRisk)
		if a.Ahead != nil {
			text += fmt.Sprintf(", ahead %+v", *a.Ahead)
		}
	}
	if r := s.QuotaReset; r != nil {
		text += fmt.Sprintf(" reset %q to %q with %d, risk %d, carried %v %d", r.From, r.Period, r.Units, r.Risk, r.Carried, r.CarriedAhead)
		if r.Ahead != nil {
			text += fmt.Sprintf(", ahead %+v", *r.Ahead)
		}
	}
	return text
}
