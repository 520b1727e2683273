package exchange

import (
	"unicode/utf8"

	"sluice/shared/contract/schema"
)

// trouble is why a text cannot be read as a value: a fault without its place.
type trouble struct{ pointer, keyword, expected string }

func (t trouble) is() bool { return t.keyword != "" }

// take judges a parameter that is there: its values, or for one that is spread over names of its members the names.
func (w *work) take(p *parameter, values []string, spread span) {
	w.mark(p.Element)
	if p.AllowEmpty && p.In == InQuery && len(values) == 1 && values[0] == "" {
		return
	}
	in := p.In
	if in == inQueryString {
		in = InQuery
	}
	if p.Media != "" {
		w.document(p, in, values)
		return
	}
	var first schema.Result
	var problem trouble
	for _, r := range p.readings {
		w.builder.Reset()
		w.left = maxPieces
		if t := w.build(p, r, values, spread); t.is() {
			if !problem.is() {
				problem = t
			}
			continue
		}
		result := schema.Result{}
		if !p.schema.Free() {
			result = p.schema.ValidateValue(w.builder.Tape(), w.valueOptions())
		}
		if result.OK() {
			return
		}
		if first.OK() {
			first = result
		}
	}
	if first.OK() {
		w.fault(Fault{in, p.Name, problem.pointer, problem.keyword, problem.expected})
		return
	}
	w.faults(in, p.Name, &first)
}

// document judges a parameter that is a text of a media type.
func (w *work) document(p *parameter, in string, values []string) {
	if len(values) != 1 {
		w.fault(Fault{in, p.Name, "", Duplicate, "one value"})
		return
	}
	writing := writing{encoded: p.In != InHeader, plus: p.In == InQuery}
	text, ok := writing.decode(values[0])
	if !ok || !utf8.ValidString(text) {
		w.fault(Fault{in, p.Name, "", Encoding, encodingExpected})
		return
	}
	var result schema.Result
	switch {
	case p.media.JSON():
		o := w.valueOptions()
		o.Strip, o.Hide = false, nil
		result = p.schema.Validate([]byte(text), o)
	case p.media.Main == "text":
		w.builder.Reset()
		w.builder.Text(text)
		result = p.schema.ValidateValue(w.builder.Tape(), w.valueOptions())
	}
	w.faults(in, p.Name, &result)
}

const encodingExpected = "percent-encoded UTF-8"

// build puts the text of a parameter onto the tape, read in one way.
func (w *work) build(p *parameter, r reading, values []string, spread span) trouble {
	if r == members && p.writing.exploded {
		if spread.count == 0 {
			return trouble{"", Style, "members under names of their own"}
		}
		return w.gathered(p, spread)
	}
	if r == list && p.writing.exploded {
		w.builder.Array()
		for _, v := range values {
			if t := w.text(&p.writing, v); t.is() {
				return t
			}
		}
		w.builder.End()
		return trouble{}
	}
	switch {
	case len(values) == 0:
		return trouble{"", Style, "a value under the parameter's own name"}
	case len(values) > 1 && (r == single || !p.writing.loose):
		return trouble{"", Duplicate, "one value"}
	case r == single:
		text, ok := p.writing.strip(values[0], p.Name, r)
		if !ok {
			return p.unstyled()
		}
		return w.text(&p.writing, text)
	}
	return w.split(p, r, values)
}

func (p *parameter) unstyled() trouble { return trouble{"", Style, "text in the style " + p.Style} }

// split puts the elements or members of a text onto the tape. The lines of a header are one list.
func (w *work) split(p *parameter, r reading, lines []string) trouble {
	if r == list {
		w.builder.Array()
	} else {
		w.builder.Object()
	}
	how := p.writing
	m := pairing{work: w, writing: &how, pairs: how.pairs}
	for _, line := range lines {
		text, ok := how.strip(line, p.Name, r)
		if !ok {
			return p.unstyled()
		}
		if how.late {
			if text, ok = how.decode(text); !ok {
				return trouble{"", Encoding, encodingExpected}
			}
		}
		for more := true; more; {
			var piece string
			piece, text, more = how.piece(text)
			t := trouble{}
			switch {
			case r == members:
				t = m.add(piece)
			case how.prefix == ';' && how.pairs:
				if piece, ok = how.unname(piece, p.Name); !ok {
					return p.unstyled()
				}
				t = w.element(&how, piece)
			default:
				t = w.element(&how, piece)
			}
			if t.is() {
				return t
			}
		}
	}
	if m.open {
		return trouble{"", Style, "a value for each name"}
	}
	w.builder.End()
	return trouble{}
}

// element puts a piece of a text onto the tape, which may be decoded already.
func (w *work) element(how *writing, piece string) trouble {
	if !how.late {
		return w.text(how, piece)
	}
	decoded := writing{}
	return w.text(&decoded, piece)
}

// text puts one bare text onto the tape.
func (w *work) text(how *writing, raw string) trouble {
	if w.left--; w.left < 0 {
		return trouble{"", Limit, "fewer values"}
	}
	text, ok := how.decode(raw)
	if !ok || !utf8.ValidString(text) {
		return trouble{"", Encoding, encodingExpected}
	}
	w.builder.Text(text)
	return trouble{}
}
