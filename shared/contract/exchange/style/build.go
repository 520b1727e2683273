package style

import (
	"unicode/utf8"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/tape"
)

// maxPieces is how many elements and members one parameter or form may have.
const maxPieces = 100_000

// Builder puts the values of parameters and forms onto a tape. The zero value is ready for use, again and again; it is
// not safe for concurrent use.
type Builder struct {
	tape.Builder
	json tape.Tape
	left int
}

// Member is a value that came under the name of a member. What kind it is of, is for those to say who keep it.
type Member struct {
	Name, Value string
	Kind        uint8
}

// Begin begins a value anew.
func (b *Builder) Begin() {
	b.Reset()
	b.left = maxPieces
}

// Release forgets what was read, and tells how many bytes of memory the builder holds.
func (b *Builder) Release() int {
	b.json.Source = nil
	return b.Tape().Size() + cap(b.Tape().Source) + b.json.Size()
}

// Judge holds a parameter that is there against its schema: the values under its name, and the members that came under
// names of their own. A value that can be read in several ways is accepted if it is in one of them.
func (b *Builder) Judge(p *Parameter, values []string, spread []Member, o schema.Options) schema.Result {
	o.Marks.Set(int(p.Element))
	o.Strip, o.Hide = false, nil
	if p.AllowEmpty && p.In == InQuery && len(values) == 1 && values[0] == "" {
		return schema.Result{}
	}
	if p.Parameter.Media != "" {
		return b.document(p, values, o)
	}
	var first schema.Result
	judged := false
	for _, r := range p.Readings {
		b.Begin()
		fault := b.Build(p, r, values, spread)
		result := schema.Result{}
		switch {
		case fault != nil:
			result.Faults = []schema.Fault{*fault}
		case !p.Schema.Free():
			result = p.Schema.ValidateValue(b.Tape(), o)
		}
		if result.OK() {
			return result
		}
		if first.OK() || !judged && fault == nil {
			first = result
		}
		judged = judged || fault == nil
	}
	return first
}

// document judges a parameter that is a text of a media type. Of others than JSON and texts nothing is known.
func (b *Builder) document(p *Parameter, values []string, o schema.Options) schema.Result {
	if len(values) != 1 {
		return schema.Result{Faults: []schema.Fault{*once()}}
	}
	text, ok := p.Writing.Decode(values[0])
	switch {
	case !ok || !utf8.ValidString(text):
		return schema.Result{Faults: []schema.Fault{*undecoded()}}
	case p.Media.JSON():
		return p.Schema.Validate([]byte(text), o)
	case p.Media.Main == "text" && !p.Schema.Free():
		b.Begin()
		b.Text(text)
		return p.Schema.ValidateValue(b.Tape(), o)
	}
	return schema.Result{}
}

func fault(keyword, expected string) *schema.Fault {
	return &schema.Fault{Keyword: keyword, Expected: expected}
}

func once() *schema.Fault      { return fault(Duplicate, "one value") }
func undecoded() *schema.Fault { return fault(Encoding, "percent-encoded UTF-8") }
func many() *schema.Fault      { return fault(Limit, "fewer values") }

func (p *Parameter) unstyled() *schema.Fault { return fault(Form, "text in the style "+p.Style) }

// Build puts the text of a parameter onto the tape, read in one way.
func (b *Builder) Build(p *Parameter, r Reading, values []string, spread []Member) *schema.Fault {
	switch {
	case r == Object && p.Writing.Exploded && len(spread) == 0:
		return fault(Form, "members under names of their own")
	case r == Object && p.Writing.Exploded:
		return b.gathered(p, spread)
	case len(values) == 0:
		return fault(Form, "a value under the parameter's own name")
	case r == List && p.Writing.Exploded:
		b.Array()
		for _, v := range values {
			if f := b.Put(&p.Writing, v); f != nil {
				return f
			}
		}
		b.End()
		return nil
	case len(values) > 1 && (r == Single || !p.Writing.loose):
		return once()
	case r == Single:
		text, ok := p.Writing.strip(values[0], p.Name, r)
		if !ok {
			return p.unstyled()
		}
		return b.Put(&p.Writing, text)
	}
	return b.split(p, r, values)
}

// split puts the elements or members of a text onto the tape. The lines of a header are one list.
func (b *Builder) split(p *Parameter, r Reading, lines []string) *schema.Fault {
	how := &p.Writing
	m := pairing{Builder: b, writing: *how}
	if m.writing.late {
		m.writing = m.writing.Plain()
	}
	if r == List {
		b.Array()
	} else {
		b.Object()
	}
	for _, line := range lines {
		text, ok := how.strip(line, p.Name, r)
		if !ok {
			return p.unstyled()
		}
		if how.late {
			if text, ok = how.Decode(text); !ok {
				return undecoded()
			}
		}
		for more := true; more; {
			var piece string
			var f *schema.Fault
			piece, text, more = how.piece(text)
			switch {
			case r == Object:
				f = m.add(piece)
			case how.prefix == ';' && how.pairs:
				if piece, ok = how.unname(piece, p.Name); !ok {
					return p.unstyled()
				}
				f = b.Put(&m.writing, piece)
			default:
				f = b.Put(&m.writing, piece)
			}
			if f != nil {
				return f
			}
		}
	}
	if m.open {
		return fault(Form, "a value for each name")
	}
	b.End()
	return nil
}

// Put puts one bare text onto the tape, decoded.
func (b *Builder) Put(how *Writing, raw string) *schema.Fault {
	if b.left--; b.left < 0 {
		return many()
	}
	text, ok := how.Decode(raw)
	if !ok || !utf8.ValidString(text) {
		return undecoded()
	}
	b.Text(text)
	return nil
}
