// Package media reads media types and ranges of them as RFC 9110 writes them (§8.3, §12.5.1), without copying, and
// chooses among those that a contract declares.
package media

import "strings"

// Type is a media type or a range of them.
type Type struct {
	Main string // lower case; "*" for a range over all
	Sub  string // lower case; "*" for a range over a main type; "*+json" for one over a suffix
	rest string // the parameters, checked, from the first ";" on
}

// longest is the longest media type that is read, in bytes.
const longest = 1 << 10

// Parse reads a media type or a range. False for what is none: a parameter must be whole, and there once.
func Parse(text string) (Type, bool) {
	text = trim(text)
	if len(text) > longest {
		return Type{}, false
	}
	name, rest := text, ""
	if i := strings.IndexByte(text, ';'); i >= 0 {
		name, rest = trim(text[:i]), text[i:]
	}
	main, sub, ok := strings.Cut(name, "/")
	if !ok || !token(main) || !token(sub) || main == "*" && sub != "*" {
		return Type{}, false
	}
	t := Type{strings.ToLower(main), strings.ToLower(sub), rest}
	return t, t.whole()
}

// String writes the type without its parameters.
func (t Type) String() string { return t.Main + "/" + t.Sub }

// Is reports whether it is the type of a name in lower case, without regard to parameters.
func (t Type) Is(name string) bool {
	n := len(t.Main)
	return len(name) == n+1+len(t.Sub) && name[:n] == t.Main && name[n] == '/' && name[n+1:] == t.Sub
}

// JSON reports whether texts of the type are JSON: application/json, text/json, and all with the suffix +json (RFC 6839).
func (t Type) JSON() bool {
	return t.Sub == "json" && (t.Main == "application" || t.Main == "text") || strings.HasSuffix(t.Sub, "+json")
}

// Parameter gives the value of a parameter by its name in lower case, unquoted.
func (t Type) Parameter(name string) (string, bool) {
	for rest := t.rest; ; {
		n, v, next, ok := Next(rest)
		if !ok || n == "" {
			return "", false
		}
		if strings.EqualFold(n, name) {
			return v, true
		}
		rest = next
	}
}

// whole reports whether the parameters can be read, and none is there twice.
func (t Type) whole() bool {
	var names [8]string
	seen := names[:0]
	for rest := t.rest; ; {
		n, _, next, ok := Next(rest)
		if !ok {
			return false
		}
		if n == "" {
			return true
		}
		for _, other := range seen {
			if strings.EqualFold(n, other) {
				return false
			}
		}
		if seen = append(seen, n); len(seen) == cap(names[:]) {
			return false
		}
		rest = next
	}
}

// Next reads the first parameter of what follows a type: "; name=value", the value a token or a quoted string. At the end
// the name is empty. False for what is no list of parameters. It reads the parameters of a Content-Disposition, too.
func Next(text string) (name, value, rest string, ok bool) {
	for text = trim(text); text != "" && text[0] == ';'; {
		text = trim(text[1:])
	}
	if text == "" {
		return "", "", "", true
	}
	i := strings.IndexByte(text, '=')
	if i <= 0 || !token(text[:i]) {
		return "", "", "", false
	}
	name, text = text[:i], text[i+1:]
	if text == "" || text[0] != '"' {
		end := strings.IndexByte(text, ';')
		if end < 0 {
			end = len(text)
		}
		value = trim(text[:end])
		return name, value, text[end:], token(value)
	}
	value, rest, ok = quoted(text)
	rest = trim(rest)
	return name, value, rest, ok && (rest == "" || rest[0] == ';')
}

// quoted reads a quoted string, and gives what follows it.
func quoted(text string) (value, rest string, ok bool) {
	escaped := false
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			escaped = true
			i++
		case c == '"':
			if value = text[1:i]; escaped {
				value = unescape(value)
			}
			return value, text[i+1:], true
		case c < ' ' && c != '\t' || c == 0x7f:
			return "", "", false
		}
	}
	return "", "", false
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func trim(s string) string { return strings.Trim(s, " \t") }

// token reports whether a text is a token (RFC 9110 §5.6.2).
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' {
			continue
		}
		if strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
