package mapping

import (
	"slices"
	"strings"
)

// Class says whether the way back from an operation is known.
type Class string

// The classes.
const (
	Exact       Class = "exact"       // the inverse gives back what was, whenever the operation succeeds
	Conditional Class = "conditional" // it does so for values of which Why holds
	Lossy       Class = "lossy"       // no inverse can
)

// Verdict is what is known of one operation.
type Verdict struct {
	Operation int    `json:"operation"`
	Class     Class  `json:"class"`
	Why       string `json:"why,omitempty"` // the condition, or what is lost
}

// Analyze says of each operation whether it can be undone. It looks at the operations one by one: what a later one needs of
// an earlier one is for the laws (package lens) to test.
func (m *Map) Analyze() []Verdict {
	verdicts := make([]Verdict, len(m.steps))
	for i := range m.steps {
		class, why := m.steps[i].class()
		verdicts[i] = Verdict{i, class, why}
	}
	return verdicts
}

// Inverse gives the operations that lead back, last first. ok is false when one of them is lossy; a default's inverse is to
// drop, and a copy's.
func (m *Map) Inverse() (back []Operation, ok bool) {
	for _, s := range slices.Backward(m.steps) {
		if class, _ := s.class(); class == Lossy {
			return nil, false
		}
		back = append(back, s.inverse())
	}
	return back, true
}

func (s *compiled) class() (class Class, why string) {
	switch s.Op {
	case Rename:
		return Conditional, "the object has no member " + s.Name + " without having the renamed one"
	case Move:
		return Conditional, "there is nothing at " + clip(s.Path) + ", and no empty object on the way"
	case Copy:
		return Conditional, "there is nothing at " + clip(s.Path)
	case Default:
		return Conditional, "there is nothing at " + clip(s.Path)
	case Drop:
		return Lossy, "what is dropped is gone"
	case Convert:
		return s.conversionClass()
	case Replace:
		return s.replaceClass()
	case Unwrap:
		if s.Rest == Drop {
			return Lossy, "members beside " + s.Name + " are dropped"
		}
	}
	return Exact, ""
}

func (s *compiled) conversionClass() (Class, string) {
	if s.Type != "date" {
		if s.Type == "string" {
			return Conditional, "all values at the place are of one type, and it is no string"
		}
		return Conditional, "all values at the place are texts"
	}
	from, to := formats()[s.Format], formats()[s.Result]
	switch {
	case s.Format == s.Result && !from.zoned:
		return Exact, ""
	case to.day && !from.day:
		return Lossy, "the time of the day is dropped"
	case from.zoned:
		return Conditional, "the time is written in UTC, in the shortest way, and is a whole number of what the result counts"
	case from.unit > 0 && !to.zoned && from.unit != to.unit && s.Format == "unix-ms":
		return Conditional, "the time is a whole number of seconds"
	}
	return Exact, ""
}

func (s *compiled) replaceClass() (Class, string) {
	seen := make(map[string]bool, len(s.Values))
	for _, to := range s.Values {
		if seen[to] {
			return Lossy, "several texts become " + clip(to)
		}
		seen[to] = true
	}
	for to := range seen {
		if _, known := s.Values[to]; !known {
			return Conditional, "no text is one of the results without being one of the keys"
		}
	}
	return Exact, ""
}

// inverse is the operation that undoes one that is not lossy.
func (s *compiled) inverse() Operation {
	o := s.Operation
	switch s.Op {
	case Rename:
		cut := strings.LastIndexByte(o.Path, '/')
		name := s.path[len(s.path)-1].name
		o.Path, o.Name = o.Path[:cut]+route{{name: o.Name}}.String(), name
	case Move:
		o.Path, o.From = o.From, o.Path
	case Copy, Default:
		o = Operation{Op: Drop, Path: o.Path}
	case Convert:
		return s.convertBack()
	case Replace:
		o.Values = make(map[string]string, len(s.Values))
		for from, to := range s.Values {
			o.Values[to] = from
		}
	case Wrap:
		o.Op = Unwrap
	case Unwrap:
		o.Op = Wrap
	}
	return o
}

// convertBack takes texts for what is converted, except that texts are made of numbers; of booleans only where their
// spelling is told.
func (s *compiled) convertBack() Operation {
	o := s.Operation
	switch {
	case o.Type == "date":
		o.Format, o.Result = o.Result, o.Format
	case o.Type == "string" && o.Values != nil:
		o.Type = "boolean"
	case o.Type == "string":
		o.Type = "number"
	default:
		o.Type = "string"
	}
	return o
}
