package body

import (
	"strings"
	"unicode/utf8"

	"sluice/shared/contract/exchange/style"
	"sluice/shared/contract/exchange/urlencoded"
	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/tape"
)

// pieceKind says what the value of a field is.
type pieceKind = uint8

const (
	plain pieceKind = iota // what the schema makes of it
	whole                  // JSON, whatever the schema says
	bytes                  // bytes, and so a string that is no number
)

// form judges a form: its fields are the members of an object.
func (r *Reader) form(c *Content, text string, o schema.Options) schema.Result {
	r.start()
	how := style.Encoded()
	for rest := text; ; {
		raw, value, _, next, more := urlencoded.Next(rest)
		if !more {
			break
		}
		rest = next
		name, ok := how.Decode(raw)
		if !ok || !utf8.ValidString(name) {
			return refused(style.Encoding, "names in percent-encoded UTF-8")
		}
		if c.Open {
			if decoded, ok := how.Decode(value); !ok || !utf8.ValidString(decoded) {
				return refused(style.Encoding, "values in percent-encoded UTF-8")
			}
		}
		if !r.field(c, name, value, plain) {
			return refused(style.Limit, "fewer fields")
		}
	}
	return r.judge(c, &how, o)
}

func (r *Reader) start() {
	r.names.Restart(0)
	if r.byName == nil {
		r.byName = map[string]int{}
	}
	clear(r.byName)
}

// field notes a field of a form. False if there are too many.
func (r *Reader) field(c *Content, name, value string, kind pieceKind) bool {
	key, _ := c.find(name)
	owner, known := r.byName[key]
	if !known {
		owner = r.names.Add()
		r.byName[key] = owner
	}
	return r.names.Keep(owner, style.Member{Name: name, Value: value, Kind: kind})
}

// find gives the property that a field belongs to, nil if none is declared, and its name.
func (c *Content) find(name string) (string, *property) {
	if f := c.properties[name]; f != nil || !c.deep {
		return name, f
	}
	if i := strings.IndexByte(name, '['); i > 0 {
		if f := c.properties[name[:i]]; f != nil && f.Style == "deepObject" {
			return name[:i], f
		}
	}
	return name, nil
}

// judge puts the fields onto the tape, in the order in which they first came, and judges them as one object.
func (r *Reader) judge(c *Content, how *style.Writing, o schema.Options) schema.Result {
	if c.Open || c.Schema.Free() && len(c.Encoding) == 0 {
		return schema.Result{}
	}
	r.Builder.Begin()
	r.Builder.Object()
	for owner := range r.names.Owners() {
		name, f := c.find(r.names.First(owner).Name)
		r.Builder.Name(name)
		if fault := r.put(f, owner, how, o.Limits); fault != nil {
			fault.Pointer = "/" + tape.Escape([]byte(name)) + fault.Pointer
			return schema.Result{Faults: []schema.Fault{*fault}}
		}
	}
	r.Builder.End()
	if c.Schema.Free() {
		return schema.Result{}
	}
	return c.Schema.ValidateValue(r.Builder.Tape(), o)
}

// put puts the values of a field onto the tape; f is nil for a field that is not declared.
func (r *Reader) put(f *property, owner int, how *style.Writing, limits tape.Limits) *schema.Fault {
	members, types, item := r.names.Members(owner), program.Types(0), program.Types(0)
	if f != nil {
		if f.Style != "" && members[0].Kind == plain {
			return r.Builder.Build(&f.Parameter, f.reading(len(members)), r.names.Values(owner), members)
		}
		types, item = f.types, f.item
		if len(members) > 1 && types&program.Sequence == 0 {
			return &schema.Fault{Keyword: style.Duplicate, Expected: "one value"}
		}
	}
	p := piece{f, how, limits}
	if len(members) == 1 && (!style.Only(types, program.Sequence) || p.list(members[0])) {
		return r.piece(&p, types, members[0])
	}
	r.Builder.Array()
	for _, m := range members {
		if fault := r.piece(&p, item, m); fault != nil {
			return fault
		}
	}
	r.Builder.End()
	return nil
}

// piece is how the values of a field are read.
type piece struct {
	field  *property
	how    *style.Writing
	limits tape.Limits
}

// list reports whether a value is a whole list in JSON, not an element of one.
func (p *piece) list(m style.Member) bool {
	value := m.Value
	if m.Kind == plain {
		if p.field == nil || !p.field.json(0) {
			return false
		}
		value, _ = p.how.Decode(value)
	}
	return m.Kind != bytes && strings.HasPrefix(strings.TrimLeft(value, " \t\r\n"), "[")
}

// piece puts one value of a field onto the tape.
func (r *Reader) piece(p *piece, types program.Types, m style.Member) *schema.Fault {
	switch {
	case m.Kind == bytes:
		r.Builder.String(m.Value)
		return nil
	case m.Kind == whole:
		return r.Builder.JSON([]byte(m.Value), p.limits)
	case p.field == nil, !p.field.json(types) && (types&program.Mapping == 0 || p.field.Schema.Free()):
		return r.Builder.Put(p.how, m.Value)
	}
	text, ok := p.how.Decode(m.Value)
	switch {
	case !ok || !utf8.ValidString(text):
		return &schema.Fault{Keyword: style.Encoding, Expected: "percent-encoded UTF-8"}
	case !p.field.json(types) && !strings.HasPrefix(text, "{"): // a text or an object: only objects begin so
		return r.Builder.Put(&style.Writing{}, text)
	}
	return r.Builder.JSON([]byte(text), p.limits)
}
