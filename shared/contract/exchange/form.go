package exchange

import (
	"strings"
	"unicode/utf8"

	"sluice/shared/contract/exchange/media"
	"sluice/shared/contract/exchange/multipart"
	"sluice/shared/contract/exchange/urlencoded"
	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/tape"
)

// pieceKind says what a field's text is.
type pieceKind uint8

const (
	plainPiece pieceKind = iota // what the schema makes of it
	jsonPiece                   // JSON, whatever the schema says
	bytePiece                   // bytes: a string that is no number
	mutePiece                   // bytes that the schema does not look at
)

// form judges a form: its fields are the members of an object.
func (w *work) form(c *content, text string) {
	w.startForm()
	for rest := text; ; {
		raw, value, _, next, more := urlencoded.Next(rest)
		if !more {
			break
		}
		rest = next
		name, ok := urlencoded.Decode(raw, true)
		if !ok || !utf8.ValidString(name) {
			w.fault(Fault{InBody, "", "", Encoding, "names in " + encodingExpected})
			return
		}
		if c.open {
			if decoded, ok := urlencoded.Decode(value, true); !ok || !utf8.ValidString(decoded) {
				w.fault(Fault{InBody, "", "/" + tape.Escape([]byte(name)), Encoding, encodingExpected})
				return
			}
		}
		if !w.field(c, name, occurrence{name: name, value: value}) {
			w.fault(Fault{InBody, "", "", Limit, "fewer fields"})
			return
		}
	}
	w.judgeForm(c, &writing{encoded: true, plus: true})
}

func (w *work) startForm() {
	w.restart(0)
	if w.byName == nil {
		w.byName = map[string]int{}
	}
	clear(w.byName)
}

// field notes a field of a form. False if there are too many.
func (w *work) field(c *content, name string, one occurrence) bool {
	if i := strings.IndexByte(name, '['); i > 0 && c.deep {
		if f := c.properties[name[:i]]; f != nil && f.Style == "deepObject" {
			name = name[:i]
		}
	}
	owner, known := w.byName[name]
	if !known {
		owner = len(w.heads)
		w.heads = append(w.heads, nobody())
		w.byName[name] = owner
	}
	return w.keep(owner, one)
}

// judgeForm puts the fields onto the tape, in the order in which they first come, and judges them as one object.
func (w *work) judgeForm(c *content, how *writing) {
	if c.open || c.schema.Free() && len(c.Encoding) == 0 {
		return
	}
	w.builder.Reset()
	w.left = maxPieces
	w.builder.Object()
	for owner := range w.heads {
		name := w.found[w.heads[owner].first].name
		f := c.properties[name]
		if i := strings.IndexByte(name, '['); f == nil && i > 0 && c.deep {
			if deep := c.properties[name[:i]]; deep != nil && deep.Style == "deepObject" {
				f, name = deep, name[:i]
			}
		}
		w.builder.Name(name)
		if t := w.put(f, owner, how); t.is() {
			w.fault(Fault{InBody, "", "/" + tape.Escape([]byte(name)) + t.pointer, t.keyword, t.expected})
			return
		}
	}
	w.builder.End()
	if c.schema.Free() {
		return
	}
	result := c.schema.ValidateValue(w.builder.Tape(), w.valueOptions())
	w.faults(InBody, "", &result)
}

// put puts the values of a field onto the tape; f is nil for a field that is not declared.
func (w *work) put(f *property, owner int, how *writing) trouble {
	s := w.heads[owner]
	if f != nil && f.Style != "" {
		return w.build(&f.parameter, f.reading(s.count), w.of(owner), s)
	}
	types, item := program.Types(0), program.Types(0)
	if f != nil {
		types, item = f.types, f.item
	}
	first := &w.found[s.first]
	if s.count > 1 && f != nil && types&program.Sequence == 0 {
		return trouble{"", Duplicate, "one value"}
	}
	if s.count == 1 && (!only(types, program.Sequence) || f.wholeList(first, how)) {
		return w.piece(f, types, first, how)
	}
	w.builder.Array()
	for i := s.first; i >= 0; i = w.found[i].next {
		if t := w.piece(f, item, &w.found[i], how); t.is() {
			return t
		}
	}
	w.builder.End()
	return trouble{}
}

// wholeList reports whether a value is a list in JSON, not an element of one.
func (f *property) wholeList(one *occurrence, how *writing) bool {
	if one.kind != jsonPiece && (one.kind != plainPiece || !f.json(0)) {
		return false
	}
	text, ok := one.value, true
	if one.kind == plainPiece {
		text, ok = how.decode(text)
	}
	return ok && strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "[")
}

// reading says how a field with a style is read.
func (f *property) reading(count int) reading {
	switch {
	case f.Style == "deepObject" || only(f.types, program.Mapping):
		return members
	case only(f.types, program.Sequence), f.writing.exploded && count > 1 && f.types&program.Sequence != 0:
		return list
	}
	return single
}

