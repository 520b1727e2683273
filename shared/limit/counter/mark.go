package counter

import (
	"hash/fnv"
	"sync/atomic"
	"time"
)

// The places of an item in which instances leave the ID of their last step.
const (
	Own    = 64 // of one instance each
	shared = 8  // of all others, when the own ones are taken
	Places = Own + shared
)

const (
	serialBits = 32               // of a Mark: when the step was made, in ms, so that a number comes again after 49 days
	live       = 2 * time.Second  // whoever wrote so lately, by clocks that are off, writes now
	stale      = 10 * time.Second // a place that nobody wrote to for so long may be taken over
	candidates = 4                // stale places among which the oldest is taken
)

// Gave reports whether the ID is of these.
func (s *Names) Gave(m Mark) bool { return m.SameInstance(s.instance) }

// Mark is the ID of a step: the number of the instance that made it (27 bits) and when it did. 0 is none.
type Mark int64

// From tells how much later m was made than another.
func (m Mark) From(other Mark) time.Duration {
	return time.Duration(int32(uint32(m)-uint32(other))) * time.Millisecond // #nosec G115 -- serials go round
}

// SameInstance reports whether the same instance made both.
func (m Mark) SameInstance(other Mark) bool { return m>>serialBits == other>>serialBits }

// Names gives the steps of one instance their IDs. It is safe for concurrent use.
type Names struct {
	instance Mark // number, shifted
	last     atomic.Int64
}

// NamesOf gives the Names of an instance.
func NamesOf(instance string) *Names {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(instance)) // it never fails
	number := Mark(sum.Sum64()>>37) | 1<<26
	return &Names{instance: number << serialBits}
}

// Next gives an ID that the instance has not given before.
func (s *Names) Next(now time.Time) Mark {
	for {
		last := s.last.Load()
		serial := max(last+1, now.UnixMilli())
		if s.last.CompareAndSwap(last, serial) {
			return s.instance | Mark(uint32(serial)) // #nosec G115 -- serials go round
		}
	}
}

// Home is the place that an instance tries first.
func (s *Names) Home() int { return int(s.instance>>serialBits) % Own }

// Marks is what an item keeps of the last steps, by place.
type Marks [Places]Mark

// Seen is what an instance learns of the marks with each step.
type Seen struct {
	Mark      Mark // in the place of the step
	Spare     int  // a place that could be taken in its stead
	SpareMark Mark // what is there
	Live      int  // instances that wrote of late
}

// Writers is how many instances write: at least as many as have a place, if no place is left.
func (s Seen) Writers() int64 {
	if s.Spare >= Own {
		return int64(max(s.Live, Own))
	}
	return int64(s.Live)
}

// See tells what the maker of a step should know of the marks. Stores answer with it.
func (m *Marks) See(s Step) Seen {
	seen := Seen{Spare: -1}
	if s.Place >= 0 && s.Place < Places {
		seen.Mark = m[s.Place]
	}
	start, found := int(s.ID>>serialBits), 0
	for i := range Places {
		p := i
		if i < Own {
			p = (start + i) % Own
		}
		age := s.ID.From(m[p])
		switch {
		case m[p] != 0 && age.Abs() <= live:
			seen.Live++
		case i >= Own:
		case m[p] == 0 && (seen.Spare < 0 || seen.SpareMark != 0):
			seen.Spare, seen.SpareMark = p, 0
		case m[p] != 0 && age > stale && found < candidates:
			if found++; seen.Spare < 0 || seen.SpareMark != 0 && seen.SpareMark.From(m[p]) > 0 {
				seen.Spare, seen.SpareMark = p, m[p]
			}
		}
	}
	if seen.Spare < 0 {
		seen.Spare = Own + start%shared
		seen.SpareMark = m[seen.Spare]
	}
	return seen
}

// GivesBack reports whether the step gives units back. Who makes it must know whether a refusal is that of an earlier showing,
// so a store shows it once.
func (s Step) GivesBack() bool { return s.QuotaAdd != nil && s.QuotaAdd.Units < 0 }

// Shared reports whether the step is left in a place that several instances use.
func (s Step) Shared() bool { return s.Place >= Own }

// Meets reports whether the step may be made where the mark is in its place. An instance's own place must be as it left it,
// so whatever it does there is done once or not at all, however often it is asked for and however late that arrives. In a
// shared place this holds for steps that name what they come After.
func (s Step) Meets(there Mark) bool {
	if s.After == 0 && (s.ID == 0 || s.Shared()) {
		return true
	}
	return there == s.After
}

// Item is what a store keeps of one counter, and what it does with it: the meaning of a step that may be a repeated one.
type Item struct {
	State State
	Marks Marks
}

// Apply does a step once, and tells whoever made it whether it is done.
func (i *Item) Apply(s Step) (after State, applied bool) {
	there := &i.Marks[s.Place]
	if applied = s.ID != 0 && *there == s.ID; !applied {
		i.State.Seen = Seen{Mark: *there}
		if after, applied = s.Apply(i.State); applied {
			i.State, *there = after, s.ID
		}
	}
	after = i.State
	after.Seen = i.Marks.See(s)
	return after, applied
}
