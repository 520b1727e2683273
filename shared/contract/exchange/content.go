package exchange

import (
	"slices"
	"strings"

	"sluice/shared/contract/exchange/media"
	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/shape"
)

// bodyKind says how a body is read.
type bodyKind uint8

const (
	unread    bodyKind = iota // not looked into: XML and all that is not known
	jsonBody                  // one JSON text
	formBody                  // application/x-www-form-urlencoded
	partsBody                 // multipart/form-data
	otherBody                 // another multipart: it must be whole
	textBody                  // text/*
	bytesBody                 // application/octet-stream
)

// content is a media type of a body, prepared.
type content struct {
	*program.Content
	media      media.Type
	schema     schema.Schema
	properties map[string]*property // of forms
	deep       bool                 // a property's members are named "name[member]"
	open       bool                 // the schema cannot be enforced: see Review
}

// property is a field of a form.
type property struct {
	parameter // as if it were one of a query; Style is "" where a content type rules
	types     program.Types
	item      program.Types // of the elements, if it is a list
	accepts   []media.Type  // content types of its parts; empty: any
	headers   []parameter   // of its parts
	sized     bool          // its bytes matter to the schema
}

// newContents prepares the media types of a body. Those whose name cannot be read fit nothing.
func newContents(loaded *schema.Operation, declared []program.Content) []content {
	var list []content
	for i := range declared {
		c := content{Content: &declared[i], schema: loaded.Schema(declared[i].Schema)}
		t, ok := media.Parse(c.Media)
		if !ok {
			continue
		}
		c.media = t
		if kind := kindOf(t); kind == formBody || kind == partsBody || t.Sub == "*" || t.Main == "*" {
			c.form(loaded)
		}
		list = append(list, c)
	}
	return list
}

// kindOf says how a body of a type is read.
func kindOf(t media.Type) bodyKind {
	switch {
	case t.JSON():
		return jsonBody
	case t.Is("application/x-www-form-urlencoded"):
		return formBody
	case t.Is("multipart/form-data"):
		return partsBody
	case t.Main == "multipart":
		return otherBody
	case t.Main == "text" && t.Sub != "xml":
		return textBody
	case t.Is("application/octet-stream"):
		return bytesBody
	}
	return unread
}

// form prepares the fields of a form.
func (c *content) form(loaded *schema.Operation) {
	c.properties = map[string]*property{}
	for _, name := range shape.Properties(c.schema) {
		s, _ := shape.Property(c.schema, name)
		c.properties[name] = newProperty(name, s)
	}
	for i := range c.Encoding {
		e := &c.Encoding[i]
		f := c.properties[e.Property]
		if f == nil {
			s, ok := shape.Property(c.schema, e.Property)
			if !ok {
				s = c.schema.Other(program.Any)
			}
			f = newProperty(e.Property, s)
			c.properties[e.Property] = f
		}
		f.encode(loaded, e)
		if c.media.Main == "multipart" {
			f.writing.encoded, f.writing.plus = false, false
		}
		c.deep = c.deep || f.Style == "deepObject"
		c.open = c.open || f.spreads()
	}
}

func newProperty(name string, s schema.Schema) *property {
	f := &property{types: shape.Types(s), sized: sized(s)}
	f.parameter = parameter{Parameter: &program.Parameter{Name: name, In: InQuery}, key: name, schema: s}
	f.writing = writing{separator: ",", exploded: true, encoded: true, plus: true}
	if item, ok := shape.Item(s, 0); ok {
		f.item, f.sized = shape.Types(item), f.sized || sized(item)
	} else {
		f.item = program.Textual
	}
	return f
}

// encode takes what the contract says of the field's encoding.
func (f *property) encode(loaded *schema.Operation, e *program.Encoding) {
	if e.Style != "" {
		p := *f.Parameter
		p.Style, p.Explode = e.Style, e.Explode
		f.Parameter, f.writing = &p, newWriting(&p)
	}
	for one := range strings.SplitSeq(e.ContentType, ",") {
		if t, ok := media.Parse(one); ok {
			f.accepts = append(f.accepts, t)
		}
	}
	for i := range e.Headers {
		f.headers = append(f.headers, newParameter(loaded, &e.Headers[i]))
	}
}

// spreads reports whether the field is an object whose members stand in the form under names of their own: a form cannot
// be judged then, since nothing tells them from others.
func (f *property) spreads() bool {
	return f.Style == "form" && f.Explode && only(f.types, program.Mapping)
}

// sized reports whether a schema asks more of a text than to be one.
func sized(s schema.Schema) bool {
	n := s.Node()
	switch {
	case n == nil:
		return !s.Free()
	case n.Enum != nil, n.Const != nil, n.Logic != nil:
		return true
	case n.Text != nil && (n.Text.Min > 0 || n.Text.Max > 0 || n.Text.Pattern > 0 || n.Text.Format != "" && n.Text.Format != "binary"):
		return true
	}
	return n.Ref != program.None && sized(s.Other(n.Ref))
}

// choose gives the most specific media type that is declared for a body, nil if there is none.
func choose(list []content, t media.Type) *content {
	var best *content
	closest := 0
	for i := range list {
		if fit := media.Fit(list[i].media, t); fit > closest {
			best, closest = &list[i], fit
		}
	}
	return best
}

// json reports whether a field's text is JSON: it was said so, or it can be nothing else.
func (f *property) json(types program.Types) bool {
	if len(f.accepts) > 0 {
		return !slices.ContainsFunc(f.accepts, func(t media.Type) bool { return !t.JSON() })
	}
	return types != 0 && types&^(program.Mapping|program.Sequence|program.Nullary) == 0
}
