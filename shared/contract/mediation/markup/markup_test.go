package markup_test

import (
	"errors"
	"strings"
	"testing"

	"sluice/shared/contract/mediation/markup"
	"sluice/shared/contract/mediation/value"
)

func mapping() *markup.Mapping {
	return &markup.Mapping{Root: "R", Arrays: []string{"a"}, Items: map[string]string{"list": "item"}, Null: markup.Nil}
}

func read(t testing.TB, text string) *value.Value {
	t.Helper()
	v, err := value.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestReading(t *testing.T) {
	for name, c := range map[string][2]string{
		"text is a string":                      {`<R> x </R>`, `" x "`},
		"an empty element is an empty string":   {`<R/>`, `""`},
		"children are members in their order":   {`<R><z>1</z><b><c>2</c></b></R>`, `{"z":"1","b":{"c":"2"}}`},
		"attributes, and text beside them":      {`<R x="1" y='2'>t</R>`, `{"@x":"1","@y":"2","#text":"t"}`},
		"repeated elements are an array":        {`<R><b>1</b><c/><b>2</b><b/></R>`, `{"b":["1","2",""],"c":""}`},
		"a declared array that occurs once":     {`<R><a>1</a></R>`, `{"a":["1"]}`},
		"an array with an element of its own":   {`<R><list><item>1</item></list></R>`, `{"list":["1"]}`},
		"one that is empty":                     {`<R><list/></R>`, `{"list":[]}`},
		"null":                                  {`<R xmlns:i="x"><b i:nil="true"/></R>`, `{"b":null}`},
		"prefixes and namespaces are dropped":   {`<p:R xmlns:p="x" xmlns="y"><p:b>1</p:b></p:R>`, `{"b":"1"}`},
		"entities, references and CDATA":        {`<R>&lt;&#65;&#x42;<![CDATA[<&]]></R>`, `"<AB<&"`},
		"comments and instructions are nothing": {"<?xml version=\"1.0\"?>\n<!-- c --><?p i?><R><!-- c -->x</R>\n", `"x"`},
		"an array in arrays of elements":        {`<R><b><c>1</c><c>2</c></b><b><c>3</c></b></R>`, `{"b":[{"c":["1","2"]},{"c":"3"}]}`},
		"many members, one of them repeated":    {`<R><c>1</c><d/><e/><f/><g/><h/><i/><j/><k/><l/><c>2</c></R>`, `{"c":["1","2"],"d":"","e":"","f":"","g":"","h":"","i":"","j":"","k":"","l":""}`},
		"a document type is refused":            {`<!DOCTYPE R><R/>`, ``},
		"an entity bomb is refused":             {`<!DOCTYPE R [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><R>&b;</R>`, ``},
		"an entity that nobody declared":        {`<R>&nbsp;</R>`, ``},
		"another root is refused":               {`<S/>`, ``},
		"an element that is not ended":          {`<R><a></R>`, ``},
		"an end of another element":             {`<R><a></b></R>`, ``},
		"an end in the middle":                  {`<R><a>`, ``},
		"something behind the root":             {`<R/><R/>`, ``},
		"text before it":                        {`x<R/>`, ``},
		"nothing":                               {``, ``},
		"an attribute twice":                    {`<R x="1" x="2"/>`, ``},
		"another item than declared":            {`<R><list><x/></list></R>`, ``},
		"text among items":                      {`<R><list>t<item/></list></R>`, ``},
		"another encoding":                      {`<?xml version="1.0" encoding="UTF-16"?><R/>`, ``},
		"what is not UTF-8":                     {"<R>\xff</R>", ``},
		"a depth beyond bounds":                 {`<R>` + strings.Repeat("<b>", 70) + strings.Repeat("</b>", 70) + `</R>`, ``},
	} {
		v, err := mapping().Read([]byte(c[0]))
		var f *markup.Fault
		if err != nil && !errors.As(err, &f) || (err != nil) != (c[1] == "") || err == nil && v.String() != c[1] {
			t.Errorf("%s: %v, %v, want %s", name, v, err, c[1])
		}
	}
}

func TestWriting(t *testing.T) {
	for name, c := range map[string][2]string{
		"members are children":             {`{"b":1.50,"c":{"d":true}}`, `<R xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><b>1.50</b><c><d>true</d></c></R>`},
		"attributes and text":              {`{"@x":"<\"\n","#text":"t&"}`, `<R xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" x="&lt;&#34;&#10;">t&amp;</R>`},
		"arrays":                           {`{"b":[1,{"c":2}],"list":["x"],"a":[]}`, `<R xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><b>1</b><b><c>2</c></b><list><item>x</item></list></R>`},
		"null":                             {`{"b":null,"@c":null}`, `<R xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><b xsi:nil="true"/></R>`},
		"an array at the top is refused":   {`[1]`, ``},
		"an array in an array is refused":  {`{"b":[[1]]}`, ``},
		"a name with a blank is refused":   {`{"b c":1}`, ``},
		"a name that would end a tag, too": {`{"b><c":1}`, ``},
		"an attribute with a name like it": {`{"@b=\"":1}`, ``},
		"an attribute of an object":        {`{"@b":{}}`, ``},
		"a character that XML has not":     {`{"b":"\u0001"}`, ``},
		"a document that is too large":     {`{"b":"` + strings.Repeat("<", 300) + `"}`, ``},
	} {
		got, err := mapping().Write(read(t, c[0]), 1000)
		var f *markup.Fault
		want := c[1]
		if want != "" {
			want = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + want
		}
		if string(got) != want || (err != nil) != (c[1] == "") || err != nil && !errors.As(err, &f) {
			t.Errorf("%s: %s, %v, want %s", name, got, err, want)
		}
	}
}

func TestFaultsOfAMappingHaveTheirPlaces(t *testing.T) {
	for want, m := range map[string]*markup.Mapping{
		"/m/root": {Root: "1"}, "/m/namespace": {Root: "R", Namespace: "\x00"}, "/m/attribute": {Root: "R", Attribute: "a"}, "/m/text": {Root: "R", Text: "text"},
		"/m/arrays/1": {Root: "R", Arrays: []string{"a", "b c"}}, "/m/items/a": {Root: "R", Items: map[string]string{"a": ""}}, "/m/order/a~1b": {Root: "R", Order: map[string][]string{"a/b": nil}},
		"/m/null": {Root: "R", Null: "x"},
	} {
		if faults := m.Check("/m"); len(faults) != 1 || faults[0].Pointer != want {
			t.Errorf("%+v: %v, want one at %s", m, faults, want)
		}
	}
	if faults := mapping().Check(""); len(faults) > 0 {
		t.Error(faults)
	}
}

// FuzzXML: reading never panics and is bounded; what is written is read again as it was, and written the same.
func FuzzXML(f *testing.F) {
	f.Add([]byte(`<R x="1"><a>1</a><b>&lt;</b><b>t</b><list><item/></list></R>`))
	f.Add([]byte(`<?xml version="1.0"?><p:R xmlns:p="x"><b p:nil="1"/><![CDATA[x]]></p:R>`))
	f.Add([]byte(`<!DOCTYPE R [<!ENTITY a "aa">]><R>&a;</R>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m := mapping()
		v, err := m.Read(text)
		if err != nil {
			return
		}
		if v.Size() > 20*len(text)+100 {
			t.Fatalf("%d bytes became %d", len(text), v.Size())
		}
		out, err := m.Write(v, 1<<20)
		if err != nil {
			return // an attribute may have a name that no element has
		}
		again, err := m.Read(out)
		if err != nil || !value.Equal(v, again) {
			t.Fatalf("%s\n%s\n%v, %v", v, out, again, err)
		}
	})
}
