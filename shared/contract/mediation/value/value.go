// Package value holds JSON values as trees whose members keep their order and whose numbers keep their digits: what a
// legacy upstream reads in order, and what must come back as it was, survives a mediation. Reading is that of package tape,
// so that the gateway and the schemas agree about what a text says.
package value

import (
	"errors"
	"slices"
	"strings"

	"sluice/shared/contract/schema/tape"
)

// Kind is what a value is.
type Kind uint8

// The kinds of values.
const (
	Null Kind = iota
	Boolean
	Number
	String
	Array
	Object
)

// String names the kind as JSON Schema does.
func (k Kind) String() string {
	return [...]string{"null", "boolean", "number", "string", "array", "object"}[min(k, Object)]
}

// Value is a JSON value. Text is of a string the decoded text, of a number and a boolean what JSON writes.
type Value struct {
	Kind    Kind
	Text    string
	Items   []*Value
	Members []Member
}

// Member is a member of an object.
type Member struct {
	Name  string
	Value *Value
}

// Bounds of a text that is read.
const (
	MaxDepth  = 64
	MaxValues = 250_000
)

// ErrTooLarge says that a value needs more room than it may have.
var ErrTooLarge = errors.New("the value is larger than allowed")

// Text makes a string.
func Text(s string) *Value { return &Value{Kind: String, Text: s} }

// Digits makes a number of what JSON writes.
func Digits(s string) *Value { return &Value{Kind: Number, Text: s} }

// Bool makes a boolean.
func Bool(b bool) *Value {
	if b {
		return &Value{Kind: Boolean, Text: "true"}
	}
	return &Value{Kind: Boolean, Text: "false"}
}

// Read reads a JSON text. The error is a *tape.Fault.
func Read(text []byte) (*Value, error) {
	var t tape.Tape
	if fault := t.Read(text, tape.Limits{Depth: MaxDepth, Values: MaxValues}); fault != nil {
		return nil, fault
	}
	r := reader{tape: &t, text: string(text), slab: make([]Value, 0, len(t.Tokens))}
	return r.value(0), nil
}

// reader makes a tree of a tape. Its values share one piece of memory, and their texts that of the source.
type reader struct {
	tape *tape.Tape
	text string
	slab []Value
}

func (r *reader) value(i int) *Value {
	r.slab = append(r.slab, Value{})
	v := &r.slab[len(r.slab)-1]
	k := &r.tape.Tokens[i]
	switch k.Kind {
	case tape.Null:
	case tape.False, tape.True:
		v.Kind, v.Text = Boolean, "false"
		if k.Kind == tape.True {
			v.Text = "true"
		}
	case tape.Number:
		v.Kind, v.Text = Number, r.string(i)
	case tape.String, tape.Name, tape.Text:
		v.Kind, v.Text = String, r.string(i)
	case tape.Array:
		v.Kind, v.Items = Array, make([]*Value, 0, k.Count)
		for at := i + 1; at < int(k.Next); at = r.tape.Next(at) {
			v.Items = append(v.Items, r.value(at))
		}
	case tape.Object:
		v.Kind, v.Members = Object, make([]Member, 0, k.Count)
		for at := i + 1; at < int(k.Next); at = r.tape.Next(at + 1) {
			v.Members = append(v.Members, Member{r.string(at), r.value(at + 1)})
		}
	}
	return v
}

func (r *reader) string(i int) string {
	if k := &r.tape.Tokens[i]; !k.Escaped {
		return r.text[k.Start:k.End]
	}
	return string(r.tape.Bytes(i))
}

// Find gives the place of a member, or -1.
func (v *Value) Find(name string) int {
	if v.Kind != Object {
		return -1
	}
	return slices.IndexFunc(v.Members, func(m Member) bool { return m.Name == name })
}

// Get gives a member's value, or nil.
func (v *Value) Get(name string) *Value {
	if i := v.Find(name); i >= 0 {
		return v.Members[i].Value
	}
	return nil
}

