// Package style reads parameters in the styles of OpenAPI (3.1.1 §4.8.12), as RFC 6570 writes them: from the texts that
// came under a parameter's name to a value that a schema can be held against. See package exchange for what was decided
// where the texts leave room.
package style

import (
	"slices"
	"strings"

	"sluice/shared/contract/exchange/media"
	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/shape"
)

// The places of parameters.
const (
	InPath        = "path"
	InQuery       = "query"
	InQueryString = "querystring"
	InHeader      = "header"
	InCookie      = "cookie"
)

// The keywords of faults that are no schema's.
const (
	Duplicate = "duplicate" // there more than once
	Encoding  = "encoding"  // percent-encoding or UTF-8 is broken, or a transfer encoding is not taken
	Form      = "style"     // the text is not of the parameter's style
	Syntax    = "syntax"    // the text is not what its media type says
	Limit     = "limit"     // beyond a bound
)

// Parameter is a parameter, a header or a field of a form, prepared. It does not change.
type Parameter struct {
	*program.Parameter
	Key      string // how it is looked up: header names in lower case
	Schema   schema.Schema
	Readings []Reading
	Writing  Writing
	Members  map[string]bool // the declared names, if it can be an object
	Media    media.Type      // of content, in place of a style
}

// Reading is a way in which a text can be a value.
type Reading uint8

// The readings, in the order in which they are tried.
const (
	Single Reading = iota
	List
	Object
)

// New prepares a parameter.
func New(loaded *schema.Operation, declared *program.Parameter) Parameter {
	p := Parameter{Parameter: declared, Key: declared.Name, Schema: loaded.Schema(declared.Schema)}
	if p.In == InHeader {
		p.Key = strings.ToLower(p.Name)
	}
	if declared.Media != "" {
		p.Media, _ = media.Parse(declared.Media)
		p.Writing = Writing{encoded: p.In != InHeader, plus: p.In == InQuery}
		return p
	}
	p.Writing = NewWriting(declared)
	p.Readings = readings(shape.Types(p.Schema))
	if p.Style == "deepObject" {
		p.Readings = []Reading{Object}
	}
	if slices.Contains(p.Readings, Object) {
		p.Members = map[string]bool{}
		for _, name := range shape.Properties(p.Schema) {
			p.Members[name] = true
		}
	}
	return p
}

// readings lists how values of some types can be read.
func readings(types program.Types) (all []Reading) {
	const scalar = program.Boolean | program.Integral | program.Numeric | program.Textual
	if types&scalar != 0 || types&(program.Sequence|program.Mapping) == 0 {
		all = append(all, Single)
	}
	if types&program.Sequence != 0 {
		all = append(all, List)
	}
	if types&program.Mapping != 0 {
		all = append(all, Object)
	}
	return all
}

// Only reports whether a set of types has one of some and, null aside, no others.
func Only(types, some program.Types) bool {
	return types&some != 0 && types&^(some|program.Nullary) == 0
}

// Is reports whether the parameter is read in one way alone.
func (p *Parameter) Is(r Reading) bool { return len(p.Readings) == 1 && p.Readings[0] == r }

// Spread reports whether the parameter comes under names of its members alone.
func (p *Parameter) Spread() bool {
	return p.Style == "deepObject" || p.Writing.Exploded && p.Is(Object)
}
