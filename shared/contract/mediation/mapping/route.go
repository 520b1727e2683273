package mapping

import (
	"slices"
	"strconv"
	"strings"

	"sluice/shared/contract/mediation/value"
)

// step is one reference token. A token of digits names an item of an array and a member of an object.
type step struct {
	name  string
	star  bool
	index int // or -1
}

// route is a parsed pointer.
type route []step

// String writes it as a pointer again.
func (r route) String() string {
	var b strings.Builder
	for _, s := range r {
		b.WriteByte('/')
		if s.star {
			b.WriteByte('*')
			continue
		}
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(s.name))
	}
	return b.String()
}

func (r route) stars() int {
	n := 0
	for _, s := range r {
		if s.star {
			n++
		}
	}
	return n
}

// route reads a pointer.
func (c *check) route(field, pointer string) route {
	if pointer == "" {
		return nil
	}
	if pointer[0] != '/' || len(pointer) > maxPointer || badEscape(pointer) {
		c.fault(field, "must be a JSON pointer (RFC 6901) of at most %d bytes; * stands for every item of an array", maxPointer)
		return nil
	}
	var r route
	for token := range strings.SplitSeq(pointer[1:], "/") {
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		s := step{name: name, star: token == "*", index: -1}
		if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < value.MaxValues && strconv.Itoa(n) == name {
			s.index = n
		}
		r = append(r, s)
	}
	if len(r) > maxSteps || r.stars() > maxStars {
		c.fault(field, "must have at most %d steps and %d stars", maxSteps, maxStars)
	}
	return r
}

func badEscape(pointer string) bool {
	for i := range len(pointer) {
		if pointer[i] == '~' && (i+1 == len(pointer) || pointer[i+1] != '0' && pointer[i+1] != '1') {
			return true
		}
	}
	return false
}

// member reads a pointer to something that can be removed or added: not the whole, and not every item.
func (c *check) member(pointer string) route {
	r := c.route("/path", pointer)
	switch {
	case pointer == "":
		c.fault("/path", "must be given: the whole value is no member")
	case len(r) > 0 && r[len(r)-1].star:
		c.fault("/path", "must end with the name of a member")
	}
	return r
}

// transfer reads the pointers of a move or a copy. What moves stays in the item that the last star stands for: only so is it
// clear what goes where, and how it comes back.
func (c *check) transfer(s *compiled) {
	before := len(c.faults)
	from, path := c.route("/from", s.From), c.member(s.Path)
	if s.From == "" && s.Op == Move {
		c.fault("/from", "must be given: the whole value cannot move into itself")
	}
	if len(c.faults) > before {
		return
	}
	last := 0
	for i, st := range path {
		if st.star {
			last = i + 1
		}
	}
	if len(from) < last || !slices.Equal(from[:last], path[:last]) || from[last:].stars() > 0 {
		c.fault("/from", "must have its stars where path has them, and be equal up to the last")
		return
	}
	s.prefix, s.from, s.path = path[:last], from[last:], path[last:]
	if s.Op == Move && len(s.from) == 0 {
		c.fault("/from", "must name a member, not every item")
		return
	}
	if len(s.from) <= len(s.path) && slices.Equal(s.from, s.path[:len(s.from)]) && (s.Op == Move || len(s.from) == len(s.path)) {
		c.fault("/path", "must not lie in what is moved there")
	}
	if len(s.path) <= len(s.from) && slices.Equal(s.path, s.from[:len(s.path)]) && s.Op == Copy && len(s.path) < len(s.from) {
		c.fault("/path", "must not hold what is copied there")
	}
}

// at gives what a route without stars leads to, or nil.
func at(v *value.Value, r route) *value.Value {
	for _, s := range r {
		if v = child(v, s); v == nil {
			return nil
		}
	}
	return v
}

// child gives what a step without star leads to, or nil.
func child(v *value.Value, s step) *value.Value {
	if v.Kind == value.Array {
		if s.index >= 0 && s.index < len(v.Items) {
			return v.Items[s.index]
		}
		return nil
	}
	return v.Get(s.name)
}

// each calls do for every value that a route leads to.
func each(v *value.Value, r route, do func(*value.Value) *Fault) *Fault {
	for i, s := range r {
		if !s.star {
			if v = child(v, s); v == nil {
				return nil
			}
			continue
		}
		if v.Kind != value.Array {
			return nil
		}
		for _, item := range v.Items {
			if fault := each(item, r[i+1:], do); fault != nil {
				return fault
			}
		}
		return nil
	}
	return do(v)
}

// remove takes what a step leads to out of a container.
func remove(v *value.Value, s step) {
	if v.Kind == value.Array {
		if s.index >= 0 && s.index < len(v.Items) {
			v.Items = slices.Delete(v.Items, s.index, s.index+1)
		}
		return
	}
	if i := v.Find(s.name); i >= 0 {
		v.Members = slices.Delete(v.Members, i, i+1)
	}
}
