package walk

import (
	"context"
	"strings"

	"sluice/shared/contract/internal/tree"
)

// Walk is a document being looked at. Its zero value is not usable: see New.
type Walk struct {
	Report
	Root  *tree.Node
	Minor int // of the version of OpenAPI 3 that the document is written in

	sections map[string]*Object // what is in each section of components
	ctx      context.Context    //nolint:containedctx // lives as long as one call
	err      error              // the context's end
	steps    int
	queue    []visit
	refs     map[string]Target // by reference, for those that begin with "#/"
	named    map[string]Target // by $id, and by "#" + $anchor
	pending  []pending
	rounds   int
}

// Target is a value and its place.
type Target struct {
	Node *tree.Node
	At   *tree.Path
}

// visit is a value that a reference leads to, to be looked at as a certain object.
type visit struct {
	shape *Object
	to    Target
}

// New prepares a walk.
func New(ctx context.Context, root *tree.Node) *Walk {
	return &Walk{ctx: ctx, Root: root, refs: make(map[string]Target), named: make(map[string]Target)}
}

// Run looks at the whole document, and at everything that references lead to, once. Sections says which objects the
// sections of components hold. The error is the context's.
func (w *Walk) Run(root *Object, sections map[string]*Object) error {
	w.sections = sections
	w.object(root, w.Root, nil, nil)
	for w.Running() && (len(w.queue) > 0 || len(w.pending) > 0) {
		for len(w.queue) > 0 {
			v := w.queue[len(w.queue)-1]
			w.queue = w.queue[:len(w.queue)-1]
			w.object(v.shape, v.to.Node, v.to.At, nil)
		}
		w.settle()
	}
	return w.err
}

// maxRounds is how often references to names wait for names that turn up behind other such references.
const maxRounds = 10

// settle resolves the references to names as far as the names are known now. What is left when no name is new leads
// nowhere.
func (w *Walk) settle() {
	waiting := w.pending
	w.pending = nil
	for _, p := range waiting {
		if to, ok := w.byName(p.ref, p.base); ok {
			w.queue = append(w.queue, visit{p.shape, to})
		} else {
			w.pending = append(w.pending, p)
		}
	}
	if w.rounds++; len(w.queue) > 0 && w.rounds < maxRounds {
		return
	}
	for _, p := range w.pending {
		if strings.HasPrefix(p.ref, "#") {
			w.Fault(p.from, "the reference %s leads nowhere", Quote(p.ref))
		} else {
			w.Fault(p.from, "the reference %s leads out of the document: only references inside it are followed", Quote(p.ref))
		}
	}
	w.pending = nil
}

// Running counts a step and reports whether there is time left. Once it says no, it does for ever.
func (w *Walk) Running() bool {
	w.steps++
	if w.steps%1024 == 0 && w.err == nil {
		w.err = w.ctx.Err()
	}
	return w.err == nil
}

// Value looks at what stands at a field.
func (w *Walk) Value(want Want, n *tree.Node, at *tree.Path, b *Base) {
	if want.Kinds&(1<<n.Kind) == 0 {
		w.mismatch(want, n, at)
		return
	}
	switch {
	case want.Object != nil && (n.Kind == tree.Object || want.Object.Self != nil):
		w.object(want.Object, n, at, b)
	case want.List != nil && n.Kind == tree.Array:
		for i, item := range n.Items {
			below := tree.Path{Up: at, Index: i, Array: true}
			w.Value(*want.List, item, &below, b)
		}
	case want.Each != nil && n.Kind == tree.Object:
		for i, key := range n.Keys {
			below := tree.Path{Up: at, Key: key}
			if want.Component && !componentKey(key) {
				w.Find(ComponentName, &below, "the name %s has characters that OpenAPI does not allow", Quote(key))
			}
			if strings.HasPrefix(key, "x-") && want.Each.Kinds&(1<<n.Items[i].Kind) == 0 {
				continue // an extension among the names
			}
			w.Value(*want.Each, n.Items[i], &below, b)
		}
	}
	if want.Check != nil {
		want.Check(n, at)
	}
}

// mismatch judges a value of the wrong kind: a fault where serving depends on it, else a finding.
func (w *Walk) mismatch(want Want, n *tree.Node, at *tree.Path) {
	empty := len(n.Items) == 0 && (n.Kind == tree.Array || n.Kind == tree.Object)
	switch {
	case n.Kind == tree.Null && !want.Hard:
		w.Find(NullValue, at, "there is null where %s belongs", want.Kinds)
	case empty && !want.Hard && want.Kinds&(Array|Mapping) != 0:
		w.Find(WrongKind, at, "there is an empty %s where %s belongs", strings.TrimPrefix(n.Kind.String(), "an "), want.Kinds)
	case want.Soft:
		w.Find(WrongKind, at, "there is %s where %s belongs", n.Kind, want.Kinds)
	default:
		w.Fault(at, "there is %s where %s belongs", n.Kind, want.Kinds)
	}
}

// object looks at one object of the grammar, once.
func (w *Walk) object(o *Object, n *tree.Node, at *tree.Path, b *Base) {
	if !w.Running() || n.Mark&(1<<o.Bit) != 0 {
		return
	}
	n.Mark |= 1 << o.Bit
	if o.Self != nil {
		o.Self(n, at, b)
		return
	}
	if n.Kind != tree.Object {
		w.Fault(at, "there is %s where %s belongs", n.Kind, o.Name)
		return
	}
	if ref := n.Get("$ref"); ref != nil {
		if !o.Ref {
			w.Find(RefElsewhere, at.Member("$ref"), "OpenAPI has no references in place of %s; it is followed all the same", o.Name)
		}
		w.Reference(o, ref, at, b)
		if !o.FieldsToo {
			return
		}
	}
	for i, key := range n.Keys {
		below := tree.Path{Up: at, Key: key}
		if want, ok := w.field(o, key, &below); ok {
			w.Value(want, n.Items[i], &below, b)
		}
	}
	for _, key := range o.Required {
		if n.Get(key) == nil {
			w.Find(MissingField, at, "%s lacks %q", o.Name, key)
		}
	}
	if o.Check != nil {
		o.Check(n, at)
	}
}

// field says what belongs at a key of an object, and notes keys that do not belong there.
func (w *Walk) field(o *Object, key string, at *tree.Path) (Want, bool) {
	if want, ok := o.Fields[key]; ok {
		if want.Since > w.Minor {
			w.Find(OtherVersion, at, "%s has %q only since OpenAPI 3.%d", o.Name, key, want.Since)
		}
		return want, true
	}
	if strings.HasPrefix(key, "x-") || key == "$ref" {
		return Want{}, false
	}
	if o.Others != nil {
		return o.Others(key, at)
	}
	w.Find(UnknownField, at, "%s has no field %s", o.Name, Quote(key))
	return Want{}, false
}

// Err is the context's end, if it ended the walk.
func (w *Walk) Err() error { return w.err }
