package replay

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	"sluice/shared/decision"
)

// The formats of a kept answer, its first byte. New ones may come, these stay: an answer may be read by a newer release than
// the one that wrote it, and an older one tells what it does not know as an error.
const (
	formatUnknown byte = 1 + iota // nobody knows the outcome; nothing follows
	formatPlain                   // head (see appendHead), body
	formatDeflate                 // the same, compressed (RFC 1951)
	formatHead                    // head: the body is too large to be kept
)

const (
	maxItem   = 350_000 // bytes of a kept answer: an item of the store has 400 KB, with its names
	maxKept   = 8 << 20 // bytes of an answer that is read back: more than any function can answer with
	worthSize = 1_000   // the store charges by the KB, so what is smaller is not compressed
)

// encode writes an answer for the store. One that does not fit even when compressed loses its body, and then its header.
func (p *packer) encode(a Answer) ([]byte, error) {
	plain := appendHead(make([]byte, 0, 512+len(a.Body)), a)
	onlyHead := len(plain)
	plain = append(plain, a.Body...)
	if len(plain) <= worthSize {
		return plain, nil
	}
	small, err := p.deflate(plain[1:])
	if err != nil {
		return nil, err
	}
	switch {
	case len(small) < len(plain) && len(small) <= maxItem:
		return small, nil
	case len(plain) <= maxItem:
		return plain, nil
	case onlyHead > maxItem:
		plain = appendHead(nil, Answer{Status: a.Status})
		onlyHead = len(plain)
	}
	plain[0] = formatHead
	return plain[:onlyHead], nil
}

// appendHead writes format, status, the number of field lines, and each line's name and value with their lengths. Values are
// kept as the bytes that they are, which JSON would not do.
func appendHead(b []byte, a Answer) []byte {
	lines := 0
	for _, values := range a.Header {
		lines += len(values)
	}
	b = append(b, formatPlain)
	b = binary.AppendUvarint(b, uint64(max(0, a.Status))) // #nosec G115 -- not negative
	b = binary.AppendUvarint(b, uint64(lines))            // #nosec G115 -- a count
	for name, values := range a.Header {
		for _, value := range values {
			b = appendText(appendText(b, name), value)
		}
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// packer compresses. It keeps the compressors for the next time: to make one takes longer than to use it. The zero value is
// ready.
type packer struct{ idle sync.Pool }

func (p *packer) deflate(b []byte) ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte(formatDeflate)
	w, ok := p.idle.Get().(*flate.Writer)
	if !ok {
		var err error
		if w, err = flate.NewWriter(nil, flate.BestSpeed); err != nil {
			return nil, err
		}
	}
	defer p.idle.Put(w)
	w.Reset(&out)
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}

// decode reads a kept answer. What was kept without an answer to give is a *Refusal.
func decode(kept []byte) (*Answer, error) {
	if len(kept) == 0 {
		return nil, errors.New("read kept answer: it is empty")
	}
	format, rest := kept[0], kept[1:]
	switch format {
	case formatUnknown:
		return nil, unknown()
	case formatPlain, formatHead:
	case formatDeflate:
		var err error
		r := flate.NewReader(bytes.NewReader(rest))
		if rest, err = io.ReadAll(io.LimitReader(r, maxKept+1)); err != nil {
			return nil, fmt.Errorf("read kept answer: %w", err)
		}
		if len(rest) > maxKept {
			return nil, errors.New("read kept answer: it is too large")
		}
	default:
		return nil, fmt.Errorf("read kept answer: format %d is unknown", format)
	}
	a, err := readAnswer(rest)
	if err != nil {
		return nil, fmt.Errorf("read kept answer: %w", err)
	}
	if format == formatHead {
		return nil, tooLarge(a.Status)
	}
	a.Header[Replayed] = []string{"true"}
	return a, nil
}

// errCut says that a kept answer ends too early.
var errCut = errors.New("it is cut off")

func readAnswer(b []byte) (*Answer, error) {
	status, b, err := readNumber(b, 599)
	if err != nil || status < 200 {
		return nil, fmt.Errorf("status %d: %w", status, cmp.Or(err, errCut))
	}
	lines, b, err := readNumber(b, len(b))
	a := &Answer{Status: status, Header: make(http.Header, min(lines, 64)+1)}
	for ; err == nil && lines > 0; lines-- {
		var name, value string
		if name, b, err = readText(b); err == nil {
			value, b, err = readText(b)
			a.Header[name] = append(a.Header[name], value)
		}
	}
	a.Body = b
	return a, err
}

// readNumber reads a number of at most most.
func readNumber(b []byte, most int) (n int, rest []byte, err error) {
	v, size := binary.Uvarint(b)
	if size <= 0 || v > uint64(max(0, most)) { // #nosec G115 -- not negative
		return 0, nil, errCut
	}
	return int(v), b[size:], nil // #nosec G115 -- at most most
}

func readText(b []byte) (s string, rest []byte, err error) {
	n, rest, err := readNumber(b, len(b))
	if err != nil || n > len(rest) {
		return "", nil, errCut
	}
	return string(rest[:n]), rest[n:], nil
}

// tooLarge refuses to repeat an answer that was given and could not be kept. The work is done, and is not done again.
func tooLarge(status int) *Refusal {
	return &Refusal{Denial: decision.Denial{Code: decision.IdempotencyInFlight,
		Detail: "the first call with this Idempotency-Key was answered, with a body too large to be kept; it is not made again",
		Hints: map[string]string{"outcome": "answered", "first_status": strconv.Itoa(status),
			"fix": "Read the resource to see what the first call did."}}}
}
