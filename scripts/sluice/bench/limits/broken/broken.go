// Package broken breaks the protocol of leases on purpose, from outside of shared/limit: each break is something that could be
// wrong there, in a store, or in a clock, and the audit must see it. A check that sees nothing proves nothing.
package broken

import (
	"math"
	"time"

	"sluice/scripts/sluice/bench/limits/audit"
	"sluice/scripts/sluice/bench/limits/fleet"
	"sluice/shared/decision"
	"sluice/shared/limit"
	"sluice/shared/limit/counter"
)

// Break is one way to break the protocol.
type Break struct {
	Name     string
	What     string
	Scenario string     // in which it shows
	Rule     audit.Rule // that it breaks
	Do       func(fleet.Parts) fleet.Parts
}

// All gives every break.
func All() []Break {
	return []Break{
		{"refused-applied", "the store does what it refuses, and says that it did", "quota", audit.Quota, refusedApplied},
		{"spent-late", "a lease is spent after its period", "carried", audit.Quota, wrapped(spentLate)},
		{"lapsed-rate", "rate units are spent long after they were charged", "turns", audit.Rate, wrapped(spentLate)},
		{"lost-granted", "an answer that was lost is taken for a yes", "lost", audit.Quota, wrapped(lostGranted)},
		{"returns-spent", "an instance that is stopped gives back what it has spent, too", "fresh", audit.Quota, wrapped(returnsSpent)},
		{"repeats-granted", "a step that is shown again gives twice what was charged once", "lost", audit.Quota, wrapped(repeatsGranted)},
		{"repeats-done", "the store does a step twice that is shown again", "lost", audit.Waste, forgetful},
		{"skew-ignored", "instances believe their clocks", "edge", audit.Quota, skewIgnored},
		{"early", "a period is opened two seconds early", "midnight", audit.Quota, wrapped(opensEarly)},
		{"risk-hidden", "what is on lease is not counted as at risk", "one-instance", audit.Waste, wrapped(riskHidden)},
		{"refused-charged", "a call that another counter refuses keeps what it took", "exact", audit.Waste, wrapped(refusedCharged)},
		{"ids-reused", "instances count their steps in one place, so these have the same IDs", "fresh", audit.Quota, wrapped(idsReused)},
	}
}

// Find gives a break by its name.
func Find(name string) (Break, bool) {
	for _, b := range All() {
		if b.Name == name {
			return b, true
		}
	}
	return Break{}, false
}

// wrapped breaks each machine.
func wrapped(wrap func(fleet.Machine) fleet.Machine) func(fleet.Parts) fleet.Parts {
	return func(p fleet.Parts) fleet.Parts {
		sound := p.Machine
		p.Machine = func(o limit.Options) fleet.Machine { return wrap(sound(o)) }
		return p
	}
}

func refusedApplied(p fleet.Parts) fleet.Parts {
	p.Apply = func(s counter.Step, to counter.State) (counter.State, bool) {
		if after, applied := s.Apply(to); applied {
			return after, true
		}
		after := to
		if r := s.RateAdvance; r != nil {
			after.TAT += r.By
		}
		if r := s.RateSet; r != nil {
			after.TAT = r.To
		}
		if a := s.QuotaAdd; a != nil {
			after.Used += a.Units
		}
		if r := s.QuotaReset; r != nil {
			after.Period, after.Used = r.Period, r.Units
		}
		return after, true
	}
	return p
}

func skewIgnored(p fleet.Parts) fleet.Parts {
	p.Skew = 0
	return p
}

func idsReused(m fleet.Machine) fleet.Machine {
	return fleet.Machine{Spender: m.Spender, Writer: &counting{Machine: m}}
}

// counting gives its steps the IDs 1, 2, 3 and so on, in a place that it does not have for itself.
type counting struct {
	fleet.Machine
	sound, last counter.Mark
}

// Ask counts.
func (c *counting) Ask(need, first int64, now time.Time) (counter.Step, time.Time, bool) {
	s, notBefore, ok := c.Machine.Ask(need, first, now)
	if ok && s.ID != c.sound {
		c.sound, c.last = s.ID, c.last+1
	}
	s.ID, s.Place, s.After = c.last, counter.Places-1, 0
	return s, notBefore, ok
}

func forgetful(p fleet.Parts) fleet.Parts {
	p.Amnesia = true
	return p
}

func repeatsGranted(m fleet.Machine) fleet.Machine {
	g := &generous{Machine: m}
	return fleet.Machine{Spender: g, Writer: g}
}

// generous gives what a repeated step asks for once more.
type generous struct {
	fleet.Machine
	step counter.Step
	lost counter.Mark // ID of a step that was lost
	more int64
}

// Ask remembers the step.
func (g *generous) Ask(need, first int64, now time.Time) (counter.Step, time.Time, bool) {
	s, notBefore, ok := g.Machine.Ask(need, first, now)
	g.step = s
	return s, notBefore, ok
}

// Lost remembers which step it was.
func (g *generous) Lost(now time.Time) {
	g.lost = g.step.ID
	g.Machine.Lost(now)
}

// Told counts a repeated step twice.
func (g *generous) Told(after counter.State, applied bool, now time.Time) []limit.Crossing {
	if applied && g.lost == g.step.ID && g.lost != 0 {
		g.more += units(g.step)
	}
	return g.Machine.Told(after, applied, now)
}

