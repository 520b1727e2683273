package compile

import (
	"encoding/binary"
	"fmt"
	"slices"

	"sluice/shared/contract/internal/tree"
	"sluice/shared/contract/schema/program"
)

// pageWeight is about how large a page of the pool becomes, in bytes: small enough that an operation loads little that it
// does not need, large enough that a contract has few.
const pageWeight = 32 << 10

// owners of nodes that are not an operation.
const (
	nobody = -1 - iota
	everybody
)

// packer deals nodes out to pages.
type packer struct {
	*compiler
	operations []described
	owner      []int // operation, nobody or everybody
	order      []int // nodes as they are first reached
	where      []program.ID
	pages      []*sheet // of the pool
	own        []*sheet // of the operations
}

// sheet is a page while it is filled.
type sheet struct {
	program.Page
	patterns map[uint32]uint32
	elements []*tree.Path
	weight   int
	pool     map[int]bool // pages of the pool that it refers to
}

// pack makes the pages: what one operation alone uses stands on its own page, the rest in the pool.
func (c *compiler) pack(operations []described) (*Compiled, error) {
	c.breakCircles()
	p := &packer{compiler: c, operations: operations, owner: make([]int, len(c.nodes)), where: make([]program.ID, len(c.nodes))}
	for i := range p.owner {
		p.owner[i] = nobody
	}
	for i := range operations {
		operations[i].Schemas(func(id *program.ID) { p.reach(*id, i) })
	}
	p.deal()
	if len(p.pages) > program.MaxPages {
		return nil, fmt.Errorf("compile schemas: the pool has more than %d pages", program.MaxPages)
	}
	p.rename()
	out := &Compiled{Findings: c.findings}
	if c.omitted > 0 {
		c.findings = c.findings[:len(c.findings)-1]
		c.find("findings-omitted", nil, "Tidy up the findings that are listed.", "%d more findings about schemas are not listed", c.omitted+1)
		out.Findings = c.findings
	}
	for _, s := range p.pages {
		out.Pool = append(out.Pool, program.Write(&s.Page))
	}
	for i, s := range p.own {
		s.Operation = &p.operations[i].Operation
		s.Operation.Pool = p.needed(s)
		out.Operations = append(out.Operations, Operation{s.Operation.Key, program.Write(&s.Page)})
	}
	out.Elements = p.elements()
	if c.err != nil {
		return nil, fmt.Errorf("compile schemas: %w", c.err)
	}
	return out, nil
}

// reach notes that an operation uses a node, and all that it refers to.
func (p *packer) reach(id program.ID, operation int) {
	stack := []program.ID{id}
	for len(stack) > 0 {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !id.Placed() {
			continue
		}
		n := id.Slot()
		switch p.owner[n] {
		case operation, everybody:
			continue
		case nobody:
			p.owner[n] = operation
			p.order = append(p.order, n)
		default:
			p.owner[n] = everybody
		}
		from := len(stack)
		p.nodes[n].Children(func(child *program.ID) { stack = append(stack, *child) })
		slices.Reverse(stack[from:])
	}
}

// deal gives each node its page, in the order of the document.
func (p *packer) deal() {
	for range p.operations {
		p.own = append(p.own, &sheet{patterns: map[uint32]uint32{}, pool: map[int]bool{}})
	}
	for _, n := range p.order {
		number, s := 0, (*sheet)(nil)
		if p.owner[n] >= 0 {
			s = p.own[p.owner[n]]
		} else {
			if len(p.pages) == 0 || p.pages[len(p.pages)-1].weight > pageWeight {
				p.pages = append(p.pages, &sheet{patterns: map[uint32]uint32{}, pool: map[int]bool{}})
			}
			s, number = p.pages[len(p.pages)-1], len(p.pages)
		}
		s.weight += weight(&p.nodes[n])
		s.put(&p.nodes[n], p.about[n].elements, p.texts)
		p.where[n] = program.At(number, len(s.Nodes)-1)
	}
}

// weight is about how many bytes a node becomes.
func weight(n *program.Node) int {
	w := 12
	n.Children(func(*program.ID) { w += 4 })
	if n.Object != nil {
		for _, p := range n.Object.Properties {
			w += len(p.Name) + 4
		}
	}
	if n.Enum != nil {
		for _, t := range n.Enum.Texts {
			w += len(t.Text) + 4
		}
	}
	return w
}

