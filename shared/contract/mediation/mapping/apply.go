package mapping

import (
	"fmt"
	"slices"
	"strings"

	"sluice/shared/contract/mediation/value"
)

// run applies operations to a value, which is the one item of root: so that it can be replaced as any other.
type run struct {
	root *value.Value
	room int // bytes that may yet be made
}

func (r *run) top() *value.Value { return r.root.Items[0] }

func (r *run) do(s *compiled) *Fault {
	switch s.Op {
	case Rename:
		return r.parents(s, func(v *value.Value, last step) *Fault { return r.rename(s, v, last) })
	case Move, Copy:
		return each(r.top(), s.prefix, func(v *value.Value) *Fault { return r.transfer(s, v) })
	case Default:
		return r.parents(s, func(v *value.Value, last step) *Fault { return r.fill(s, v, last) })
	case Drop:
		return r.parents(s, func(v *value.Value, last step) *Fault { remove(v, last); return nil })
	case Convert:
		return r.replace(s, func(v *value.Value) (*value.Value, string) { return convert(s.Operation, v) })
	case Replace:
		return r.replace(s, func(v *value.Value) (*value.Value, string) { return respell(s.Values, v), "" })
	case Wrap:
		return r.replace(s, func(v *value.Value) (*value.Value, string) { return wrapped(s.Name, v), "" })
	}
	return r.replace(s, func(v *value.Value) (*value.Value, string) { return unwrapped(s.Operation, v) })
}

// spend takes room.
func (r *run) spend(s *compiled, n int) *Fault {
	if r.room -= n; r.room < 0 {
		return &Fault{Pointer: s.Path, Detail: "the result is larger than allowed", TooLarge: true}
	}
	return nil
}

// parents calls do for each value that may hold what the path leads to.
func (r *run) parents(s *compiled, do func(*value.Value, step) *Fault) *Fault {
	last := s.path[len(s.path)-1]
	return each(r.top(), s.path[:len(s.path)-1], func(v *value.Value) *Fault { return do(v, last) })
}

func (r *run) rename(s *compiled, v *value.Value, last step) *Fault {
	i := v.Find(last.name)
	if i < 0 || last.name == s.Name {
		return nil
	}
	if v.Find(s.Name) >= 0 {
		return &Fault{Pointer: s.Path, Detail: fmt.Sprintf("a member %q is there already", clip(s.Name))}
	}
	v.Members[i].Name = s.Name
	return r.spend(s, len(s.Name))
}

func (r *run) fill(s *compiled, v *value.Value, last step) *Fault {
	if v.Kind != value.Object || v.Find(last.name) >= 0 {
		return nil
	}
	v.Members = append(v.Members, value.Member{Name: last.name, Value: s.literal.Clone()})
	return r.spend(s, len(last.name)+s.literal.Size()+4)
}

// transfer moves or copies within one item.
func (r *run) transfer(s *compiled, v *value.Value) *Fault {
	what := at(v, s.from)
	if what == nil {
		return nil
	}
	if s.Op == Copy {
		if fault := r.spend(s, what.Size()); fault != nil {
			return fault
		}
		what = what.Clone()
	} else {
		prune(v, s.from)
	}
	return r.put(s, v, what)
}

// prune takes a value out, and each object that this leaves empty, but not the outermost.
func prune(v *value.Value, path route) bool {
	if len(path) > 1 {
		inner := child(v, path[0])
		if inner == nil || !prune(inner, path[1:]) || inner.Kind != value.Object || len(inner.Members) > 0 {
			return false
		}
	}
	remove(v, path[0])
	return true
}

// put puts a value to a place that must be free. Objects on the way are made.
func (r *run) put(s *compiled, v, what *value.Value) *Fault {
	for i, st := range s.path {
		if v.Kind != value.Object {
			return &Fault{Pointer: s.Path, Detail: "what is on the way is no object, but " + v.Kind.String()}
		}
		next := v.Get(st.name)
		if i == len(s.path)-1 {
			if next != nil {
				return &Fault{Pointer: s.Path, Detail: "there is a value already"}
			}
			next = what
		} else if next != nil {
			v = next
			continue
		} else {
			next = &value.Value{Kind: value.Object}
		}
		v.Members = append(v.Members, value.Member{Name: st.name, Value: next})
		if fault := r.spend(s, len(st.name)+6); fault != nil {
			return fault
		}
		v = next
	}
	return nil
}

// replace puts other values into the places that the path leads to.
func (r *run) replace(s *compiled, other func(*value.Value) (*value.Value, string)) *Fault {
	change := func(slot **value.Value) *Fault {
		before := *slot
		v, why := other(before)
		if why != "" {
			return &Fault{Pointer: s.Path, Detail: why}
		}
		if v == before {
			return nil
		}
		*slot = v
		return r.spend(s, len(v.Text)+len(s.Name)+8)
	}
	if len(s.path) == 0 {
		return change(&r.root.Items[0])
	}
	return r.parents(s, func(v *value.Value, last step) *Fault {
		switch {
		case last.star && v.Kind == value.Array:
			for i := range v.Items {
				if fault := change(&v.Items[i]); fault != nil {
					return fault
				}
			}
		case last.star:
		case v.Kind == value.Array && last.index >= 0 && last.index < len(v.Items):
			return change(&v.Items[last.index])
		case v.Kind == value.Object:
			if i := v.Find(last.name); i >= 0 {
				return change(&v.Members[i].Value)
			}
		}
		return nil
	})
}

func respell(values map[string]string, v *value.Value) *value.Value {
	if v.Kind != value.String {
		return v
	}
	if to, ok := values[v.Text]; ok {
		return value.Text(to)
	}
	return v
}

func wrapped(name string, v *value.Value) *value.Value {
	if name == "" {
		return &value.Value{Kind: value.Array, Items: []*value.Value{v}}
	}
	return &value.Value{Kind: value.Object, Members: []value.Member{{Name: name, Value: v}}}
}

// unwrapped gives what is in a wrap, or why it is none.
func unwrapped(o Operation, v *value.Value) (*value.Value, string) {
	if o.Name == "" {
		if v.Kind != value.Array || len(v.Items) != 1 {
			return nil, "must be an array of one item"
		}
		return v.Items[0], ""
	}
	inner := v.Get(o.Name)
	if inner == nil {
		return nil, fmt.Sprintf("must be an object with a member %q", clip(o.Name))
	}
	if o.Rest == "" && len(v.Members) > 1 {
		other := slices.IndexFunc(v.Members, func(m value.Member) bool { return m.Name != o.Name })
		return nil, fmt.Sprintf("has a member %q beside %q", clip(v.Members[other].Name), clip(o.Name))
	}
	return inner, ""
}

// clip shortens what came from outside for a message.
func clip(s string) string {
	const longest = 60
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return s
}