// Take spends what was counted twice, first.
func (g *generous) Take(c *decision.Claim, cost int64, now time.Time) (limit.Answer, error) {
	if g.more >= cost {
		g.more -= cost
		return limit.Answer{Outcome: limit.Admitted}, nil
	}
	return g.Machine.Take(c, cost, now)
}

// units is what a step charges a quota.
func units(s counter.Step) int64 {
	switch {
	case s.QuotaAdd != nil:
		return s.QuotaAdd.Units
	case s.QuotaReset != nil:
		return s.QuotaReset.Units
	}
	return 0
}

func spentLate(m fleet.Machine) fleet.Machine {
	l := &slow{Machine: m}
	return fleet.Machine{Spender: l, Writer: l}
}

// slow spends by the time of its last write.
type slow struct {
	fleet.Machine
	wrote time.Time
}

// Told remembers the time.
func (l *slow) Told(after counter.State, applied bool, now time.Time) []limit.Crossing {
	if applied {
		l.wrote = now
	}
	return l.Machine.Told(after, applied, now)
}

// Take pretends that no time has passed, if that admits the call.
func (l *slow) Take(c *decision.Claim, cost int64, now time.Time) (limit.Answer, error) {
	if !l.wrote.IsZero() {
		if a, err := l.Machine.Take(c, cost, l.wrote); err != nil || a.Outcome == limit.Admitted {
			return limit.Answer{Outcome: limit.Admitted, Limits: a.Limits}, err
		}
	}
	return l.Machine.Take(c, cost, now)
}

func lostGranted(m fleet.Machine) fleet.Machine {
	h := &hopeful{Machine: m}
	return fleet.Machine{Spender: h, Writer: h}
}

// hopeful takes silence for a yes.
type hopeful struct {
	fleet.Machine
	step counter.Step
	seen counter.State
}

// Ask remembers the step.
func (h *hopeful) Ask(need, first int64, now time.Time) (counter.Step, time.Time, bool) {
	s, notBefore, ok := h.Machine.Ask(need, first, now)
	h.step = s
	return s, notBefore, ok
}

// Told remembers the State.
func (h *hopeful) Told(after counter.State, applied bool, now time.Time) []limit.Crossing {
	h.seen = after
	return h.Machine.Told(after, applied, now)
}

// Lost tells the machine what it hopes for.
func (h *hopeful) Lost(now time.Time) {
	after, applied := h.step.Apply(h.seen)
	h.Machine.Told(after, applied, now)
}

func returnsSpent(m fleet.Machine) fleet.Machine {
	r := &returning{Machine: m}
	return fleet.Machine{Spender: m.Spender, Writer: r}
}

// returning gives back twice what it holds, and a unit more.
type returning struct {
	fleet.Machine
}

// Return asks for too much.
func (r *returning) Return(all bool, now time.Time) (counter.Step, bool) {
	s, ok := r.Machine.Return(all, now)
	if ok && s.QuotaAdd != nil && all {
		more := *s.QuotaAdd
		more.Units = 2*more.Units - 1
		s.QuotaAdd = &more
	}
	return s, ok
}

func opensEarly(m fleet.Machine) fleet.Machine {
	e := &early{Machine: m}
	return fleet.Machine{Spender: e, Writer: e}
}

// early has a clock that is wrong by more than it may be.
type early struct{ fleet.Machine }

const ahead = 2 * time.Second

// Take is early.
func (e *early) Take(c *decision.Claim, cost int64, now time.Time) (limit.Answer, error) {
	return e.Machine.Take(c, cost, now.Add(ahead))
}

// Ask is early.
func (e *early) Ask(need, first int64, now time.Time) (counter.Step, time.Time, bool) {
	s, notBefore, ok := e.Machine.Ask(need, first, now.Add(ahead))
	return s, notBefore.Add(-ahead), ok
}

// Told is early.
func (e *early) Told(after counter.State, applied bool, now time.Time) []limit.Crossing {
	return e.Machine.Told(after, applied, now.Add(ahead))
}

func riskHidden(m fleet.Machine) fleet.Machine {
	return fleet.Machine{Spender: m.Spender, Writer: &bold{Machine: m}}
}

// bold tells the store that nothing is at risk.
type bold struct{ fleet.Machine }

// Ask takes the risk out of the step.
func (b *bold) Ask(need, first int64, now time.Time) (counter.Step, time.Time, bool) {
	s, notBefore, ok := b.Machine.Ask(need, first, now)
	if a := s.QuotaAdd; a != nil {
		calm := *a
		calm.Risk, calm.MostRisk = 0, math.MaxInt64
		s.QuotaAdd = &calm
	}
	if r := s.QuotaReset; r != nil {
		calm := *r
		calm.Risk = 0
		s.QuotaReset = &calm
	}
	return s, notBefore, ok
}

// Told hides the State's, too.
func (b *bold) Told(after counter.State, applied bool, now time.Time) []limit.Crossing {
	after.Risk = 0
	return b.Machine.Told(after, applied, now)
}

func refusedCharged(m fleet.Machine) fleet.Machine {
	return fleet.Machine{Spender: &stingy{Machine: m}, Writer: m.Writer}
}

// stingy keeps what it took.
type stingy struct{ fleet.Machine }

// GiveBack does nothing.
func (s *stingy) GiveBack(limit.Answer) bool { return false }
