// Package shape describes what resources look like, as the JSON schemas that the OpenAPI document publishes and requests are
// held against. A resource is described once, by its Model; what a POST, a PATCH and an answer look like follows from it.
package shape

import (
	"encoding/json"
	"maps"
	"slices"
)

// Schema is one JSON schema, as OpenAPI 3.1 writes them; package document turns it into one of the library that writes the
// document, which takes a cold start too long to be in a function.
type Schema struct {
	Ref         string   `json:"$ref,omitempty"` // nothing stands beside it
	Type        string   `json:"type,omitempty"`
	Nullable    bool     `json:"-"` // null is allowed, too
	Description string   `json:"description,omitempty"`
	Enum        []any    `json:"enum,omitempty"`
	Examples    []any    `json:"examples,omitempty"`
	ReadOnly    bool     `json:"readOnly,omitempty"`
	Minimum     *float64 `json:"minimum,omitempty"`
	Maximum     *float64 `json:"maximum,omitempty"`
	TextRules
	ListRules
	ObjectRules
}

// TextRules are what a text must be like. The format is one of a number, too.
type TextRules struct {
	Format    string `json:"format,omitempty"`
	Pattern   string `json:"pattern,omitempty"`
	MaxLength *int   `json:"maxLength,omitempty"`
}

// ListRules are what a list must be like.
type ListRules struct {
	Items       *Schema `json:"items,omitempty"`
	MaxItems    *int    `json:"maxItems,omitempty"`
	UniqueItems bool    `json:"uniqueItems,omitempty"`
}

// ObjectRules are what an object must be like. AdditionalProperties is nil, a bool or a *Schema.
type ObjectRules struct {
	Properties           map[string]*Schema `json:"properties,omitempty"`
	AdditionalProperties any                `json:"additionalProperties,omitempty"`
	Required             []string           `json:"required,omitempty"`
	MaxProperties        *int               `json:"maxProperties,omitempty"`
}

// The types of a Schema.
const (
	TypeBoolean = "boolean"
	TypeInteger = "integer"
	TypeNumber  = "number"
	TypeString  = "string"
	TypeArray   = "array"
	TypeObject  = "object"
)

// MarshalJSON writes the schema.
func (s *Schema) MarshalJSON() ([]byte, error) {
	type plain Schema
	if !s.Nullable {
		return json.Marshal((*plain)(s))
	}
	return json.Marshal(struct {
		*plain
		Type []string `json:"type"`
	}{(*plain)(s), []string{s.Type, "null"}})
}

// Tag is a group of operations, and what they have in common.
type Tag struct{ Name, Description string }

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
	Schema  *Schema
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
func (m Model) View() *Schema {
	return m.schema(m.Summary, func(Field) bool { return true }, func(f Field) bool { return f.Needed || f.Always })
}

// Creation is the schema of a POST.
func (m Model) Creation() *Schema {
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
func (m Model) Change() *Schema {
	s := m.schema("A JSON merge patch (RFC 7396): null removes a member.", func(Field) bool { return true },
		func(Field) bool { return false })
	return partial(s)
}

func (m Model) schema(description string, has, needed func(Field) bool) *Schema {
	s := &Schema{Type: TypeObject, Description: description, ObjectRules: ObjectRules{Properties: map[string]*Schema{}, AdditionalProperties: false}}
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
func partial(s *Schema) *Schema {
	p := *s
	p.Required = nil
	p.Properties = maps.Clone(s.Properties)
	for name, property := range p.Properties {
		q := *property
		q = *removable(&q)
		q.ReadOnly = false // it may be sent back unchanged
		p.Properties[name] = &q
	}
	if member, ok := s.AdditionalProperties.(*Schema); ok {
		p.AdditionalProperties = removable(member)
	}
	return &p
}

// removable is a member as a merge patch may have it: changed in part, or null.
func removable(s *Schema) *Schema {
	q := *s
	if q.Type == TypeObject {
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
func Text(description string, most int) *Schema {
	s := &Schema{Type: TypeString, Description: description}
	if most > 0 {
		s.MaxLength = &most
	}
	return s
}

// Words is a text that must hold more than spaces.
func Words(description string, most int) *Schema {
	s := Text(description, most)
	s.Pattern = `\S`
	return s
}

// Matching is a text of a pattern.
func Matching(description, pattern string) *Schema {
	return &Schema{Type: TypeString, Description: description, TextRules: TextRules{Pattern: pattern}}
}

// Time is a moment in RFC 3339.
func Time(description string) *Schema {
	return &Schema{Type: TypeString, Description: description, TextRules: TextRules{Format: "date-time", Pattern: Moment}}
}

// OneOf is one of a few words.
func OneOf[T ~string](description string, allowed ...T) *Schema {
	s := &Schema{Type: TypeString, Description: description}
	for _, v := range allowed {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}

// Whole is a whole number in least..most.
func Whole(description string, least, most int) *Schema {
	low, high := float64(least), float64(most)
	return &Schema{Type: TypeInteger, Description: description, Minimum: &low, Maximum: &high, TextRules: TextRules{Format: "int64"}}
}

// Boolean is true or false.
func Boolean(description string) *Schema {
	return &Schema{Type: TypeBoolean, Description: description}
}

// Number is a number that is 0 or more.
func Number(description string) *Schema {
	low := 0.0
	return &Schema{Type: TypeNumber, Description: description, Minimum: &low, TextRules: TextRules{Format: "double"}}
}

// List is a list of at most so many items; most 0 sets no bound.
func List(description string, items *Schema, most int) *Schema {
	s := &Schema{Type: TypeArray, Description: description, ListRules: ListRules{Items: items}}
	if most > 0 {
		s.MaxItems = &most
	}
	return s
}

// Object is a nested object; it refuses members that it does not know.
func Object(description string, fields ...Field) *Schema {
	m := Model{Detail: func() (map[string]any, []Field) { return nil, fields }}
	s := m.schema(description, func(Field) bool { return true }, func(f Field) bool { return f.Needed || f.Always })
	s.Examples = nil
	return s
}

// Map is an object whose members have names that the client chooses, at most so many, and one shape.
func Map(description string, member *Schema, most int) *Schema {
	return &Schema{Type: TypeObject, Description: description, ObjectRules: ObjectRules{AdditionalProperties: member, MaxProperties: &most}}
}

// Anything is any JSON value.
func Anything(description string) *Schema { return &Schema{Description: description} }

// Ref refers to a schema by its name.
func Ref(name string) *Schema { return &Schema{Ref: "#/components/schemas/" + name} }
