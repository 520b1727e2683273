package style

import (
	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/tape"
)

// JSON puts a JSON text onto the tape.
func (b *Builder) JSON(text []byte, limits tape.Limits) *schema.Fault {
	if f := b.json.Read(text, limits); f != nil {
		keyword := Syntax
		if f.Limit {
			keyword = Limit
		}
		return &schema.Fault{Pointer: f.Pointer, Keyword: keyword, Expected: "JSON: " + f.Error()}
	}
	if b.left -= len(b.json.Tokens); b.left < 0 {
		return many()
	}
	b.copy(0)
	return nil
}

// copy puts a value of the JSON onto the tape that is built. Limits bound how deep it goes.
func (b *Builder) copy(at int) {
	k := b.json.Tokens[at]
	switch k.Kind {
	case tape.Null:
		b.Null()
	case tape.False, tape.True:
		b.Bool(k.Kind == tape.True)
	case tape.Number:
		b.Number(string(b.json.Bytes(at)))
	case tape.Array:
		b.Array()
		for i := at + 1; i < int(k.Next); i = b.json.Next(i) {
			b.copy(i)
		}
		b.End()
	case tape.Object:
		b.Object()
		for i := at + 1; i < int(k.Next); i = b.json.Next(i + 1) {
			b.Name(string(b.json.Bytes(i)))
			b.copy(i + 1)
		}
		b.End()
	case tape.String, tape.Name, tape.Text:
		b.String(string(b.json.Bytes(at)))
	}
}
