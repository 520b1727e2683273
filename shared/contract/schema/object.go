package schema

import (
	"slices"
	"strconv"

	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/tape"
)

// object holds an object against a schema: each of its members in turn, then what must be there.
func (r *run) object(n *program.Object, page, at int, track bool) bool {
	ok := r.members(uint64(r.Tokens[at].Count), n, at)
	if track && (len(n.Properties) > 0 || len(n.Patterns) > 0 || n.Additional == program.Never) {
		r.evaluated = append(r.evaluated, closed)
	}
	var seen uint64 // of the first 64 required members
	end := int(r.Tokens[at].Next)
	for name := at + 1; name < end; name = r.Next(name + 1) {
		if !ok && r.quiet > 0 {
			return false
		}
		text := r.Bytes(name)
		if i, there := slices.BinarySearchFunc(n.Required, text, func(q program.Required, t []byte) int { return order(q.Name, t) }); there && i < 64 {
			seen |= 1 << i
		}
		ok = r.member(n, page, name, text, track) && ok
	}
	return r.present(n, at, seen) && ok
}

// members judges how many members there are.
func (r *run) members(count uint64, n *program.Object, at int) bool {
	ok := true
	if count < n.Min {
		ok = r.fault(at, "minProperties", func() string { return "at least " + strconv.FormatUint(n.Min, 10) + " members" })
	}
	if n.Max > 0 && count >= n.Max {
		ok = r.fault(at, "maxProperties", func() string { return "at most " + strconv.FormatUint(n.Max-1, 10) + " members" })
	}
	return ok
}

// member holds one member against the schemas for it.
func (r *run) member(n *program.Object, page, name int, text []byte, track bool) bool {
	ok, matched := true, false
	if n.Names != program.None {
		ok = r.eval(n.Names, name, false)
	}
	i, there := slices.BinarySearchFunc(n.Properties, text, func(p program.Property, t []byte) int { return order(p.Name, t) })
	if there {
		matched = true
		ok = r.property(&n.Properties[i], page, name) && ok
	}
	unsure := false
	for i := range n.Patterns {
		p := &n.Patterns[i]
		if p.Pattern == 0 {
			unsure = true
			continue
		}
		fits, done := r.matches(page, p.Pattern, text)
		if !done {
			return r.exhausted(name)
		}
		if fits {
			matched = true
			ok = r.location(p.Schema, name+1) && ok
		}
	}
	switch {
	case matched || unsure:
		r.look(name, track)
	case n.Additional == program.Never:
		if r.Strip && (r.quiet == 0 || r.lenient) {
			r.remove(name)
			return ok
		}
		return r.fault(name+1, "additionalProperties", func() string { return "no such member" })
	case n.Additional != program.None:
		r.look(name, track)
		ok = r.location(n.Additional, name+1) && ok
	}
	return ok
}

// remove notes that a member is to be removed.
func (r *run) remove(name int) {
	r.removed = append(r.removed, int32(name)) //nolint:gosec // G115: the tape is bounded
}

// look notes that a member or element has been looked at.
func (r *run) look(at int, track bool) {
	if track {
		r.evaluated = append(r.evaluated, int32(at)) //nolint:gosec // G115: the tape is bounded
	}
}

// property holds a member against the schema of its name.
func (r *run) property(p *program.Property, page, name int) bool {
	element := r.operation.bases[page] + p.Element
	r.marks = append(r.marks, element)
	if r.Hide.Has(int(element)) {
		r.remove(name)
	}
	if astray := p.Access & r.forbidden; astray != 0 {
		switch {
		case r.Strip:
			r.remove(name)
			return true
		case !r.Tolerate && astray&program.ReadOnly != 0:
			return r.fault(name+1, "readOnly", func() string { return "no such member in a request" })
		case !r.Tolerate:
			return r.fault(name+1, "writeOnly", func() string { return "no such member in an answer" })
		}
	}
	return r.location(p.Schema, name+1)
}

// present judges which members must be there.
func (r *run) present(n *program.Object, at int, seen uint64) bool {
	ok := true
	for i := range n.Required {
		q := &n.Required[i]
		if i < 64 && seen&(1<<i) != 0 || q.Access&r.forbidden != 0 || i >= 64 && r.Find(at, q.Name) >= 0 {
			continue
		}
		if ok = r.missing(at, "required", q.Name); r.quiet > 0 {
			return false
		}
	}
	for i := range n.Dependents {
		d := &n.Dependents[i]
		if r.Find(at, d.Name) < 0 {
			continue
		}
		for _, name := range d.Required {
			if r.Find(at, name) < 0 {
				ok = r.missing(at, "dependentRequired", name)
			}
		}
	}
	return ok
}

// dependents holds the object against what follows from a member being there.
func (r *run) dependents(n *program.Object, at int, track bool) bool {
	ok := true
	for i := range n.Dependents {
		if d := &n.Dependents[i]; d.Schema != program.None && r.Find(at, d.Name) >= 0 {
			ok = r.eval(d.Schema, at, track) && ok
		}
	}
	return ok
}

func (r *run) missing(at int, keyword, name string) bool {
	if r.quiet > 0 {
		return r.fault(int(r.Tokens[at].Next)-1, keyword, nil) // as far as one can get
	}
	return r.fault(at, keyword, func() string { return "the member " + strconv.Quote(clip(name)) })
}

// unevaluated holds what no schema has looked at against the schema for it.
func (r *run) unevaluated(n *program.Node, at, from int) bool {
	ok := true
	schema, keyword, step := n.Object, "unevaluatedProperties", 1
	id := program.None
	if r.Tokens[at].Kind == tape.Array {
		id, keyword, step = n.Array.Unevaluated, "unevaluatedItems", 0
	} else {
		id = schema.Unevaluated
	}
	r.each(at, from, func(token int) {
		switch {
		case id == program.Never && step == 1 && r.Strip && (r.quiet == 0 || r.lenient):
			r.remove(token)
			return
		case id == program.Never:
			ok = r.fault(token+step, keyword, func() string { return "nothing that is not described" })
		default:
			ok = r.location(id, token+step) && ok
		}
		r.look(token, true)
	})
	if step == 1 && id == program.Never {
		r.evaluated = append(r.evaluated, closed)
	}
	return ok
}

// each calls f for the members or elements of a container that were not looked at since a point of the journal.
func (r *run) each(at, from int, f func(token int)) {
	k, step := &r.Tokens[at], 0
	if k.Kind == tape.Object {
		step = 1
	}
	seen := r.evaluated[from:]
	if len(seen) > 8 {
		seen = slices.Clone(seen)
		slices.Sort(seen)
	}
	next := at + 1
	for range k.Count {
		token := next
		next = r.Next(token + step)
		there := false
		if len(seen) > 8 {
			_, there = slices.BinarySearch(seen, int32(token)) //nolint:gosec // G115: the tape is bounded
		} else {
			there = slices.Contains(seen, int32(token)) //nolint:gosec // G115: the tape is bounded
		}
		if !there {
			f(token)
		}
	}
}

// surplus refuses or removes the members of an object that nothing declares. An object whose schemas name no members is
// free to have any.
func (r *run) surplus(at, from int) bool {
	if !slices.Contains(r.evaluated[from:], closed) {
		return true
	}
	ok := true
	r.each(at, from, func(name int) {
		if r.Strip {
			r.remove(name)
			return
		}
		ok = r.fault(name+1, "undeclared", func() string { return "no member that is not declared" })
	})
	return ok
}
