package contract

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// MaxOperations bounds a contract: it bounds what a call that fits nothing can cost.
const MaxOperations = 10_000

// Index finds the operation that a call is about. It is immutable and safe for concurrent use.
type Index struct {
	operations []Operation // sorted by template, then method
	root       node
}

// node stands for one segment position of the templates that share everything before it. The tree has at most one node
// per template and segment, and a match visits a node at most once: the cost of the worst path is linear in the size of
// the contract, whatever it looks like.
type node struct {
	literals []branch     // sorted by text
	partials []branch     // most specific first
	whole    *node        // one parameter and nothing else
	template string       // the one that ends here, without its query part
	methods  []*Operation // its operations, sorted by method
}

// branch leads from a node to the next over a segment of the template. Of a literal, text is all there is.
type branch struct {
	text    string
	segment Segment
	to      *node
}

// Match is what a call leads to.
type Match struct {
	Operation *Operation // nil if there is none; shared, not to be changed
	Allow     []string   // if there is none: the methods that the path has, sorted; empty if no template covers the path
}

// NewIndex builds an index. The error names the first operation that cannot be matched unambiguously: compilers check
// that before and tell their users properly.
func NewIndex(operations []Operation) (*Index, error) {
	if len(operations) > MaxOperations {
		return nil, fmt.Errorf("build index: %d operations are more than %d", len(operations), MaxOperations)
	}
	ix := &Index{operations: slices.Clone(operations)}
	slices.SortFunc(ix.operations, func(a, b Operation) int {
		return cmp.Or(strings.Compare(a.Template, b.Template), strings.Compare(a.Method, b.Method))
	})
	ids := make(map[string]struct{}, len(ix.operations))
	for i := range ix.operations {
		op := &ix.operations[i]
		if _, taken := ids[op.ID]; taken || op.ID == "" || op.Method == "" {
			return nil, fmt.Errorf("build index: operation %q: its id or method is missing or not unique", op.ID)
		}
		ids[op.ID] = struct{}{}
		if err := ix.root.insert(op); err != nil {
			return nil, fmt.Errorf("build index: operation %q: %w", op.ID, err)
		}
	}
	return ix, nil
}

// insert hangs an operation into the tree.
func (n *node) insert(op *Operation) error {
	t, faults := ParseTemplate(op.Template)
	if len(faults) > 0 {
		return fmt.Errorf("path %q: %s", op.Template, faults[0])
	}
	for _, s := range t.Segments {
		n = n.step(s)
	}
	at, taken := slices.BinarySearchFunc(n.methods, op.Method, func(o *Operation, m string) int { return strings.Compare(o.Method, m) })
	if taken {
		return fmt.Errorf("%s %s and %s are the same", op.Method, op.Template, n.methods[at].Template)
	}
	template := strings.TrimSuffix(op.Template, t.Query)
	if len(n.methods) > 0 && n.template != template {
		return fmt.Errorf("the paths %s and %s are the same", op.Template, n.template)
	}
	n.template = template
	n.methods = slices.Insert(n.methods, at, op)
	return nil
}

// step gives the node behind a segment of a template, new if need be.
func (n *node) step(s Segment) *node {
	if s.whole() {
		if n.whole == nil {
			n.whole = &node{}
		}
		return n.whole
	}
	list, order := &n.partials, specificity
	if s.literal() {
		list, order = &n.literals, func(a, b branch) int { return strings.Compare(a.text, b.text) }
	}
	b := branch{segment: s, text: s.shape()}
	if s.literal() {
		b.text = s.Texts[0]
	}
	at, found := slices.BinarySearchFunc(*list, b, order)
	if !found {
		b.to = &node{}
		*list = slices.Insert(*list, at, b)
	}
	return (*list)[at].to
}

// specificity orders partial segments: more literal text first, then the longer prefix, then by text, so that the order
// is total and does not depend on the order in the document.
func specificity(a, b branch) int {
	return cmp.Or(
		cmp.Compare(b.segment.size(), a.segment.size()),
		cmp.Compare(len(b.segment.Texts[0]), len(a.segment.Texts[0])),
		strings.Compare(a.text, b.text),
	)
}

// size counts the bytes of literal text.
func (s Segment) size() (n int) {
	for _, text := range s.Texts {
		n += len(text)
	}
	return n
}

// Operations gives all operations, sorted by template, then method. They are shared and not to be changed.
func (ix *Index) Operations() []Operation { return ix.operations }

// Match finds the operation for a method and the decoded segments of a path; a path that ends in a slash ends in an
// empty segment, and no segments at all are the path "/".
//
// Templates are tried most specific first: segment by segment from the left, a literal before a partial template
// ("{sid}.json"), more literal text before less, a partial template before a whole parameter. The first template that
// covers the path and has the method wins; a template that lacks the method gives way to a less specific one that has
// it. A parameter is never empty. Upper and lower case differ, and a slash at the end makes another path.
// HEAD is served by the GET operation of a template that has no operation for HEAD (RFC 9110 §9.3.2).
func (ix *Index) Match(method string, segments []string) Match {
	if len(segments) == 0 {
		segments = []string{""}
	}
	if op := ix.root.find(method, segments); op != nil {
		return Match{Operation: op}
	}
	var allow []string
	ix.root.collect(segments, &allow)
	slices.Sort(allow)
	return Match{Allow: slices.Compact(allow)}
}

// find walks the tree depth first, most specific branch first.
func (n *node) find(method string, segments []string) *Operation {
	if len(segments) == 0 {
		return n.operation(method)
	}
	text, rest := segments[0], segments[1:]
	if to := n.literal(text); to != nil {
		if op := to.find(method, rest); op != nil {
			return op
		}
	}
	if text == "" {
		return nil
	}
	for i := range n.partials {
		if n.partials[i].segment.covers(text) {
			if op := n.partials[i].to.find(method, rest); op != nil {
				return op
			}
		}
	}
	if n.whole != nil {
		return n.whole.find(method, rest)
	}
	return nil
}

// collect gathers the methods of every template that covers the path: exactly those that find would find.
func (n *node) collect(segments []string, allow *[]string) {
	if len(segments) == 0 {
		for _, op := range n.methods {
			*allow = append(*allow, op.Method)
			if op.Method == http.MethodGet {
				*allow = append(*allow, http.MethodHead)
			}
		}
		return
	}
	text, rest := segments[0], segments[1:]
	if to := n.literal(text); to != nil {
		to.collect(rest, allow)
	}
	if text == "" {
		return
	}
	for i := range n.partials {
		if n.partials[i].segment.covers(text) {
			n.partials[i].to.collect(rest, allow)
		}
	}
	if n.whole != nil {
		n.whole.collect(rest, allow)
	}
}

// literal gives the node behind exactly this text.
func (n *node) literal(text string) *node {
	at, found := slices.BinarySearchFunc(n.literals, text, func(b branch, t string) int { return strings.Compare(b.text, t) })
	if !found {
		return nil
	}
	return n.literals[at].to
}

// operation gives the operation of this template for the method.
func (n *node) operation(method string) *Operation {
	var get *Operation
	for _, op := range n.methods {
		if op.Method == method {
			return op
		}
		if op.Method == http.MethodGet {
			get = op
		}
	}
	if method == http.MethodHead {
		return get
	}
	return nil
}
