package schema

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/tape"
)

// location holds the value of a place of its own against a schema: the whole, a member or an element. Schemas that hold
// for the same value are eval's.
func (r *run) location(id program.ID, at int) bool {
	if r.quiet > 0 && r.Tape == &r.own && r.start-r.steps > rememberAfter && id.Placed() && int(r.Tokens[at].Next) > at+1 {
		return r.remembered(id, at)
	}
	return r.fresh(id, at)
}

// fresh is location for a value that has not been looked at, as far as is known.
func (r *run) fresh(id program.ID, at int) bool {
	switch r.Tokens[at].Kind {
	case tape.Text:
		return r.bare(id, at)
	case tape.Object:
		if !r.Closed && !r.Removes() {
			break
		}
		from := len(r.evaluated)
		ok := r.eval(id, at, true)
		if (r.Strip || r.Closed) && (ok || r.quiet == 0) {
			ok = r.surplus(at, from) && ok
		}
		r.evaluated = r.evaluated[:from]
		return ok
	case tape.Null, tape.False, tape.True, tape.Number, tape.String, tape.Array, tape.Name:
	}
	return r.eval(id, at, false)
}

// bare finds what bare text is: a number, a boolean, null or a string, the first that the schema accepts.
func (r *run) bare(id program.ID, at int) bool {
	text := r.Bytes(at)
	kinds := make([]tape.Kind, 0, 2)
	switch {
	case string(text) == "true":
		kinds = append(kinds, tape.True)
	case string(text) == "false":
		kinds = append(kinds, tape.False)
	case string(text) == "null":
		kinds = append(kinds, tape.Null)
	case tape.Numeral(text):
		kinds = append(kinds, tape.Number)
	}
	kinds = append(kinds, tape.String)
	if len(kinds) > 1 {
		for _, kind := range kinds {
			start := r.here()
			r.Tokens[at].Kind = kind
			r.quiet++
			ok := r.eval(id, at, false)
			r.quiet--
			if ok {
				r.bared = append(r.bared, int32(at)) //nolint:gosec // G115: the tape is bounded
				return true
			}
			r.back(start)
		}
	}
	r.Tokens[at].Kind = tape.String
	if n := r.node(id); len(kinds) > 1 && n != nil && n.Types&(program.Integral|program.Numeric|program.Boolean) != 0 {
		r.Tokens[at].Kind = kinds[0]
	}
	r.bared = append(r.bared, int32(at)) //nolint:gosec // G115: the tape is bounded
	return r.eval(id, at, false)
}

// node gives the node of a name, nil for those that have none.
func (r *run) node(id program.ID) *program.Node {
	if !id.Placed() {
		return nil
	}
	return &r.operation.pages[id.Page()].Nodes[id.Slot()]
}

// exhausted refuses a value that is too much work; everything is refused from then on.
func (r *run) exhausted(at int) bool {
	if r.steps > -1<<40 {
		r.steps = -1 << 41
		quiet := r.quiet
		r.quiet = 0
		r.fault(at, "limit", func() string { return "a value that is less work to check" })
		r.quiet = quiet
	}
	return false
}

// eval holds a value against a schema. With track it notes which members and elements have been looked at.
func (r *run) eval(id program.ID, at int, track bool) bool {
	switch id {
	case program.None, program.Any:
		return true
	case program.Never:
		return r.fault(at, "false", func() string { return "nothing here" })
	}
	if r.steps--; r.steps < 0 || r.nesting > maxNesting {
		return r.exhausted(at)
	}
	n := &r.operation.pages[id.Page()].Nodes[id.Slot()]
	kind := r.Tokens[at].Kind
	if n.Nullable && kind == tape.Null {
		return true
	}
	if n.Types != 0 && !r.typed(n.Types, at) {
		return r.fault(at, "type", func() string { return n.Types.String() })
	}
	r.nesting++
	from := len(r.evaluated)
	unevaluated := n.Object != nil && n.Object.Unevaluated != program.None && kind == tape.Object ||
		n.Array != nil && n.Array.Unevaluated != program.None && kind == tape.Array
	ok := r.parts(n, id.Page(), at, kind, track || unevaluated)
	if unevaluated && (ok || r.quiet == 0) {
		ok = r.unevaluated(n, at, from) && ok
		if !track {
			r.evaluated = r.evaluated[:from]
		}
	}
	r.nesting--
	return ok
}

