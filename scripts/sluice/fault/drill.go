package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// most is how many faults a drill holds, those that are over included.
const most = 32

// ErrTooMany says that a drill holds all the faults that it can.
var ErrTooMany = fmt.Errorf("a drill holds at most %d faults that are not over: clear them first", most)

// World is what a drill takes from its surroundings.
type World struct {
	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration) error // returns ctx.Err() once ctx is done
	Random func() float64                                   // in [0, 1), safe for concurrent use
}

// Drill holds faults and decides what befalls connections and requests. It is safe for concurrent use.
type Drill struct {
	world   World
	changed chan struct{} // wakes Watch

	mu     sync.Mutex
	faults []*planned
}

// planned is a fault with its times.
type planned struct {
	Fault
	begins time.Time
	ends   time.Time // zero: when it is cleared
	hits   int64
	told   State
}

// State is where a fault stands.
type State string

// The states of a fault.
const (
	Waiting State = "waiting"
	Active  State = "active"
	Over    State = "over"
)

// Status is how one fault stands. Hits counts what it befell: requests, and for an outage connections.
type Status struct {
	Fault string     `json:"fault"`
	State State      `json:"state"`
	Hits  int64      `json:"hits"`
	Ends  *time.Time `json:"ends,omitempty"`
}

// NewDrill makes a drill without faults.
func NewDrill(w World) *Drill { return &Drill{world: w, changed: make(chan struct{}, 1)} }

func (p *planned) state(now time.Time) State {
	switch {
	case now.Before(p.begins):
		return Waiting
	case !p.ends.IsZero() && !now.Before(p.ends):
		return Over
	}
	return Active
}

// Inject adds faults; their starts count from now. It adds all of them, or none and gives ErrTooMany. Faults that are over
// make room.
func (d *Drill) Inject(faults ...Fault) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.world.Now()
	if len(d.faults)+len(faults) > most {
		d.faults = slices.DeleteFunc(d.faults, func(p *planned) bool { return p.state(now) == Over })
	}
	if len(d.faults)+len(faults) > most {
		return ErrTooMany
	}
	for _, f := range faults {
		p := &planned{Fault: f, begins: now.Add(f.Start), told: Waiting}
		if f.Length > 0 {
			p.ends = p.begins.Add(f.Length)
		}
		d.faults = append(d.faults, p)
	}
	d.wake()
	return nil
}

// Clear ends all faults.
func (d *Drill) Clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.world.Now()
	for _, p := range d.faults {
		if s := p.state(now); s != Over {
			p.ends = now
			p.begins = minTime(p.begins, now)
		}
	}
	d.wake()
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (d *Drill) wake() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// Status tells how the faults stand, in the order in which they were told.
func (d *Drill) Status() []Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.world.Now()
	all := make([]Status, len(d.faults))
	for i, p := range d.faults {
		all[i] = Status{Fault: p.String(), State: p.state(now), Hits: p.hits}
		if !p.ends.IsZero() {
			ends := p.ends
			all[i].Ends = &ends
		}
	}
	return all
}

// Watch says when faults begin and end, until the context does.
func (d *Drill) Watch(ctx context.Context, say func(format string, args ...any)) {
	for {
		timer := time.NewTimer(d.tell(say))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-d.changed:
			timer.Stop()
		}
	}
}

// tell says what has changed and gives the time until the next change.
func (d *Drill) tell(say func(format string, args ...any)) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, next := d.world.Now(), longest
	for _, p := range d.faults {
		s := p.state(now)
		if p.told == Waiting && s != Waiting {
			say("fault %s begins", p)
		}
		if p.told != Over && s == Over {
			say("fault %s is over, %d hit", p, p.hits)
		}
		p.told = s
		for _, at := range []time.Time{p.begins, p.ends} {
			if at.After(now) {
				next = min(next, at.Sub(now))
			}
		}
	}
	return next
}

// active gives the faults of a target that are in force; d.mu is held.
func (d *Drill) active(t Target) []*planned {
	var all []*planned
	now := d.world.Now()
	for _, p := range d.faults {
		if p.Target == t && p.state(now) == Active {
			all = append(all, p)
		}
	}
	return all
}

// down reports whether a target is away. A connection that meets it counts once, when hit is set.
func (d *Drill) down(t Target, hit bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.active(t) {
		if p.Kind == Down {
			if hit {
				p.hits++
			}
			return true
		}
	}
	return false
}

// fate is what befalls one request.
type fate struct {
	delay time.Duration
	as    Kind // Errors or Throttle: how it is refused; Lost: how it loses its answer; "" if nothing more befalls it
}

// draw decides about one request. Delays add up; of the rest the first that is drawn befalls it.
func (d *Drill) draw(t Target) fate {
	d.mu.Lock()
	defer d.mu.Unlock()
	var f fate
	for _, p := range d.active(t) {
		switch p.Kind {
		case Latency:
			p.hits++
			f.delay += p.Delay + time.Duration((2*d.world.Random()-1)*float64(p.Jitter))
		case Errors, Throttle, Lost:
			if f.as == "" && d.world.Random() < p.Share {
				p.hits++
				f.as = p.Kind
			}
		case Down: // connections meet it
		}
	}
	return f
}

// Sleep waits, or until ctx is done: then it gives its error.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errAway is what a read or write on a connection gives while its target is away.
var errAway = errors.New("the drill has taken this away")
