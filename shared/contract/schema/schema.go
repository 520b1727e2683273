// Package schema holds calls and answers against the schemas of a contract, which package schema/compile has compiled:
// no contract, no schema and no JSON document of either is read when a call comes.
//
// How it is used:
//
//	made, err := compile.Document(ctx, root, minor)     at publish: one page per operation, pages that they share
//	c := schema.NewContract(source)                     per revision; source finds the pages that operations share
//	op, err := c.Load(ctx, page)                        once per operation that is called
//	op.Description()                                    parameters, bodies and answers, with the names of their schemas
//	result := op.Schema(id).Validate(body, options)     per call; ValidateValue for what is no JSON
//	result, err := stream.Pass(w, r, s, hold, options)  for what is too long to be held
//	elements, err := program.DecodeElements(content)    where marks stand in the document; never on the way of a call
//
// A program.ErrVersion from Load says that the page was written by other code: compile the contract anew.
//
// A value is held against a schema as JSON Schema 2020-12 says, numbers exactly and strings by code points, with these
// decisions. Texts that readers would understand differently are refused (see package tape). A discriminator whose value
// names an alternative chooses it, whatever the others say; if it names none the alternatives are tried as if it were
// not there. Properties that are only read are refused in requests, those that are only written in answers, and neither
// is required where it does not go. Formats are asserted if they are in package format. Beyond a bound on steps, depth
// or size a value is refused with the keyword "limit".
//
// What it does not do. A discriminator over schemas that include it by allOf, without oneOf or anyOf, is a note. A member
// that one part of an allOf requires and a sibling declares readOnly stays required. Marks are those of the first
// alternative that fits, unless all have to be tried. Whether a host name's label in Punycode can be decoded is not asked.
//
// Why own code. The candidates compile when an instance starts, from the document, and hold values as maps: for the 288
// operations of openai.json a library's validator took 4.5 s of CPU to compile (jsonschema v6), or 380 ms and 95 MB for
// 200 small operations (libopenapi-validator). Here openai.json takes 0.14 to 0.25 s, reading included, and gives 205 kB of pages;
// all its operations loaded take 1.4 MB, ten contracts 4 MB. Of one run, in CPU time, two cores shared with others: a
// payment of 806 bytes against 60 alternatives takes 16 µs and no allocation (jsonschema v6 with its parser: 156 µs, 1430),
// a chat request of 471 bytes 10 µs and one (122 µs, 931). The first call of an operation takes 0.2 to 0.7 ms with nothing
// of the contract loaded, under load up to 4 ms. Verdicts equal those of jsonschema v6 on 10^5 values over the contracts
// of the corpus, on 2.4·10^5 values over 6,100 random schemas and on 4.4·10^5 over random documents; see test/contracts.
//
// Tokens are read by package tape: encoding/json/jsontext is behind an experiment flag in Go 1.26.
package schema

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"sluice/shared/contract/schema/pattern"
	"sluice/shared/contract/schema/program"
)

// Source gives a page that operations share, by its number.
type Source func(ctx context.Context, page int) ([]byte, error)

// ErrPage is given for pages that do not belong together.
var ErrPage = errors.New("the pages are not of one contract")

// Contract is the loaded part of a contract's schemas. It is safe for concurrent use.
type Contract struct {
	source Source
	mu     sync.Mutex
	pool   map[uint32]*page
	size   atomic.Int64
	runs   sync.Pool
	seed   maphash.Seed
}

// page is a loaded page. Patterns are compiled when they are first needed.
type page struct {
	*program.Page
	patterns []atomic.Pointer[pattern.Expression]
	reach    map[int]int // pages that are referred to: the highest place on each
}

// NewContract prepares a contract of which nothing is loaded.
func NewContract(source Source) *Contract {
	return &Contract{source: source, pool: map[uint32]*page{}, seed: maphash.MakeSeed(), runs: sync.Pool{New: func() any { return &run{} }}}
}

// Size says about how many bytes of memory the pages hold that operations share, without the operations.
func (c *Contract) Size() int { return int(c.size.Load()) }

// Load reads the page of an operation, and what it needs of the pages that operations share and that are not there yet.
// The error is program.ErrVersion, program.ErrDamaged, ErrPage or the source's.
func (c *Contract) Load(ctx context.Context, own []byte) (*Operation, error) {
	p, err := read(own)
	if err != nil {
		return nil, err
	}
	if p.Operation == nil {
		return nil, ErrPage
	}
	op := &Operation{contract: c, described: p.Operation, size: footprint(p, own), pages: []*page{p}, bases: []uint32{p.Operation.Elements}}
	next := p.Operation.Elements + p.Elements
	for _, n := range p.Operation.Pool {
		shared, err := c.shared(ctx, n)
		if err != nil {
			return nil, err
		}
		for len(op.pages) <= int(n) {
			op.pages, op.bases = append(op.pages, nil), append(op.bases, 0)
		}
		op.pages, op.bases = append(op.pages, shared), append(op.bases, next)
		next += shared.Elements
	}
	op.elements = int(next)
	if !op.whole() {
		return nil, ErrPage
	}
	return op, nil
}

