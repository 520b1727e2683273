// Package schema knows JSON Schema as OpenAPI uses it: the keywords, which of them no validator could be made of, and
// whether an example contradicts its schema.
package schema

import (
	"math"
	"slices"
	"strings"

	"sluice/shared/contract/internal/tree"
	"sluice/shared/contract/internal/walk"
)

// Schemas judges the schemas of one document.
type Schemas struct {
	*walk.Walk
	Object *walk.Object // a schema, in the grammar of the document

	keywords map[string]walk.Want
	patterns map[string]*pattern
	samples  []sample
}

// New prepares for the schemas of a document. The bit must be its own among the objects of the grammar.
func New(w *walk.Walk, bit uint) *Schemas {
	s := &Schemas{Walk: w, patterns: make(map[string]*pattern)}
	s.Object = &walk.Object{Name: "a schema", Bit: bit, Ref: true, Self: s.schema}
	s.keywords = s.grammar()
	return s
}

// grammar lists the keywords of JSON Schema 2020-12 and of OpenAPI 3.0's dialect. Assertions of the wrong kind are
// faults: no validator could be made of them. Annotations are not.
func (s *Schemas) grammar() map[string]walk.Want {
	schema := walk.Want{Kinds: walk.Any, Object: s.Object}
	schemas := walk.Each(schema)
	listed := walk.List(schema).Checked(s.schemaList)
	limit := walk.Want{Kinds: walk.Number}
	bound := walk.Want{Kinds: walk.Number | walk.Boolean, Check: s.exclusive}
	count := walk.Want{Kinds: walk.Number, Check: s.count}
	names := walk.List(walk.Want{Kinds: walk.Text}).Checked(s.distinct)
	flag, remark := walk.Want{Kinds: walk.Boolean}, walk.Note(walk.Boolean)
	k := map[string]walk.Want{
		"type": {Kinds: walk.Text | walk.Array, Hard: true, Check: s.types},
		"enum": {Kinds: walk.Array, Check: s.distinct}, "const": walk.Note(walk.Any).From(1),
		"multipleOf": {Kinds: walk.Number, Check: s.positive},
		"maximum":    limit, "minimum": limit, "exclusiveMaximum": bound, "exclusiveMinimum": bound,
		"maxLength": count, "minLength": count, "maxItems": count, "minItems": count, "maxProperties": count, "minProperties": count,
		"maxContains": count.From(1), "minContains": count.From(1),
		"pattern": {Kinds: walk.Text, Check: s.pattern}, "format": walk.Note(walk.Text), "uniqueItems": flag,
		"required": names, "dependentRequired": walk.Each(names).From(1),
		"properties": schemas, "patternProperties": schemas.Checked(s.patternKeys).From(1),
		"$defs": schemas.From(1), "definitions": schemas.From(1), "dependentSchemas": schemas.From(1),
		"items": schema, "additionalProperties": schema, "not": schema,
		"allOf": listed, "anyOf": listed, "oneOf": listed, "prefixItems": listed.From(1),
		"discriminator": {Kinds: walk.Mapping, Soft: true, Check: s.discriminator},
		"nullable":      flag, "readOnly": remark, "writeOnly": remark, "deprecated": remark,
		"title": walk.Note(walk.Text), "description": walk.Note(walk.Text), "default": walk.Note(walk.Any),
		"example": walk.Note(walk.Any), "examples": walk.Note(walk.Array).From(1), "xml": walk.Note(walk.Mapping),
		"externalDocs": walk.Note(walk.Mapping), "$vocabulary": walk.Note(walk.Mapping).From(1),
		"$recursiveRef": walk.Note(walk.Any).Checked(s.outdated), "$recursiveAnchor": walk.Note(walk.Any).Checked(s.outdated),
		"$dynamicRef": {Kinds: walk.Text, Since: 1},
	}
	for _, key := range []string{"if", "then", "else", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties",
		"contentSchema"} {
		k[key] = schema.From(1)
	}
	for _, key := range []string{"$id", "$schema", "$anchor", "$dynamicAnchor", "$comment", "contentEncoding", "contentMediaType"} {
		k[key] = walk.Note(walk.Text).From(1)
	}
	return k
}

