// Package reference knows what has a name in a document, and where references lead: by pointer, $id, $anchor,
// $dynamicAnchor and the older $recursiveAnchor. Nothing leads out of the document.
package reference

import (
	"net/url"
	"slices"
	"strings"

	"sluice/shared/contract/internal/tree"
)

// Resource is a schema with an $id of its own, or the document: what references inside it are relative to.
type Resource struct {
	id      *url.URL
	root    Target
	anchors map[string]Target
	dynamic map[string]Target
}

// Target is a value, its place, and the resource that it is in.
type Target struct {
	Value *tree.Node
	At    *tree.Path
	In    *Resource
}

// Scope is a dynamic scope: the resources with dynamic anchors that were entered, outermost first, by number.
type Scope uint16

// maxScopes bounds how many scopes are told apart. Beyond, a reference goes where it leads by itself.
const maxScopes = 256

// Names knows what has a name in a document.
type Names struct {
	document  *Resource
	running   func() bool
	ids       map[string]*Resource
	within    map[*tree.Node]*Resource // for all that is in a resource other than the document
	recursive map[*tree.Node]Target    // where a $recursiveRef leads
	moving    bool                     // there is a $dynamicRef
	scopes    [][]*Resource            // by number; number 0 is empty
	refs      map[string]Target        // pointers into the document that have been followed
}

// New collects the names that the schemas of a document give themselves, if its dialect has such names. It goes on for as
// long as running says so.
func New(root *tree.Node, named bool, running func() bool) *Names {
	doc := newResource(&url.URL{}, Target{Value: root})
	c := &Names{document: doc, running: running, ids: map[string]*Resource{"": doc}, within: map[*tree.Node]*Resource{},
		recursive: map[*tree.Node]Target{}, scopes: make([][]*Resource, 1), refs: map[string]Target{}}
	if named {
		c.collect(root, nil, around{resource: doc})
	}
	return c
}

// Document gives what references are relative to that stand in no schema with an $id.
func (c *Names) Document() *Resource { return c.document }

// Within gives the resource that a value is in, nil for the document.
func (c *Names) Within(n *tree.Node) *Resource { return c.within[n] }

// Recursive gives where the $recursiveRef of a schema leads: to the nearest schema around it with $recursiveAnchor.
func (c *Names) Recursive(n *tree.Node) (Target, bool) {
	to, ok := c.recursive[n]
	return to, ok
}

func newResource(id *url.URL, root Target) *Resource {
	r := &Resource{id: id, root: root, anchors: map[string]Target{}, dynamic: map[string]Target{}}
	r.root.In = r
	return r
}

// around is what a value stands in, while the names are collected.
type around struct {
	resource *Resource
	anchor   Target // the nearest schema with $recursiveAnchor
	values   bool   // names are free here: none of them is a keyword
}

func (c *Names) collect(n *tree.Node, at *tree.Path, in around) {
	if !c.running() {
		return
	}
	if n.Kind == tree.Array {
		for i, item := range n.Items {
			if item.Kind >= tree.Array {
				c.collect(item, at.Element(i), in)
			}
		}
		return
	}
	if !in.values {
		in = c.named(n, at, in)
	}
	if in.resource != c.document {
		c.within[n] = in.resource
	}
	for i, name := range n.Keys {
		item := n.Items[i]
		if item.Kind < tree.Array || !in.values && data(name) {
			continue
		}
		below := in
		below.values = !in.values && (name == "properties" || name == "patternProperties" || name == "$defs" || name == "schemas" ||
			name == "definitions" || name == "dependentSchemas")
		c.collect(item, at.Member(name), below)
	}
}

// data reports whether what stands at a keyword is a value and no schema.
func data(keyword string) bool {
	switch keyword {
	case "example", "examples", "default", "enum", "const":
		return true
	}
	return strings.HasPrefix(keyword, "x-")
}

