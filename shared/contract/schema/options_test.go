package schema_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/compile"
	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/stream"
	"sluice/shared/contract/schema/tape"
)

const account = `{"type":"object","required":["id","name","password"],"properties":{"id":{"type":"string","readOnly":true},"name":{"type":"string"},
"password":{"allOf":[{"$ref":"#/components/schemas/Secret"}]},"owner":{"$ref":"#/components/schemas/Owner"},"list":{"type":"array","items":{"$ref":"#/components/schemas/Owner"}},
"free":{"type":"object"},"open":{"properties":{"a":true},"additionalProperties":true}}}`

const parts = `{"Secret":{"type":"string","writeOnly":true},"Owner":{"type":"object","properties":{"x":{"type":"integer"}}},
"Shut":{"type":"object","properties":{"k":{"const":"s"}},"required":["k"],"additionalProperties":false},
"Named":{"type":"object","properties":{"k":{"const":"n"},"name":true},"required":["k"],"additionalProperties":false}}`

func TestWhatDoesNotGoInADirectionIsRefusedAndNotRequired(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		o    schema.Options
		want []schema.Fault
	}{
		"a request without what is only read":    {`{"name":"n","password":"p"}`, schema.Options{Direction: schema.Request}, nil},
		"a request with it":                      {`{"id":"1","name":"n","password":"p"}`, schema.Options{Direction: schema.Request}, []schema.Fault{{"/id", "readOnly", "no such member in a request"}}},
		"a request with it, tolerated":           {`{"id":"1","name":"n","password":"p"}`, schema.Options{Direction: schema.Request, Tolerate: true}, nil},
		"what is tolerated is what it should be": {`{"id":1,"name":"n","password":"p"}`, schema.Options{Direction: schema.Request, Tolerate: true}, []schema.Fault{{"/id", "type", "a string"}}},
		"an answer without what is only written": {`{"id":"1","name":"n"}`, schema.Options{Direction: schema.Response}, nil},
		"an answer with it":                      {`{"id":"1","name":"n","password":"p"}`, schema.Options{Direction: schema.Response}, []schema.Fault{{"/password", "writeOnly", "no such member in an answer"}}},
		"an answer without what is only read":    {`{"name":"n"}`, schema.Options{Direction: schema.Response}, []schema.Fault{{"", "required", `the member "id"`}}},
		"neither: both are required":             {`{"name":"n"}`, schema.Options{}, []schema.Fault{{"", "required", `the member "id"`}, {"", "required", `the member "password"`}}},
		"closed: what is not declared":           {`{"id":"1","name":"n","more":1,"owner":{"y":1}}`, schema.Options{Direction: schema.Response, Closed: true}, []schema.Fault{{"/owner/y", "undeclared", "no member that is not declared"}, {"/more", "undeclared", "no member that is not declared"}}},
		"closed: what is free or open stays so":  {`{"id":"1","name":"n","free":{"y":1},"open":{"z":{"q":1}}}`, schema.Options{Direction: schema.Response, Closed: true}, nil},
		"as many faults as were asked for":       {`{}`, schema.Options{Faults: 1}, []schema.Fault{{"", "required", `the member "id"`}}},
		"work is bounded":                        {`{"id":"1","name":"n","password":"p"}`, schema.Options{Steps: 2}, []schema.Fault{{"/name", "limit", "a value that is less work to check"}}},
		"nesting is bounded":                     {`{"free":[[[]]]}`, schema.Options{Limits: tape.Limits{Depth: 3}}, []schema.Fault{{"/free/0", "limit", "less nesting at byte 10"}}},
		"the number of values is bounded":        {`[1,2,3]`, schema.Options{Limits: tape.Limits{Values: 3}}, []schema.Fault{{"/1", "limit", "fewer values at byte 6"}}},
		"the length of a number is bounded":      {`[123456]`, schema.Options{Limits: tape.Limits{Numeral: 5}}, []schema.Fault{{"", "limit", "a shorter number at byte 1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := document(t, "3.0.3", account, parts).Validate([]byte(c.body), c.o)
			if diff := cmp.Diff(c.want, got.Faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStrippingRemovesWhatIsNotDeclaredAndChangesNothingElse(t *testing.T) {
	either := `{"oneOf":[{"$ref":"#/components/schemas/Shut"},{"$ref":"#/components/schemas/Named"}]}`
	both := `{"allOf":[{"$ref":"#/components/schemas/Owner"},{"properties":{"y":true}}]}`
	for name, c := range map[string]struct {
		schema, body, want string
		removed            int
	}{
		"nothing to remove":                    {account, ` { "id" : "1" , "name":"n"} `, ` { "id" : "1" , "name":"n"} `, 0},
		"the first, the last and one between":  {account, `{"a":1,"id":"1","b":[{"id":2}],"name":"n","c":"x"}`, `{"id":"1","name":"n"}`, 3},
		"deep inside":                          {account, `{"id":"1","name":"n","owner":{"x":1,"y":2},"list":[{"x":1},{"y":2,"x": 3},{"y":1}]}`, `{"id":"1","name":"n","owner":{"x":1},"list":[{"x":1},{"x":3},{}]}`, 3},
		"what is free or open stays":           {account, `{"id":"1","name":"n","free":{"y":1},"open":{"z":1},"zz":1}`, `{"id":"1","name":"n","free":{"y":1},"open":{"z":1}}`, 1},
		"what is only written":                 {account, `{"id":"1","name":"n","password":"p"}`, `{"id":"1","name":"n"}`, 1},
		"escaped names stay as they are":       {account, `{"\u0069d":"1","name":"\n","x":1}`, `{"\u0069d":"1","name":"\n"}`, 1},
		"members of a closed schema":           {`{"$ref":"#/components/schemas/Shut"}`, `{"k":"s","more":1}`, `{"k":"s"}`, 1},
		"of the alternative that is left":      {either, `{"k":"n","more":{"k":1}}`, `{"k":"n"}`, 1},
		"what any schema of several declares":  {both, `{"x":1,"y":2,"z":3}`, `{"x":1,"y":2}`, 1},
		"what one schema of several refuses":   {`{"allOf":[{"$ref":"#/components/schemas/Shut"},{"properties":{"y":true}}]}`, `{"k":"s","y":2}`, `{"k":"s"}`, 1},
		"a value that is not described at all": {`{}`, `{"x":1}`, `{"x":1}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := document(t, "3.0.3", c.schema, parts).Validate([]byte(c.body), schema.Options{Direction: schema.Response, Strip: true})
			if !got.OK() || string(got.Body) != c.want || got.Removed != c.removed {
				t.Errorf("%s with %d removed, want %s with %d: %v", got.Body, got.Removed, c.want, c.removed, got.Faults)
			}
			if !json.Valid(got.Body) {
				t.Errorf("%s is no JSON", got.Body)
			}
		})
	}
	if got := document(t, "3.0.3", account, parts).Validate([]byte(`{"id":1,"name":"n","zz":1}`), schema.Options{Direction: schema.Response, Strip: true}); got.OK() || got.Body != nil {
		t.Errorf("an answer that is refused has a body: %s", got.Body)
	}
}

// marked compiles a document and tells which elements a body marks.
func marked(t *testing.T, source, body string) (all, seen []string) {
	t.Helper()
	made, err := compile.Source(t.Context(), []byte(source), false)
	if err != nil {
		t.Fatal(err)
	}
	elements, err := program.DecodeElements(made.Elements)
	if err != nil {
		t.Fatal(err)
	}
	op := operations(t, made)[0]
	all = elements.Of(op.Description())
	if len(all) != op.Elements() {
		t.Fatalf("%d elements have a place, %d a number", len(all), op.Elements())
	}
	marks := op.NewMarks()
	op.Schema(op.Description().Body.Contents[0].Schema).Validate([]byte(body), schema.Options{Marks: marks})
	for i, pointer := range all {
		if marks.Has(i) {
			seen = append(seen, pointer)
		}
	}
	return all, seen
}

func TestWhatAValueUsesIsMarked(t *testing.T) {
	source := `{"openapi":"3.1.0","paths":{"/a":{"post":{"parameters":[{"name":"p","in":"query","schema":{"enum":["x"]}}],"requestBody":{"content":{"application/json":{"schema":{
"properties":{"kind":{"enum":["b","a"]},"size":{"type":"integer"},"pick":{"anyOf":[{"required":["q"],"properties":{"n":true,"q":true}},{"properties":{"n":true}}]}}}}}},
"responses":{"200":{"content":{"text/plain":{}}}}},"put":{}}}}`
	all, seen := marked(t, source, `{"kind":"a","pick":{"n":1},"other":1}`)
	at := "/paths/~1a/post/requestBody/content/application~1json/schema/properties/"
	want := []string{at + "kind", at + "kind/enum/1", at + "pick", at + "pick/anyOf/1/properties/n"}
	slices.Sort(seen)
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("marked (-want +got):\n%s", diff)
	}
	own := []string{"/paths/~1a/post", "/paths/~1a/post/parameters/0", "/paths/~1a/post/requestBody/content/application~1json",
		"/paths/~1a/post/responses/200", "/paths/~1a/post/responses/200/content/text~1plain"}
	if diff := cmp.Diff(own, all[:5]); diff != "" {
		t.Errorf("elements of the operation (-want +got):\n%s", diff)
	}
}

func TestBareTextIsWhatItsSchemaTakesItFor(t *testing.T) {
	for name, c := range map[string]struct {
		schema string
		texts  []string // of an array; one alone is the value itself
		ok     bool
		kinds  []tape.Kind
	}{
		"a number where one belongs":          {`{"type":"integer","minimum":3}`, []string{"4"}, true, []tape.Kind{tape.Number}},
		"no number where one belongs":         {`{"type":"integer"}`, []string{"4x"}, false, nil},
		"a number out of bounds":              {`{"type":"integer","minimum":3}`, []string{"2"}, false, nil},
		"digits where a string belongs":       {`{"type":"string","pattern":"^0+1$"}`, []string{"001"}, true, []tape.Kind{tape.String}},
		"true where a boolean belongs":        {`{"type":"boolean"}`, []string{"true"}, true, []tape.Kind{tape.True}},
		"true where a string belongs":         {`{"enum":["true"]}`, []string{"true"}, true, []tape.Kind{tape.String}},
		"null where it may be":                {`{"type":["null","integer"]}`, []string{"null"}, true, []tape.Kind{tape.Null}},
		"whole or text by the one that fits":  {`{"anyOf":[{"type":"integer","maximum":5},{"type":"string","maxLength":2}]}`, []string{"42"}, true, []tape.Kind{tape.String}},
		"one kind for all schemas of a place": {`{"allOf":[{"type":"integer"},{"minimum":3}]}`, []string{"2"}, false, nil},
		"each element its own":                {`{"items":{"type":["integer","boolean"]},"uniqueItems":true}`, []string{"1", "true"}, true, []tape.Kind{tape.Number, tape.True}},
		"equal as what they are":              {`{"items":{"type":"number"},"uniqueItems":true}`, []string{"1", "1.0"}, false, nil},
		"not equal as strings":                {`{"items":{"type":"string"},"uniqueItems":true}`, []string{"1", "1.0"}, true, []tape.Kind{tape.String, tape.String}},
	} {
		t.Run(name, func(t *testing.T) {
			var b tape.Builder
			b.Reset()
			if len(c.texts) > 1 {
				b.Array()
			}
			for _, text := range c.texts {
				b.Text(text)
			}
			if len(c.texts) > 1 {
				b.End()
			}
			got := load(t, c.schema).ValidateValue(b.Tape(), schema.Options{})
			if got.OK() != c.ok {
				t.Fatalf("accepted %v: %v", got.OK(), got.Faults)
			}
			tokens := b.Tape().Tokens[len(b.Tape().Tokens)-len(c.texts):]
			for i, kind := range c.kinds {
				if tokens[i].Kind != kind {
					t.Errorf("text %d became kind %d, want %d", i, tokens[i].Kind, kind)
				}
			}
		})
	}
}

func TestBareTextIsOpenAgainForTheNextAlternative(t *testing.T) {
	s := load(t, `{"anyOf":[{"properties":{"a":{"type":"integer"}},"required":["b"]},{"properties":{"a":{"type":"string"}}}]}`)
	var b tape.Builder
	b.Object()
	b.Name("a")
	b.Text("42")
	b.End()
	if got := s.ValidateValue(b.Tape(), schema.Options{}); !got.OK() {
		t.Errorf("the second alternative does not fit: %v", got.Faults)
	}
}

func TestNoFaultHoldsAValue(t *testing.T) {
	s := load(t, `{"type":"object","properties":{"a":{"enum":["x"]},"b":{"pattern":"^x$","format":"uuid","maxLength":1,"not":{"type":"string"}},"c":{"const":1},"d":{"maximum":1,"multipleOf":2}},"propertyNames":{"maxLength":1},"additionalProperties":false,"oneOf":[{"required":["q"]},{"required":["r"]}]}`)
	got := s.Validate([]byte(`{"a":"hunter2","b":"hunter2","c":"hunter2","d":77077}`), schema.Options{})
	if len(got.Faults) < 7 {
		t.Fatalf("only %d faults", len(got.Faults))
	}
	for _, f := range got.Faults {
		if all := f.Pointer + f.Expected; strings.Contains(all, "hunter2") || strings.Contains(all, "77077") {
			t.Errorf("%+v tells what was sent", f)
		}
	}
}

func TestAlternativesInsideOfAlternativesCostNoMoreThanTheirSum(t *testing.T) {
	s := load(t, `{"$ref":"#/$defs/t","$defs":{"t":{"anyOf":[{"properties":{"c":{"$ref":"#/$defs/t"},"k":{"const":1}},"required":["k"]},
{"properties":{"c":{"$ref":"#/$defs/t"},"k":{"const":2}},"required":["k"]}]}}}`)
	deep := func(inner string) []byte {
		return []byte(strings.Repeat(`{"c":`, 100) + inner + strings.Repeat(`,"k":2}`, 100))
	}
	if got := s.Validate(deep(`{"k":2}`), schema.Options{}); !got.OK() {
		t.Errorf("a value that fits is refused: %v", got.Faults)
	}
	if got := s.Validate(deep(`{"k":3}`), schema.Options{}); got.OK() || got.Faults[0].Keyword == "limit" {
		t.Errorf("a value that does not fit: %v", got.Faults)
	}
	wide := load(t, `{"type":"array","items":{"anyOf":[{"multipleOf":7},{"multipleOf":11},{"pattern":"x"}]}}`)
	if got := wide.Validate([]byte(`[`+strings.Repeat(`77,`, 100_000)+`77]`), schema.Options{}); !got.OK() {
		t.Errorf("a large value is refused: %v", got.Faults)
	}
	work := load(t, `{"items":{"pattern":"(ab|ba|aab|bba){1,20}c$"}}`)
	if got := work.Validate([]byte(`["`+strings.Repeat(`ab`, 500_000)+`"]`), schema.Options{}); got.OK() || got.Faults[0].Keyword != "limit" {
		t.Errorf("a text of 1 MB for a pattern of many steps: %v", got.Faults)
	}
}

func TestHiddenPropertiesAreRemovedWhereverTheyAre(t *testing.T) {
	source := `{"openapi":"3.1.0","paths":{"/":{"post":{"requestBody":{"content":{"a/b":{"schema":{"properties":{"pets":{"items":{"$ref":"#/components/schemas/Pet"}},"pet":{"oneOf":[{"type":"null"},
{"$ref":"#/components/schemas/Pet"}]}}}}}}}}},"components":{"schemas":{"Pet":{"type":"object","required":["chip"],"properties":{"chip":{"type":"string"},"name":true}}}}}`
	made, err := compile.Source(t.Context(), []byte(source), false)
	if err != nil {
		t.Fatal(err)
	}
	elements, err := program.DecodeElements(made.Elements)
	if err != nil {
		t.Fatal(err)
	}
	op := operations(t, made)[0]
	hide := op.NewMarks()
	hide.Set(slices.Index(elements.Of(op.Description()), "/components/schemas/Pet/properties/chip"))
	s := op.Schema(op.Description().Body.Contents[0].Schema)
	for body, want := range map[string]string{
		`{"pets":[{"chip":"1","name":"a"},{"name":"b","chip":"2","x":1}],"pet":{"chip":"3"},"y":{"chip":4}}`: `{"pets":[{"name":"a"},{"name":"b","x":1}],"pet":{},"y":{"chip":4}}`,
		`{"pet":null}`:       `{"pet":null}`,
		`{"pets":[{"x":1}]}`: ``,
		`{"pet":{"chip":1}}`: ``,
	} {
		if got := s.Validate([]byte(body), schema.Options{Hide: hide}); string(got.Body) != want || got.OK() != (want != "") {
			t.Errorf("%s became %s: %v", body, got.Body, got.Faults)
		}
		var out strings.Builder
		if got, err := stream.Pass(&out, strings.NewReader(body), s, 1024, schema.Options{Hide: hide}); err != nil || got.OK() && out.String() != want && want != "" || strings.Contains(out.String(), `"chip":"`) {
			t.Errorf("%s became %s as it passed: %v %v", body, out.String(), got.Faults, err)
		}
	}
}

func TestMarksAreASet(t *testing.T) {
	a, b := make(schema.Marks, 2), make(schema.Marks, 2)
	a.Set(3)
	b.Set(127)
	b.Set(128) // beyond the set
	a.Or(b)
	for n, want := range map[int]bool{3: true, 127: true, 128: false, 4: false} {
		if a.Has(n) != want {
			t.Errorf("%d is in the set: %v", n, !want)
		}
	}
	var none schema.Marks
	none.Set(1)
	none.Or(a)
	if none.Has(3) {
		t.Error("no set has a member")
	}
}

func BenchmarkMarks(b *testing.B) {
	const most = 75 // words: more elements than any operation of a real contract has
	day, call := make(schema.Marks, most), make(schema.Marks, most)
	b.ReportAllocs()
	for b.Loop() {
		day.Or(call)
	}
}
