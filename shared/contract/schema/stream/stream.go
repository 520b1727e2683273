// Package stream holds long texts against schemas as they pass, with a set amount of memory.
package stream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/tape"
)

// The bounds of a stream, where the options set none.
const (
	minHold   = 1 << 10
	maxFaults = 20
	maxDepth  = 128
	maxHops   = 100 // references that lead to each other
)

// Pass holds a text against a schema as it passes from a reader to a writer, with at most about so many bytes in memory.
// Objects and arrays whose schema is no combination of others are followed member by member, and element by element;
// other values are held as a whole. What has no schema is passed on as it comes: only where it ends is looked for.
//
// With neither Strip nor Hide all of the text is passed on, whatever its faults; a value that is too large to be held is the fault
// "limit", and nothing behind it is checked. With one of them nothing is written from the first fault on: what the writer has
// by then is the beginning of a text that is not complete, and the caller must see to it that nobody takes it for one.
//
// The result has no body, and its verdict is that of schema.Schema.Validate. The error is the reader's or the writer's.
func Pass(to io.Writer, from io.Reader, s schema.Schema, hold int, o schema.Options) (schema.Result, error) {
	if o.Faults <= 0 {
		o.Faults = maxFaults
	}
	if o.Limits.Depth <= 0 {
		o.Limits.Depth = maxDepth
	}
	st := &stream{window: window{from: from, to: bufio.NewWriter(to), hold: max(hold, minHold), tee: !o.Removes()}, o: o}
	if st.value(s, 0) && st.peek() != 0 {
		st.fault("", "syntax", "the end of the text")
	}
	err := st.failure()
	if !o.Removes() && err == nil {
		err = st.drain()
	}
	if flushed := st.to.Flush(); err == nil && flushed != nil {
		err = fmt.Errorf("pass body on: %w", flushed)
	}
	return st.result, err
}

// stream is a text on its way.
type stream struct {
	window
	name   tape.Tape
	o      schema.Options
	result schema.Result
	path   []string
}

func fault(pointer, keyword, expected string) schema.Fault {
	return schema.Fault{Pointer: pointer, Keyword: keyword, Expected: expected}
}

// fault notes a fault, and is always false: nothing more is to be read.
func (st *stream) fault(pointer, keyword, expected string) bool {
	st.tell([]schema.Fault{fault(pointer, keyword, expected)})
	return false
}

// tell adds faults below the place that has been reached, and reports whether to go on.
func (st *stream) tell(faults []schema.Fault) bool {
	at := ""
	for _, token := range st.path {
		at += "/" + token
	}
	for _, f := range faults {
		if len(st.result.Faults) >= st.o.Faults {
			st.result.More = true
			break
		}
		f.Pointer = at + f.Pointer
		st.result.Faults = append(st.result.Faults, f)
	}
	return len(faults) == 0 || !st.o.Removes()
}

// broken tells why a text could not be followed.
func (st *stream) broken(err error, expected string) bool {
	if errors.Is(err, errHold) {
		st.err = nil
		return st.fault("", "limit", "values of at most "+strconv.Itoa(st.hold)+" bytes")
	}
	if err != nil {
		st.err = err
		return false
	}
	return st.fault("", "syntax", expected)
}

// followed gives the schema and the node of a value that can be followed part by part.
func followed(s schema.Schema, kind byte) (schema.Schema, *program.Node) {
	for range maxHops {
		n := s.Node()
		if n == nil || n.Logic != nil || n.Enum != nil || n.Const != nil {
			return s, nil
		}
		if n.Ref != program.None {
			if n.Types != 0 || n.Object != nil || n.Array != nil {
				return s, nil
			}
			s = s.Other(n.Ref)
			continue
		}
		o, a := n.Object, n.Array
		switch {
		case kind == '{' && (n.Types == 0 || n.Types&program.Mapping != 0) && o != nil && len(o.Patterns)+len(o.Dependents) == 0 &&
			o.Names == program.None && o.Unevaluated == program.None:
			return s, n
		case kind == '[' && (n.Types == 0 || n.Types&program.Sequence != 0) && a != nil && len(a.Prefix) == 0 && !a.Unique &&
			a.Contains == program.None && a.Unevaluated == program.None:
			return s, n
		}
		return s, nil
	}
	return s, nil
}

