package program

import (
	"encoding/binary"

	"sluice/shared/contract/schema/decimal"
	"sluice/shared/contract/schema/tape"
)

// reader takes values off the front of what is left; the texts share its memory. After a failure it gives zero values.
type reader struct {
	rest     string
	texts    []string
	patterns int
	nodes    int
	failed   bool
}

// Read decodes a page. It keeps the page's memory. Anything else than what Write made is ErrVersion or ErrDamaged; it
// never panics, and takes memory in proportion to the page only.
func Read(page []byte) (*Page, error) {
	if len(page) == 0 {
		return nil, ErrDamaged
	}
	if page[0] != Version {
		return nil, ErrVersion
	}
	r := &reader{rest: string(page[1:])}
	r.texts = r.raws()
	p := &Page{Patterns: r.raws()}
	r.patterns = len(p.Patterns)
	r.nodes = r.count()
	if r.nodes > MaxSlots {
		return nil, ErrDamaged
	}
	p.Nodes = make([]Node, r.nodes)
	for i := range p.Nodes {
		if r.node(&p.Nodes[i]); r.failed {
			return nil, ErrDamaged
		}
	}
	p.Elements = r.small()
	if r.flag() {
		p.Operation = r.operation()
	}
	if r.failed || len(r.rest) > 0 {
		return nil, ErrDamaged
	}
	return p, nil
}

func (r *reader) fail() {
	r.failed, r.rest = true, ""
}

func (r *reader) number() uint64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 {
		v := r.rest[0]
		r.rest = r.rest[1:]
		return uint64(v)
	}
	var head [binary.MaxVarintLen64]byte
	v, n := binary.Uvarint(head[:copy(head[:], r.rest)])
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// small reads a number that fits 32 bits.
func (r *reader) small() uint32 {
	n := r.number()
	if n > 1<<32-1 {
		r.fail()
		return 0
	}
	return uint32(n)
}

// count reads a number of things of at least one byte each: more than there are bytes left is a lie.
func (r *reader) count() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.fail()
		return 0
	}
	return int(n) //nolint:gosec // G115: at most the length of a string
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.fail()
		return 0
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c
}

func (r *reader) flag() bool { return r.byte() != 0 }

func (r *reader) raws() []string {
	sizes := make([]int, r.count())
	for i := range sizes {
		sizes[i] = r.count()
	}
	texts := make([]string, len(sizes))
	for i, n := range sizes {
		if n > len(r.rest) {
			r.fail()
			return nil
		}
		texts[i], r.rest = r.rest[:n], r.rest[n:]
	}
	return texts
}

func (r *reader) text() string {
	n := r.number()
	if n >= uint64(len(r.texts)) {
		r.fail()
		return ""
	}
	return r.texts[n]
}

// id reads the name of a node. That the place exists can be told of this page only; Load looks at the others.
func (r *reader) id() ID {
	id := ID(r.small())
	if id.Placed() && (id.Slot() < 0 || id.Page() == 0 && id.Slot() >= r.nodes) {
		r.fail()
		return None
	}
	return id
}

func (r *reader) ids() []ID {
	n := r.count()
	if n == 0 {
		return nil
	}
	ids := make([]ID, n)
	for i := range ids {
		ids[i] = r.id()
	}
	return ids
}

func (r *reader) pattern() uint32 {
	n := r.small()
	if uint64(n) > uint64(r.patterns) { //nolint:gosec // G115: a length
		r.fail()
		return 0
	}
	return n
}

func (r *reader) node(n *Node) {
	n.Types = Types(r.byte())
	parts := r.number()
	n.Nullable = parts&isNullable != 0
	if parts&hasRef != 0 {
		n.Ref = r.id()
	}
	if parts&hasEnum != 0 {
		n.Enum = r.enum()
	}
	if parts&hasConst != 0 {
		n.Const = r.enum()
	}
	if parts&hasNumber != 0 {
		b := &Number{}
		for _, bound := range []*Bound{&b.Minimum, &b.Maximum, &b.Above, &b.Below, &b.Step} {
			r.bound(bound)
		}
		b.Format = r.text()
		n.Number = b
	}
	if parts&hasText != 0 {
		n.Text = &Text{Min: r.number(), Max: r.number(), Pattern: r.pattern(), Format: r.text()}
	}
	if parts&hasArray != 0 {
		n.Array = r.array()
	}
	if parts&hasObject != 0 {
		n.Object = r.object()
	}
	if parts&hasLogic != 0 {
		n.Logic = r.logic()
	}
}