// schema looks at one schema.
func (s *Schemas) schema(n *tree.Node, at *tree.Path, b *walk.Base) {
	switch n.Kind {
	case tree.Object:
	case tree.Null:
		s.Find(walk.NullValue, at, "there is null where a schema belongs")
		return
	case tree.Bool:
		if key := at.Key; s.Minor == 0 && key != "additionalProperties" {
			s.Find(walk.OtherVersion, at, "schemas that are true or false came with OpenAPI 3.1")
		}
		return
	case tree.Array:
		if len(n.Items) == 0 {
			s.Find(walk.WrongKind, at, "there is an empty array where a schema belongs")
			return
		}
		s.Fault(at, "there is an array where a schema belongs")
		return
	case tree.Number, tree.String:
		s.Fault(at, "there is %s where a schema belongs", n.Kind)
		return
	}
	b = s.nameSchema(n, at, b)
	if ref := n.Get("$ref"); ref != nil {
		s.Reference(s.Object, ref, at, b)
		if s.Minor == 0 && slices.ContainsFunc(n.Keys, func(k string) bool { return k != "$ref" && !strings.HasPrefix(k, "x-") }) {
			s.Find(walk.RefSiblings, at, "what stands beside $ref is ignored")
		}
	}
	s.members(n, at, b)
	s.sampleSchema(n, at)
}

// nameSchema remembers the names that a schema gives itself, so that references by name find it.
func (s *Schemas) nameSchema(n *tree.Node, at *tree.Path, b *walk.Base) *walk.Base {
	for _, key := range []string{"$anchor", "$dynamicAnchor"} {
		if name := n.Get(key).Str(); name != "" {
			s.Name("#"+name, n, at)
		}
	}
	if id := strings.TrimSuffix(n.Get("$id").Str(), "#"); id != "" {
		s.Name(id, n, at)
		return walk.Within(id, n, at)
	}
	return b
}

// members looks at each keyword of a schema.
func (s *Schemas) members(n *tree.Node, at *tree.Path, b *walk.Base) {
	for i, key := range n.Keys {
		below := tree.Path{Up: at, Key: key}
		w, known := s.keywords[key]
		switch {
		case known:
			if w.Since > s.Minor {
				s.Find(walk.OtherVersion, &below, "schemas have %q only since OpenAPI 3.%d", key, w.Since)
			}
			s.Value(w, n.Items[i], &below, b)
		case key != "$ref" && !strings.HasPrefix(key, "x-"):
			s.Find(walk.UnknownKeyword, &below, "schemas have no keyword %s", walk.Quote(key))
		}
	}
	if n.Get("nullable") != nil && s.Minor > 0 {
		s.Find(walk.OtherVersion, at.Member("nullable"), "nullable is ignored since OpenAPI 3.1, where null is a type")
	}
	if n.Get("type").Str() == "array" && n.Get("items") == nil && s.Minor == 0 {
		s.Find(walk.MissingField, at, "an array schema lacks %q", "items")
	}
	if ref := n.Get("$dynamicRef"); ref.Is(tree.String) {
		s.Reference(s.Object, ref, at, b)
	}
}

func (s *Schemas) outdated(_ *tree.Node, at *tree.Path) {
	s.Find(walk.Unsupported, at, "%s was dropped from JSON Schema and is ignored", at.Key)
}

// types judges the value of the keyword type.
func (s *Schemas) types(n *tree.Node, at *tree.Path) {
	if n.Kind == tree.String {
		s.typeName(n, at)
		return
	}
	if s.Minor == 0 {
		s.Find(walk.OtherVersion, at, "a schema has several types only since OpenAPI 3.1")
	}
	if len(n.Items) == 0 {
		s.Fault(at, "the list of types is empty")
	}
	for i, item := range n.Items {
		below := at.Element(i)
		if item.Kind != tree.String {
			s.Fault(below, "there is %s where the name of a type belongs", item.Kind)
			continue
		}
		s.typeName(item, below)
	}
	s.distinct(n, at)
}

