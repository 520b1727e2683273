package gatewayevent

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"sluice/shared/problem"
)

// MaxPath is the longest path that is looked at, in bytes.
const MaxPath = 8 << 10

// Path is a request path that means the same to everybody who reads it.
type Path struct {
	Segments []string // decoded once; none is empty, "." or "..", none contains a slash, a backslash or a control character
	Encoded  string   // canonical percent-encoding of the segments, "/orders/42"; "/" for none
	Trailing bool     // the path ended in a slash; Encoded does too
}

// ParsePath reads a path as a client sent it, percent-encoded or not, and refuses every form that two readers could
// take for different paths: dot segments, empty segments, encoded slashes and backslashes, control characters, bad
// encodings. The error has kind problem.Invalid.
func ParsePath(raw string) (Path, error) {
	if !strings.HasPrefix(raw, "/") {
		return Path{}, problem.New(problem.Invalid, "the path must start with a slash")
	}
	if len(raw) > MaxPath {
		return Path{}, problem.New(problem.Invalid, "the path is longer than %d bytes", MaxPath)
	}
	rest := raw[1:]
	if rest == "" {
		return Path{Encoded: "/"}, nil
	}
	p := Path{Trailing: strings.HasSuffix(rest, "/")}
	if p.Trailing {
		rest = rest[:len(rest)-1]
	}
	p.Segments = make([]string, 0, strings.Count(rest, "/")+1)
	for segment := range strings.SplitSeq(rest, "/") {
		decoded, err := decode(segment)
		if err != nil {
			return Path{}, err
		}
		p.Segments = append(p.Segments, decoded)
	}
	p.Encoded = encode(p.Segments, p.Trailing)
	return p, nil
}

// Join writes segments as a canonical path: what an upstream is called with.
func Join(segments []string, trailing bool) string { return encode(segments, trailing) }

func encode(segments []string, trailing bool) string {
	size := len(segments) + 1
	for _, s := range segments {
		size += len(s)
	}
	var b strings.Builder
	b.Grow(size) // enough where nothing is escaped
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(escape(s))
	}
	if trailing || len(segments) == 0 {
		b.WriteByte('/')
	}
	return b.String()
}

// escape leaves what RFC 3986 allows in a segment as it is, so that "report:run" and "a@b" arrive as they were sent.
func escape(s string) string {
	if plain(s) {
		return s
	}
	return url.PathEscape(s)
}

func plain(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("-._~!$&'()*+,;=:@", c) >= 0:
		default:
			return false
		}
	}
	return true
}

func decode(segment string) (string, error) {
	s := segment
	if strings.IndexByte(s, '%') >= 0 {
		var err error
		if s, err = url.PathUnescape(segment); err != nil {
			return "", problem.New(problem.Invalid, "the path has a broken percent-encoding")
		}
	}
	if s == "" || s == "." || s == ".." {
		return "", problem.New(problem.Invalid, "the path has an empty or a dot segment")
	}
	if !utf8.ValidString(s) {
		return "", problem.New(problem.Invalid, "the path is not valid UTF-8")
	}
	for _, r := range s {
		if r == '/' || r == '\\' || unicode.IsControl(r) {
			return "", problem.New(problem.Invalid, "the path has an encoded slash, a backslash or a control character")
		}
	}
	// "%252e%252e" must not become a dot segment for a second decoder behind us.
	if again, err := url.PathUnescape(s); err == nil && again != s && (again == "." || again == ".." || strings.ContainsAny(again, "/\\")) {
		return "", problem.New(problem.Invalid, "the path is encoded twice")
	}
	return s, nil
}
