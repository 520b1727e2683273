package compile

import (
	"cmp"
	"slices"

	"sluice/shared/contract/internal/tree"
	"sluice/shared/contract/schema/program"
)

// object reads what a schema says of objects. Properties are elements, numbered as the document lists them.
func (b *builder) object() {
	o := &program.Object{Additional: b.sub("additionalProperties", 0), Names: b.sub("propertyNames", 1), Min: b.count("minProperties", 0),
		Max: b.most("maxProperties", 0), Unevaluated: b.sub("unevaluatedProperties", 1)}
	b.properties(o)
	b.patternProperties(o)
	b.required(o)
	b.dependents(o)
	if len(o.Properties)+len(o.Patterns)+len(o.Required)+len(o.Dependents) > 0 || o.Additional|o.Names|o.Unevaluated != 0 || o.Min|o.Max != 0 {
		b.Object = o
	}
}

func (b *builder) properties(o *program.Object) {
	n := b.get("properties", tree.Object, 0)
	if n == nil {
		return
	}
	at := b.At.Member("properties")
	for i, name := range n.Keys {
		here := found(n.Items[i], at.Member(name), b.In)
		o.Properties = append(o.Properties, program.Property{Name: name, Element: uint32(len(b.elements)), //nolint:gosec // G115: bounded
			Schema: b.schema(here, b.scope), Access: b.access(here)})
		b.elements = append(b.elements, here.At)
	}
	slices.SortFunc(o.Properties, func(a, b program.Property) int { return cmp.Compare(a.Name, b.Name) })
}

func (b *builder) patternProperties(o *program.Object) {
	n := b.get("patternProperties", tree.Object, 1)
	if n == nil {
		return
	}
	at := b.At.Member("patternProperties")
	for i, text := range n.Keys {
		below := at.Member(text)
		o.Patterns = append(o.Patterns, program.PatternProperty{Pattern: b.pattern(text, below),
			Schema: b.schema(found(n.Items[i], below, b.In), b.scope)})
	}
}

func (b *builder) required(o *program.Object) {
	n := b.get("required", tree.Array, 0)
	if n == nil {
		return
	}
	for _, item := range n.Items {
		if item.Kind == tree.String {
			o.Required = append(o.Required, program.Required{Name: item.Text, Access: b.declared(b.target, item.Text)})
		}
	}
	slices.SortFunc(o.Required, func(a, b program.Required) int { return cmp.Compare(a.Name, b.Name) })
	o.Required = slices.Compact(o.Required)
}

func (b *builder) dependents(o *program.Object) {
	byName := map[string]*program.Dependent{}
	var order []*program.Dependent
	get := func(name string) *program.Dependent {
		d := byName[name]
		if d == nil {
			d = &program.Dependent{Name: name}
			byName[name] = d
			order = append(order, d)
		}
		return d
	}
	if n := b.get("dependentRequired", tree.Object, 1); n != nil {
		for i, name := range n.Keys {
			for _, item := range n.Items[i].Items {
				if item.Kind == tree.String {
					d := get(name)
					d.Required = append(d.Required, item.Text)
				}
			}
		}
	}
	if n := b.get("dependentSchemas", tree.Object, 1); n != nil {
		at := b.At.Member("dependentSchemas")
		for i, name := range n.Keys {
			get(name).Schema = b.schema(found(n.Items[i], at.Member(name), b.In), b.scope)
		}
	}
	for _, d := range order {
		o.Dependents = append(o.Dependents, *d)
	}
}

// maxParts bounds how many schemas are looked through for what one says of a property.
const maxParts = 200

// access gives the directions that a property's schema asks for, itself or where it leads.
func (c *compiler) access(t target) (a program.Access) {
	c.together(t, func(part target) {
		if v := part.Value.Get("readOnly"); v.Is(tree.Bool) && v.Text == "true" {
			a |= program.ReadOnly
		}
		if v := part.Value.Get("writeOnly"); v.Is(tree.Bool) && v.Text == "true" {
			a |= program.WriteOnly
		}
	})
	return a
}

// declared gives the directions of a property that a schema declares, itself or in a part of it.
func (c *compiler) declared(t target, name string) (a program.Access) {
	c.together(t, func(part target) {
		if n := part.Value.Get("properties").Get(name); n != nil {
			a |= c.access(found(n, nil, part.In))
		}
	})
	return a
}

// together calls f for a schema and for all that hold with it: where references lead, and what stands in allOf. Beside a
// reference nothing counts in OpenAPI 3.0.
func (c *compiler) together(t target, f func(target)) {
	seen, waiting := map[*tree.Node]bool{}, []target{t}
	for len(waiting) > 0 && len(seen) < maxParts && c.running() {
		t := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		if !t.Value.Is(tree.Object) || seen[t.Value] {
			continue
		}
		seen[t.Value] = true
		ref := t.Value.Get("$ref").Str()
		if to, ok := c.names.Resolve(ref, t.In); ok && ref != "" {
			waiting = append(waiting, to)
		}
		if ref != "" && c.minor == 0 {
			continue
		}
		f(t)
		if all := t.Value.Get("allOf"); all.Is(tree.Array) {
			for _, item := range all.Items[:min(len(all.Items), maxParts)] {
				waiting = append(waiting, found(item, nil, t.In))
			}
		}
	}
}
