package style

import (
	"strings"

	"sluice/shared/contract/exchange/urlencoded"
	"sluice/shared/contract/schema/program"
)

// Writing is how a style writes a value. The zero value writes it as it is.
type Writing struct {
	prefix    byte   // before everything: "." of label, ";" of matrix; 0: none
	separator string // between elements, and between members
	pairs     bool   // members are written name=value; else name and value are separated as elements are
	Exploded  bool   // elements and members come under names of their own, "a=1&a=2", and nothing is split
	late      bool   // split after decoding: the delimiter cannot be told from an encoded one
	encoded   bool   // percent-encoded
	plus      bool   // "+" is a space
	loose     bool   // white space around elements does not count
}

// NewWriting says how a parameter is written. A style that its place does not have is read as if its place had it.
func NewWriting(p *program.Parameter) Writing {
	named := p.In == InQuery || p.In == InCookie
	w := Writing{separator: ",", pairs: p.Explode, encoded: p.In != InHeader, plus: p.In == InQuery, loose: p.In == InHeader}
	switch p.Style {
	case "label":
		w.prefix = '.'
		if p.Explode {
			w.separator = "."
		}
	case "matrix":
		w.prefix = ';'
		if p.Explode {
			w.separator = ";"
		}
	case "form":
		w.Exploded = p.Explode && named
	case "cookie":
		w.Exploded, w.encoded = p.Explode && named, false
	case "spaceDelimited":
		w.separator, w.late, w.Exploded = " ", true, p.Explode && named
	case "pipeDelimited":
		w.separator, w.late, w.Exploded = "|", true, p.Explode && named
	case "deepObject":
		w.Exploded = true
	}
	return w
}

// Encoded is how values stand in a form: percent-encoded, "+" for a space.
func Encoded() Writing { return Writing{separator: ",", Exploded: true, encoded: true, plus: true} }

// Plain gives the same writing without encoding.
func (w Writing) Plain() Writing {
	w.encoded, w.plus = false, false
	return w
}

// Decode decodes a text as the place of the parameter has it.
func (w *Writing) Decode(text string) (string, bool) {
	if !w.encoded {
		return text, true
	}
	return urlencoded.Decode(text, w.plus)
}

// strip takes the prefix away, and in matrix the name, which a piece of its own begins with.
func (w *Writing) strip(text, name string, r Reading) (string, bool) {
	if w.prefix == 0 {
		return text, true
	}
	if text == "" || text[0] != w.prefix {
		return "", false
	}
	text = text[1:]
	if w.prefix != ';' || r != Single && w.pairs {
		return text, true
	}
	return w.unname(text, name)
}

// unname takes "name=" away. Without "=" the value is empty.
func (w *Writing) unname(text, name string) (string, bool) {
	own, value, _ := strings.Cut(text, "=")
	if own == name {
		return value, true
	}
	own, ok := w.Decode(own)
	return value, ok && own == name
}

// piece cuts the first element off.
func (w *Writing) piece(text string) (first, rest string, more bool) {
	first, rest, more = strings.Cut(text, w.separator)
	if w.loose {
		first = strings.Trim(first, " \t")
	}
	return first, rest, more
}
