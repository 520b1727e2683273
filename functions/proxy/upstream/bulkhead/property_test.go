package bulkhead_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/functions/proxy/upstream/bulkhead"
	"sluice/shared/catalog"
)

// world is several processes whose clocks are wrong, and a store whose answers get lost and whose requests get late.
type world struct {
	t       *rapid.T
	now     time.Time // the true time
	slots   *shelf
	late    []func() // writes that were sent and have not arrived
	process []*process
	flying  []flight
	started int
}

type process struct {
	pool *bulkhead.Pool
	off  time.Duration // its clock is this much ahead
	w    *world
}

type flight struct {
	slot     *bulkhead.Slot
	priority catalog.Priority
	ends     time.Time // true time
	from     *process
}

var errLost = errors.New("no answer")

// TakeSlot and FreeSlot make a process the store that it sees: whether a slot has passed is judged by its own clock.
func (p *process) TakeSlot(_ context.Context, _, holder string, most int, until time.Time) (bool, error) {
	write := func() bool { return p.w.slots.take(holder, most, until, p.w.now.Add(p.off)) }
	switch rapid.IntRange(0, 9).Draw(p.w.t, "take") {
	case 0: // it arrives, its answer does not
		write()
		return false, errLost
	case 1: // it arrives later, if ever
		p.w.late = append(p.w.late, func() { write() })
		return false, errLost
	case 2: // it arrives, and once more later
		held := write()
		p.w.late = append(p.w.late, func() { write() })
		return held, nil
	}
	return write(), nil
}

func (p *process) FreeSlot(_ context.Context, _, holder string) error {
	write := func() { delete(p.w.slots.slots, holder) }
	if rapid.IntRange(0, 3).Draw(p.w.t, "free") == 0 {
		p.w.late = append(p.w.late, write)
		return errLost
	}
	write()
	return nil
}

func (w *world) start() *process {
	w.started++
	p := &process{w: w, off: time.Duration(rapid.IntRange(-500, 500).Draw(w.t, "offset")) * time.Millisecond}
	p.pool = bulkhead.New(bulkhead.Deps{Slots: p, Instance: fmt.Sprint("p", w.started), Random: func() float64 { return 0 },
		Now: func() time.Time { return w.now.Add(p.off) }}).Pool("x")
	return p
}

// pass lets time go by. Calls end in time, which is as late as they may.
func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.end(func(f flight) bool { return !w.now.Before(f.ends) })
}

func (w *world) end(which func(flight) bool) {
	kept := w.flying[:0]
	for _, f := range w.flying {
		if which(f) {
			f.slot.Release()
		} else {
			kept = append(kept, f)
		}
	}
	w.flying = kept
}

const most = 5

// check counts what is in flight, by itself.
func (w *world) check() {
	low, normal, all := 0, 0, len(w.flying)
	for _, f := range w.flying {
		switch f.priority {
		case catalog.LowPriority:
			low++
			normal++
		case catalog.NormalPriority:
			normal++
		case catalog.HighPriority:
		}
	}
	if all > most || low > 3 || normal > 5 {
		w.t.Fatalf("%d calls are in flight, %d low, %d low or normal", all, low, normal)
	}
}

func (w *world) call(p *process) {
	priority := rapid.SampledFrom([]catalog.Priority{catalog.LowPriority, catalog.NormalPriority, catalog.HighPriority}).Draw(w.t, "priority")
	takes := time.Duration(rapid.IntRange(1, 3000).Draw(w.t, "ms")) * time.Millisecond
	slot, err := p.pool.Take(w.t.Context(), most, priority, w.now.Add(p.off).Add(takes))
	if err != nil {
		return
	}
	const grace = 249 * time.Millisecond // until an attempt whose deadline has passed is really over
	w.flying = append(w.flying, flight{slot, priority, w.now.Add(takes + grace), p})
}

func TestNeverMoreInFlightThanAllowedWhateverIsLostLateOrWrong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, now: noon}
		w.slots = &shelf{slots: map[string]time.Time{}}
		for range 4 {
			w.process = append(w.process, w.start())
		}
		for range rapid.IntRange(50, 200).Draw(t, "steps") {
			i := rapid.IntRange(0, len(w.process)-1).Draw(t, "process")
			switch rapid.IntRange(0, 12).Draw(t, "step") {
			case 0: // it dies, and its calls with it; another one takes its place
				dead := w.process[i]
				w.end(func(f flight) bool { return f.from == dead })
				w.process[i] = w.start()
			case 1, 2:
				w.pass(time.Duration(rapid.IntRange(1, 800).Draw(t, "short")) * time.Millisecond)
			case 3:
				w.pass(time.Duration(rapid.IntRange(8000, 16000).Draw(t, "long")) * time.Millisecond)
			case 4:
				_ = w.process[i].pool.GiveBack(t.Context(), rapid.Bool().Draw(t, "all"))
			case 5:
				n := 0
				w.end(func(flight) bool { n++; return n == 1 })
			case 6:
				if n := len(w.late); n > 0 {
					k := rapid.IntRange(0, n-1).Draw(t, "which")
					w.late[k]()
					w.late = append(w.late[:k], w.late[k+1:]...)
				}
			default:
				w.call(w.process[i])
			}
			w.check()
		}
	})
}