// value follows one value, and reports whether to go on.
func (st *stream) value(s schema.Schema, depth int) bool {
	c := st.peek()
	if (c == '{' || c == '[') && depth >= st.o.Limits.Depth {
		return st.fault("", "limit", "less nesting")
	}
	if s, n := followed(s, c); n != nil {
		if c == '{' {
			return st.object(s, n.Object, depth)
		}
		return st.array(s, n.Array, depth)
	}
	if c == 0 {
		return st.broken(st.failure(), "a JSON value")
	}
	if s.Free() {
		return st.unread(true)
	}
	text, err := st.window.value()
	if err != nil || len(text) == 0 {
		return st.broken(err, "a JSON value")
	}
	return st.judged(s, text)
}

// unread moves over a value that has no schema, and passes it on or not. It is looked at whether it is JSON if it can be
// held, else only where it ends.
func (st *stream) unread(on bool) bool {
	text, err := st.window.value()
	if errors.Is(err, errHold) {
		st.err = nil
		before := st.tee
		st.tee = before || on
		err = st.pass()
		st.tee = before
		return err == nil || st.broken(err, "")
	}
	if err != nil {
		return st.broken(err, "")
	}
	if fault := st.name.Read(text, st.remaining()); fault != nil {
		return st.refused(fault)
	}
	if on && !st.tee {
		st.write(text)
	}
	st.take(len(text))
	return true
}

// remaining gives the limits for what is below the place that has been reached.
func (st *stream) remaining() tape.Limits {
	l := st.o.Limits
	l.Depth -= len(st.path)
	return l
}

// refused tells why a text is not taken.
func (st *stream) refused(f *tape.Fault) bool {
	keyword := "syntax"
	if f.Limit {
		keyword = "limit"
	}
	return st.fault(f.Pointer, keyword, f.Message+" at byte "+strconv.Itoa(st.read+st.pos+f.Offset))
}

// judged holds a value that is in memory against its schema, and passes it on.
func (st *stream) judged(s schema.Schema, text []byte) bool {
	o := st.o
	o.Limits = st.remaining()
	result := s.Validate(text, o)
	st.result.More = st.result.More || result.More
	st.result.Removed += result.Removed
	if o.Removes() && result.OK() {
		st.write(result.Body)
	}
	st.take(len(text))
	return st.tell(result.Faults)
}

// mark passes on a byte that stands between values.
func (st *stream) mark(c byte) {
	if !st.tee {
		st.write([]byte{c})
	}
}

func (st *stream) array(of schema.Schema, a *program.Array, depth int) bool {
	st.take(1)
	st.mark('[')
	count := uint64(0)
	for st.peek() != ']' || count > 0 {
		if count > 0 {
			st.mark(',')
		}
		st.path = append(st.path, strconv.FormatUint(count, 10))
		if !st.value(of.Other(a.Items), depth+1) {
			return false
		}
		st.path = st.path[:len(st.path)-1]
		count++
		if c := st.peek(); c == ']' {
			break
		} else if c != ',' {
			return st.broken(st.failure(), "a comma or a closing bracket")
		}
		st.take(1)
	}
	var faults []schema.Fault
	if count < a.Min {
		faults = append(faults, fault("", "minItems", "at least "+strconv.FormatUint(a.Min, 10)+" elements"))
	}
	if a.Max > 0 && count >= a.Max {
		faults = append(faults, fault("", "maxItems", "at most "+strconv.FormatUint(a.Max-1, 10)+" elements"))
	}
	if !st.tell(faults) {
		return false
	}
	st.take(1)
	st.mark(']')
	return true
}

// following is an object that is being followed.
type following struct {
	*program.Object
	of    schema.Schema
	seen  map[string]struct{}
	size  int // bytes of the names
	wrote bool
}