func read(content []byte) (*page, error) {
	p, err := program.Read(content)
	if err != nil {
		return nil, fmt.Errorf("load schemas: %w", err)
	}
	loaded := &page{Page: p, patterns: make([]atomic.Pointer[pattern.Expression], len(p.Patterns)), reach: map[int]int{}}
	look := func(id *program.ID) {
		if id.Placed() && id.Slot() >= loaded.reach[id.Page()] {
			loaded.reach[id.Page()] = id.Slot()
		}
	}
	for i := range p.Nodes {
		p.Nodes[i].Children(look)
	}
	if p.Operation != nil {
		p.Operation.Schemas(look)
	}
	return loaded, nil
}

// shared gives a page of the pool.
func (c *Contract) shared(ctx context.Context, n uint32) (*page, error) {
	c.mu.Lock()
	p := c.pool[n]
	c.mu.Unlock()
	if p != nil {
		return p, nil
	}
	if c.source == nil {
		return nil, ErrPage
	}
	content, err := c.source(ctx, int(n))
	if err != nil {
		return nil, fmt.Errorf("load schemas: %w", err)
	}
	if p, err = read(content); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if first := c.pool[n]; first != nil {
		return first, nil
	}
	c.pool[n] = p
	c.size.Add(int64(footprint(p, content)))
	return p, nil
}

// footprint estimates the memory of a page: its texts share that of the content.
func footprint(p *page, content []byte) int {
	const node, part = 96, 7 // per node, and per byte of the content for what nodes point to
	return len(p.Nodes)*node + len(content)*part
}

// Operation is a loaded operation. It does not change, and is safe for concurrent use.
type Operation struct {
	contract  *Contract
	described *program.Operation
	pages     []*page  // its own, and those of the pool by number plus one; nil where it needs none
	bases     []uint32 // beside pages: the number of the page's first element
	elements  int
	size      int
}

// whole reports whether every reference leads to a node, so that no check is needed when a call comes.
func (o *Operation) whole() bool {
	for i, p := range o.pages {
		if p == nil {
			continue
		}
		for to, slot := range p.reach {
			if to >= len(o.pages) || o.pages[to] == nil || slot >= len(o.pages[to].Nodes) || to == 0 && i > 0 {
				return false
			}
		}
	}
	return true
}

// Description says what the contract says of the operation. It is shared and not to be changed.
func (o *Operation) Description() *program.Operation { return o.described }

// Elements says how many elements are numbered for this operation: those of the operation first, in the order of the
// document, then those of the schemas on its page, then those of each page of the pool that it needs.
func (o *Operation) Elements() int { return o.elements }

// Size says about how many bytes of memory the operation holds alone.
func (o *Operation) Size() int { return o.size }

// Schema gives a schema that the description names.
func (o *Operation) Schema(id program.ID) Schema {
	if id.Placed() && (id.Page() >= len(o.pages) || o.pages[id.Page()] == nil || id.Slot() >= len(o.pages[id.Page()].Nodes)) {
		id = program.Never
	}
	return Schema{o, id}
}

// Schema is one schema of a loaded operation.
type Schema struct {
	operation *Operation
	id        program.ID
}

// Other gives another schema of the same operation, by a name that a node of this one has.
func (s Schema) Other(id program.ID) Schema { return s.operation.Schema(id) }

// Free reports whether the schema accepts everything.
func (s Schema) Free() bool { return s.id == program.Any || s.id == program.None }

// Node gives what the schema asks for, nil for one that accepts everything or nothing. It is shared and not to be changed.
func (s Schema) Node() *program.Node {
	if !s.id.Placed() {
		return nil
	}
	return &s.operation.pages[s.id.Page()].Nodes[s.id.Slot()]
}

// Element gives the number of an element that the node has, for marks.
func (s Schema) Element(onPage uint32) int { return int(s.operation.bases[s.id.Page()] + onPage) }

// expression gives a pattern of a page, compiled; nil for one that cannot be, of which the compiler writes none.
func (p *page) expression(n uint32) *pattern.Expression {
	slot := &p.patterns[n-1]
	if e := slot.Load(); e != nil {
		return e
	}
	e, err := pattern.Compile(p.Patterns[n-1])
	if err != nil {
		return nil
	}
	slot.Store(e)
	return e
}
