package program

import (
	"encoding/binary"
	"errors"
	"math"
)

// Version is the format that this code writes, and the only one that it reads.
const Version = 1

// Page is a page of a program.
type Page struct {
	Operation *Operation // nil on pages of the pool
	Nodes     []Node
	Patterns  []string // in the dialect of package regexp
	Elements  uint32   // numbers given on this page, without the operation's own
}

// The errors of reading a page.
var (
	ErrVersion = errors.New("the page is of another format version: compile the contract anew")
	ErrDamaged = errors.New("the page is damaged")
)

// writer collects what is written, and the texts that it names by number.
type writer struct {
	b     []byte
	texts map[string]uint64
	list  []string
}

// Write makes the binary form of a page. Equal pages give equal bytes.
func Write(p *Page) []byte {
	w := &writer{texts: map[string]uint64{}}
	nodes := make([]int, len(p.Nodes))
	for i := range p.Nodes {
		before := len(w.b)
		w.node(&p.Nodes[i])
		nodes[i] = len(w.b) - before
	}
	w.number(uint64(p.Elements))
	w.flag(p.Operation != nil)
	if p.Operation != nil {
		w.operation(p.Operation)
	}
	body := w.b
	w.b = []byte{Version}
	w.raws(w.list)
	w.raws(p.Patterns)
	w.count(len(nodes))
	return append(w.b, body...)
}

// Signature gives bytes that are equal for equal nodes, and for no others.
func (n *Node) Signature() string {
	w := &writer{texts: map[string]uint64{}}
	w.node(n)
	w.raws(w.list)
	return string(w.b)
}

