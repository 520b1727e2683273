package walk

import (
	"net/url"
	"strings"

	"sluice/shared/contract/internal/tree"
)

// Base is the nearest schema with an $id, which references inside it are relative to. Nil is the document.
type Base struct {
	id   string
	node *tree.Node
	at   *tree.Path
}

// pending is a reference to a name that may still turn up.
type pending struct {
	shape *Object
	from  *tree.Path
	ref   string
	base  *Base
}

// Reference looks at where a $ref leads. It is a fault if that is nowhere, outside, back to itself or another sort of
// component.
func (w *Walk) Reference(o *Object, ref *tree.Node, at *tree.Path, b *Base) {
	here := at.Member("$ref")
	if ref.Kind != tree.String {
		w.Fault(here, "there is %s where a reference belongs", ref.Kind)
		return
	}
	if section, ok := componentRef(ref.Text); ok && b == nil {
		if other := w.sections[section]; other != nil && other != o {
			w.Fault(here, "the reference %s leads to %s where %s belongs", Quote(ref.Text), other.Name, o.Name)
			return
		}
	}
	to, ok := w.Resolve(ref.Text, b)
	if !ok {
		w.pending = append(w.pending, pending{o, here, ref.Text, b})
		return
	}
	if w.circular(o, to.Node) {
		w.Fault(here, "the reference %s leads back to itself, or through more than %d others", Quote(ref.Text), maxHops)
		return
	}
	w.queue = append(w.queue, visit{o, to})
}

// maxHops is how many references may lead to each other.
const maxHops = 100

// circular reports whether following references from n never ends, as far as it is followed. What stands beside a
// reference makes a schema of its own since OpenAPI 3.1, and ends the circle.
func (w *Walk) circular(o *Object, n *tree.Node) bool {
	for hops := 0; ; hops++ {
		ref := n.Get("$ref")
		if ref.Str() == "" || o.Self != nil && len(n.Keys) > 1 && w.Minor > 0 {
			return false
		}
		to, ok := w.Resolve(ref.Text, nil)
		if !ok {
			return false
		}
		if hops > maxHops {
			return true
		}
		n = to.Node
	}
}

// Resolve follows one reference by pointer or known name. Pointers are taken from the document, and failing that from
// the schema with an $id around them.
func (w *Walk) Resolve(ref string, b *Base) (Target, bool) {
	if strings.HasPrefix(ref, "#/") || ref == "#" {
		if to, ok := w.refs[ref]; ok {
			return to, to.Node != nil
		}
		to := follow(w.Root, nil, ref[1:])
		if to.Node == nil && b != nil {
			to = follow(b.node, b.at, ref[1:])
			return to, to.Node != nil
		}
		w.refs[ref] = to
		return to, to.Node != nil
	}
	return w.byName(ref, b)
}

// follow takes a pointer as it stands, and failing that as the percent-encoded fragment that it should be.
func follow(root *tree.Node, at *tree.Path, pointer string) Target {
	n := root.Lookup(pointer)
	if n == nil && strings.Contains(pointer, "%") {
		decoded, err := url.PathUnescape(pointer)
		if err != nil {
			return Target{}
		}
		n, pointer = root.Lookup(decoded), decoded
	}
	if n == nil {
		return Target{}
	}
	return Target{n, tree.At(at.String() + pointer)}
}

// byName resolves a reference to an $id or an $anchor that the document defines itself.
func (w *Walk) byName(ref string, b *Base) (Target, bool) {
	name, fragment, _ := strings.Cut(ref, "#")
	if name == "" {
		to, ok := w.named["#"+fragment]
		return to, ok
	}
	to, ok := w.named[name]
	if !ok && b != nil {
		from, err := url.Parse(b.id)
		if err != nil {
			return Target{}, false
		}
		rel, err := url.Parse(name)
		if err != nil {
			return Target{}, false
		}
		to, ok = w.named[from.ResolveReference(rel).String()]
	}
	switch {
	case !ok:
		return Target{}, false
	case fragment == "":
		return to, true
	case fragment[0] == '/':
		to = follow(to.Node, to.At, fragment)
		return to, to.Node != nil
	default:
		to, ok = w.named["#"+fragment]
		return to, ok
	}
}

// Deref follows references to the end; nil where that is nowhere, which the walk has reported.
func (w *Walk) Deref(n *tree.Node) *tree.Node {
	for hops := 0; hops <= maxHops; hops++ {
		ref := n.Get("$ref")
		if ref == nil {
			return n
		}
		to, ok := w.Resolve(ref.Str(), nil)
		if !ok {
			return nil
		}
		n = to.Node
	}
	return nil
}

// componentRef gives the section that a reference such as "#/components/schemas/Pet" leads to.
func componentRef(ref string) (section string, ok bool) {
	rest, ok := strings.CutPrefix(ref, "#/components/")
	if !ok {
		return "", false
	}
	section, name, ok := strings.Cut(rest, "/")
	return section, ok && !strings.Contains(name, "/")
}

// componentKey reports whether a name is one that OpenAPI allows for a component.
func componentKey(key string) bool {
	return key != "" && strings.IndexFunc(key, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	}) < 0
}

// Name remembers a name that a schema gives itself: an $id, or "#" and an $anchor. The first to take a name has it.
func (w *Walk) Name(name string, n *tree.Node, at *tree.Path) {
	if _, taken := w.named[name]; !taken {
		w.named[name] = Target{n, at}
	}
}

// Within gives the base of what is inside a schema with an $id.
func Within(id string, n *tree.Node, at *tree.Path) *Base { return &Base{id, n, at} }
