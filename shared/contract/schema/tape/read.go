package tape

import (
	"bytes"
	"math"
	"unicode/utf16"
	"unicode/utf8"
)

// reader reads one text onto a tape.
type reader struct {
	*Tape
	limits Limits
	pos    int
	fault  *Fault
}

// Read puts a text onto the tape, in place of what was there. The text must stay as it is while the tape is in use.
func (t *Tape) Read(source []byte, limits Limits) *Fault {
	t.Reset(source)
	if uint64(len(source)) >= math.MaxUint32 {
		return &Fault{Limit: true, Message: "a text below 4 GiB"}
	}
	if !utf8.Valid(source) {
		return &Fault{Message: "UTF-8 text"}
	}
	r := reader{Tape: t, limits: limits.or(Standard())}
	r.value(0)
	if r.fault == nil {
		if r.space(); r.pos < len(source) {
			r.fail("the end of the text")
		}
	}
	return r.fault
}

// Reset empties the tape.
func (t *Tape) Reset(source []byte) {
	t.Source, t.Tokens, t.beside, t.names = source, t.Tokens[:0], t.beside[:0], t.names[:0]
}

func (r *reader) fail(expected string) { r.failAt(len(r.Tokens)-1, expected, false) }

func (r *reader) failAt(token int, expected string, limit bool) {
	if r.fault == nil {
		r.fault = &Fault{Pointer: r.Pointer(token), Offset: r.pos, Limit: limit, Message: expected}
	}
}

func (r *reader) space() {
	for r.pos < len(r.Source) {
		if c := r.Source[r.pos]; c > ' ' || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return
		}
		r.pos++
	}
}

// peek gives the next byte that is not white space, or 0 at the end.
func (r *reader) peek() byte {
	if r.space(); r.pos < len(r.Source) {
		return r.Source[r.pos]
	}
	return 0
}

// push adds a token that begins here.
func (r *reader) push(kind Kind, start, end int) int {
	if len(r.Tokens) >= r.limits.Values {
		r.failAt(len(r.Tokens)-1, "fewer values", true)
	}
	r.Tokens = append(r.Tokens, Token{Kind: kind, Start: uint32(start), End: uint32(end)}) //nolint:gosec // G115: Read bounds it
	return len(r.Tokens) - 1
}

func (r *reader) value(depth int) {
	switch c := r.peek(); c {
	case '{', '[':
		if depth >= r.limits.Depth {
			r.failAt(len(r.Tokens)-1, "less nesting", true)
			return
		}
		if c == '{' {
			r.object(depth)
		} else {
			r.array(depth)
		}
	case '"':
		r.str(String)
	case 't':
		r.word("true", True)
	case 'f':
		r.word("false", False)
	case 'n':
		r.word("null", Null)
	default:
		r.number()
	}
}

func (r *reader) word(word string, kind Kind) {
	end := r.pos + len(word)
	if end > len(r.Source) || string(r.Source[r.pos:end]) != word {
		r.fail("a JSON value")
		return
	}
	r.push(kind, r.pos, end)
	r.pos = end
}

// close ends a container.
func (r *reader) close(at, count int) {
	r.pos++
	k := &r.Tokens[at]
	k.End, k.Next, k.Count = uint32(r.pos), uint32(len(r.Tokens)), uint32(count) //nolint:gosec // G115: Read bounds it
}

func (r *reader) array(depth int) {
	at := r.push(Array, r.pos, 0)
	r.pos++
	if r.peek() == ']' {
		r.close(at, 0)
		return
	}
	for count := 1; ; count++ {
		if r.value(depth + 1); r.fault != nil {
			return
		}
		switch r.peek() {
		case ',':
			r.pos++
		case ']':
			r.close(at, count)
			return
		default:
			r.failAt(at, "a comma or a closing bracket", false)
			return
		}
	}
}

