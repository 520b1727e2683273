package exchange

import (
	"strings"

	"sluice/shared/contract/exchange/media"
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
	contents := func(declared []program.Content, body bool) {
		for i := range declared {
			reviewContent(loaded, &declared[i], body, add)
		}
	}
	if d.Body != nil {
		contents(d.Body.Contents, true)
	}
	for i := range d.Responses {
		contents(d.Responses[i].Contents, false)
		for k := range d.Responses[i].Headers {
			h := newParameter(loaded, &d.Responses[i].Headers[k])
			o.reviewParameter(&h, add)
		}
	}
	return list
}

func (o *Operation) reviewParameter(p *parameter, add func(string, uint32, string)) {
	name := clip(p.Name)
	if p.In == InPath && !o.template.has(p.Name) {
		add("parameter-not-in-path", p.Element, "the path has no {"+name+"}: the parameter is not looked at")
	}
	if p.Media != "" {
		if !p.media.JSON() && p.media.Main != "text" {
			add("media-type-not-enforced", p.Element, "the parameter "+name+" is of "+clip(p.Media)+", which is not looked into")
		}
		return
	}
	styles := map[string]string{InPath: " simple label matrix ", InQuery: " form spaceDelimited pipeDelimited deepObject ",
		InHeader: " simple ", InCookie: " form cookie "}
	if !strings.Contains(styles[p.In], " "+p.Style+" ") {
		add("style-not-enforced", p.Element, "the parameter "+name+" is in "+p.In+", which has no style "+clip(p.Style)+": it is read as comma-separated text")
	}
	if p.Style == "deepObject" && shape.Types(p.schema)&program.Mapping == 0 {
		add("style-not-enforced", p.Element, "the parameter "+name+" has the style deepObject, and no object as its schema: it can never be sent")
	}
	if nested(p) {
		add("style-not-enforced", p.Element, "members of the parameter "+name+" are objects, for which the style "+p.Style+" has no form: they can never be sent")
	}
}

// nested reports whether a value of the parameter would have to hold objects that its style cannot write.
func nested(p *parameter) bool {
	if p.Style == "deepObject" {
		return false
	}
	for name := range p.members {
		member, _ := shape.Property(p.schema, name)
		if only(shape.Types(member), program.Mapping) {
			return true
		}
	}
	item, ok := shape.Item(p.schema, 0)
	return ok && len(p.readings) == 1 && p.readings[0] == list && only(shape.Types(item), program.Mapping|program.Sequence)
}

func reviewContent(loaded *schema.Operation, declared *program.Content, body bool, add func(string, uint32, string)) {
	name := clip(declared.Media)
	t, ok := media.Parse(declared.Media)
	switch kind := kindOf(t); {
	case !ok:
		add("media-type-not-enforced", declared.Element, "there is no media type "+name+": no body is of it")
	case kind == unread && t.Main != "*" && !loaded.Schema(declared.Schema).Free():
		add("media-type-not-enforced", declared.Element, "bodies of "+name+" are not looked into: the schema is not enforced")
	case kind == otherBody && !loaded.Schema(declared.Schema).Free():
		add("media-type-not-enforced", declared.Element, "parts of "+name+" have no names: only that the parts are whole is enforced")
	case body && (kind == formBody || kind == partsBody):
		c := newContents(loaded, []program.Content{*declared})
		if c[0].open {
			add("encoding-not-enforced", declared.Element, "an object among the fields of "+name+" has the style form, exploded: nothing tells its members "+
				"from fields, and the schema is not enforced")
		}
	case !body && kind != jsonBody && t.Main != "*" && !loaded.Schema(declared.Schema).Free():
		add("media-type-not-enforced", declared.Element, "answers of "+name+" are not looked into: the schema is not enforced")
	}
}
