package exchange

import (
	"strings"

	"sluice/shared/contract/exchange/urlencoded"
	"sluice/shared/contract/schema/program"
)

// writing is how a style writes a value.
type writing struct {
	prefix    byte   // before everything: "." of label, ";" of matrix; 0: none
	separator string // between elements, and between members
	pairs     bool   // members are written name=value; else name and value are separated as elements are
	exploded  bool   // elements and members come under names of their own, "a=1&a=2", and nothing is split
	late      bool   // split after decoding: the delimiter cannot be told from an encoded one
	encoded   bool   // percent-encoded
	plus      bool   // "+" is a space
	loose     bool   // white space around elements does not count
}

// newWriting says how a parameter is written. A style that its place does not have is read as if its place had it.
func newWriting(p *program.Parameter) writing {
	named := p.In == InQuery || p.In == InCookie
	w := writing{separator: ",", pairs: p.Explode, encoded: p.In != InHeader, plus: p.In == InQuery, loose: p.In == InHeader}
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
		w.exploded = p.Explode && named
	case "cookie":
		w.exploded, w.encoded = p.Explode && named, false
	case "spaceDelimited":
		w.separator, w.late, w.exploded = " ", true, p.Explode && named
	case "pipeDelimited":
		w.separator, w.late, w.exploded = "|", true, p.Explode && named
	case "deepObject":
		w.exploded = true
	}
	return w
}

// decode decodes a text as the place of the parameter has it.
func (w *writing) decode(text string) (string, bool) {
	if !w.encoded {
		return text, true
	}
	return urlencoded.Decode(text, w.plus)
}

// strip takes the prefix away, and in matrix the name, which a piece of its own begins with.
func (w *writing) strip(text, name string, r reading) (string, bool) {
	if w.prefix == 0 {
		return text, true
	}
	if text == "" || text[0] != w.prefix {
		return "", false
	}
	text = text[1:]
	if w.prefix != ';' || r != single && w.pairs {
		return text, true
	}
	return w.unname(text, name)
}

// unname takes "name=" away. Without "=" the value is empty.
func (w *writing) unname(text, name string) (string, bool) {
	own, value, _ := strings.Cut(text, "=")
	if own == name {
		return value, true
	}
	own, ok := w.decode(own)
	return value, ok && own == name
}

// piece cuts the first element off.
func (w *writing) piece(text string) (first, rest string, more bool) {
	first, rest, more = strings.Cut(text, w.separator)
	if w.loose {
		first = strings.Trim(first, " \t")
	}
	return first, rest, more
}
