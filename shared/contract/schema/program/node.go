// Package program is the binary form of compiled schemas: what a compiler writes once, when a contract is published, and
// what an instance loads to hold calls against.
//
// A program is a set of pages. Each operation has a page of its own, with its description and the schemas that only it
// uses; schemas that several operations use stand in numbered pages of the pool. A schema is a node, named by page and
// place. A page says which format version it was written in, and is read by no other: an unknown version is ErrVersion,
// and the contract is to be compiled anew from its source.
package program

import (
	"strings"

	"sluice/shared/contract/schema/decimal"
	"sluice/shared/contract/schema/tape"
)

// ID names a node: a page, and a place in it. Page 0 is the operation's own, page n+1 is number n of the pool.
type ID uint32

// The nodes that need no place.
const (
	None  ID = iota // there is no schema
	Any             // the schema that accepts everything
	Never           // the schema that accepts nothing
	first
)

// The bounds of a program.
const (
	slotBits = 20
	MaxSlots = 1<<slotBits - int(first) // nodes of one page
	MaxPages = 1<<(32-slotBits) - 1     // pages of the pool
)

// At names a place.
func At(page, slot int) ID {
	return ID(page)<<slotBits | (ID(slot) + first) //nolint:gosec // G115: whoever makes pages keeps the bounds
}

// Page gives the number of the page of a node.
func (id ID) Page() int { return int(id >> slotBits) }

// Slot gives the place of a node on its page; it is negative for those that have none.
func (id ID) Slot() int { return int(id&(1<<slotBits-1)) - int(first) }

// Placed reports whether the name is that of a node on a page.
func (id ID) Placed() bool { return id >= first }

// Types is a set of JSON types.
type Types uint8

// The types. A set with Numeric has Integral too.
const (
	Nullary  Types = 1 << iota
	Boolean        // true, false
	Integral       // numbers without a fraction
	Numeric        // all numbers
	Textual
	Sequence
	Mapping
)

// String names the types for people.
func (t Types) String() string {
	var all []string
	for _, one := range []struct {
		bit  Types
		name string
	}{{Nullary, "null"}, {Boolean, "a boolean"}, {Numeric, "a number"}, {Integral, "an integer"}, {Textual, "a string"},
		{Sequence, "an array"}, {Mapping, "an object"}} {
		if t&one.bit != 0 && (one.bit != Integral || t&Numeric == 0) {
			all = append(all, one.name)
		}
	}
	return strings.Join(all, " or ")
}

// Node is one schema. What is nil or zero asks for nothing.
type Node struct {
	Types    Types // 0: any
	Nullable bool  // null is accepted whatever else the node says (OpenAPI 3.0)
	Ref      ID    // holds beside the rest
	Enum     *Enum
	Const    *Enum
	Number   *Number
	Text     *Text
	Array    *Array
	Object   *Object
	Logic    *Logic
}

// Enum is a list of values. Each has an element number: the first one plus its place in the list of the document.
type Enum struct {
	Texts    []EnumText // strings, sorted
	Others   []Literal
	Elements bool // whether the values are elements
}

// EnumText is a string of an enum.
type EnumText struct {
	Text    string
	Element uint32
}

// Literal is another value of an enum, as JSON and, once read, as a tape of which it is all.
type Literal struct {
	JSON    string
	Element uint32
	Tape    *tape.Tape
}

// Number bounds numbers. Bounds that are not there have no text.
type Number struct {
	Minimum, Maximum, Above, Below, Step Bound
	Format                               string
}

// Bound is a number of a schema, as written and as read.
type Bound struct {
	Text  string
	Value decimal.Number
}

// Text bounds strings.
type Text struct {
	Min, Max uint64 // code points; Max is one more than allowed at most, 0: no bound
	Pattern  uint32 // place in the page's patterns, plus one; 0: none
	Format   string
}

// Array bounds arrays.
type Array struct {
	Prefix       []ID
	Items        ID
	Contains     ID
	Fewest, Most uint64 // how many elements fit Contains; Most is one more, 0: no bound
	Min, Max     uint64 // elements; Max is one more, 0: no bound
	Unique       bool
	Unevaluated  ID
}

// Access says in which direction a property goes.
type Access uint8

// The ways of access. A property can be both, and then goes nowhere.
const (
	ReadOnly  Access = 1 << iota // in answers only
	WriteOnly                    // in requests only
)

// Object bounds objects.
type Object struct {
	Properties  []Property // sorted by name
	Patterns    []PatternProperty
	Additional  ID
	Names       ID
	Required    []Required
	Dependents  []Dependent
	Min, Max    uint64 // members; Max is one more, 0: no bound
	Unevaluated ID
}

// Property is a named member of an object.
type Property struct {
	Name    string
	Schema  ID
	Element uint32 // number on this page
	Access  Access
}

// PatternProperty is what members whose name fits a pattern look like. A pattern that cannot be run has place 0, fits
// nothing, and makes Additional ask for nothing.
type PatternProperty struct {
	Pattern uint32 // place in the page's patterns, plus one
	Schema  ID
}

// Required is a member that must be there, in the directions that its access leaves.
type Required struct {
	Name   string
	Access Access
}

// Dependent is what follows from a member being there.
type Dependent struct {
	Name     string
	Required []string
	Schema   ID
}

// Logic combines schemas.
type Logic struct {
	AllOf, AnyOf, OneOf []ID
	Not, If, Then, Else ID
	Discriminator       *Discriminator
}

// Discriminator tells the alternatives of OneOf or AnyOf apart.
type Discriminator struct {
	Property string
	Mapping  []Mapped // sorted by value
}

// Mapped is a value of the discriminating property, and the alternative that it names.
type Mapped struct {
	Value  string
	Schema ID
}

// Children calls f for each node that n refers to.
func (n *Node) Children(f func(*ID)) {
	f(&n.Ref)
	if a := n.Array; a != nil {
		each(a.Prefix, f)
		f(&a.Items)
		f(&a.Contains)
		f(&a.Unevaluated)
	}
	if o := n.Object; o != nil {
		for i := range o.Properties {
			f(&o.Properties[i].Schema)
		}
		for i := range o.Patterns {
			f(&o.Patterns[i].Schema)
		}
		for i := range o.Dependents {
			f(&o.Dependents[i].Schema)
		}
		f(&o.Additional)
		f(&o.Names)
		f(&o.Unevaluated)
	}
	if l := n.Logic; l != nil {
		each(l.AllOf, f)
		each(l.AnyOf, f)
		each(l.OneOf, f)
		for _, id := range []*ID{&l.Not, &l.If, &l.Then, &l.Else} {
			f(id)
		}
		if l.Discriminator != nil {
			for i := range l.Discriminator.Mapping {
				f(&l.Discriminator.Mapping[i].Schema)
			}
		}
	}
}

func each(ids []ID, f func(*ID)) {
	for i := range ids {
		f(&ids[i])
	}
}
