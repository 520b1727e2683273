// Package body reads the bodies of calls by their media types and holds them against schemas: JSON, forms, forms in
// parts, texts and bytes. See package exchange for what was decided where a body leaves room.
package body

import (
	"slices"
	"strings"
	"unicode/utf8"

	"sluice/shared/contract/exchange/media"
	"sluice/shared/contract/exchange/multipart"
	"sluice/shared/contract/exchange/style"
	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/shape"
)

// MediaType is the keyword of faults about the media type of a body or a part.
const MediaType = "contentType"

// Kind says how a body is read.
type Kind uint8

// The kinds of bodies.
const (
	Unread Kind = iota // not looked into: XML and all that is not known
	JSON               // one JSON text
	Form               // application/x-www-form-urlencoded
	Parts              // multipart/form-data
	Mixed              // another multipart: it must be whole
	Text               // text/*
	Bytes              // application/octet-stream
)

// KindOf says how a body of a type is read.
func KindOf(t media.Type) Kind {
	switch {
	case t.JSON():
		return JSON
	case t.Is("application/x-www-form-urlencoded"):
		return Form
	case t.Is("multipart/form-data"):
		return Parts
	case t.Main == "multipart":
		return Mixed
	case t.Main == "text" && t.Sub != "xml":
		return Text
	case t.Is("application/octet-stream"):
		return Bytes
	}
	return Unread
}

// Content is a media type of a body, prepared. It does not change.
type Content struct {
	*program.Content
	Type       media.Type
	Schema     schema.Schema
	Open       bool // a form whose fields cannot be told from members of one of them: its schema is not enforced
	properties map[string]*property
	deep       bool // a property's members are named "name[member]"
}

// New prepares media types. Those whose name cannot be read fit nothing, and are left out.
func New(loaded *schema.Operation, declared []program.Content) []Content {
	var list []Content
	for i := range declared {
		t, ok := media.Parse(declared[i].Media)
		if !ok {
			continue
		}
		c := Content{Content: &declared[i], Type: t, Schema: loaded.Schema(declared[i].Schema)}
		if kind := KindOf(t); kind == Form || kind == Parts || t.Sub == "*" {
			c.form(loaded)
		}
		list = append(list, c)
	}
	return list
}

// form prepares the fields of a form.
func (c *Content) form(loaded *schema.Operation) {
	c.properties = map[string]*property{}
	for _, name := range shape.Properties(c.Schema) {
		s, _ := shape.Property(c.Schema, name)
		c.properties[name] = newProperty(name, s)
	}
	for i := range c.Encoding {
		e := &c.Encoding[i]
		f := c.properties[e.Property]
		if f == nil {
			s, ok := shape.Property(c.Schema, e.Property)
			if !ok {
				s = c.Schema.Other(program.Any)
			}
			f = newProperty(e.Property, s)
			c.properties[e.Property] = f
		}
		f.encode(loaded, e, c.Type.Main == "multipart")
		c.deep = c.deep || f.Style == "deepObject"
		c.Open = c.Open || f.spreads()
	}
}

// Choose gives the most specific media type that is declared for a body, nil if there is none.
func Choose(list []Content, t media.Type) *Content {
	var best *Content
	closest := 0
	for i := range list {
		if fit := media.Fit(list[i].Type, t); fit > closest {
			best, closest = &list[i], fit
		}
	}
	return best
}

// Reader judges bodies. Its builder may be shared with whoever uses it at other times. It is not safe for concurrent use.
type Reader struct {
	Builder *style.Builder
	names   style.Names
	byName  map[string]int
}

// Judge holds a body of a media type that the content was chosen for against its schema. A fault with the keyword
// MediaType and no pointer is about the character set.
func (r *Reader) Judge(c *Content, t media.Type, text []byte, o schema.Options) schema.Result {
	kind := KindOf(t)
	text, ok := charset(t, kind, text)
	if !ok {
		return refused(MediaType, "charset utf-8")
	}
	if kind != JSON {
		o.Strip, o.Hide = false, nil
	}
	switch kind {
	case JSON:
		return c.Schema.Validate(text, o)
	case Form:
		return r.form(c, string(text), o)
	case Parts, Mixed:
		boundary, _ := t.Parameter("boundary")
		parts, err := multipart.Split(text, boundary)
		if err != nil {
			return refused(style.Syntax, err.Error())
		}
		if kind == Parts {
			return r.parts(c, parts, o)
		}
	case Text:
		if !utf8.Valid(text) {
			return refused(style.Encoding, "UTF-8")
		}
		return r.lone(c, text, false, o)
	case Bytes:
		if sized(c.Schema) {
			return r.lone(c, text, true, o)
		}
	case Unread:
	}
	return schema.Result{}
}

func refused(keyword, expected string) schema.Result {
	return schema.Result{Faults: []schema.Fault{{Keyword: keyword, Expected: expected}}}
}

// lone judges a body that is a single text, or bytes.
func (r *Reader) lone(c *Content, text []byte, raw bool, o schema.Options) schema.Result {
	if c.Schema.Free() {
		return schema.Result{}
	}
	r.Builder.Begin()
	if raw {
		r.Builder.String(string(text))
	} else {
		r.Builder.Text(string(text))
	}
	return c.Schema.ValidateValue(r.Builder.Tape(), o)
}

// Release forgets what was read, and tells how many bytes of memory are held without the builder.
func (r *Reader) Release() int {
	clear(r.byName)
	return r.names.Release()
}

// charset gives a body in UTF-8. Of other encodings only ISO 8859-1 is read, and only in texts.
func charset(t media.Type, kind Kind, text []byte) ([]byte, bool) {
	name, given := t.Parameter("charset")
	if !given || !slices.Contains([]Kind{JSON, Form, Text}, kind) {
		return text, true
	}
	switch strings.ToLower(name) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return text, true
	case "iso-8859-1", "latin1":
		if kind != Text {
			return nil, false
		}
		out := make([]byte, 0, len(text)+len(text)/8)
		for _, c := range text {
			out = utf8.AppendRune(out, rune(c))
		}
		return out, true
	}
	return nil, false
}