func (r *reader) bound(b *Bound) {
	b.Text = r.text()
	if b.Text == "" {
		return
	}
	n, _, ok := decimal.Parse([]byte(b.Text), nil)
	if !ok {
		r.fail()
		return
	}
	b.Value = n.Own()
}

// literalDepth is deeper than a document can be that is compiled.
const literalDepth = 256

func (r *reader) enum() *Enum {
	e := &Enum{Elements: r.flag()}
	e.Texts = make([]EnumText, r.count())
	for i := range e.Texts {
		e.Texts[i] = EnumText{r.text(), r.small()}
	}
	e.Others = make([]Literal, r.count())
	for i := range e.Others {
		e.Others[i] = Literal{r.text(), r.small(), &tape.Tape{}}
		if fault := e.Others[i].Tape.Read([]byte(e.Others[i].JSON), tape.Limits{Depth: literalDepth}); fault != nil {
			r.fail()
		}
	}
	return e
}

func (r *reader) array() *Array {
	a := &Array{Prefix: r.ids()}
	r.each(&a.Items, &a.Contains, &a.Unevaluated)
	a.Fewest, a.Most, a.Min, a.Max = r.number(), r.number(), r.number(), r.number()
	a.Unique = r.flag()
	return a
}

// each reads names whose number is known.
func (r *reader) each(to ...*ID) {
	for _, id := range to {
		*id = r.id()
	}
}

func (r *reader) object() *Object {
	o := &Object{}
	if n := r.count(); n > 0 {
		o.Properties = make([]Property, n)
	}
	for i := range o.Properties {
		o.Properties[i] = Property{Name: r.text(), Schema: r.id(), Element: r.small(), Access: Access(r.byte())}
	}
	if n := r.count(); n > 0 {
		o.Patterns = make([]PatternProperty, n)
	}
	for i := range o.Patterns {
		o.Patterns[i] = PatternProperty{Pattern: r.pattern(), Schema: r.id()}
	}
	r.each(&o.Additional, &o.Names, &o.Unevaluated)
	if n := r.count(); n > 0 {
		o.Required = make([]Required, n)
	}
	for i := range o.Required {
		o.Required[i] = Required{r.text(), Access(r.byte())}
	}
	if n := r.count(); n > 0 {
		o.Dependents = make([]Dependent, n)
	}
	for i := range o.Dependents {
		d := &o.Dependents[i]
		d.Name = r.text()
		d.Required = make([]string, r.count())
		for j := range d.Required {
			d.Required[j] = r.text()
		}
		d.Schema = r.id()
	}
	o.Min, o.Max = r.number(), r.number()
	return o
}

func (r *reader) logic() *Logic {
	l := &Logic{AllOf: r.ids(), AnyOf: r.ids(), OneOf: r.ids()}
	r.each(&l.Not, &l.If, &l.Then, &l.Else)
	if r.flag() {
		d := &Discriminator{Property: r.text(), Mapping: make([]Mapped, r.count())}
		for i := range d.Mapping {
			d.Mapping[i] = Mapped{r.text(), r.id()}
		}
		l.Discriminator = d
	}
	return l
}

func (r *reader) operation() *Operation {
	o := &Operation{Key: r.text(), Parameters: r.parameters()}
	if r.flag() {
		o.Body = &Body{Required: r.flag(), Contents: r.contents()}
	}
	o.Responses = make([]Response, r.count())
	for i := range o.Responses {
		o.Responses[i] = Response{Status: r.text(), Headers: r.parameters(), Contents: r.contents(), Element: r.small()}
	}
	o.Pool = make([]uint32, r.count())
	for i := range o.Pool {
		if o.Pool[i] = r.small(); o.Pool[i] >= MaxPages || i > 0 && o.Pool[i] <= o.Pool[i-1] {
			r.fail()
		}
	}
	o.Elements = r.small()
	return o
}

func (r *reader) parameters() []Parameter {
	list := make([]Parameter, r.count())
	for i := range list {
		list[i] = Parameter{Name: r.text(), In: r.text(), Style: r.text(), Explode: r.flag(), Required: r.flag(),
			AllowReserved: r.flag(), AllowEmpty: r.flag(), Schema: r.id(), Media: r.text(), Element: r.small()}
	}
	return list
}

func (r *reader) contents() []Content {
	list := make([]Content, r.count())
	for i := range list {
		c := &list[i]
		c.Media, c.Schema = r.text(), r.id()
		c.Encoding = make([]Encoding, r.count())
		for j := range c.Encoding {
			c.Encoding[j] = Encoding{Property: r.text(), ContentType: r.text(), Style: r.text(), Explode: r.flag(),
				AllowReserved: r.flag(), Headers: r.parameters()}
		}
		c.Element = r.small()
	}
	return list
}
