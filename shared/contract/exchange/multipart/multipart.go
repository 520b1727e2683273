// Package multipart splits a body of several parts (RFC 2046 §5.1, RFC 7578) without copying it: no files, no memory
// beyond a list of parts.
//
// It is strict where readers disagree about where a part ends: lines end in CRLF, a line that begins with the boundary is
// a delimiter and nothing else, a header line is not folded and no header is there twice, and the last delimiter must be
// there. What precedes the first delimiter and follows the last is not looked at, as RFC 2046 asks.
package multipart

import (
	"bytes"
	"errors"
	"strings"

	"sluice/shared/contract/exchange/media"
)

// The bounds of a body.
const (
	MaxParts   = 1000
	maxHeaders = 20
	maxHeader  = 8 << 10 // bytes of the headers of one part
)

// The errors of reading a body.
var (
	ErrBoundary = errors.New("a boundary of 1 to 70 characters")
	ErrStart    = errors.New("a first delimiter with the boundary of the content type")
	ErrEnd      = errors.New("a last delimiter")
	ErrLine     = errors.New("nothing behind the boundary on a delimiter line")
	ErrHeader   = errors.New("headers of a part, each once, and an empty line")
	ErrMany     = errors.New("fewer parts")
)

// Part is one part of a body.
type Part struct {
	Name     string // of Content-Disposition: form-data; "" if it has none
	Named    bool   // whether it has one
	FileName string
	File     bool // whether it has a file name
	Headers  []Header
	Body     []byte // of the body that was split, not copied
}

// Header is a header field of a part.
type Header struct {
	Name  string // lower case
	Value string
}

// Header gives a header field by its name in lower case.
func (p *Part) Header(name string) (string, bool) {
	for _, h := range p.Headers {
		if h.Name == name {
			return h.Value, true
		}
	}
	return "", false
}

// Split gives the parts of a body, in order.
func Split(body []byte, boundary string) ([]Part, error) {
	if !fit(boundary) {
		return nil, ErrBoundary
	}
	delimiter := []byte("\r\n--" + boundary)
	rest, ok := bytes.CutPrefix(body, delimiter[2:])
	if !ok {
		if _, rest, ok = bytes.Cut(body, delimiter); !ok {
			return nil, ErrStart
		}
	}
	var parts []Part
	for {
		last, behind, err := line(rest)
		if err != nil || last {
			return parts, err
		}
		if len(parts) == MaxParts {
			return nil, ErrMany
		}
		var p Part
		if behind, err = p.headers(behind, delimiter); err != nil {
			return nil, err
		}
		if p.Body, rest, ok = bytes.Cut(behind, delimiter); !ok {
			return nil, ErrEnd
		}
		parts = append(parts, p)
	}
}

// fit holds a boundary against RFC 2046 §5.1.1.
func fit(boundary string) bool {
	if boundary == "" || len(boundary) > 70 || boundary[len(boundary)-1] == ' ' {
		return false
	}
	for i := range len(boundary) {
		c := boundary[i]
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9') && strings.IndexByte("'()+_,-./:=? ", c) < 0 {
			return false
		}
	}
	return true
}

// line reads what follows a boundary: "--" for the last delimiter, or white space and the end of the line.
func line(rest []byte) (last bool, behind []byte, err error) {
	if bytes.HasPrefix(rest, []byte("--")) {
		tail := bytes.TrimLeft(rest[2:], " \t")
		if len(tail) > 0 && !bytes.HasPrefix(tail, []byte("\r\n")) {
			return false, nil, ErrLine
		}
		return true, nil, nil
	}
	behind, ok := bytes.CutPrefix(bytes.TrimLeft(rest, " \t"), []byte("\r\n"))
	if !ok {
		return false, nil, ErrLine
	}
	return false, behind, nil
}

// headers reads the headers of a part up to the empty line, and gives what follows it; a part without a body may end
// with that line, which then belongs to the delimiter too.
func (p *Part) headers(rest, delimiter []byte) ([]byte, error) {
	for used := 0; ; {
		if bytes.HasPrefix(rest, delimiter) {
			return rest, nil
		}
		text, behind, ok := bytes.Cut(rest, []byte("\r\n"))
		if used += len(text); !ok || used > maxHeader {
			return nil, ErrHeader
		}
		if len(text) == 0 {
			return behind, nil
		}
		if err := p.header(string(text)); err != nil {
			return nil, err
		}
		rest = behind
	}
}

func (p *Part) header(text string) error {
	name, value, ok := strings.Cut(text, ":")
	name, value = strings.ToLower(name), strings.Trim(value, " \t")
	if _, again := p.Header(name); !ok || again || !fieldName(name) || strings.ContainsAny(value, "\x00\r\n") || len(p.Headers) == maxHeaders {
		return ErrHeader
	}
	p.Headers = append(p.Headers, Header{name, value})
	if name != "content-disposition" {
		return nil
	}
	kind, rest := value, ""
	if i := strings.IndexByte(value, ';'); i >= 0 {
		kind, rest = strings.TrimRight(value[:i], " \t"), value[i:]
	}
	for {
		n, v, next, ok := media.Next(rest)
		if !ok {
			return ErrHeader
		}
		switch {
		case n == "":
			if !strings.EqualFold(kind, "form-data") {
				p.Name, p.Named = "", false
			}
			return nil
		case strings.EqualFold(n, "name"):
			if p.Named {
				return ErrHeader
			}
			p.Name, p.Named = v, true
		case strings.EqualFold(n, "filename"):
			p.FileName, p.File = v, true
		case strings.EqualFold(n, "filename*"):
			p.File = true
		}
		rest = next
	}
}

// fieldName reports whether a text is a name of a header field in lower case.
func fieldName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
