package compile

import (
	"net/url"
	"slices"
	"strings"

	"sluice/shared/contract/internal/tree"
)

// resource is a schema with an $id of its own, or the document: what references inside it are relative to.
type resource struct {
	id      *url.URL
	root    target
	anchors map[string]target
	dynamic map[string]target
}

// target is a value, its place, and the resource that it is in.
type target struct {
	node     *tree.Node
	at       *tree.Path
	resource *resource
}

// scope is a dynamic scope: the resources with dynamic anchors that were entered, outermost first, by number.
type scope uint16

// maxScopes bounds how many scopes are told apart. Beyond, a reference goes where it leads by itself.
const maxScopes = 256

// names knows what has a name in a document.
type names struct {
	root      *tree.Node
	resource  *resource // the document
	ids       map[string]*resource
	within    map[*tree.Node]*resource // for all that is in a resource other than the document
	recursive map[*tree.Node]target    // where a $recursiveRef leads
	moving    bool                     // there is a $dynamicRef
	scopes    [][]*resource            // by number; number 0 is empty
	refs      map[string]target        // pointers into the document that have been followed
}

func newNames(root *tree.Node) *names {
	doc := newResource(&url.URL{}, target{node: root})
	return &names{root: root, resource: doc, ids: map[string]*resource{"": doc}, within: map[*tree.Node]*resource{},
		recursive: map[*tree.Node]target{}, scopes: make([][]*resource, 1), refs: map[string]target{}}
}

func newResource(id *url.URL, root target) *resource {
	r := &resource{id: id, root: root, anchors: map[string]target{}, dynamic: map[string]target{}}
	r.root.resource = r
	return r
}

// around is what a value stands in, while the names are collected.
type around struct {
	resource *resource
	anchor   target // the nearest schema with $recursiveAnchor
	values   bool   // names are free here: none of them is a keyword
}

// scan collects the names that schemas give themselves.
func (c *compiler) scan(root *tree.Node) {
	if c.minor > 0 {
		c.collect(root, nil, around{resource: c.resource})
	}
}

func (c *compiler) collect(n *tree.Node, at *tree.Path, in around) {
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
	if in.resource != c.resource {
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
func (c *compiler) named(n *tree.Node, at *tree.Path, in around) around {
	for i, name := range n.Keys {
		if name != "$id" || n.Items[i].Kind != tree.String || n.Items[i].Text == "" {
			continue
		}
		if id, err := in.resource.id.Parse(n.Items[i].Text); err == nil && id.Fragment == "" {
			r := newResource(id, target{node: n, at: at})
			if at == nil {
				c.resource.id, r = id, c.resource
			}
			if _, taken := c.ids[id.String()]; !taken {
				c.ids[id.String()] = r
			}
			in.resource = r
		}
	}
	here := target{n, at, in.resource}
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
		case name == "$recursiveRef" && item.Str() == "#" && in.anchor.node != nil:
			c.recursive[n] = in.anchor
		}
	}
	return in
}

// resolve follows one reference.
func (c *compiler) resolve(ref string, from *resource) (target, bool) {
	if from == nil {
		from = c.resource
	}
	name, fragment, _ := strings.Cut(ref, "#")
	if name != "" {
		to, err := from.id.Parse(name)
		if err != nil {
			return target{}, false
		}
		r := c.ids[to.String()]
		if r == nil {
			return target{}, false
		}
		return c.inside(r, fragment)
	}
	if from != c.resource {
		if to, ok := c.inside(from, fragment); ok {
			return to, true
		}
	}
	if to, ok := c.refs[fragment]; ok {
		return to, to.node != nil
	}
	to, ok := c.inside(c.resource, fragment)
	c.refs[fragment] = to
	return to, ok
}

// inside follows a fragment: a pointer, as it stands or percent-encoded, or the name of an anchor.
func (c *compiler) inside(r *resource, fragment string) (target, bool) {
	if fragment == "" {
		return r.root, true
	}
	if fragment[0] != '/' && fragment[0] != '%' {
		to, ok := r.anchors[fragment]
		return to, ok
	}
	n := r.root.node.Lookup(fragment)
	if n == nil && strings.Contains(fragment, "%") {
		decoded, err := url.PathUnescape(fragment)
		if err != nil || decoded == "" || decoded[0] != '/' {
			return target{}, false
		}
		fragment, n = decoded, r.root.node.Lookup(decoded)
	}
	if n == nil {
		return target{}, false
	}
	to := target{n, tree.At(r.root.at.String() + fragment), r}
	if other := c.within[n]; other != nil {
		to.resource = other
	}
	return to, true
}

// enter gives the dynamic scope inside of a resource.
func (c *compiler) enter(s scope, r *resource) scope {
	if !c.moving || r == nil || len(r.dynamic) == 0 || slices.Contains(c.scopes[s], r) {
		return s
	}
	inner := append(slices.Clone(c.scopes[s]), r)
	for i, known := range c.scopes {
		if slices.Equal(known, inner) {
			return scope(i)
		}
	}
	if len(c.scopes) >= maxScopes {
		return s
	}
	c.scopes = append(c.scopes, inner)
	return scope(len(c.scopes) - 1) //nolint:gosec // G115: at most maxScopes
}

// dynamic follows a $dynamicRef: where it leads by itself is a dynamic anchor, the outermost of that name is meant.
func (c *compiler) follow(ref string, from *resource, s scope) (target, bool) {
	to, ok := c.resolve(ref, from)
	_, fragment, _ := strings.Cut(ref, "#")
	if !ok || fragment == "" || fragment[0] == '/' || to.resource == nil {
		return to, ok
	}
	if _, moves := to.resource.dynamic[fragment]; !moves {
		return to, ok
	}
	for _, r := range c.scopes[s] {
		if outer, there := r.dynamic[fragment]; there {
			return outer, true
		}
	}
	return to, ok
}