func (r *reader) object(depth int) {
	at, open := r.push(Object, r.pos, 0), len(r.names)
	r.pos++
	if r.peek() == '}' {
		r.close(at, 0)
		return
	}
	for r.fault == nil {
		if r.peek() != '"' {
			r.failAt(at, "a name in double quotes", false)
			return
		}
		r.names = append(r.names, uint32(len(r.Tokens))) //nolint:gosec // G115: Read bounds it
		if r.str(Name); r.fault != nil {
			return
		}
		if r.peek() != ':' {
			r.fail("a colon")
			return
		}
		r.pos++
		if r.value(depth + 1); r.fault != nil {
			return
		}
		switch r.peek() {
		case ',':
			r.pos++
		case '}':
			names := r.names[open:]
			if twice := r.repeated(names); twice >= 0 {
				r.pos = int(r.Tokens[twice].Start)
				r.failAt(twice, "each name once", false)
			}
			r.close(at, len(names))
			r.names = r.names[:open]
			return
		default:
			r.failAt(at, "a comma or a closing brace", false)
			return
		}
	}
}

// str reads a string; the position is at its opening quote.
func (r *reader) str(kind Kind) {
	start, src := r.pos+1, r.Source
	for i := start; i < len(src); i++ {
		switch c := src[i]; {
		case c == '"':
			r.push(kind, start, i)
			r.pos = i + 1
			return
		case c == '\\':
			r.escaped(kind, start, i)
			return
		case c < ' ':
			r.pos = i
			r.fail("an escape in place of a control character")
			return
		}
	}
	r.pos = len(src)
	r.fail("a closing quote")
}

// escaped reads a string whose first escape is at i.
func (r *reader) escaped(kind Kind, start, i int) {
	src, from := r.Source, len(r.beside)
	r.beside = append(r.beside, src[start:i]...)
	for i < len(src) {
		switch c := src[i]; {
		case c == '"':
			at := r.push(kind, start, i)
			k := &r.Tokens[at]
			k.Escaped, k.Count, k.Next = true, uint32(from), uint32(len(r.beside)) //nolint:gosec // G115: Read bounds it
			r.pos = i + 1
			return
		case c == '\\':
			n := r.escape(src[i:])
			if n == 0 {
				r.pos = i
				r.fail("an escape that JSON has")
				return
			}
			i += n
		case c < ' ':
			r.pos = i
			r.fail("an escape in place of a control character")
			return
		default:
			r.beside = append(r.beside, c)
			i++
		}
	}
	r.pos = len(src)
	r.fail("a closing quote")
}

// escape decodes one escape, two for a surrogate pair, and gives its length, 0 if there is none.
func (r *reader) escape(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	c := s[1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		one := hex(s)
		if one < 0 {
			return 0
		}
		if !utf16.IsSurrogate(one) {
			r.beside = utf8.AppendRune(r.beside, one)
			return 6
		}
		both := utf16.DecodeRune(one, hex(s[6:]))
		if both == utf8.RuneError {
			return 0
		}
		r.beside = utf8.AppendRune(r.beside, both)
		return 12
	default:
		return 0
	}
	r.beside = append(r.beside, c)
	return 2
}

// hex reads \uXXXX, and gives -1 for anything else.
func hex(s []byte) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	var v rune
	for _, c := range s[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		v = v<<4 | rune(c)
	}
	return v
}

// exponent is how many digits the exponent of a number may have.
const exponent = 6

// number reads -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?
func (r *reader) number() {
	start := r.pos
	r.take('-', '-')
	if r.take('0', '0') == 0 && r.digits() == 0 {
		r.pos = start
		r.fail("a JSON value")
		return
	}
	if r.take('.', '.') > 0 && r.digits() == 0 {
		r.fail("digits behind the point of a number")
		return
	}
	if r.take('e', 'E') > 0 {
		r.take('+', '-')
		from := r.pos
		if r.digits() == 0 {
			r.fail("digits in the exponent of a number")
			return
		}
		if len(bytes.TrimLeft(r.Source[from:r.pos], "0")) > exponent {
			r.pos = start
			r.failAt(len(r.Tokens)-1, "a number with a smaller exponent", true)
			return
		}
	}
	if r.pos-start > r.limits.Numeral {
		r.pos = start
		r.failAt(len(r.Tokens)-1, "a shorter number", true)
		return
	}
	r.push(Number, start, r.pos)
}

// take skips one of two bytes and gives how many it skipped.
func (r *reader) take(a, b byte) int {
	if r.pos < len(r.Source) && (r.Source[r.pos] == a || r.Source[r.pos] == b) {
		r.pos++
		return 1
	}
	return 0
}

func (r *reader) digits() int {
	start := r.pos
	for r.pos < len(r.Source) && '0' <= r.Source[r.pos] && r.Source[r.pos] <= '9' {
		r.pos++
	}
	return r.pos - start
}
