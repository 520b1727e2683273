// Package tree reads JSON and YAML into one positionless tree that keeps what a contract compiler needs and general
// decoders lose: the order of keys, duplicate keys, numbers as they were written, and where a value stands.
//
// It is made for documents that nobody vouches for: depth, number of nodes and the growth through YAML aliases are
// bounded, and the deadline of the context is kept while reading.
package tree

import (
	"strconv"
	"strings"

	"sluice/shared/problem"
)

// The bounds of a document.
const (
	MaxDepth = 200       // containers inside each other
	MaxNodes = 1_000_000 // values, with every YAML alias counted as if it were written out
)

// Kind is what a value is.
type Kind uint8

// The kinds of value.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// String names the kind for people.
func (k Kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// Node is one value. Nodes that a YAML alias stands for are shared: the tree is then a graph without cycles.
type Node struct {
	Kind  Kind
	Mark  uint64           // for whoever walks the tree: which visits this node has had
	Text  string           // the string; the number as JSON writes it; "true" or "false"
	Keys  []string         // of an object, in the order of the document
	Items []*Node          // elements of an array, or the values of Keys
	index map[string]int32 // of a large object: key to place
}

// large is the size from which an object gets a map for its keys.
const large = 12

// Get gives the value of a key, or nil. It is nil-safe, and so is looking into what is not an object.
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Object {
		return nil
	}
	if at := n.find(key); at >= 0 {
		return n.Items[at]
	}
	return nil
}

// Is reports whether there is a value of the kind.
func (n *Node) Is(k Kind) bool { return n != nil && n.Kind == k }

// Str gives the text of a string, and "" for anything else.
func (n *Node) Str() string {
	if n.Is(String) {
		return n.Text
	}
	return ""
}

func (n *Node) find(key string) int {
	if n.index != nil {
		if at, ok := n.index[key]; ok {
			return int(at)
		}
		return -1
	}
	for i, k := range n.Keys {
		if k == key {
			return i
		}
	}
	return -1
}

// add appends a member and reports whether the key is new; a key that is there already is not added again.
func (n *Node) add(key string, value *Node) bool {
	if n.find(key) >= 0 {
		return false
	}
	if n.index != nil {
		n.index[key] = int32(len(n.Keys)) //nolint:gosec // G115: bounded by MaxNodes
	}
	n.Keys, n.Items = append(n.Keys, key), append(n.Items, value)
	if len(n.Keys) == large {
		n.index = make(map[string]int32, 2*large)
		for i, k := range n.Keys {
			n.index[k] = int32(i)
		}
	}
	return true
}

// Equal reports whether two values are the same; the order of keys does not matter, nor how a number is written.
func Equal(a, b *Node) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil || a.Kind != b.Kind || len(a.Items) != len(b.Items) {
		return false
	}
	switch a.Kind {
	case Null:
		return true
	case Bool, String:
		return a.Text == b.Text
	case Number:
		return a.Text == b.Text || a.Float() == b.Float()
	case Array:
		for i := range a.Items {
			if !Equal(a.Items[i], b.Items[i]) {
				return false
			}
		}
	case Object:
		for i, k := range a.Keys {
			if other := b.Get(k); other == nil || !Equal(a.Items[i], other) {
				return false
			}
		}
	}
	return true
}

// Float gives the value of a number, and 0 for anything else.
func (n *Node) Float() float64 {
	if !n.Is(Number) {
		return 0
	}
	f, _ := strconv.ParseFloat(n.Text, 64) // the parsers take no number that does not fit
	return f
}

// Path is where a value stands, as a list from the leaf to the root that lives on the stack of whoever walks.
type Path struct {
	Up    *Path
	Key   string
	Index int // used if Key is "" and InArray
	Array bool
}

// Member gives the place of a key below p.
func (p *Path) Member(key string) *Path { return &Path{Up: p, Key: key} }

// Element gives the place of an array element below p.
func (p *Path) Element(i int) *Path { return &Path{Up: p, Index: i, Array: true} }

// maxToken is the longest key that is written out in a pointer, in bytes; of a longer one only the beginning is, so that
// telling a fault stays cheap.
const maxToken = 1 << 10

func clip(key string) string {
	if len(key) <= maxToken {
		return key
	}
	return strings.ToValidUTF8(key[:maxToken], "") + "…"
}

// String writes the place as a JSON pointer (RFC 6901). The root, nil, is "".
func (p *Path) String() string {
	var steps []string
	for ; p != nil; p = p.Up {
		if p.Array {
			steps = append(steps, strconv.Itoa(p.Index))
		} else {
			steps = append(steps, Escape(clip(p.Key)))
		}
	}
	var b strings.Builder
	for i := len(steps) - 1; i >= 0; i-- {
		b.WriteByte('/')
		b.WriteString(steps[i])
	}
	return b.String()
}

// Escape writes a key as a reference token (RFC 6901 §3).
func Escape(key string) string {
	if !strings.ContainsAny(key, "~/") {
		return key
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// Lookup follows a JSON pointer from n and gives nil where it leads nowhere. "" is n itself.
func (n *Node) Lookup(pointer string) *Node {
	if pointer == "" {
		return n
	}
	if pointer[0] != '/' {
		return nil
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		if strings.Contains(token, "~") {
			token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		}
		switch {
		case n.Is(Object):
			n = n.Get(token)
		case n.Is(Array):
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(n.Items) || token != strconv.Itoa(i) {
				return nil
			}
			n = n.Items[i]
		default:
			return nil
		}
		if n == nil {
			return nil
		}
	}
	return n
}

// maxFaults is how many duplicate keys are told.
const maxFaults = 100

// builder allocates nodes in blocks, counts them, and keeps what is wrong.
type builder struct {
	block  []Node
	nodes  int
	faults []problem.Fault
}

func (b *builder) node(kind Kind) *Node {
	if len(b.block) == 0 {
		b.block = make([]Node, 512)
	}
	n := &b.block[0]
	b.block = b.block[1:]
	n.Kind = kind
	b.nodes++
	return n
}

func (b *builder) duplicate(at *Path, key string) {
	if len(b.faults) < maxFaults {
		b.faults = append(b.faults, problem.Fault{Pointer: at.Member(key).String(), Detail: "the key occurs more than once"})
	}
}

// number checks that a number is one that every reader can represent, so that comparing it can never be a burden.
func number(text string) bool {
	if len(text) > 400 {
		return false
	}
	if at := strings.IndexAny(text, "eE"); at >= 0 {
		if e, err := strconv.Atoi(strings.TrimPrefix(text[at+1:], "+")); err != nil || e > 400 || e < -400 {
			return false
		}
	}
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}

// At gives the place that a JSON pointer names.
func At(pointer string) *Path {
	var p *Path
	if pointer == "" {
		return nil
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		p = p.Member(strings.NewReplacer("~1", "/", "~0", "~").Replace(token))
	}
	return p
}