// parts holds a value against the groups of a node. If only the verdict is of interest the first refusal is enough.
func (r *run) parts(n *program.Node, page, at int, kind tape.Kind, track bool) bool {
	ok := n.Ref == program.None || r.eval(n.Ref, at, track)
	if n.Enum != nil && (ok || r.quiet == 0) {
		ok = r.enum(n.Enum, page, at, "enum") && ok
	}
	if n.Const != nil && (ok || r.quiet == 0) {
		ok = r.enum(n.Const, page, at, "const") && ok
	}
	if ok || r.quiet == 0 {
		ok = r.content(n, page, at, kind, track) && ok
	}
	if n.Object != nil && kind == tape.Object && (ok || r.quiet == 0) {
		ok = r.dependents(n.Object, at, track) && ok
	}
	if n.Logic != nil && (ok || r.quiet == 0) {
		ok = r.logic(n.Logic, at, track) && ok
	}
	return ok
}

// content holds a value against what a node says of its kind.
func (r *run) content(n *program.Node, page, at int, kind tape.Kind, track bool) bool {
	switch kind {
	case tape.Number:
		return n.Number == nil || r.number(n.Number, at)
	case tape.String, tape.Name, tape.Text:
		return n.Text == nil || r.text(n.Text, page, at)
	case tape.Array:
		return n.Array == nil || r.array(n.Array, at, track)
	case tape.Object:
		return n.Object == nil || r.object(n.Object, page, at, track)
	case tape.Null, tape.False, tape.True:
	}
	return true
}

// typed reports whether a value is of one of the types.
func (r *run) typed(types program.Types, at int) bool {
	switch r.Tokens[at].Kind {
	case tape.Null:
		return types&program.Nullary != 0
	case tape.False, tape.True:
		return types&program.Boolean != 0
	case tape.Number:
		return types&program.Numeric != 0 || types&program.Integral != 0 && r.integer(at)
	case tape.String, tape.Name, tape.Text:
		return types&program.Textual != 0
	case tape.Array:
		return types&program.Sequence != 0
	case tape.Object:
		return types&program.Mapping != 0
	}
	return false
}

// integer reports whether a number has no fraction.
func (r *run) integer(at int) bool {
	text := r.Bytes(at)
	return !bytes.ContainsAny(text, ".eE") || r.decimal(text).Integer()
}

// enum looks for a value in a list.
func (r *run) enum(e *program.Enum, page, at int, keyword string) bool {
	element, found := uint32(0), false
	switch r.Tokens[at].Kind {
	case tape.String, tape.Name, tape.Text:
		text := r.Bytes(at)
		i, there := slices.BinarySearchFunc(e.Texts, text, func(t program.EnumText, text []byte) int { return order(t.Text, text) })
		if found = there; found {
			element = e.Texts[i].Element
		}
	case tape.Null, tape.False, tape.True, tape.Number, tape.Array, tape.Object:
		for i := range e.Others {
			same, left, ok := tape.Equal(e.Others[i].Tape, 0, r.Tape, at, max(r.steps, 0))
			if !ok {
				return r.exhausted(at)
			}
			if r.steps = left; same {
				element, found = e.Others[i].Element, true
				break
			}
		}
	}
	if !found {
		return r.fault(at, keyword, func() string { return listed(e) })
	}
	if e.Elements {
		r.marks = append(r.marks, r.operation.bases[page]+element)
	}
	return true
}

// order compares two texts without making one of them a string.
func order(a string, b []byte) int {
	switch { // a conversion that is compared only copies nothing
	case a == string(b):
		return 0
	case a < string(b):
		return -1
	}
	return 1
}

// listed writes the values of a list, as far as they are short.
func listed(e *program.Enum) string {
	const most = 10
	var all []string
	for _, t := range e.Texts {
		all = append(all, strconv.Quote(clip(t.Text)))
	}
	for _, l := range e.Others {
		all = append(all, clip(l.JSON))
	}
	if len(all) == 1 {
		return all[0]
	}
	if len(all) > most {
		return "one of " + strconv.Itoa(len(all)) + " values: " + strings.Join(all[:most], ", ") + ", …"
	}
	return "one of " + strings.Join(all, ", ")
}
