// Package shape describes what resources look like, as the JSON schemas that the OpenAPI document publishes and requests are
// held against. A resource is described once, by its Model; what a POST, a PATCH and an answer look like follows from it.
package shape

import (
	"maps"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

// Schema is one JSON schema, as OpenAPI 3.1 writes them.
type Schema = huma.Schema

// Access says who sets a field of a resource, and when.
type Access int

// The ways a field is set.
const (
	Settable Access = iota // by the client, at any time
	Fixed                  // by the client, when the resource is created
	Given                  // by the platform: a client may send it back unchanged, and nothing else
)

// Field is one member of a resource.
type Field struct {
	Name    string
	Schema  *huma.Schema
	Access  Access
	Needed  bool // must be there when the resource is created; what is needed is always answered
	Always  bool // always answered, though not needed
	Initial any  // of a Given field: the one value that a POST may send, since it is what the platform gives; nil: none
}

// Needed is a field that must be there when the resource is created.
func Needed(name string, s *Schema) Field { return Field{Name: name, Schema: s, Needed: true} }

// Optional is a field that need not be there.
func Optional(name string, s *Schema) Field { return Field{Name: name, Schema: s} }

// Model is what a kind of resource looks like: every schema of it, and its example, come from here.
type Model struct {
	Name    string // of the schema: "Team"
	Summary string // one sentence: what the resource is
	// Detail gives the resource as it is answered, for an example, and its fields. It is asked when a schema is needed, and
	// not when a function starts.
	Detail func() (example map[string]any, fields []Field)
}

// View is the schema of the resource as it is answered.
func (m Model) View() *huma.Schema {
	return m.schema(m.Summary, func(Field) bool { return true }, func(f Field) bool { return f.Needed || f.Always })
}

// Creation is the schema of a POST.
func (m Model) Creation() *huma.Schema {
	s := m.schema("A new one: "+m.Summary, func(f Field) bool { return f.Access != Given || f.Initial != nil },
		func(f Field) bool { return f.Needed })
	_, fields := m.Detail()
	for _, f := range fields {
		if f.Initial != nil {
			s.Properties[f.Name].ReadOnly, s.Properties[f.Name].Enum = false, []any{f.Initial}
		}
	}
	return s
}

// Change is the schema of a PATCH, a JSON merge patch: no member is needed, and null removes one.
func (m Model) Change() *huma.Schema {
	s := m.schema("A JSON merge patch (RFC 7396): null removes a member.", func(Field) bool { return true },
		func(Field) bool { return false })
	return partial(s)
}

func (m Model) schema(description string, has, needed func(Field) bool) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeObject, Description: description, Properties: map[string]*huma.Schema{}, AdditionalProperties: false}
	whole, fields := m.Detail()
	example := map[string]any{}
	for _, f := range fields {
		if !has(f) {
			continue
		}
		property := *f.Schema
		property.ReadOnly = f.Access == Given
		s.Properties[f.Name] = &property
		if needed(f) {
			s.Required = append(s.Required, f.Name)
		}
		if v, ok := whole[f.Name]; ok {
			example[f.Name] = v
		}
	}
	s.Examples = []any{example}
	return s
}

// partial makes every member of every object optional and removable. Lists are replaced whole, so they stay as they are.
func partial(s *huma.Schema) *huma.Schema {
	p := *s
	p.Required = nil
	p.Properties = maps.Clone(s.Properties)
	for name, property := range p.Properties {
		q := *property
		q = *removable(&q)
		q.ReadOnly = false // it may be sent back unchanged
		p.Properties[name] = &q
	}
	if member, ok := s.AdditionalProperties.(*huma.Schema); ok {
		p.AdditionalProperties = removable(member)
	}
	return &p
}

// removable is a member as a merge patch may have it: changed in part, or null.
func removable(s *huma.Schema) *huma.Schema {
	q := *s
	if q.Type == huma.TypeObject {
		q = *partial(s)
	}
	q.Nullable = true
	if q.Enum != nil {
		q.Enum = append(slices.Clone(q.Enum), nil)
	}
	return &q
}

// UUID is what the ids look like that the platform chooses.
const UUID = `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`

// Moment is what a time looks like: RFC 3339, without the leap second that Go cannot hold.
const Moment = `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$`

// Text is a text of at most so many characters; most 0 sets no bound.
func Text(description string, most int) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Description: description}
	if most > 0 {
		s.MaxLength = &most
	}
	return s
}

// Words is a text that must hold more than spaces.
func Words(description string, most int) *huma.Schema {
	s := Text(description, most)
	s.Pattern = `\S`
	return s
}

// Matching is a text of a pattern.
func Matching(description, pattern string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: description, Pattern: pattern}
}

// Time is a moment in RFC 3339.
func Time(description string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Pattern: Moment, Description: description}
}

// OneOf is one of a few words.
func OneOf[T ~string](description string, allowed ...T) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Description: description}
	for _, v := range allowed {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}

// Whole is a whole number in least..most.
func Whole(description string, least, most int) *huma.Schema {
	low, high := float64(least), float64(most)
	return &huma.Schema{Type: huma.TypeInteger, Format: "int64", Description: description, Minimum: &low, Maximum: &high}
}

// Boolean is true or false.
func Boolean(description string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeBoolean, Description: description}
}

// Number is a number that is 0 or more.
func Number(description string) *huma.Schema {
	low := 0.0
	return &huma.Schema{Type: huma.TypeNumber, Format: "double", Description: description, Minimum: &low}
}

// List is a list of at most so many items; most 0 sets no bound.
func List(description string, items *huma.Schema, most int) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeArray, Description: description, Items: items}
	if most > 0 {
		s.MaxItems = &most
	}
	return s
}

// Object is a nested object; it refuses members that it does not know.
func Object(description string, fields ...Field) *huma.Schema {
	m := Model{Detail: func() (map[string]any, []Field) { return nil, fields }}
	s := m.schema(description, func(Field) bool { return true }, func(f Field) bool { return f.Needed || f.Always })
	s.Examples = nil
	return s
}

// Map is an object whose members have names that the client chooses, at most so many, and one shape.
func Map(description string, member *huma.Schema, most int) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Description: description, AdditionalProperties: member, MaxProperties: &most}
}

// Anything is any JSON value.
func Anything(description string) *huma.Schema { return &huma.Schema{Description: description} }

// Ref refers to a schema by its name.
func Ref(name string) *huma.Schema { return &huma.Schema{Ref: "#/components/schemas/" + name} }
