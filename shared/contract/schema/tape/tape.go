// Package tape reads JSON into a flat list of tokens that point into the text: no maps, no copies, one pass, the same
// memory again for the next text. It is what schemas are held against.
//
// It is stricter than RFC 8259 where readers would disagree about what a text says: a name twice in an object, half a
// surrogate pair, and text that is not UTF-8 are refused (RFC 7493). Depth, number of values and length of numbers are
// bounded.
package tape

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// Kind is what a token is.
type Kind uint8

// The kinds of tokens. Text is a value that came as bare text, from a parameter or a form: which kind it is, is for the
// schema to say.
const (
	Null Kind = iota
	False
	True
	Number
	String
	Array
	Object
	Name
	Text
)

// Token is a value, or the name of a member, which stands before its value.
type Token struct {
	Kind    Kind
	Escaped bool   // a string or name whose decoded text is not in the source but beside it
	Start   uint32 // of the text in the source; of strings and names: inside of the quotes
	End     uint32
	Next    uint32 // token behind the value; of an escaped text, where its decoded form ends
	Count   uint32 // elements or members; of an escaped text, where its decoded form begins
}

// Limits bound a text.
type Limits struct {
	Depth   int // containers inside each other
	Values  int // values, names included
	Numeral int // bytes of a number
}

// Standard are limits that no sensible text comes near.
func Standard() Limits { return Limits{Depth: 128, Values: 1_000_000, Numeral: 1000} }

// or fills what is not set.
func (l Limits) or(d Limits) Limits {
	pick := func(v, d int) int {
		if v <= 0 {
			return d
		}
		return v
	}
	return Limits{pick(l.Depth, d.Depth), pick(l.Values, d.Values), pick(l.Numeral, d.Numeral)}
}

// Fault is why a text is not taken.
type Fault struct {
	Pointer string // RFC 6901: the last value that was read, or the container that is amiss
	Offset  int    // bytes into the text
	Limit   bool   // it may be JSON, but goes beyond a limit
	Message string // what was expected
}

// Error says it all in one line.
func (f *Fault) Error() string {
	return f.Message + " at byte " + strconv.Itoa(f.Offset)
}

// Tape is a text as tokens. The zero value is ready for use, and can be used again and again; it keeps the memory of
// the largest text that it has read. It is not safe for concurrent use.
type Tape struct {
	Source []byte
	Tokens []Token
	beside []byte // decoded texts
	sorted []uint32
	names  []uint32 // of the objects that are open
}

// Bytes gives the decoded text of a string or a name, or a number as written. It is shared and short-lived.
func (t *Tape) Bytes(i int) []byte {
	k := &t.Tokens[i]
	if k.Escaped {
		return t.beside[k.Count:k.Next]
	}
	return t.Source[k.Start:k.End]
}

// Next gives the token behind a value with all that is in it.
func (t *Tape) Next(i int) int {
	k := &t.Tokens[i]
	if k.Kind == Array || k.Kind == Object {
		return int(k.Next)
	}
	return i + 1
}

// Size says how many bytes of memory the tape holds.
func (t *Tape) Size() int {
	const token, place = 20, 4
	return cap(t.Tokens)*token + cap(t.beside) + (cap(t.sorted)+cap(t.names))*place
}

// Pointer gives the place of a value as a JSON pointer. A name longer than 100 bytes is cut.
func (t *Tape) Pointer(target int) string {
	var b strings.Builder
	for i := 0; i < target && i < len(t.Tokens); {
		k := t.Tokens[i]
		if k.Kind != Array && k.Kind != Object {
			break
		}
		next, found := i+1, false
		for n := 0; next <= target && next < len(t.Tokens); n++ {
			name := next
			if k.Kind == Object {
				next++
			}
			if next >= len(t.Tokens) || t.unfinished(next) || t.Next(next) > target || next == target || name == target {
				t.step(&b, k.Kind, name, n)
				found = true
				break
			}
			next = t.Next(next)
		}
		if !found || next > target {
			break
		}
		i = next
	}
	return b.String()
}

func (t *Tape) unfinished(i int) bool {
	k := t.Tokens[i].Kind
	return (k == Array || k == Object) && t.Tokens[i].Next == 0
}

// longest is how much of a name is told.
const longest = 100

func (t *Tape) step(b *strings.Builder, in Kind, name, n int) {
	b.WriteByte('/')
	if in == Array {
		b.WriteString(strconv.Itoa(n))
		return
	}
	b.WriteString(Escape(t.Bytes(name)))
}

// Escape writes a name as a reference token (RFC 6901 §3); one longer than 100 bytes is cut.
func Escape(name []byte) string {
	text := string(name)
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	if strings.ContainsAny(text, "~/") {
		text = strings.NewReplacer("~", "~0", "/", "~1").Replace(text)
	}
	return text
}

// few is how many names of an object are compared one with another; more are sorted.
const few = 16

// repeated gives a name that an object has twice, as its token, or -1.
func (t *Tape) repeated(names []uint32) int {
	if len(names) <= few {
		for i, a := range names {
			text := t.Bytes(int(a))
			for _, b := range names[:i] {
				if other := t.Bytes(int(b)); len(text) == len(other) && string(text) == string(other) {
					return int(a)
				}
			}
		}
		return -1
	}
	t.sorted = append(t.sorted[:0], names...)
	slices.SortFunc(t.sorted, func(a, b uint32) int { return bytes.Compare(t.Bytes(int(a)), t.Bytes(int(b))) })
	for i := 1; i < len(t.sorted); i++ {
		if bytes.Equal(t.Bytes(int(t.sorted[i-1])), t.Bytes(int(t.sorted[i]))) {
			return int(max(t.sorted[i-1], t.sorted[i]))
		}
	}
	return -1
}