// put adds a node to a page: its elements and patterns get the page's numbers.
func (s *sheet) put(n *program.Node, elements []*tree.Path, texts []string) {
	base := uint32(len(s.elements)) //nolint:gosec // G115: bounded by the document
	s.elements = append(s.elements, elements...)
	s.Elements = uint32(len(s.elements)) //nolint:gosec // G115: bounded by the document
	if n.Enum != nil {
		for i := range n.Enum.Texts {
			n.Enum.Texts[i].Element += base
		}
		for i := range n.Enum.Others {
			n.Enum.Others[i].Element += base
		}
	}
	if n.Object != nil {
		for i := range n.Object.Properties {
			n.Object.Properties[i].Element += base
		}
		for i := range n.Object.Patterns {
			s.pattern(&n.Object.Patterns[i].Pattern, texts)
		}
	}
	if n.Text != nil {
		s.pattern(&n.Text.Pattern, texts)
	}
	s.Nodes = append(s.Nodes, *n)
}

func (s *sheet) pattern(n *uint32, texts []string) {
	if *n == 0 {
		return
	}
	own, ok := s.patterns[*n]
	if !ok {
		s.Patterns = append(s.Patterns, texts[*n-1])
		own = uint32(len(s.Patterns)) //nolint:gosec // G115: bounded by the document
		s.patterns[*n] = own
	}
	*n = own
}

// rename gives all references the places that were dealt.
func (p *packer) rename() {
	for i, s := range append(slices.Clone(p.pages), p.own...) {
		rename := func(id *program.ID) {
			if !id.Placed() {
				return
			}
			*id = p.where[id.Slot()]
			if number := id.Page(); number > 0 && number != i+1 {
				s.pool[number-1] = true
			}
		}
		for j := range s.Nodes {
			s.Nodes[j].Children(rename)
		}
		if i >= len(p.pages) {
			p.operations[i-len(p.pages)].Schemas(rename)
		}
	}
}

// needed lists the pages of the pool that an operation can get to.
func (p *packer) needed(s *sheet) []uint32 {
	all := map[int]bool{}
	var add func(s *sheet)
	add = func(s *sheet) {
		for n := range s.pool {
			if !all[n] {
				all[n] = true
				add(p.pages[n])
			}
		}
	}
	add(s)
	list := make([]uint32, 0, len(all))
	for n := range all {
		list = append(list, uint32(n)) //nolint:gosec // G115: at most MaxPages
	}
	slices.Sort(list)
	return list
}

// elements writes where the elements stand: for each page of the pool and then each operation, how many there are and
// their pointers.
func (p *packer) elements() []byte {
	b := []byte{program.Version}
	b = binary.AppendUvarint(b, uint64(len(p.pages)))
	b = binary.AppendUvarint(b, uint64(len(p.own)))
	for i, s := range append(slices.Clone(p.pages), p.own...) {
		list := s.elements
		if i >= len(p.pages) {
			op := &p.operations[i-len(p.pages)]
			b = append(binary.AppendUvarint(b, uint64(len(op.Key))), op.Key...)
			list = append(slices.Clone(op.elements), list...)
		}
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, at := range list {
			pointer := at.String()
			b = append(binary.AppendUvarint(b, uint64(len(pointer))), pointer...)
		}
	}
	return b
}

// breakCircles finds schemas that include themselves without a property or an element between. What closes a circle asks
// for nothing more, so that it is left out.
func (c *compiler) breakCircles() {
	state := make([]byte, len(c.nodes)) // 0 new, 1 open, 2 done
	type frame struct {
		slot  int
		edges []*program.ID
	}
	for start := range c.nodes {
		if state[start] != 0 {
			continue
		}
		stack := []frame{{start, inPlace(&c.nodes[start])}}
		state[start] = 1
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if len(top.edges) == 0 {
				state[top.slot] = 2
				stack = stack[:len(stack)-1]
				continue
			}
			edge := top.edges[0]
			top.edges = top.edges[1:]
			if !edge.Placed() {
				continue
			}
			switch to := edge.Slot(); state[to] {
			case 1:
				*edge = program.Any
				c.includes(c.about[top.slot].at)
			case 0:
				state[to] = 1
				stack = append(stack, frame{to, inPlace(&c.nodes[to])})
			}
		}
	}
}

// includes tells of a schema that includes itself.
func (c *compiler) includes(at *tree.Path) {
	c.find("schema-includes-itself", at, "Let the schema refer to itself only inside a property or an element.",
		"the schema includes itself; the inclusion is left out")
}

// inPlace lists the references of a node that hold for the same value.
func inPlace(n *program.Node) (list []*program.ID) {
	list = append(list, &n.Ref)
	if n.Object != nil {
		for i := range n.Object.Dependents {
			list = append(list, &n.Object.Dependents[i].Schema)
		}
	}
	if l := n.Logic; l != nil {
		for _, ids := range [][]program.ID{l.AllOf, l.AnyOf, l.OneOf} {
			for i := range ids {
				list = append(list, &ids[i])
			}
		}
		list = append(list, &l.Not, &l.If, &l.Then, &l.Else)
		if l.Discriminator != nil {
			for i := range l.Discriminator.Mapping {
				list = append(list, &l.Discriminator.Mapping[i].Schema)
			}
		}
	}
	return list
}
