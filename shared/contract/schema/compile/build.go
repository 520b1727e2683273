package compile

import (
	"cmp"
	"slices"
	"strings"

	"sluice/shared/contract/internal/tree"
	"sluice/shared/contract/schema/program"
)

// builder makes one node.
type builder struct {
	*compiler
	target
	program.Node
	scope    scope
	elements []*tree.Path
}

// build reads the keywords of the schema, in the groups that a node has.
func (b *builder) build() {
	b.reference()
	b.types()
	b.values()
	b.numbers()
	b.strings()
	b.object()
	b.array()
	b.logic()
}

// get gives a keyword of a kind, if the document's version has it.
func (b *builder) get(keyword string, kind tree.Kind, since int) *tree.Node {
	if n := b.Value.Get(keyword); n.Is(kind) && b.minor >= since {
		return n
	}
	return nil
}

// is reports whether a keyword is true.
func (b *builder) is(keyword string) bool {
	n := b.Value.Get(keyword)
	return n.Is(tree.Bool) && n.Text == "true"
}

// sub compiles the schema at a keyword.
func (b *builder) sub(keyword string, since int) program.ID {
	n := b.Value.Get(keyword)
	if n == nil || b.minor < since || n.Kind != tree.Object && n.Kind != tree.Bool {
		return program.None
	}
	return b.schema(found(n, b.At.Member(keyword), b.In), b.scope)
}

// list compiles the schemas of an array.
func (b *builder) list(keyword string, since int) []program.ID {
	n := b.get(keyword, tree.Array, since)
	if n == nil {
		return nil
	}
	at := b.At.Member(keyword)
	ids := make([]program.ID, len(n.Items))
	for i, item := range n.Items {
		ids[i] = b.schema(found(item, at.Element(i), b.In), b.scope)
	}
	return ids
}

func (b *builder) reference() {
	if b.minor == 0 {
		return
	}
	var all []target
	if ref := b.Value.Get("$ref"); ref.Str() != "" {
		if to, ok := b.names.Resolve(ref.Text, b.In); ok {
			all = append(all, to)
		}
	}
	if ref := b.Value.Get("$dynamicRef"); ref.Str() != "" {
		if to, ok := b.names.Follow(ref.Text, b.In, b.scope); ok {
			all = append(all, to)
		}
	}
	if to, ok := b.names.Recursive(b.Value); ok {
		all = append(all, to)
		b.find("recursive-ref", b.At.Member("$recursiveRef"), "Write $ref, or $dynamicRef of JSON Schema 2020-12.",
			"$recursiveRef is of an older JSON Schema; it is taken to mean the schema around it with $recursiveAnchor")
	}
	if len(all) == 0 {
		return
	}
	b.Ref = b.schema(all[0], b.scope)
	for _, to := range all[1:] {
		b.ensureLogic().AllOf = append(b.ensureLogic().AllOf, b.schema(to, b.scope))
	}
}

func (b *builder) types() {
	t := b.Value.Get("type")
	switch {
	case t.Is(tree.String):
		b.Types = b.named(t.Text)
	case t.Is(tree.Array):
		for _, item := range t.Items {
			b.Types |= b.named(item.Str())
		}
	}
	switch nullable := b.is("nullable"); {
	case nullable && b.minor == 0:
		b.Nullable = true
	case nullable && b.Types != 0 && b.Types&program.Nullary == 0:
		b.find("nullable-ignored", b.At.Member("nullable"), `Write type: [..., "null"].`,
			"nullable means nothing since OpenAPI 3.1: null is refused here")
	}
}

// named gives the type of a name; every type for a name that there is not.
func (b *builder) named(name string) program.Types {
	switch name {
	case "null":
		return program.Nullary
	case "boolean":
		return program.Boolean
	case "integer":
		return program.Integral
	case "number":
		return program.Integral | program.Numeric
	case "string":
		return program.Textual
	case "array":
		return program.Sequence
	case "object":
		return program.Mapping
	}
	b.find("unknown-type", b.At.Member("type"), "Write a type that JSON Schema has.", "there is no type %s: it is not enforced", quote(name))
	return ^program.Types(0)
}

func (b *builder) values() {
	if list := b.get("enum", tree.Array, 0); list != nil {
		b.Enum = b.enum(list.Items)
		b.Enum.Elements = true
		at := b.At.Member("enum")
		for i := range list.Items {
			b.elements = append(b.elements, at.Element(i))
		}
	}
	if n := b.Value.Get("const"); n != nil && b.minor > 0 {
		b.Const = b.enum([]*tree.Node{n})
	}
}

