package schema

import (
	"slices"
	"strconv"

	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/tape"
)

// logic holds a value against combinations of schemas.
func (r *run) logic(l *program.Logic, at int, track bool) bool {
	ok := true
	for _, id := range l.AllOf {
		if ok = r.eval(id, at, track) && ok; !ok && r.quiet > 0 {
			return false
		}
	}
	if len(l.AnyOf) > 0 {
		d := l.Discriminator
		if len(l.OneOf) > 0 {
			d = nil
		}
		ok = r.alternatives(l.AnyOf, d, at, track, false) && ok
	}
	if len(l.OneOf) > 0 && (ok || r.quiet == 0) {
		ok = r.alternatives(l.OneOf, l.Discriminator, at, track, true) && ok
	}
	if l.Not != program.None && (ok || r.quiet == 0) {
		start := r.here()
		if r.fits(l.Not, at, true) {
			ok = r.fault(at, "not", func() string { return "something else" })
		}
		r.back(start)
	}
	if l.If != program.None && (ok || r.quiet == 0) {
		start, then := r.here(), l.Then
		if !r.fits(l.If, at, track) {
			r.back(start)
			then = l.Else
		}
		ok = r.eval(then, at, track) && ok
	}
	return ok
}

// fits tells whether a schema holds for the same value, and nothing else of it.
func (r *run) fits(id program.ID, at int, track bool) bool {
	r.quiet++
	ok := r.eval(id, at, track)
	r.quiet--
	return ok
}

// alternatives finds those that hold: at least one, or exactly one.
func (r *run) alternatives(ids []program.ID, d *program.Discriminator, at int, track, one bool) bool {
	if d != nil {
		if id := r.chosen(d, at); id != program.None {
			return r.eval(id, at, track)
		}
	}
	count, best, reach := 0, program.None, -1
	for _, id := range ids {
		start := r.here()
		outer := r.furthest
		r.furthest = 0
		if r.fits(id, at, track) {
			count++
			if !track && !one {
				r.furthest = outer
				return true
			}
		} else {
			r.back(start)
			best, reach = closer(id, best, r.furthest, reach)
		}
		r.furthest = max(outer, r.furthest)
		if one && count > 1 {
			break
		}
	}
	switch {
	case r.steps < 0:
		return false
	case count == 1 || count > 0 && !one:
		return true
	case count > 1:
		return r.fault(at, "oneOf", func() string { return "one alternative only: several fit" })
	}
	return r.none(ids, best, at, track, one)
}

// closer keeps the alternative that held for longest, none if several did.
func closer(id, best program.ID, reached, reach int) (program.ID, int) {
	switch {
	case reached > reach:
		return id, reached
	case reached == reach:
		return program.None, reach
	}
	return best, reach
}

// none deals with a value that fits no alternative: if surplus members may be removed it is tried whether one fits then,
// else the faults of the one alternative that came closest are told.
func (r *run) none(ids []program.ID, best program.ID, at int, track, one bool) bool {
	if r.Strip && r.quiet == 0 && !r.lenient {
		r.lenient = true
		for _, id := range ids {
			start := r.here()
			if r.fits(id, at, track) {
				r.lenient = false
				return true
			}
			r.back(start)
		}
		r.lenient = false
	}
	if r.quiet == 0 && best != program.None {
		start, told := r.here(), len(r.result.Faults)
		r.eval(best, at, track)
		r.back(start)
		if len(r.result.Faults) > told || r.result.More {
			return false
		}
	}
	return r.fault(at, keyword(one), func() string { return "one of " + strconv.Itoa(len(ids)) + " alternatives: none fits" })
}

func keyword(one bool) string {
	if one {
		return "oneOf"
	}
	return "anyOf"
}

// chosen gives the alternative that the discriminating property names.
func (r *run) chosen(d *program.Discriminator, at int) program.ID {
	if r.Tokens[at].Kind != tape.Object {
		return program.None
	}
	name := r.Find(at, d.Property)
	if name < 0 || r.Tokens[name+1].Kind != tape.String && r.Tokens[name+1].Kind != tape.Text {
		return program.None
	}
	i, there := slices.BinarySearchFunc(d.Mapping, r.Bytes(name+1), func(m program.Mapped, t []byte) int { return order(m.Value, t) })
	if !there {
		return program.None
	}
	return d.Mapping[i].Schema
}