func (s *Schemas) typeName(n *tree.Node, at *tree.Path) {
	switch n.Text {
	case "string", "number", "integer", "boolean", "array", "object":
	case "null":
		if s.Minor == 0 {
			s.Find(walk.OtherVersion, at, "null is a type only since OpenAPI 3.1")
		}
	default:
		s.Fault(at, "%s is no type: use string, number, integer, boolean, array, object or null", walk.Quote(n.Text))
	}
}

// distinct notes repetitions in a list of values.
func (s *Schemas) distinct(n *tree.Node, at *tree.Path) {
	if n.Kind != tree.Array {
		return
	}
	if len(n.Items) == 0 && at.Key == "enum" {
		s.Find(walk.EmptySchemaList, at, "no value is in an empty enum")
	}
	seen := make(map[string]bool, len(n.Items))
	for i, item := range n.Items {
		key := string(rune('0'+item.Kind)) + item.Text
		if len(item.Items) > 0 {
			continue
		}
		if seen[key] {
			s.Find(walk.RepeatedValue, at.Element(i), "%s is listed more than once", walk.Quote(item.Text))
		}
		seen[key] = true
	}
}

func (s *Schemas) schemaList(n *tree.Node, at *tree.Path) {
	if len(n.Items) == 0 {
		s.Find(walk.EmptySchemaList, at, "the list of schemas is empty")
	}
}

// exclusive judges a bound that is a boolean in OpenAPI 3.0 and a number since. Either form has one meaning.
func (s *Schemas) exclusive(n *tree.Node, at *tree.Path) {
	if (n.Kind == tree.Bool) != (s.Minor == 0) {
		s.Find(walk.OtherVersion, at, "%s is a boolean in OpenAPI 3.0 and a number since 3.1", at.Key)
	}
}

func (s *Schemas) count(n *tree.Node, at *tree.Path) {
	if f := n.Float(); f < 0 || f != math.Trunc(f) {
		s.Fault(at, "%s is no count", walk.Quote(n.Text))
	}
}

func (s *Schemas) positive(n *tree.Node, at *tree.Path) {
	if n.Float() <= 0 {
		s.Fault(at, "%s is not above zero", walk.Quote(n.Text))
	}
}

func (s *Schemas) patternKeys(n *tree.Node, at *tree.Path) {
	for _, key := range n.Keys {
		s.pattern(&tree.Node{Kind: tree.String, Text: key}, at.Member(key))
	}
}

func (s *Schemas) pattern(n *tree.Node, at *tree.Path) {
	switch p := s.parsed(n.Text); {
	case p.fault != "":
		s.Fault(at, "the pattern %s is no regular expression: %s", walk.Quote(n.Text), p.fault)
	case p.size == 0:
		s.Find(walk.PatternDialect, at, "the pattern %s needs a backtracking engine", walk.Quote(n.Text))
	}
}

// discriminator judges what tells alternatives apart. Validation goes by the alternatives themselves, so that only a
// mapping that leads nowhere is a fault.
func (s *Schemas) discriminator(n *tree.Node, at *tree.Path) {
	if n.Get("propertyName").Str() == "" {
		s.Find(walk.MissingField, at, "a discriminator lacks %q", "propertyName")
	}
	m := n.Get("mapping")
	if !m.Is(tree.Object) {
		if m != nil {
			s.Find(walk.WrongKind, at.Member("mapping"), "there is %s where an object belongs", m.Kind)
		}
		return
	}
	for i, key := range m.Keys {
		below := at.Member("mapping").Member(key)
		to := m.Items[i]
		switch {
		case to.Kind != tree.String:
			s.Find(walk.WrongKind, below, "there is %s where the name of a schema belongs", to.Kind)
		case strings.HasPrefix(to.Text, "#/"):
			if _, ok := s.Resolve(to.Text, nil); !ok {
				s.Fault(below, "the reference %s leads nowhere", walk.Quote(to.Text))
			}
		case s.Root.Get("components").Get("schemas").Get(to.Text) == nil:
			s.Find(walk.MappingName, below, "%s is no schema of this document", walk.Quote(to.Text))
		}
	}
}
