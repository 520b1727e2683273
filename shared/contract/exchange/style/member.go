package style

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/shape"
	"sluice/shared/contract/schema/tape"
)

// pairing turns the pieces of an object into members: "name=value" each, or a name and then a value.
type pairing struct {
	*Builder
	writing Writing // of names and values, once they are split
	open    bool    // a name waits for its value
	seen    map[string]bool
}

func (m *pairing) add(piece string) *schema.Fault {
	if m.open {
		m.open = false
		return m.Put(&m.writing, piece)
	}
	name, value, found := piece, "", false
	if m.writing.pairs {
		if name, value, found = strings.Cut(piece, "="); !found && m.writing.prefix != ';' {
			return fault(Form, "name=value for each member")
		}
	}
	name, ok := m.writing.Decode(name)
	if !ok || !utf8.ValidString(name) {
		return undecoded()
	}
	if m.seen == nil {
		m.seen = map[string]bool{}
	}
	if m.seen[name] {
		return below(fault(Duplicate, "each name once"), "/"+tape.Escape([]byte(name)))
	}
	m.seen[name] = true
	m.Name(name)
	if !m.writing.pairs {
		m.open = true
		return nil
	}
	return m.Put(&m.writing, value)
}

// maxNesting is how deep the names of a deepObject nest.
const maxNesting = 8

// branch is a member of an object whose members come under names of their own.
type branch struct {
	name     string
	values   []string // as they stand in the call
	list     bool     // its name ended in "[]"
	children []*branch
	byName   map[string]*branch
}

// child gives the branch of a name, new if need be.
func (b *branch) child(name string) *branch {
	if c := b.byName[name]; c != nil {
		return c
	}
	if b.byName == nil {
		b.byName = map[string]*branch{}
	}
	c := &branch{name: name}
	b.byName[name] = c
	b.children = append(b.children, c)
	return c
}

// gathered puts an object onto the tape whose members come under names of their own.
func (b *Builder) gathered(p *Parameter, spread []Member) *schema.Fault {
	root := &branch{}
	for _, m := range spread {
		if p.Style != "deepObject" {
			c := root.child(m.Name)
			c.values = append(c.values, m.Value)
			continue
		}
		if f := root.plant(strings.TrimPrefix(m.Name, p.Name), m.Value); f != nil {
			return f
		}
	}
	return b.grow(root, p.Schema, &p.Writing, "")
}

// plant hangs the value of a name "[a][b]" into the tree.
func (b *branch) plant(name, value string) *schema.Fault {
	for depth := 0; name != ""; depth++ {
		if depth == maxNesting {
			return fault(Limit, "names nested at most "+strconv.Itoa(maxNesting)+" deep")
		}
		end := strings.IndexByte(name, ']')
		if name[0] != '[' || end < 0 || strings.IndexByte(name[1:end], '[') >= 0 || end == 1 && (depth == 0 || end != len(name)-1) {
			return fault(Form, "members in brackets, name[member]")
		}
		if end == 1 {
			b.list = true
		} else {
			b = b.child(name[1:end])
		}
		name = name[end+1:]
	}
	b.values = append(b.values, value)
	return nil
}

// grow puts a branch onto the tape: a list where its name came again or its schema takes nothing else.
func (b *Builder) grow(g *branch, s schema.Schema, how *Writing, at string) *schema.Fault {
	switch {
	case len(g.children) > 0 && len(g.values) > 0:
		return below(fault(Duplicate, "a value or members, not both"), at)
	case len(g.children) > 0 && g.indexed() && shape.Types(s)&(program.Sequence|program.Mapping) == program.Sequence:
		return b.growList(g, s, how, at)
	case len(g.children) > 0:
		return b.growObject(g, s, how, at)
	case len(g.values) == 1 && !g.list && !Only(shape.Types(s), program.Sequence):
		return below(b.Put(how, g.values[0]), at)
	}
	b.Array()
	for _, v := range g.values {
		if f := b.Put(how, v); f != nil {
			return below(f, at)
		}
	}
	b.End()
	return nil
}

func (b *Builder) growObject(g *branch, s schema.Schema, how *Writing, at string) *schema.Fault {
	b.Object()
	for _, c := range g.children {
		if b.left--; b.left < 0 {
			return below(many(), at)
		}
		b.Name(c.name)
		member, known := shape.Property(s, c.name)
		if !known {
			member = s.Other(program.Any)
		}
		if f := b.grow(c, member, how, at+"/"+tape.Escape([]byte(c.name))); f != nil {
			return f
		}
	}
	b.End()
	return nil
}

// growList puts a branch onto the tape whose members are named by their places, "[0]", "[1]", in order.
func (b *Builder) growList(g *branch, s schema.Schema, how *Writing, at string) *schema.Fault {
	b.Array()
	for i, c := range g.children {
		item, known := shape.Item(s, i)
		if !known {
			item = s.Other(program.Any)
		}
		if f := b.grow(c, item, how, at+"/"+c.name); f != nil {
			return f
		}
	}
	b.End()
	return nil
}

// indexed reports whether the names of a branch's members are 0, 1, 2 and so on.
func (b *branch) indexed() bool {
	for i, c := range b.children {
		if c.name != strconv.Itoa(i) {
			return false
		}
	}
	return true
}

// below says where in a value a fault is.
func below(f *schema.Fault, at string) *schema.Fault {
	if f != nil {
		f.Pointer = at + f.Pointer
	}
	return f
}
