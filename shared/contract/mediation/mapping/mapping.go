// Package mapping changes JSON values by a list of operations that a declaration spells out: each names its places by JSON
// pointers (RFC 6901), in which "*" stands for every item of an array. An operation whose place is not there does nothing;
// one that would write over something is a fault, so that nothing is ever lost in silence.
//
// Operations are made so that most have an inverse: Analyze says which, and what is lost otherwise.
package mapping

import (
	"encoding/json"
	"fmt"
	"strconv"

	"sluice/shared/contract/mediation/value"
	"sluice/shared/problem"
)

// Bounds of a map.
const (
	MaxOperations = 200
	maxPointer    = 500
	maxSteps      = 20
	maxStars      = 3
	maxNames      = 200     // of Values
	maxLiteral    = 4 << 10 // bytes of a default
)

// The operations.
const (
	Rename  = "rename"  // Path, Name: the member at Path is called Name from now on
	Move    = "move"    // From, Path: a value moves; an object that this leaves empty goes, too
	Copy    = "copy"    // From, Path
	Default = "default" // Path, Value: a member that is not there gets a value
	Drop    = "drop"    // Path
	Convert = "convert" // Path, Type (string, number, boolean; with Format and Result: date)
	Replace = "replace" // Path, Values: a text that is a key of Values becomes what stands there
	Wrap    = "wrap"    // Path, Name: the value becomes the member Name of a new object, or, without Name, an array of one
	Unwrap  = "unwrap"  // Path, Name: the way back. With Rest "drop" other members are dropped, else they are a fault
)

// Operation is one step of a map, as declared.
type Operation struct {
	Op     string            `json:"op"`
	Path   string            `json:"path,omitempty"`
	From   string            `json:"from,omitempty"`
	Name   string            `json:"name,omitempty"`
	Value  json.RawMessage   `json:"value,omitempty"`
	Type   string            `json:"type,omitempty"`
	Format string            `json:"format,omitempty"` // of a date, before
	Result string            `json:"result,omitempty"` // of a date, after
	Values map[string]string `json:"values,omitempty"`
	Rest   string            `json:"rest,omitempty"`
}

// Fault is why a map could not be applied to a value.
type Fault struct {
	Operation int    // its index
	Pointer   string // the place in the value as the operation found it; "*" stands for an item
	Detail    string
	TooLarge  bool // the result would be larger than allowed
}

// Error says it in one line.
func (f *Fault) Error() string {
	return fmt.Sprintf("operation %d at %q: %s", f.Operation, f.Pointer, f.Detail)
}

// Map is a compiled list of operations. It is immutable and safe for concurrent use.
type Map struct {
	steps []compiled
}

// compiled is an operation that is ready to run.
type compiled struct {
	Operation
	path, from route        // of move and copy: relative to prefix
	prefix     route        // of move and copy: up to the last star
	literal    *value.Value // of default
}

// Compile checks a map. The pointers of faults begin with at, the place of the list. The map is nil if there are any.
func Compile(operations []Operation, at string) (*Map, []problem.Fault) {
	if len(operations) > MaxOperations {
		return nil, []problem.Fault{{Pointer: at, Detail: fmt.Sprintf("must have at most %d operations", MaxOperations)}}
	}
	m := &Map{steps: make([]compiled, len(operations))}
	c := &check{}
	for i, o := range operations {
		c.at = at + "/" + strconv.Itoa(i)
		m.steps[i] = c.operation(o)
	}
	if len(c.faults) > 0 {
		return nil, c.faults
	}
	return m, nil
}

// Len is the number of operations.
func (m *Map) Len() int { return len(m.steps) }

// Operation gives one as it was declared.
func (m *Map) Operation(i int) Operation { return m.steps[i].Operation }

// Apply changes the value and gives the result, which may be another one. The value is not to be used afterwards. A map
// never makes more than limit bytes (value.Value.Size) of copies and new values. The error is a *Fault.
func (m *Map) Apply(v *value.Value, limit int) (*value.Value, error) {
	r := &run{root: &value.Value{Kind: value.Array, Items: []*value.Value{v}}, room: limit}
	for i := range m.steps {
		if fault := r.do(&m.steps[i]); fault != nil {
			fault.Operation = i
			return nil, fault
		}
	}
	return r.root.Items[0], nil
}