// named notes the names that one object gives itself.
func (c *Names) named(n *tree.Node, at *tree.Path, in around) around {
	for i, name := range n.Keys {
		if name != "$id" || n.Items[i].Kind != tree.String || n.Items[i].Text == "" {
			continue
		}
		if id, err := in.resource.id.Parse(n.Items[i].Text); err == nil && id.Fragment == "" {
			r := newResource(id, Target{Value: n, At: at})
			if at == nil {
				c.document.id, r = id, c.document
			}
			if _, taken := c.ids[id.String()]; !taken {
				c.ids[id.String()] = r
			}
			in.resource = r
		}
	}
	here := Target{n, at, in.resource}
	for i, name := range n.Keys {
		item := n.Items[i]
		switch {
		case name == "$anchor" && item.Kind == tree.String:
			in.resource.anchors[item.Text] = here
		case name == "$dynamicAnchor" && item.Kind == tree.String:
			in.resource.anchors[item.Text], in.resource.dynamic[item.Text] = here, here
		case name == "$dynamicRef":
			c.moving = true
		case name == "$recursiveAnchor" && item.Kind == tree.Bool && item.Text == "true":
			in.anchor = here
		case name == "$recursiveRef" && item.Str() == "#" && in.anchor.Value != nil:
			c.recursive[n] = in.anchor
		}
	}
	return in
}

// Resolve follows one reference.
func (c *Names) Resolve(ref string, from *Resource) (Target, bool) {
	if from == nil {
		from = c.document
	}
	name, fragment, _ := strings.Cut(ref, "#")
	if name != "" {
		to, err := from.id.Parse(name)
		if err != nil {
			return Target{}, false
		}
		r := c.ids[to.String()]
		if r == nil {
			return Target{}, false
		}
		return c.inside(r, fragment)
	}
	if from != c.document {
		if to, ok := c.inside(from, fragment); ok {
			return to, true
		}
	}
	if to, ok := c.refs[fragment]; ok {
		return to, to.Value != nil
	}
	to, ok := c.inside(c.document, fragment)
	c.refs[fragment] = to
	return to, ok
}

// inside follows a fragment: a pointer, as it stands or percent-encoded, or the name of an anchor.
func (c *Names) inside(r *Resource, fragment string) (Target, bool) {
	if fragment == "" {
		return r.root, true
	}
	if fragment[0] != '/' && fragment[0] != '%' {
		to, ok := r.anchors[fragment]
		return to, ok
	}
	n := r.root.Value.Lookup(fragment)
	if n == nil && strings.Contains(fragment, "%") {
		decoded, err := url.PathUnescape(fragment)
		if err != nil || decoded == "" || decoded[0] != '/' {
			return Target{}, false
		}
		fragment, n = decoded, r.root.Value.Lookup(decoded)
	}
	if n == nil {
		return Target{}, false
	}
	to := Target{n, tree.At(r.root.At.String() + fragment), r}
	if other := c.within[n]; other != nil {
		to.In = other
	}
	return to, true
}

// Enter gives the dynamic scope inside of a resource.
func (c *Names) Enter(s Scope, r *Resource) Scope {
	if !c.moving || r == nil || len(r.dynamic) == 0 || slices.Contains(c.scopes[s], r) {
		return s
	}
	inner := append(slices.Clone(c.scopes[s]), r)
	for i, known := range c.scopes {
		if slices.Equal(known, inner) {
			return Scope(i)
		}
	}
	if len(c.scopes) >= maxScopes {
		return s
	}
	c.scopes = append(c.scopes, inner)
	return Scope(len(c.scopes) - 1) //nolint:gosec // G115: at most maxScopes
}

// Follow follows a $dynamicRef: where it leads by itself is a dynamic anchor, the outermost of that name is meant.
func (c *Names) Follow(ref string, from *Resource, s Scope) (Target, bool) {
	to, ok := c.Resolve(ref, from)
	_, fragment, _ := strings.Cut(ref, "#")
	if !ok || fragment == "" || fragment[0] == '/' || to.In == nil {
		return to, ok
	}
	if _, moves := to.In.dynamic[fragment]; !moves {
		return to, ok
	}
	for _, r := range c.scopes[s] {
		if outer, there := r.dynamic[fragment]; there {
			return outer, true
		}
	}
	return to, ok
}