// Set puts a member at the end, or in the place of the one with its name.
func (v *Value) Set(name string, to *Value) {
	if i := v.Find(name); i >= 0 {
		v.Members[i].Value = to
		return
	}
	v.Members = append(v.Members, Member{name, to})
}

// Clone copies the whole tree.
func (v *Value) Clone() *Value {
	c := &Value{Kind: v.Kind, Text: v.Text}
	if v.Items != nil {
		c.Items = make([]*Value, len(v.Items))
		for i, item := range v.Items {
			c.Items[i] = item.Clone()
		}
	}
	if v.Members != nil {
		c.Members = make([]Member, len(v.Members))
		for i, m := range v.Members {
			c.Members[i] = Member{m.Name, m.Value.Clone()}
		}
	}
	return c
}

// Size is about how many bytes the value has as JSON: never less than the texts in it and one for each value.
func (v *Value) Size() int {
	n := len(v.Text) + 2
	for _, item := range v.Items {
		n += item.Size() + 1
	}
	for i := range v.Members {
		n += len(v.Members[i].Name) + v.Members[i].Value.Size() + 4
	}
	return n
}

// Equal reports whether two values are the same: objects whatever the order of their members, numbers digit by digit, since
// a map has no business to write a number in another way.
func Equal(a, b *Value) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind || a.Text != b.Text || len(a.Items) != len(b.Items) || len(a.Members) != len(b.Members) {
		return false
	}
	for i, item := range a.Items {
		if !Equal(item, b.Items[i]) {
			return false
		}
	}
	for i, m := range a.Members {
		var other *Value
		if b.Members[i].Name == m.Name { // nearly always
			other = b.Members[i].Value
		} else {
			other = b.Get(m.Name)
		}
		if other == nil || !Equal(m.Value, other) {
			return false
		}
	}
	return true
}

// Append writes the value as JSON without spaces behind dst. The error is ErrTooLarge when more than limit bytes would be
// written, or the value is deeper than a value that is read.
func (v *Value) Append(dst []byte, limit int) ([]byte, error) {
	return v.append(dst, len(dst)+limit, MaxDepth)
}

func (v *Value) append(dst []byte, end, depth int) ([]byte, error) {
	var err error
	switch v.Kind {
	case Null:
		dst = append(dst, "null"...)
	case Boolean, Number:
		dst = append(dst, v.Text...)
	case String:
		dst = Quote(dst, v.Text)
	case Array:
		for i, item := range v.Items {
			dst = append(dst, delimiter(i, '[', ','))
			if dst, err = item.append(dst, end, depth-1); err != nil {
				return nil, err
			}
		}
		dst = closed(dst, len(v.Items), '[', ']')
	case Object:
		for i, m := range v.Members {
			dst = append(Quote(append(dst, delimiter(i, '{', ',')), m.Name), ':')
			if dst, err = m.Value.append(dst, end, depth-1); err != nil {
				return nil, err
			}
		}
		dst = closed(dst, len(v.Members), '{', '}')
	}
	if len(dst) > end || depth < 0 {
		return nil, ErrTooLarge
	}
	return dst, nil
}

func delimiter(i int, first, next byte) byte {
	if i == 0 {
		return first
	}
	return next
}

func closed(dst []byte, n int, opening, closing byte) []byte {
	if n == 0 {
		dst = append(dst, opening)
	}
	return append(dst, closing)
}

// Quote writes a JSON string behind dst. What is not UTF-8 becomes U+FFFD.
func Quote(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	if strings.ToValidUTF8(s, "") != s {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, s[start:]...), '"')
}

// String is the value as JSON, cut at 64 KB: for messages and tests.
func (v *Value) String() string {
	b, err := v.Append(nil, 64<<10)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// AppendNew writes the value as JSON into new memory. The error is that of Append.
func (v *Value) AppendNew(limit int) ([]byte, error) { return v.Append(make([]byte, 0, 512), limit) }
