package tree

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"sluice/shared/problem"
)

// jsonReader is a strict reader of RFC 8259 JSON.
type jsonReader struct {
	builder
	ctx   context.Context //nolint:containedctx // lives as long as one call
	text  string
	pos   int
	depth int
	stop  *problem.Fault // what ended the reading
	err   error          // or the context's end
}

// JSON reads a document. Faults are syntax errors (then the tree is nil) and duplicate keys, of which the first counts.
// The error is the context's.
func JSON(ctx context.Context, source []byte) (*Node, []problem.Fault, error) {
	r := &jsonReader{ctx: ctx, text: string(source)}
	if !utf8.ValidString(r.text) {
		return nil, []problem.Fault{{Detail: "the document is not UTF-8 text"}}, nil
	}
	r.text = strings.TrimPrefix(r.text, "\ufeff")
	root := r.value(nil)
	if r.space(); r.ok() && r.pos < len(r.text) {
		r.fail(nil, "something follows the end of the document")
	}
	if r.err != nil {
		return nil, nil, r.err
	}
	if r.stop != nil {
		return nil, append(r.faults, *r.stop), nil
	}
	return root, r.faults, nil
}

func (r *jsonReader) ok() bool { return r.stop == nil && r.err == nil }

// fail ends the reading: the fault names the innermost value that was being read, and line and column.
func (r *jsonReader) fail(at *Path, format string, args ...any) *Node {
	if r.ok() {
		read := r.text[:min(r.pos, len(r.text))]
		line := strings.Count(read, "\n") + 1
		column := utf8.RuneCountInString(read[strings.LastIndexByte(read, '\n')+1:]) + 1
		detail := fmt.Sprintf(format, args...)
		if r.pos >= len(r.text) {
			detail = "the document ends in the middle"
		}
		r.stop = &problem.Fault{Pointer: at.String(), Detail: fmt.Sprintf("%s (line %d, column %d)", detail, line, column)}
	}
	return nil
}

func (r *jsonReader) space() {
	for r.pos < len(r.text) {
		switch r.text[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// peek gives the next byte that is not white space, or 0 at the end.
func (r *jsonReader) peek() byte {
	if r.space(); r.pos < len(r.text) {
		return r.text[r.pos]
	}
	return 0
}

func (r *jsonReader) value(at *Path) *Node {
	if r.nodes >= MaxNodes {
		return r.fail(at, "the document has more than %d values", MaxNodes)
	}
	if r.nodes%4096 == 0 {
		if r.err = r.ctx.Err(); r.err != nil {
			return nil
		}
	}
	switch c := r.peek(); c {
	case '{', '[':
		r.depth++
		if r.depth > MaxDepth {
			return r.fail(at, "the document is nested more than %d deep", MaxDepth)
		}
		r.pos++
		var n *Node
		if c == '{' {
			n = r.object(at)
		} else {
			n = r.array(at)
		}
		r.depth--
		return n
	case '"':
		n := r.node(String)
		n.Text = r.str(at)
		return n
	case 't':
		return r.word(at, "true", Bool)
	case 'f':
		return r.word(at, "false", Bool)
	case 'n':
		return r.word(at, "null", Null)
	default:
		return r.num(at)
	}
}

func (r *jsonReader) word(at *Path, word string, kind Kind) *Node {
	if !strings.HasPrefix(r.text[r.pos:], word) {
		return r.fail(at, "this is not JSON")
	}
	r.pos += len(word)
	n := r.node(kind)
	if kind == Bool {
		n.Text = word
	}
	return n
}

func (r *jsonReader) object(at *Path) *Node {
	n := r.node(Object)
	if r.peek() == '}' {
		r.pos++
		return n
	}
	for r.ok() {
		if r.peek() != '"' {
			return r.fail(at, "a key in double quotes is missing here")
		}
		key := r.str(at)
		if !r.ok() {
			return nil
		}
		if r.peek() != ':' {
			return r.fail(at, "a colon is missing here")
		}
		r.pos++
		below := Path{Up: at, Key: key}
		if v := r.value(&below); r.ok() && !n.add(key, v) {
			r.duplicate(at, key)
		}
		switch r.peek() {
		case ',':
			r.pos++
		case '}':
			r.pos++
			return n
		default:
			return r.fail(at, "a comma or closing brace is missing here")
		}
	}
	return nil
}

func (r *jsonReader) array(at *Path) *Node {
	n := r.node(Array)
	if r.peek() == ']' {
		r.pos++
		return n
	}
	for r.ok() {
		below := Path{Up: at, Index: len(n.Items), Array: true}
		n.Items = append(n.Items, r.value(&below))
		switch r.peek() {
		case ',':
			r.pos++
		case ']':
			r.pos++
			return n
		default:
			return r.fail(at, "a comma or closing bracket is missing here")
		}
	}
	return nil
}

// str reads a string; the position is at its opening quote. Texts without escapes share the source's memory.
func (r *jsonReader) str(at *Path) string {
	start, escaped := r.pos, false
	for r.pos++; r.pos < len(r.text); r.pos++ {
		switch c := r.text[r.pos]; {
		case c == '"':
			r.pos++
			if !escaped {
				return r.text[start+1 : r.pos-1]
			}
			var s string
			if err := json.Unmarshal([]byte(r.text[start:r.pos]), &s); err != nil {
				r.fail(at, "an escape in this string is not valid")
			}
			return s
		case c == '\\':
			escaped = true
			r.pos++
		case c < ' ':
			r.fail(at, "a control character stands in a string")
			return ""
		}
	}
	r.fail(at, "a string is not closed")
	return ""
}

// num reads a number: -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?
func (r *jsonReader) num(at *Path) *Node {
	start := r.pos
	r.take("-")
	if r.take("0") == 0 && r.digits() == 0 {
		return r.fail(at, "this is not JSON")
	}
	if r.take(".") > 0 && r.digits() == 0 {
		return r.fail(at, "a number has no digits after its point")
	}
	if r.take("eE") > 0 {
		r.take("+-")
		if r.digits() == 0 {
			return r.fail(at, "a number has no digits in its exponent")
		}
	}
	n := r.node(Number)
	if n.Text = r.text[start:r.pos]; !number(n.Text) {
		r.pos = start
		return r.fail(at, "a number is too large or too small to be represented")
	}
	return n
}

// take skips one byte of the set and gives how many it skipped.
func (r *jsonReader) take(set string) int {
	if r.pos < len(r.text) && strings.IndexByte(set, r.text[r.pos]) >= 0 {
		r.pos++
		return 1
	}
	return 0
}

func (r *jsonReader) digits() int {
	start := r.pos
	for r.pos < len(r.text) && '0' <= r.text[r.pos] && r.text[r.pos] <= '9' {
		r.pos++
	}
	return r.pos - start
}
