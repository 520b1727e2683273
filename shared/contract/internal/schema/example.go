package schema

import (
	"math"
	"slices"
	"unicode/utf8"

	"sluice/shared/contract/internal/tree"
	"sluice/shared/contract/internal/walk"
)

// The bounds on checking examples: it is a courtesy, and must not cost more than the rest.
const (
	maxSampleSteps = 20_000    // schemas looked at for one example
	maxSteps       = 1_000_000 // and for all of them
	maxSampleDepth = 100
)

// sample is a value that a schema should accept.
type sample struct {
	schema, value *tree.Node
	at            *tree.Path
}

func (s *Schemas) sample(schema, value *tree.Node, at *tree.Path) {
	if schema != nil && value != nil {
		s.samples = append(s.samples, sample{schema, value, at})
	}
}

// sampleSchema takes what a schema itself gives as examples.
func (s *Schemas) sampleSchema(n *tree.Node, at *tree.Path) {
	for _, key := range []string{"default", "example"} {
		if v := n.Get(key); v != nil {
			s.sample(n, v, at.Member(key))
		}
	}
	if list := n.Get("examples"); list.Is(tree.Array) {
		for i, v := range list.Items {
			s.sample(n, v, at.Member("examples").Element(i))
		}
	}
}

// Samples takes the examples of a parameter, a header or a media type to be checked against its schema.
func (s *Schemas) Samples(schema, n *tree.Node, at *tree.Path) {
	if v := n.Get("example"); v != nil {
		s.sample(schema, v, at.Member("example"))
	}
	if all := n.Get("examples"); all.Is(tree.Object) {
		for i, key := range all.Keys {
			if v := s.Deref(all.Items[i]).Get("value"); v != nil {
				s.sample(schema, v, at.Member("examples").Member(key).Member("value"))
			}
		}
	}
}

// CheckSamples notes the examples that contradict their schema.
func (s *Schemas) CheckSamples() {
	c := &checker{Schemas: s}
	spent := 0
	for _, one := range s.samples {
		if spent > maxSteps || !s.Running() {
			s.Find(walk.ExamplesSkipped, one.at, "this example and those after it were not checked")
			return
		}
		c.steps = 0
		if why := c.accept(one.schema, one.value, 0); why != "" && c.steps <= maxSampleSteps {
			s.Find(walk.ExampleMismatch, one.at, "the value contradicts its schema: %s", why)
		}
		spent += c.steps
	}
}

// checker tells whether a schema accepts a value, as far as the assertions it knows go; formats are not asserted.
type checker struct {
	*Schemas
	steps int
}

// accept says why the schema refuses the value, and "" if it does not, or if it is too much to tell.
func (c *checker) accept(s, v *tree.Node, depth int) string {
	if c.steps++; c.steps > maxSampleSteps || depth > maxSampleDepth {
		c.steps = max(c.steps, maxSampleSteps+1)
		return ""
	}
	if s.Is(tree.Bool) && s.Text == "false" {
		return "nothing is allowed here"
	}
	if !s.Is(tree.Object) {
		return ""
	}
	if ref := s.Get("$ref"); ref != nil {
		to, _ := c.Resolve(ref.Str(), nil)
		if why := c.accept(to.Node, v, depth+1); why != "" || c.Minor == 0 {
			return why
		}
	}
	if c.Minor == 0 && v.Kind == tree.Null && s.Get("nullable").Is(tree.Bool) && s.Get("nullable").Text == "true" {
		return ""
	}
	for _, part := range []func(s, v *tree.Node, depth int) string{c.value, c.extent, c.parts, c.combined} {
		if why := part(s, v, depth); why != "" {
			return why
		}
	}
	return ""
}

// value judges type, enum and const.
func (c *checker) value(s, v *tree.Node, _ int) string {
	named := func(n *tree.Node) bool { return is(v, n.Str()) }
	if t := s.Get("type"); t != nil && !named(t) && !slices.ContainsFunc(t.Items, named) {
		return "it is " + v.Kind.String()
	}
	enum := s.Get("enum")
	if enum.Is(tree.Array) {
		if c.steps += len(enum.Items) * weight(v, 0) / 10; c.steps > maxSampleSteps {
			return ""
		}
	}
	if enum.Is(tree.Array) && !slices.ContainsFunc(enum.Items, func(n *tree.Node) bool { return tree.Equal(n, v) }) {
		return "it is not one of the enum"
	}
	if constant := s.Get("const"); constant != nil {
		if c.steps += weight(v, 0) / 10; c.steps <= maxSampleSteps && !tree.Equal(constant, v) {
			return "it is not the const"
		}
	}
	return ""
}

// weight counts the values in a value, up to a bound.
func weight(v *tree.Node, n int) int {
	n++
	for _, item := range v.Items {
		if n > maxSampleSteps {
			break
		}
		n = weight(item, n)
	}
	return n
}