// enum compiles values; their elements are numbered from the builder's next one.
func (b *builder) enum(values []*tree.Node) *program.Enum {
	e := &program.Enum{}
	for i, v := range values {
		number := uint32(len(b.elements) + i) //nolint:gosec // G115: bounded by the document
		if v.Kind == tree.String {
			e.Texts = append(e.Texts, program.EnumText{Text: v.Text, Element: number})
		} else {
			e.Others = append(e.Others, program.Literal{JSON: string(appendJSON(nil, v)), Element: number})
		}
	}
	slices.SortStableFunc(e.Texts, func(a, b program.EnumText) int { return strings.Compare(a.Text, b.Text) })
	return e
}

// appendJSON writes a value as JSON.
func appendJSON(b []byte, v *tree.Node) []byte {
	switch v.Kind {
	case tree.Null:
		return append(b, "null"...)
	case tree.Bool, tree.Number:
		return append(b, v.Text...)
	case tree.String:
		return appendText(b, v.Text)
	case tree.Array:
		b = append(b, '[')
		for i, item := range v.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, item)
		}
		return append(b, ']')
	case tree.Object:
		b = append(b, '{')
		for i, name := range v.Keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(append(appendText(b, name), ':'), v.Items[i])
		}
		return append(b, '}')
	}
	return b
}

// appendText writes a string as JSON. It is read by package tape again, so that only what must be is escaped.
func appendText(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

func (b *builder) array() {
	a := &program.Array{Prefix: b.list("prefixItems", 1), Items: b.sub("items", 0), Contains: b.sub("contains", 1), Min: b.count("minItems", 0),
		Max: b.most("maxItems", 0), Unique: b.is("uniqueItems"), Unevaluated: b.sub("unevaluatedItems", 1)}
	if a.Contains != program.None {
		a.Fewest, a.Most = 1, b.most("maxContains", 1)
		if b.get("minContains", tree.Number, 1) != nil {
			a.Fewest = b.count("minContains", 1)
		}
	}
	if len(a.Prefix) > 0 || a.Items|a.Contains|a.Unevaluated != 0 || a.Min|a.Max != 0 || a.Unique {
		b.Array = a
	}
}

func (b *builder) logic() {
	all, some, one := b.list("allOf", 0), b.list("anyOf", 0), b.list("oneOf", 0)
	if len(all)+len(some)+len(one) > 0 {
		l := b.ensureLogic()
		l.AllOf, l.AnyOf, l.OneOf = append(l.AllOf, all...), some, one
	}
	if not := b.sub("not", 0); not != program.None {
		b.ensureLogic().Not = not
	}
	if test := b.sub("if", 1); test != program.None {
		l := b.ensureLogic()
		l.If, l.Then, l.Else = test, b.sub("then", 1), b.sub("else", 1)
	}
	if b.Logic != nil {
		b.discriminator()
	}
}

func (b *builder) ensureLogic() *program.Logic {
	if b.Logic == nil {
		b.Logic = &program.Logic{}
	}
	return b.Logic
}

// discriminator reads which value names which alternative. A name that is no alternative here names nothing.
func (b *builder) discriminator() {
	n := b.get("discriminator", tree.Object, 0)
	property, keyword := n.Get("propertyName").Str(), "oneOf"
	ids := b.Logic.OneOf
	if len(ids) == 0 {
		keyword, ids = "anyOf", b.Logic.AnyOf
	}
	list := b.Value.Get(keyword)
	if property == "" || len(ids) == 0 {
		return
	}
	byNode, mapped := map[*tree.Node]program.ID{}, map[string]program.ID{}
	for i, item := range list.Items {
		ref := item.Get("$ref").Str()
		to, ok := b.names.Resolve(ref, b.In)
		if ref == "" || !ok {
			continue
		}
		byNode[to.Value] = ids[i]
		if name, ok := strings.CutPrefix(ref, "#/components/schemas/"); ok {
			mapped[name] = ids[i]
		}
	}
	if m := n.Get("mapping"); m.Is(tree.Object) {
		for i, value := range m.Keys {
			if id, ok := byNode[b.mapping(m.Items[i].Str())]; ok {
				mapped[value] = id
			} else {
				delete(mapped, value)
			}
		}
	}
	d := &program.Discriminator{Property: property}
	for value, id := range mapped {
		d.Mapping = append(d.Mapping, program.Mapped{Value: value, Schema: id})
	}
	slices.SortFunc(d.Mapping, func(a, b program.Mapped) int { return cmp.Compare(a.Value, b.Value) })
	if len(d.Mapping) > 0 {
		b.Logic.Discriminator = d
	}
}

// mapping gives the schema that a value of a mapping names: by the name of a component, or by reference.
func (b *builder) mapping(name string) *tree.Node {
	if n := b.root.Get("components").Get("schemas").Get(name); n != nil {
		return n
	}
	to, _ := b.names.Resolve(name, b.In)
	return to.Value
}