func (w *writer) number(v uint64) { w.b = binary.AppendUvarint(w.b, v) }
func (w *writer) count(n int)     { w.number(uint64(n)) } //nolint:gosec // G115: a length
func (w *writer) id(id ID)        { w.number(uint64(id)) }
func (w *writer) flag(v bool) {
	if v {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

func (w *writer) raws(texts []string) {
	w.count(len(texts))
	for _, s := range texts {
		w.count(len(s))
	}
	for _, s := range texts {
		w.b = append(w.b, s...)
	}
}

func (w *writer) text(s string) {
	n, known := w.texts[s]
	if !known {
		n = uint64(len(w.list))
		w.texts[s] = n
		w.list = append(w.list, s)
	}
	w.number(n)
}

func (w *writer) ids(ids []ID) {
	w.count(len(ids))
	for _, id := range ids {
		w.id(id)
	}
}

// each writes names whose number is known.
func (w *writer) each(ids ...ID) {
	for _, id := range ids {
		w.id(id)
	}
}

// The parts that a node can have, as bits.
const (
	hasRef = 1 << iota
	hasEnum
	hasConst
	hasNumber
	hasText
	hasArray
	hasObject
	hasLogic
	isNullable
)

func (w *writer) node(n *Node) {
	w.b = append(w.b, byte(n.Types))
	parts := uint64(0)
	add := func(bit uint64, there bool) {
		if there {
			parts |= bit
		}
	}
	add(hasRef, n.Ref != None)
	add(hasEnum, n.Enum != nil)
	add(hasConst, n.Const != nil)
	add(hasNumber, n.Number != nil)
	add(hasText, n.Text != nil)
	add(hasArray, n.Array != nil)
	add(hasObject, n.Object != nil)
	add(hasLogic, n.Logic != nil)
	add(isNullable, n.Nullable)
	w.number(parts)
	if n.Ref != None {
		w.id(n.Ref)
	}
	for _, e := range []*Enum{n.Enum, n.Const} {
		if e != nil {
			w.enum(e)
		}
	}
	if b := n.Number; b != nil {
		for _, bound := range []Bound{b.Minimum, b.Maximum, b.Above, b.Below, b.Step} {
			w.text(bound.Text)
		}
		w.text(b.Format)
	}
	if t := n.Text; t != nil {
		w.number(t.Min)
		w.number(t.Max)
		w.number(uint64(t.Pattern))
		w.text(t.Format)
	}
	if n.Array != nil {
		w.array(n.Array)
	}
	if n.Object != nil {
		w.object(n.Object)
	}
	if n.Logic != nil {
		w.logic(n.Logic)
	}
}

func (w *writer) enum(e *Enum) {
	w.flag(e.Elements)
	w.count(len(e.Texts))
	for _, t := range e.Texts {
		w.text(t.Text)
		w.number(uint64(t.Element))
	}
	w.count(len(e.Others))
	for _, l := range e.Others {
		w.text(l.JSON)
		w.number(uint64(l.Element))
	}
}

func (w *writer) array(a *Array) {
	w.ids(a.Prefix)
	w.each(a.Items, a.Contains, a.Unevaluated)
	for _, v := range []uint64{a.Fewest, a.Most, a.Min, a.Max} {
		w.number(v)
	}
	w.flag(a.Unique)
}

func (w *writer) object(o *Object) {
	w.count(len(o.Properties))
	for _, p := range o.Properties {
		w.text(p.Name)
		w.id(p.Schema)
		w.number(uint64(p.Element))
		w.b = append(w.b, byte(p.Access))
	}
	w.count(len(o.Patterns))
	for _, p := range o.Patterns {
		w.number(uint64(p.Pattern))
		w.id(p.Schema)
	}
	w.each(o.Additional, o.Names, o.Unevaluated)
	w.count(len(o.Required))
	for _, r := range o.Required {
		w.text(r.Name)
		w.b = append(w.b, byte(r.Access))
	}
	w.count(len(o.Dependents))
	for _, d := range o.Dependents {
		w.text(d.Name)
		w.count(len(d.Required))
		for _, name := range d.Required {
			w.text(name)
		}
		w.id(d.Schema)
	}
	w.number(o.Min)
	w.number(o.Max)
}

func (w *writer) logic(l *Logic) {
	w.ids(l.AllOf)
	w.ids(l.AnyOf)
	w.ids(l.OneOf)
	w.each(l.Not, l.If, l.Then, l.Else)
	w.flag(l.Discriminator != nil)
	if d := l.Discriminator; d != nil {
		w.text(d.Property)
		w.count(len(d.Mapping))
		for _, m := range d.Mapping {
			w.text(m.Value)
			w.id(m.Schema)
		}
	}
}

func (w *writer) operation(o *Operation) {
	w.text(o.Key)
	w.parameters(o.Parameters)
	w.flag(o.Body != nil)
	if o.Body != nil {
		w.flag(o.Body.Required)
		w.contents(o.Body.Contents)
	}
	w.count(len(o.Responses))
	for _, r := range o.Responses {
		w.text(r.Status)
		w.parameters(r.Headers)
		w.contents(r.Contents)
		w.number(uint64(r.Element))
	}
	w.count(len(o.Pool))
	for _, n := range o.Pool {
		w.number(uint64(n))
	}
	w.number(uint64(o.Elements))
}

func (w *writer) parameters(list []Parameter) {
	w.count(len(list))
	for _, p := range list {
		w.text(p.Name)
		w.text(p.In)
		w.text(p.Style)
		for _, v := range []bool{p.Explode, p.Required, p.AllowReserved, p.AllowEmpty} {
			w.flag(v)
		}
		w.id(p.Schema)
		w.text(p.Media)
		w.number(uint64(p.Element))
	}
}

func (w *writer) contents(list []Content) {
	w.count(len(list))
	for _, c := range list {
		w.text(c.Media)
		w.id(c.Schema)
		w.count(len(c.Encoding))
		for _, e := range c.Encoding {
			w.text(e.Property)
			w.text(e.ContentType)
			w.text(e.Style)
			w.flag(e.Explode)
			w.flag(e.AllowReserved)
			w.parameters(e.Headers)
		}
		w.number(uint64(c.Element))
	}
}

// Most turns a largest allowed number into how it is kept: one more, so that zero stands for no bound.
func Most(n uint64) uint64 {
	if n == math.MaxUint64 {
		return n
	}
	return n + 1
}