func (st *stream) object(of schema.Schema, n *program.Object, depth int) bool {
	st.take(1)
	st.mark('{')
	f := &following{Object: n, of: of, seen: map[string]struct{}{}}
	for first := true; ; first = false {
		c := st.peek()
		if c == '}' && first {
			break
		}
		if c != '"' {
			return st.broken(st.failure(), "a name in double quotes")
		}
		if !st.member(f, depth) {
			return false
		}
		if c := st.peek(); c == '}' {
			break
		} else if c != ',' {
			return st.broken(st.failure(), "a comma or a closing brace")
		}
		st.take(1)
	}
	if !st.tell(st.lacking(f)) {
		return false
	}
	st.take(1)
	st.mark('}')
	return true
}

// lacking tells what is amiss with an object as a whole.
func (st *stream) lacking(f *following) (faults []schema.Fault) {
	count := uint64(len(f.seen))
	if count < f.Min {
		faults = append(faults, fault("", "minProperties", "at least "+strconv.FormatUint(f.Min, 10)+" members"))
	}
	if f.Max > 0 && count >= f.Max {
		faults = append(faults, fault("", "maxProperties", "at most "+strconv.FormatUint(f.Max-1, 10)+" members"))
	}
	for _, q := range f.Required {
		if _, there := f.seen[q.Name]; !there && q.Access&schema.Forbidden(st.o.Direction) == 0 {
			faults = append(faults, fault("", "required", "the member "+strconv.Quote(tape.Escape([]byte(q.Name)))))
		}
	}
	return faults
}

// member follows a name and its value.
func (st *stream) member(f *following, depth int) bool {
	raw, err := st.window.value()
	if err != nil {
		return st.broken(err, "")
	}
	if fault := st.name.Read(raw, st.o.Limits); fault != nil {
		return st.fault("", "syntax", fault.Message)
	}
	name := string(st.name.Bytes(0))
	if _, twice := f.seen[name]; twice {
		return st.fault("/"+tape.Escape([]byte(name)), "syntax", "each name once")
	}
	if f.size += len(name); f.size > st.hold {
		return st.fault("", "limit", "fewer names")
	}
	f.seen[name] = struct{}{}
	written := slices.Clone(raw)
	st.take(len(raw))
	if st.peek() != ':' {
		return st.broken(st.failure(), "a colon")
	}
	st.take(1)
	st.path = append(st.path, tape.Escape([]byte(name)))
	id, keyword, expected := st.meant(f, name)
	switch {
	case keyword == hidden || keyword != "" && st.o.Strip:
		st.peek()
		st.result.Removed++
		if !st.unread(false) {
			return false
		}
	case keyword != "":
		st.peek()
		if !st.tell([]schema.Fault{fault("", keyword, expected)}) || !st.unread(false) {
			return false
		}
	default:
		if f.wrote {
			st.mark(',')
		}
		f.wrote = true
		if !st.tee {
			st.write(append(written, ':'))
		}
		if !st.value(f.of.Other(id), depth+1) {
			return false
		}
	}
	st.path = st.path[:len(st.path)-1]
	return true
}

// hidden stands for a member that is to be removed whatever its schema says.
const hidden = "hidden"

// meant gives the schema of a member, or why there is to be none.
func (st *stream) meant(f *following, name string) (id program.ID, keyword, expected string) {
	i, there := slices.BinarySearchFunc(f.Properties, name, func(p program.Property, t string) int { return strings.Compare(p.Name, t) })
	closed := len(f.Properties) > 0 && (st.o.Strip || st.o.Closed)
	switch {
	case there:
		p := &f.Properties[i]
		st.o.Marks.Set(f.of.Element(p.Element))
		if st.o.Hide.Has(f.of.Element(p.Element)) {
			return p.Schema, hidden, ""
		}
		if astray := p.Access & schema.Forbidden(st.o.Direction); astray != 0 && (st.o.Strip || !st.o.Tolerate) {
			if astray&program.ReadOnly != 0 {
				return 0, "readOnly", "no such member in a request"
			}
			return 0, "writeOnly", "no such member in an answer"
		}
		return p.Schema, "", ""
	case f.Additional == program.Never:
		return 0, "additionalProperties", "no such member"
	case f.Additional == program.None && closed:
		return 0, "undeclared", "no member that is not declared"
	}
	return f.Additional, "", ""
}