// piece puts one value of a field onto the tape.
func (w *work) piece(f *property, types program.Types, one *occurrence, how *writing) trouble {
	switch one.kind {
	case bytePiece, mutePiece:
		w.left--
		w.builder.String(one.value)
		return trouble{}
	case plainPiece:
		mixed := types&program.Mapping != 0 && types != 0 && f != nil && !f.schema.Free()
		if f == nil || !f.json(types) && !mixed {
			return w.text(how, one.value)
		}
		text, ok := how.decode(one.value)
		if !ok || !utf8.ValidString(text) {
			return trouble{"", Encoding, encodingExpected}
		}
		if !f.json(types) && !strings.HasPrefix(text, "{") {
			return w.text(&writing{}, text)
		}
		return w.splice(text)
	case jsonPiece:
	}
	return w.splice(one.value)
}

// splice puts a JSON text onto the tape.
func (w *work) splice(text string) trouble {
	limits := w.options.Values.Limits
	if fault := w.json.Read([]byte(text), limits); fault != nil {
		keyword := Syntax
		if fault.Limit {
			keyword = Limit
		}
		return trouble{fault.Pointer, keyword, "JSON: " + fault.Error()}
	}
	if w.left -= len(w.json.Tokens); w.left < 0 {
		return trouble{"", Limit, "fewer values"}
	}
	w.copy(0)
	return trouble{}
}

// copy puts a value of the tape of JSON onto the tape that is built.
func (w *work) copy(at int) {
	k := w.json.Tokens[at]
	switch k.Kind {
	case tape.Null:
		w.builder.Null()
	case tape.False, tape.True:
		w.builder.Bool(k.Kind == tape.True)
	case tape.Number:
		w.builder.Number(string(w.json.Bytes(at)))
	case tape.Array:
		w.builder.Array()
		for i := at + 1; i < int(k.Next); i = w.json.Next(i) {
			w.copy(i)
		}
		w.builder.End()
	case tape.Object:
		w.builder.Object()
		for i := at + 1; i < int(k.Next); i = w.json.Next(i + 1) {
			w.builder.Name(string(w.json.Bytes(i)))
			w.copy(i + 1)
		}
		w.builder.End()
	case tape.String, tape.Name, tape.Text:
		w.builder.String(string(w.json.Bytes(at)))
	}
}

// parts judges a form in parts.
func (w *work) parts(c *content, parts []multipart.Part) {
	w.startForm()
	for i := range parts {
		p := &parts[i]
		if !p.Named || !utf8.ValidString(p.Name) {
			w.fault(Fault{InBody, "", "", Syntax, "a name for each part, in Content-Disposition: form-data"})
			return
		}
		f := c.properties[p.Name]
		kind, t := w.part(f, p)
		if t.is() {
			w.fault(Fault{InBody, "", "/" + tape.Escape([]byte(p.Name)), t.keyword, t.expected})
			continue
		}
		one := occurrence{name: p.Name, kind: kind}
		if kind != mutePiece {
			one.value = string(p.Body)
		}
		if !w.field(c, p.Name, one) {
			w.fault(Fault{InBody, "", "", Limit, "fewer parts"})
			return
		}
	}
	w.judgeForm(c, &writing{})
}

// part judges the headers of a part, and says what its body is.
func (w *work) part(f *property, p *multipart.Part) (pieceKind, trouble) {
	if coding, ok := p.Header("content-transfer-encoding"); ok && !strings.EqualFold(coding, "7bit") && !strings.EqualFold(coding, "8bit") &&
		!strings.EqualFold(coding, "binary") {
		return 0, trouble{"", Encoding, "a part without a transfer encoding (RFC 7578 §4.7)"}
	}
	text, given := p.Header("content-type")
	t, ok := media.Type{Main: "text", Sub: "plain"}, true
	if given {
		t, ok = media.Parse(text)
	}
	if !ok {
		return 0, trouble{"", MediaType, "a media type"}
	}
	if f != nil {
		if given && len(f.accepts) > 0 && !fits(f.accepts, t) {
			return 0, trouble{"", MediaType, "one of " + accepted(f.accepts)}
		}
		w.partHeaders(f, p)
	}
	switch {
	case given && t.JSON():
		return jsonPiece, trouble{}
	case t.Main == "text" && !p.File:
		body, ok := charset(t, textBody, p.Body)
		if !ok || !utf8.Valid(body) {
			return 0, trouble{"", Encoding, "UTF-8"}
		}
		p.Body = body
		return plainPiece, trouble{}
	case f != nil && f.sized:
		return bytePiece, trouble{}
	}
	return mutePiece, trouble{}
}

func (w *work) partHeaders(f *property, p *multipart.Part) {
	for i := range f.headers {
		h := &f.headers[i]
		before := len(w.result.Faults)
		if value, ok := p.Header(h.key); ok {
			w.header(h, []string{value})
		} else if h.Required {
			w.fault(Fault{InHeader, h.Name, "", Missing, "the header"})
		}
		for k := before; k < len(w.result.Faults); k++ { // it stands in the body: tell which part
			at := &w.result.Faults[k]
			at.Pointer, at.In, at.Expected = "/"+tape.Escape([]byte(p.Name)), InBody, "in header "+clip(h.Name)+" "+at.Expected
			at.Name = ""
		}
	}
}

func fits(list []media.Type, t media.Type) bool {
	for _, wide := range list {
		if media.Fit(wide, t) > 0 {
			return true
		}
	}
	return false
}

func accepted(list []media.Type) string {
	var names []string
	for _, t := range list {
		names = append(names, t.String())
	}
	return strings.Join(names, ", ")
}
