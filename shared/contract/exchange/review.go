package exchange

import (
	"strings"

	"sluice/shared/contract/exchange/body"
	"sluice/shared/contract/exchange/media"
	"sluice/shared/contract/exchange/style"
	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/shape"
)

// Remark is something that an operation declares and that is not enforced, or is read in another way than it is written.
type Remark struct {
	Rule    string // "style-not-enforced", "media-type-not-enforced", "encoding-not-enforced", "parameter-not-in-path"
	Element uint32 // what it is about: see program.Elements
	Text    string
}

// Review says what of an operation is not enforced when calls come: for the findings of a contract, at publish.
func Review(loaded *schema.Operation) []Remark {
	d, o := loaded.Description(), New(loaded)
	var list []Remark
	add := func(rule string, element uint32, text string) { list = append(list, Remark{rule, element, text}) }
	for i := range o.parameters {
		o.reviewParameter(&o.parameters[i], add)
	}
	contents := func(declared []program.Content, taken bool) {
		for i := range declared {
			reviewContent(loaded, &declared[i], taken, add)
		}
	}
	if d.Body != nil {
		contents(d.Body.Contents, true)
	}
	for i := range d.Responses {
		contents(d.Responses[i].Contents, false)
		for k := range d.Responses[i].Headers {
			h := style.New(loaded, &d.Responses[i].Headers[k])
			o.reviewParameter(&h, add)
		}
	}
	return list
}

func (o *Operation) reviewParameter(p *style.Parameter, add func(string, uint32, string)) {
	name := clip(p.Name)
	if p.In == InPath && !o.template.has(p.Name) {
		add("parameter-not-in-path", p.Element, "the path has no {"+name+"}: the parameter is not looked at")
	}
	if p.Parameter.Media != "" {
		if !p.Media.JSON() && p.Media.Main != "text" {
			add("media-type-not-enforced", p.Element, "the parameter "+name+" is of "+clip(p.Parameter.Media)+", which is not looked into")
		}
		return
	}
	styles := map[string]string{InPath: " simple label matrix ", InQuery: " form spaceDelimited pipeDelimited deepObject ",
		InHeader: " simple ", InCookie: " form cookie "}
	if !strings.Contains(styles[p.In], " "+p.Style+" ") {
		add("style-not-enforced", p.Element, "the parameter "+name+" is in "+p.In+", which has no style "+clip(p.Style)+": it is read as comma-separated text")
	}
	if p.Style == "deepObject" && shape.Types(p.Schema)&program.Mapping == 0 {
		add("style-not-enforced", p.Element, "the parameter "+name+" has the style deepObject, and no object as its schema: it can never be sent")
	}
	if nested(p) {
		add("style-not-enforced", p.Element, "members of the parameter "+name+" are objects, for which the style "+p.Style+" has no form: they can never be sent")
	}
}

// nested reports whether a value of the parameter would have to hold objects that its style cannot write.
func nested(p *style.Parameter) bool {
	if p.Style == "deepObject" {
		return false
	}
	for name := range p.Members {
		member, _ := shape.Property(p.Schema, name)
		if style.Only(shape.Types(member), program.Mapping) {
			return true
		}
	}
	item, ok := shape.Item(p.Schema, 0)
	return ok && len(p.Readings) == 1 && p.Readings[0] == style.List && style.Only(shape.Types(item), program.Mapping|program.Sequence)
}

func reviewContent(loaded *schema.Operation, declared *program.Content, taken bool, add func(string, uint32, string)) {
	name := clip(declared.Media)
	t, ok := media.Parse(declared.Media)
	s := loaded.Schema(declared.Schema)
	trivial := s.Free() || style.Only(shape.Types(s), program.Textual) // every body is a text
	switch kind := body.KindOf(t); {
	case !ok:
		add("media-type-not-enforced", declared.Element, "there is no media type "+name+": no body is of it")
	case kind == body.Unread && t.Main != "*" && !trivial:
		add("media-type-not-enforced", declared.Element, "bodies of "+name+" are not looked into: the schema is not enforced")
	case kind == body.Mixed && !s.Free():
		add("media-type-not-enforced", declared.Element, "parts of "+name+" have no names: only that the parts are whole is enforced")
	case taken && (kind == body.Form || kind == body.Parts):
		c := body.New(loaded, []program.Content{*declared})
		if c[0].Open {
			add("encoding-not-enforced", declared.Element, "an object among the fields of "+name+" has the style form, exploded: nothing tells its members "+
				"from fields, and the schema is not enforced")
		}
	case !taken && kind != body.JSON && t.Main != "*" && !trivial:
		add("media-type-not-enforced", declared.Element, "answers of "+name+" are not looked into: the schema is not enforced")
	}
}