// check collects what is wrong with operations.
type check struct {
	at     string
	faults []problem.Fault
}

func (c *check) fault(field, format string, args ...any) {
	c.faults = append(c.faults, problem.Fault{Pointer: c.at + field, Detail: fmt.Sprintf(format, args...)})
}

// operation checks one and makes it ready.
func (c *check) operation(o Operation) compiled {
	s := compiled{Operation: o}
	known := true
	switch o.Op {
	case Rename:
		s.path = c.member(o.Path)
		c.name(o.Name, true)
		c.only(o, "path", "name")
	case Move, Copy:
		c.transfer(&s)
		c.only(o, "path", "from")
	case Default:
		s.path = c.member(o.Path)
		s.literal = c.literal(o.Value)
		c.only(o, "path", "value")
	case Drop:
		s.path = c.member(o.Path)
		c.only(o, "path")
	case Convert:
		s.path = c.route("/path", o.Path)
		c.conversion(o)
	case Replace:
		s.path = c.route("/path", o.Path)
		if len(o.Values) == 0 || len(o.Values) > maxNames {
			c.fault("/values", "must have 1 to %d entries", maxNames)
		}
		c.only(o, "path", "values")
	case Wrap:
		s.path = c.route("/path", o.Path)
		c.name(o.Name, false)
		c.only(o, "path", "name")
	case Unwrap:
		s.path = c.route("/path", o.Path)
		c.name(o.Name, false)
		if o.Rest != "" && (o.Rest != Drop || o.Name == "") {
			c.fault("/rest", "must be %q or left out, and goes with a name", Drop)
		}
		c.only(o, "path", "name", "rest")
	default:
		known = false
	}
	if !known {
		c.fault("/op", "must be one of rename, move, copy, default, drop, convert, replace, wrap, unwrap")
	}
	return s
}

// only finds fields that the operation has no use for: whoever wrote them means something that will not happen.
func (c *check) only(o Operation, names ...string) {
	useful := func(name string) bool {
		for _, n := range names {
			if n == name {
				return true
			}
		}
		return false
	}
	for _, f := range []struct {
		name string
		set  bool
	}{{"path", o.Path != ""}, {"from", o.From != ""}, {"name", o.Name != ""}, {"value", o.Value != nil}, {"type", o.Type != ""},
		{"format", o.Format != ""}, {"result", o.Result != ""}, {"values", o.Values != nil}, {"rest", o.Rest != ""}} {
		if f.set && !useful(f.name) {
			c.fault("/"+f.name, "has no meaning for %s", o.Op)
		}
	}
}

func (c *check) name(name string, required bool) {
	if required && name == "" {
		c.fault("/name", "must be given")
	}
	if len(name) > maxPointer {
		c.fault("/name", "must have at most %d bytes", maxPointer)
	}
}

func (c *check) literal(raw json.RawMessage) *value.Value {
	if len(raw) > maxLiteral {
		c.fault("/value", "must have at most %d bytes", maxLiteral)
		return nil
	}
	v, err := value.Read(raw)
	if err != nil {
		c.fault("/value", "must be a JSON value")
		return nil
	}
	return v
}

func (c *check) conversion(o Operation) {
	if o.Type == "date" {
		for _, f := range []struct{ name, format string }{{"/format", o.Format}, {"/result", o.Result}} {
			if _, ok := formats()[f.format]; !ok {
				c.fault(f.name, "must be one of %s", formatNames())
			}
		}
		c.only(o, "path", "type", "format", "result")
		return
	}
	if o.Type != "string" && o.Type != "number" && o.Type != "boolean" {
		c.fault("/type", "must be string, number, boolean or date")
	}
	c.only(o, "path", "type", "values")
	if o.Values != nil {
		c.truth(o.Values)
	}
}

// truth checks how booleans are spelled.
func (c *check) truth(spelled map[string]string) {
	yes, no := spelled["true"], spelled["false"]
	if len(spelled) != 2 || yes == "" || no == "" || yes == no {
		c.fault("/values", "must say how true and false are spelled, each in its own way, and nothing else")
	}
}
