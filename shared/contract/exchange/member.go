package exchange

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
	*work
	writing *writing
	pairs   bool
	open    bool // a name waits for its value
	seen    map[string]bool
}

func (m *pairing) add(piece string) trouble {
	if m.open {
		m.open = false
		return m.element(m.writing, piece)
	}
	name, value, found := piece, "", false
	if m.pairs {
		if name, value, found = strings.Cut(piece, "="); !found && m.writing.prefix != ';' {
			return trouble{"", Style, "name=value for each member"}
		}
	}
	if !m.writing.late {
		var ok bool
		if name, ok = m.writing.decode(name); !ok {
			return trouble{"", Encoding, encodingExpected}
		}
	}
	if !utf8.ValidString(name) {
		return trouble{"", Encoding, encodingExpected}
	}
	if m.seen == nil {
		m.seen = map[string]bool{}
	}
	if m.seen[name] {
		return trouble{"/" + tape.Escape([]byte(name)), Duplicate, "each name once"}
	}
	m.seen[name] = true
	m.builder.Name(name)
	if !m.pairs {
		m.open = true
		return trouble{}
	}
	return m.element(m.writing, value)
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
func (w *work) gathered(p *parameter, spread span) trouble {
	root := &branch{}
	for i := spread.first; i >= 0; i = w.found[i].next {
		one := &w.found[i]
		if p.Style != "deepObject" {
			b := root.child(one.name)
			b.values = append(b.values, one.value)
			continue
		}
		if t := root.plant(strings.TrimPrefix(one.name, p.Name), one.value); t.is() {
			return t
		}
	}
	return w.grow(root, p.schema, &p.writing, "")
}

// plant hangs the value of a name "[a][b]" into the tree.
func (b *branch) plant(name, value string) trouble {
	for depth := 0; name != ""; depth++ {
		if depth == maxNesting {
			return trouble{"", Limit, "names nested at most " + strconv.Itoa(maxNesting) + " deep"}
		}
		end := strings.IndexByte(name, ']')
		if name[0] != '[' || end < 0 || strings.IndexByte(name[1:end], '[') >= 0 || end == 1 && (depth == 0 || end != len(name)-1) {
			return trouble{"", Style, "members in brackets, name[member]"}
		}
		if end == 1 {
			b.list = true
		} else {
			b = b.child(name[1:end])
		}
		name = name[end+1:]
	}
	b.values = append(b.values, value)
	return trouble{}
}

// grow puts a branch onto the tape: a list where its name came again or its schema takes nothing else.
func (w *work) grow(b *branch, s schema.Schema, how *writing, at string) trouble {
	if len(b.children) == 0 {
		if len(b.values) == 1 && !b.list && !only(shape.Types(s), program.Sequence) {
			return w.text(how, b.values[0]).below(at)
		}
		w.builder.Array()
		for _, v := range b.values {
			if t := w.text(how, v); t.is() {
				return t.below(at)
			}
		}
		w.builder.End()
		return trouble{}
	}
	if len(b.values) > 0 {
		return trouble{at, Duplicate, "a value or members, not both"}
	}
	if indexed(b) && shape.Types(s)&(program.Sequence|program.Mapping) == program.Sequence {
		return w.growList(b, s, how, at)
	}
	w.builder.Object()
	for _, c := range b.children {
		if w.left--; w.left < 0 {
			return trouble{at, Limit, "fewer values"}
		}
		w.builder.Name(c.name)
		member, known := shape.Property(s, c.name)
		if !known {
			member = s.Other(program.Any)
		}
		if t := w.grow(c, member, how, at+"/"+tape.Escape([]byte(c.name))); t.is() {
			return t
		}
	}
	w.builder.End()
	return trouble{}
}

// growList puts a branch onto the tape whose members are named by their places, "[0]", "[1]", in order.
func (w *work) growList(b *branch, s schema.Schema, how *writing, at string) trouble {
	w.builder.Array()
	for i, c := range b.children {
		item, known := shape.Item(s, i)
		if !known {
			item = s.Other(program.Any)
		}
		if t := w.grow(c, item, how, at+"/"+c.name); t.is() {
			return t
		}
	}
	w.builder.End()
	return trouble{}
}

// indexed reports whether the names of a branch's members are 0, 1, 2 and so on.
func indexed(b *branch) bool {
	for i, c := range b.children {
		if c.name != strconv.Itoa(i) {
			return false
		}
	}
	return true
}

// below says where in a value the trouble is.
func (t trouble) below(at string) trouble {
	t.pointer = at + t.pointer
	return t
}
