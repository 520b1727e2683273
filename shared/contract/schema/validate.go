package schema

import (
	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/tape"
)

// Direction is where a value goes.
type Direction uint8

// The directions. In neither, readOnly and writeOnly mean nothing.
const (
	Neither Direction = iota
	Request
	Response
)

// Forbidden gives the access of properties that do not go in a direction.
func Forbidden(d Direction) program.Access {
	switch d {
	case Request:
		return program.ReadOnly
	case Response:
		return program.WriteOnly
	case Neither:
	}
	return 0
}

// Options say how a value is held against a schema. The zero value takes it as JSON Schema does.
type Options struct {
	Direction Direction
	Tolerate  bool        // take properties that do not go in this direction, as far as they are what they should be
	Closed    bool        // refuse what no schema declares, in objects whose schema declares properties and is silent about others
	Strip     bool        // remove what no schema declares, and in answers what is only written, instead of refusing it
	Hide      Marks       // properties to remove, by element, whatever else is done; nil: none
	Marks     Marks       // where to note which elements are there; nil: nowhere
	Faults    int         // how many faults are told at most; 0: 20
	Steps     int         // how much work is done at most, in schemas looked at; 0: a million and 50 for each value
	Limits    tape.Limits // what is taken at all; zero: tape.Standard
}

// Removes reports whether members may be removed. A value that is refused has no body then, and is not to be passed on.
func (o *Options) Removes() bool { return o.Strip || o.Hide != nil }

// Fault is one reason why a value is refused. It never holds a value, only names of members.
type Fault struct {
	Pointer  string // RFC 6901, into the value
	Keyword  string // of JSON Schema; or "syntax", "limit", "readOnly", "writeOnly", "undeclared"
	Expected string // what would have been right, in a few words
}

// Result is what came of holding a value against a schema.
type Result struct {
	Faults  []Fault // empty: the value is accepted
	More    bool    // there are more faults than are told
	Removed int     // with Strip or Hide: how many members were removed
	Body    []byte  // with Strip or Hide, if it was accepted: what is left; the body itself if nothing was removed
}

// OK reports whether the value was accepted.
func (r *Result) OK() bool { return len(r.Faults) == 0 }

// Validate holds a JSON text against the schema. The text must not change meanwhile.
func (s Schema) Validate(body []byte, o Options) Result {
	c := s.operation.contract
	r, ok := c.runs.Get().(*run)
	if !ok {
		r = &run{}
	}
	defer r.release(c)
	if fault := r.own.Read(body, o.Limits); fault != nil {
		keyword := "syntax"
		if fault.Limit {
			keyword = "limit"
		}
		return Result{Faults: []Fault{{fault.Pointer, keyword, fault.Error()}}}
	}
	return r.judge(s, &r.own, o)
}

// ValidateValue holds a value against the schema that was put onto a tape otherwise. What was bare text becomes on the
// tape what the schema made of it. Strip is not done.
func (s Schema) ValidateValue(value *tape.Tape, o Options) Result {
	c := s.operation.contract
	r, ok := c.runs.Get().(*run)
	if !ok {
		r = &run{}
	}
	defer r.release(c)
	if len(value.Tokens) == 0 {
		return Result{Faults: []Fault{{Keyword: "syntax", Expected: "a value"}}}
	}
	o.Strip, o.Hide = false, nil
	return r.judge(s, value, o)
}

// The bounds on the work for one value.
const (
	maxFaults    = 20
	manySteps    = 1_000_000
	stepsByValue = 50
	maxNesting   = 2000    // schemas inside each other
	maxKept      = 1 << 20 // memory of a run that is kept for the next
)

// run is the work for one value.
type run struct {
	own tape.Tape
	*tape.Tape
	operation *Operation
	Options
	forbidden program.Access
	result    Result
	quiet     int // above zero only the verdict is of interest
	lenient   bool
	steps     int
	nesting   int
	journal
	memory
	furthest int
	room     []byte
	hashes   []hashed
}

// journal is what follows from what has been accepted so far. It grows only, and is cut back when an alternative turns
// out not to hold.
type journal struct {
	evaluated []int32  // members and elements that some schema has looked at, as tokens; closed where a schema lists members
	marks     []uint32 // elements
	removed   []int32  // names of members that are to be removed
	bared     []int32  // what was bare text
}

// closed stands in the journal for a schema that says which members its object has.
const closed = -1

// point is a place in the journal.
type point struct{ evaluated, marks, removed, bared int }

func (j *journal) here() point {
	return point{len(j.evaluated), len(j.marks), len(j.removed), len(j.bared)}
}

func (j *journal) cut(p point) {
	j.evaluated, j.marks, j.removed, j.bared = j.evaluated[:p.evaluated], j.marks[:p.marks], j.removed[:p.removed], j.bared[:p.bared]
}

// back takes back what has been noted since a point.
func (r *run) back(p point) {
	for _, at := range r.bared[p.bared:] {
		r.Tokens[at].Kind = tape.Text
	}
	r.cut(p)
}

// judge holds a tape against a schema.
func (r *run) judge(s Schema, t *tape.Tape, o Options) Result {
	r.Tape, r.operation, r.Options = t, s.operation, o
	r.result, r.quiet, r.lenient, r.nesting = Result{}, 0, false, 0
	r.cut(point{})
	r.forbidden = Forbidden(o.Direction)
	if r.Faults <= 0 {
		r.Faults = maxFaults
	}
	if r.steps = o.Steps; r.steps <= 0 {
		r.steps = manySteps + stepsByValue*len(t.Tokens)
	}
	r.forget(r.steps)
	r.location(s.id, 0)
	for _, element := range r.marks {
		o.Marks.Set(int(element))
	}
	if o.Removes() && r.result.OK() {
		r.result.Body = r.stripped()
		r.result.Removed = len(r.removed)
	}
	return r.result
}

// release gives the run back for the next value, unless it has become large.
func (r *run) release(c *Contract) {
	r.Tape, r.operation, r.Options, r.result = nil, nil, Options{}, Result{}
	r.own.Source = nil
	r.forget(0)
	if r.own.Size()+4*(cap(r.evaluated)+cap(r.marks)+cap(r.removed))+cap(r.room) <= maxKept {
		c.runs.Put(r)
	}
}

// fault notes a reason for refusing the value, and is always false. What was expected is worked out only if it is told.
func (r *run) fault(at int, keyword string, expected func() string) bool {
	if r.quiet > 0 {
		r.furthest = max(r.furthest, at)
		return false
	}
	if len(r.result.Faults) >= r.Faults {
		r.result.More = true
		return false
	}
	r.result.Faults = append(r.result.Faults, Fault{r.Pointer(at), keyword, clip(expected())})
	return false
}

// maxExpected is how much is told of what was expected.
const maxExpected = 200

func clip(s string) string {
	if len(s) <= maxExpected {
		return s
	}
	cut := maxExpected
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}
