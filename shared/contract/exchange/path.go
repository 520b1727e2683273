package exchange

import (
	"strings"

	"sluice/shared/contract/exchange/urlencoded"
)

// variable gives the text of a path parameter as it stands in the path. False if the path does not have it.
func (t *template) variable(path []string, name string, decoded bool) (string, bool) {
	if len(path) != len(t.segments) {
		return "", false
	}
	for i := range t.segments {
		for k, own := range t.segments[i].names {
			if own == name {
				return t.segments[i].cut(path[i], k, decoded)
			}
		}
	}
	return "", false
}

// cut gives the text of a segment's parameter. As where calls are matched, a parameter takes at least one character, and
// ends where the next literal text first occurs.
func (s *segment) cut(text string, at int, decoded bool) (string, bool) {
	if len(s.names) == 1 && s.texts[0] == "" && s.texts[1] == "" {
		return text, true
	}
	rest, ok := after(text, s.texts[0], decoded)
	if !ok {
		return "", false
	}
	for k := range s.names {
		value, next, found := rest, "", false
		last := k == len(s.names)-1
		for i := 1; i <= len(rest); i++ {
			behind, here := after(rest[i:], s.texts[k+1], decoded)
			if here && (!last || behind == "") {
				value, next, found = rest[:i], behind, true
				break
			}
		}
		if !found {
			return "", false
		}
		if k == at {
			return value, true
		}
		rest = next
	}
	return "", false
}

// after gives what follows a literal at the beginning of a text that may be percent-encoded.
func after(text, literal string, decoded bool) (string, bool) {
	if decoded {
		return strings.CutPrefix(text, literal)
	}
	for i := range len(literal) {
		switch {
		case text == "":
			return "", false
		case text[0] == '%' && len(text) >= 3:
			c, ok := urlencoded.Decode(text[:3], false)
			if !ok || c[0] != literal[i] {
				return "", false
			}
			text = text[3:]
		case text[0] != literal[i]:
			return "", false
		default:
			text = text[1:]
		}
	}
	return text, true
}
