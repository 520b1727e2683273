package body

import (
	"slices"
	"strings"

	"sluice/shared/contract/exchange/media"
	"sluice/shared/contract/exchange/style"
	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/shape"
)

// property is a field of a form.
type property struct {
	style.Parameter               // as if it were one of a query; Style is "" where a content type rules
	types           program.Types // of its values
	item            program.Types // of the elements, if it is a list
	accepts         []media.Type  // content types of its parts; empty: any
	headers         []style.Parameter
	sized           bool // its bytes matter to the schema
}

func newProperty(name string, s schema.Schema) *property {
	f := &property{types: shape.Types(s), item: program.Textual, sized: sized(s)}
	f.Parameter = style.Parameter{Parameter: &program.Parameter{Name: name, In: style.InQuery}, Key: name, Schema: s}
	if item, ok := shape.Item(s, 0); ok {
		f.item, f.sized = shape.Types(item), f.sized || sized(item)
	}
	return f
}

// encode takes what the contract says of the field's encoding.
func (f *property) encode(loaded *schema.Operation, e *program.Encoding, parts bool) {
	if e.Style != "" {
		p := *f.Parameter.Parameter
		p.Style, p.Explode = e.Style, e.Explode
		f.Parameter.Parameter, f.Writing = &p, style.NewWriting(&p)
		if parts {
			f.Writing = f.Writing.Plain()
		}
	}
	for one := range strings.SplitSeq(e.ContentType, ",") {
		if t, ok := media.Parse(one); ok {
			f.accepts = append(f.accepts, t)
		}
	}
	for i := range e.Headers {
		f.headers = append(f.headers, style.New(loaded, &e.Headers[i]))
	}
}

// spreads reports whether the field is an object whose members stand in the form under names of their own.
func (f *property) spreads() bool {
	return f.Style == "form" && f.Explode && style.Only(f.types, program.Mapping)
}

// json reports whether a field's text is JSON: it was said so, or it can be nothing else.
func (f *property) json(types program.Types) bool {
	if len(f.accepts) > 0 {
		return !slices.ContainsFunc(f.accepts, func(t media.Type) bool { return !t.JSON() })
	}
	return types != 0 && types&^(program.Mapping|program.Sequence|program.Nullary) == 0
}

// textual reports whether a value, or an element if it is a list, can be a text.
func (f *property) textual() bool {
	return f.types&program.Textual != 0 || f.types&program.Sequence != 0 && f.item&program.Textual != 0
}

// reading says how a field with a style is read.
func (f *property) reading(count int) style.Reading {
	switch {
	case f.Style == "deepObject" || style.Only(f.types, program.Mapping):
		return style.Object
	case style.Only(f.types, program.Sequence), f.Writing.Exploded && count > 1 && f.types&program.Sequence != 0:
		return style.List
	}
	return style.Single
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
	case n.Types != 0 && n.Types&program.Textual == 0:
		return true
	}
	return n.Ref != program.None && sized(s.Other(n.Ref))
}
