package contract

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
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
	literals []branch // sorted by text
	partials []branch // most specific first
	whole    *node    // one parameter and nothing else
	template string   // the one that ends here, without its query part
	leaves   []leaf   // its operations, sorted by method; those that ask for more of a query first
}

// leaf is an operation at the end of its template.
type leaf struct {
	operation *Operation
	pairs     []string // what its template asks of the query: see Template.pairs
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
	base := strings.TrimSuffix(op.Template, t.Query)
	if len(n.leaves) > 0 && n.template != base {
		return fmt.Errorf("the paths %s and %s are the same", op.Template, n.template)
	}
	n.template = base
	at, taken := slices.BinarySearchFunc(n.leaves, leaf{op, t.pairs()}, func(a, b leaf) int {
		return cmp.Or(strings.Compare(a.operation.Method, b.operation.Method), cmp.Compare(len(b.pairs), len(a.pairs)),
			slices.Compare(a.pairs, b.pairs))
	})
	if taken {
		return fmt.Errorf("%s %s and %s are the same", op.Method, op.Template, n.leaves[at].operation.Template)
	}
	n.leaves = slices.Insert(n.leaves, at, leaf{op, t.pairs()})
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
	list, order, b := &n.partials, specificity, branch{segment: s}
	if s.literal() {
		list, order, b.text = &n.literals, func(a, b branch) int { return strings.Compare(a.text, b.text) }, s.Texts[0]
	} else {
		b.text = s.shape()
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

// Match is MatchQuery for a call without a query.
func (ix *Index) Match(method string, segments []string) Match {
	return ix.MatchQuery(method, segments, "")
}

// MatchQuery finds the operation for a method and the decoded segments of a path; a path that ends in a slash ends in an
// empty segment, and no segments at all are the path "/". The query is as it was sent, without the "?".
//
// Templates are tried most specific first: segment by segment from the left, a literal before a partial template
// ("{sid}.json"), more literal text before less, a partial template before a whole parameter. The first template that
// covers the path and has the method wins; a template that lacks the method gives way to a less specific one that has
// it. A parameter is never empty. Upper and lower case differ, and a slash at the end makes another path.
// HEAD is served by the GET operation of a template that has no operation for HEAD (RFC 9110 §9.3.2).
//
// Some contracts have several operations with one path and method that differ in a query, "/responses?beta=true". The
// query then chooses between them: the one of which most is there, failing that the one that asks for least. It never
// decides whether a call may pass: compilers see to it that they all need the same scopes.
func (ix *Index) MatchQuery(method string, segments []string, query string) Match {
	if len(segments) == 0 {
		segments = []string{""}
	}
	c := call{method: method, query: query}
	if op := ix.root.find(&c, segments); op != nil {
		return Match{Operation: op}
	}
	slices.Sort(c.allow)
	return Match{Allow: slices.Compact(c.allow)}
}

// call is what stays the same during a match, and the methods of the templates that cover the path but lack the call's.
type call struct {
	method, query string
	allow         []string
}

// find walks the tree depth first, most specific branch first.
func (n *node) find(c *call, segments []string) *Operation {
	if len(segments) == 0 {
		return n.operation(c)
	}
	text, rest := segments[0], segments[1:]
	if to := n.literal(text); to != nil {
		if op := to.find(c, rest); op != nil {
			return op
		}
	}
	if text == "" {
		return nil
	}
	for i := range n.partials {
		if n.partials[i].segment.covers(text) {
			if op := n.partials[i].to.find(c, rest); op != nil {
				return op
			}
		}
	}
	if n.whole != nil {
		return n.whole.find(c, rest)
	}
	return nil
}

// literal gives the node behind exactly this text.
func (n *node) literal(text string) *node {
	at, found := slices.BinarySearchFunc(n.literals, text, func(b branch, t string) int { return strings.Compare(b.text, t) })
	if !found {
		return nil
	}
	return n.literals[at].to
}

// operation gives the operation of this template for the call, or notes the methods that it has.
func (n *node) operation(c *call) *Operation {
	op := n.choose(c.method, c.query)
	if op == nil && c.method == http.MethodHead {
		op = n.choose(http.MethodGet, c.query)
	}
	if op != nil {
		return op
	}
	for _, l := range n.leaves {
		c.allow = append(c.allow, l.operation.Method)
		if l.operation.Method == http.MethodGet {
			c.allow = append(c.allow, http.MethodHead)
		}
	}
	return nil
}

// choose gives the operation of a method that the query fits best.
func (n *node) choose(method, query string) *Operation {
	var last *Operation
	var values url.Values
	for i := range n.leaves {
		l := &n.leaves[i]
		if l.operation.Method != method {
			continue
		}
		last = l.operation
		if len(l.pairs) == 0 {
			break
		}
		if values == nil && query != "" {
			values, _ = url.ParseQuery(query) // what can be read of it: a query is the upstream's to judge
		}
		if !slices.ContainsFunc(l.pairs, func(pair string) bool { return !has(values, pair) }) {
			break
		}
	}
	return last
}

// has reports whether a query has the pair.
func has(values url.Values, pair string) bool {
	name, value, fixed := strings.Cut(pair, "=")
	all, there := values[name]
	return there && (!fixed || slices.Contains(all, value))
}
