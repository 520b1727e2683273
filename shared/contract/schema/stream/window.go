package stream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// errHold is given when a value is larger than what may be held.
var errHold = errors.New("a value is larger than what may be held")

// window is the part of a long text that is in memory, and where the text goes on to.
type window struct {
	from io.Reader
	to   *bufio.Writer
	buf  []byte
	pos  int // the next byte
	hold int
	tee  bool // whatever is taken is written
	read int  // bytes that lie before buf
	err  error
}

// piece is how much is read at once.
const piece = 16 << 10

// more reads on, and reports whether there is a byte at pos+n. What lies before pos is forgotten.
func (w *window) more(n int) bool {
	for w.err == nil && w.pos+n >= len(w.buf) {
		if w.pos > 0 {
			w.read += w.pos
			w.buf = w.buf[:copy(w.buf, w.buf[w.pos:])]
			w.pos = 0
		}
		if len(w.buf) >= w.hold+piece {
			w.err = errHold
			break
		}
		from := len(w.buf)
		if cap(w.buf)-from < piece {
			w.buf = append(make([]byte, 0, min(2*cap(w.buf)+piece, w.hold+2*piece)), w.buf...)
		}
		got, err := w.from.Read(w.buf[from : from+piece])
		w.buf = w.buf[:from+got]
		if err != nil {
			w.err = err
		}
	}
	return w.pos+n < len(w.buf)
}

// take moves on by so many bytes.
func (w *window) take(n int) {
	if w.tee {
		w.write(w.buf[w.pos : w.pos+n])
	}
	w.pos += n
}

// write passes something on. An error stays in the writer until it is flushed.
func (w *window) write(b []byte) {
	_, _ = w.to.Write(b)
}

// peek gives the next byte that is no white space, 0 at the end.
func (w *window) peek() byte {
	for w.more(0) {
		switch c := w.buf[w.pos]; c {
		case ' ', '\n', '\r', '\t':
			w.take(1)
		default:
			return c
		}
	}
	return 0
}

// nesting follows a text from byte to byte: it tells where a value ends.
type nesting struct {
	depth           int
	quoted, escaped bool
}

// step reports whether the value ends with this byte, or before it.
func (n *nesting) step(c byte) (with, before bool) {
	switch {
	case n.escaped:
		n.escaped = false
	case n.quoted && c == '\\':
		n.escaped = true
	case n.quoted && c == '"':
		n.quoted = false
		return n.depth == 0, false
	case n.quoted:
	case c == '"':
		n.quoted = true
	case c == '{' || c == '[':
		n.depth++
	case c == '}' || c == ']':
		if n.depth == 0 {
			return false, true
		}
		n.depth--
		return n.depth == 0, false
	case n.depth == 0 && (c == ',' || c == ':' || c == ' ' || c == '\n' || c == '\r' || c == '\t'):
		return false, true
	}
	return false, false
}

// value gives the whole next value, which is then in memory. The position stays before it.
func (w *window) value() ([]byte, error) {
	var at nesting
	for n := 0; ; n++ {
		if !w.more(n) {
			if n > 0 && errors.Is(w.err, io.EOF) {
				return w.buf[w.pos : w.pos+n], nil
			}
			return nil, w.failure()
		}
		if n > w.hold {
			return nil, errHold
		}
		with, before := at.step(w.buf[w.pos+n])
		if with {
			n++
		}
		if with || before {
			return w.buf[w.pos : w.pos+n], nil
		}
	}
}

// pass moves over the next value without holding it. Only its extent is looked at.
func (w *window) pass() error {
	var at nesting
	for w.more(0) {
		with, before := at.step(w.buf[w.pos])
		if before {
			return nil
		}
		if w.take(1); with {
			return nil
		}
	}
	if errors.Is(w.err, io.EOF) && at == (nesting{}) {
		return nil
	}
	return w.failure()
}

// drain passes on all that is left.
func (w *window) drain() error {
	for w.more(0) {
		w.take(len(w.buf) - w.pos)
	}
	return w.failure()
}

// failure is why there is no more text: nil at its end.
func (w *window) failure() error {
	if w.err == nil || errors.Is(w.err, io.EOF) {
		return nil
	}
	return fmt.Errorf("read body: %w", w.err)
}