// is reports whether a value is of the type with the name.
func is(v *tree.Node, name string) bool {
	switch name {
	case "string":
		return v.Kind == tree.String
	case "number":
		return v.Kind == tree.Number
	case "integer":
		return v.Kind == tree.Number && v.Float() == math.Trunc(v.Float())
	case "boolean":
		return v.Kind == tree.Bool
	case "array":
		return v.Kind == tree.Array
	case "object":
		return v.Kind == tree.Object
	case "null":
		return v.Kind == tree.Null
	}
	return false
}

// extent judges bounds, lengths and patterns.
func (c *checker) extent(s, v *tree.Node, _ int) string {
	var size float64
	var low, high, what string
	switch v.Kind {
	case tree.Number:
		return bounds(s, v.Float())
	case tree.String:
		if p := s.Get("pattern"); p.Is(tree.String) {
			ok, cost := c.parsed(p.Text).matches(v.Text)
			if c.steps += cost; !ok {
				return "it does not match the pattern"
			}
		}
		size, low, high, what = float64(utf8.RuneCountInString(v.Text)), "minLength", "maxLength", "long"
	case tree.Array:
		size, low, high, what = float64(len(v.Items)), "minItems", "maxItems", "long"
	case tree.Object:
		size, low, high, what = float64(len(v.Items)), "minProperties", "maxProperties", "large"
	case tree.Null, tree.Bool:
		return ""
	}
	if n := s.Get(low); n.Is(tree.Number) && size < n.Float() {
		return "it is not " + what + " enough"
	}
	if n := s.Get(high); n.Is(tree.Number) && size > n.Float() {
		return "it is too " + what
	}
	return ""
}

// bounds judges a number.
func bounds(s *tree.Node, f float64) string {
	exclusive := func(key string) bool { return s.Get(key).Is(tree.Bool) && s.Get(key).Text == "true" }
	if n := s.Get("minimum"); n.Is(tree.Number) && (f < n.Float() || f == n.Float() && exclusive("exclusiveMinimum")) {
		return "it is too small"
	}
	if n := s.Get("maximum"); n.Is(tree.Number) && (f > n.Float() || f == n.Float() && exclusive("exclusiveMaximum")) {
		return "it is too large"
	}
	if n := s.Get("exclusiveMinimum"); n.Is(tree.Number) && f <= n.Float() {
		return "it is too small"
	}
	if n := s.Get("exclusiveMaximum"); n.Is(tree.Number) && f >= n.Float() {
		return "it is too large"
	}
	return ""
}

// parts judges what a value consists of.
func (c *checker) parts(s, v *tree.Node, depth int) string {
	switch v.Kind {
	case tree.Array:
		prefix := s.Get("prefixItems")
		for i, item := range v.Items {
			schema := s.Get("items")
			if prefix.Is(tree.Array) && i < len(prefix.Items) {
				schema = prefix.Items[i]
			}
			if why := c.accept(schema, item, depth+1); why != "" {
				return "in an element, " + why
			}
		}
	case tree.Object:
		return c.object(s, v, depth)
	case tree.Null, tree.Bool, tree.Number, tree.String:
	}
	return ""
}

// object judges the members of an object. Those that are only read or only written may be missing.
func (c *checker) object(s, v *tree.Node, depth int) string {
	properties := s.Get("properties")
	if required := s.Get("required"); required.Is(tree.Array) {
		c.steps += len(required.Items) / 10
		for _, name := range required.Items {
			p := c.Deref(properties.Get(name.Str()))
			if v.Get(name.Str()) == nil && p.Get("readOnly") == nil && p.Get("writeOnly") == nil {
				return "it lacks " + walk.Quote(name.Str())
			}
		}
	}
	patterns := s.Get("patternProperties")
	for i, key := range v.Keys {
		schema := properties.Get(key)
		if schema == nil && patterns == nil {
			if schema = s.Get("additionalProperties"); schema.Is(tree.Bool) && schema.Text == "false" {
				return "it has the surplus member " + walk.Quote(key)
			}
		}
		if why := c.accept(schema, v.Items[i], depth+1); why != "" {
			return "in " + walk.Quote(key) + ", " + why
		}
	}
	return ""
}

// combined judges allOf, anyOf, oneOf and not.
func (c *checker) combined(s, v *tree.Node, depth int) string {
	if all := s.Get("allOf"); all.Is(tree.Array) {
		for _, part := range all.Items {
			if why := c.accept(part, v, depth+1); why != "" {
				return why
			}
		}
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		list := s.Get(key)
		if !list.Is(tree.Array) || len(list.Items) == 0 {
			continue
		}
		fits := 0
		for _, part := range list.Items {
			if c.accept(part, v, depth+1) == "" {
				fits++
			}
		}
		if fits == 0 {
			return "it fits none of the alternatives"
		}
		if key == "oneOf" && fits > 1 {
			return "it fits more than one of the alternatives"
		}
	}
	if not := s.Get("not"); not != nil && c.accept(not, v, depth+1) == "" && c.steps <= maxSampleSteps {
		return "it is what must not be"
	}
	return ""
}
