// Package shape tells of what form the values of a schema are, as far as that can be known without a value: whoever turns
// parameters and forms into values needs to know whether a list, an object or a single value is meant.
package shape

import (
	"math"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/tape"
)

// The bounds on how far is looked.
const (
	maxDepth   = 32
	maxSchemas = 1000
)

// all is every type.
const all = program.Nullary | program.Boolean | program.Integral | program.Numeric | program.Textual | program.Sequence | program.Mapping

// looker counts what has been looked at.
type looker struct{ left int }

// Types gives the types that values of a schema can have: a type that is missing is refused by the schema for certain.
func Types(s schema.Schema) program.Types {
	l := looker{maxSchemas}
	return l.types(s, 0)
}

func (l *looker) types(s schema.Schema, depth int) program.Types {
	n := s.Node()
	if l.left--; depth > maxDepth || l.left < 0 || s.Free() {
		return all
	}
	if n == nil {
		return 0
	}
	t := all
	if n.Types != 0 {
		t = n.Types
	}
	for _, e := range []*program.Enum{n.Enum, n.Const} {
		if e != nil {
			t &= listed(e)
		}
	}
	if n.Ref != program.None {
		t &= l.types(s.Other(n.Ref), depth+1)
	}
	if n.Logic != nil {
		for _, id := range n.Logic.AllOf {
			t &= l.types(s.Other(id), depth+1)
		}
		for _, ids := range [][]program.ID{n.Logic.AnyOf, n.Logic.OneOf} {
			var any program.Types
			for _, id := range ids {
				any |= l.types(s.Other(id), depth+1)
			}
			if len(ids) > 0 {
				t &= any
			}
		}
	}
	if n.Nullable {
		t |= program.Nullary
	}
	return t
}

// listed gives the types of the values of a list.
func listed(e *program.Enum) (t program.Types) {
	if len(e.Texts) > 0 {
		t |= program.Textual
	}
	for _, l := range e.Others {
		switch l.Tape.Tokens[0].Kind {
		case tape.Null:
			t |= program.Nullary
		case tape.False, tape.True:
			t |= program.Boolean
		case tape.Number:
			t |= program.Integral | program.Numeric
		case tape.Array:
			t |= program.Sequence
		case tape.Object:
			t |= program.Mapping
		case tape.String, tape.Name, tape.Text:
			t |= program.Textual
		}
	}
	return t
}

// Property gives the schema of a member: the first that the schema, what it refers to or what it combines has for its
// name, else that for additional members. False if there is none; what a pattern says of names is not looked at.
func Property(s schema.Schema, name string) (schema.Schema, bool) {
	l := looker{maxSchemas}
	if found, ok := l.find(s, 0, func(n *program.Node) (program.ID, bool) {
		if n.Object != nil {
			for i := range n.Object.Properties {
				if n.Object.Properties[i].Name == name {
					return n.Object.Properties[i].Schema, true
				}
			}
		}
		return program.None, false
	}); ok {
		return found, true
	}
	l.left = maxSchemas
	return l.find(s, 0, func(n *program.Node) (program.ID, bool) {
		if n.Object == nil || n.Object.Additional == program.None || n.Object.Additional == program.Never {
			return program.None, false
		}
		return n.Object.Additional, true
	})
}

// Item gives the schema of the element at a place. False if there is none.
func Item(s schema.Schema, at int) (schema.Schema, bool) {
	l := looker{maxSchemas}
	return l.find(s, 0, func(n *program.Node) (program.ID, bool) {
		switch a := n.Array; {
		case a == nil:
			return program.None, false
		case at < len(a.Prefix):
			return a.Prefix[at], true
		default:
			return a.Items, a.Items != program.None
		}
	})
}

// Properties lists the names that a schema, what it refers to and what it combines declare, each once.
func Properties(s schema.Schema) (names []string) {
	l, seen := looker{maxSchemas}, map[string]bool{}
	l.find(s, 0, func(n *program.Node) (program.ID, bool) {
		if n.Object != nil && len(names) < math.MaxInt16 {
			for i := range n.Object.Properties {
				if name := n.Object.Properties[i].Name; !seen[name] {
					seen[name] = true
					names = append(names, name)
				}
			}
		}
		return program.None, false
	})
	return names
}

// find asks a schema and all that hold, or may hold, for the same value, until one has an answer.
func (l *looker) find(s schema.Schema, depth int, ask func(*program.Node) (program.ID, bool)) (schema.Schema, bool) {
	n := s.Node()
	if l.left--; n == nil || depth > maxDepth || l.left < 0 {
		return schema.Schema{}, false
	}
	if id, ok := ask(n); ok {
		return s.Other(id), true
	}
	ids := []program.ID{n.Ref}
	if n.Logic != nil {
		ids = append(append(append(ids, n.Logic.AllOf...), n.Logic.AnyOf...), n.Logic.OneOf...)
		ids = append(ids, n.Logic.Then, n.Logic.Else)
	}
	for _, id := range ids {
		if id == program.None {
			continue
		}
		if found, ok := l.find(s.Other(id), depth+1, ask); ok {
			return found, true
		}
	}
	return schema.Schema{}, false
}
