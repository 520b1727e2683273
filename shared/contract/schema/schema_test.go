package schema_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/compile"
)

// load compiles a lone schema, and loads it.
func load(t testing.TB, source string) schema.Schema {
	t.Helper()
	made, err := compile.Schema(t.Context(), []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	op := operations(t, made)[0]
	return op.Schema(op.Description().Body.Contents[0].Schema)
}

// operations loads all that was compiled.
func operations(t testing.TB, made *compile.Compiled) (all []*schema.Operation) {
	t.Helper()
	c := schema.NewContract(func(_ context.Context, n int) ([]byte, error) { return made.Pool[n], nil })
	for _, o := range made.Operations {
		op, err := c.Load(t.Context(), o.Page)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, op)
	}
	return all
}

// document compiles a document of OpenAPI with one operation that takes a body, POST /, and gives the body's schema.
func document(t testing.TB, version, body, components string) schema.Schema {
	t.Helper()
	source := `{"openapi":"` + version + `","info":{"title":"t","version":"1"},"paths":{"/":{"post":{"requestBody":{"content":{"application/json":{"schema":` +
		body + `}}},"responses":{}}}},"components":{"schemas":` + components + `}}`
	made, err := compile.Source(t.Context(), []byte(source), false)
	if err != nil {
		t.Fatal(err)
	}
	op := operations(t, made)[0]
	return op.Schema(op.Description().Body.Contents[0].Schema)
}

func TestEveryFaultIsToldWithItsPlaceAndWhatWasExpected(t *testing.T) {
	for name, c := range map[string]struct {
		schema, body string
		want         []schema.Fault
	}{
		"several faults at once": {
			`{"type":"object","required":["a","b"],"properties":{"c":{"type":["integer","null"]},"d/e":{"items":{"maxLength":2}}}}`,
			`{"c":1.5,"d/e":["ok","längs"]}`,
			[]schema.Fault{{"/c", "type", "null or an integer"}, {"/d~1e/1", "maxLength", "at most 2 characters"}, {"", "required", `the member "a"`}, {"", "required", `the member "b"`}},
		},
		"an enum lists its values":           {`{"enum":["b","a",3]}`, `"c"`, []schema.Fault{{"", "enum", `one of "a", "b", 3`}}},
		"a const its own":                    {`{"const":{"a":1}}`, `{"a":2}`, []schema.Fault{{"", "const", `{"a":1}`}}},
		"a bound beyond floating point":      {`{"maximum":9007199254740993}`, `9007199254740993.5`, []schema.Fault{{"", "maximum", "at most 9007199254740993"}}},
		"a step that no float has":           {`{"multipleOf":0.1}`, `0.35`, []schema.Fault{{"", "multipleOf", "a multiple of 0.1"}}},
		"int64 by value":                     {`{"format":"int64"}`, `9223372036854775808`, []schema.Fault{{"", "format", "int64"}}},
		"a member that may not be":           {`{"additionalProperties":false,"properties":{"a":true}}`, `{"a":1,"b":"secret"}`, []schema.Fault{{"/b", "additionalProperties", "no such member"}}},
		"the alternative that came closest":  {`{"oneOf":[{"required":["a"]},{"properties":{"k":{"const":"x"},"n":{"type":"integer"}},"required":["k","n"],"maxProperties":2}]}`, `{"k":"x","n":"one"}`, []schema.Fault{{"", "oneOf", "one of 2 alternatives: none fits"}}},
		"more than one alternative":          {`{"oneOf":[{"type":"integer"},{"minimum":2}]}`, `3`, []schema.Fault{{"", "oneOf", "one alternative only: several fit"}}},
		"an alternative of another type":     {`{"anyOf":[{"type":"null"},{"type":"object","properties":{"n":{"type":"integer"}}}]}`, `{"n":"x"}`, []schema.Fault{{"/n", "type", "an integer"}}},
		"an element twice":                   {`{"uniqueItems":true}`, `[{"a":1,"b":2},3,{"b":2.0,"a":1e0}]`, []schema.Fault{{"/2", "uniqueItems", "no element twice"}}},
		"text behind the end":                {`true`, `{} x`, []schema.Fault{{"", "syntax", "the end of the text at byte 3"}}},
		"a name twice":                       {`true`, `{"a":{"b":1,"\u0062":2}}`, []schema.Fault{{"/a/b", "syntax", "each name once at byte 13"}}},
		"half a surrogate pair":              {`true`, `["\ud800"]`, []schema.Fault{{"", "syntax", "an escape that JSON has at byte 2"}}},
		"a cut text":                         {`true`, `{"a":[1,`, []schema.Fault{{"/a/0", "syntax", "a JSON value at byte 8"}}},
		"a number whose exponent is absurd":  {`true`, `[1e99999999]`, []schema.Fault{{"", "limit", "a number with a smaller exponent at byte 1"}}},
		"a format by its name and no value":  {`{"format":"email"}`, `"not an address"`, []schema.Fault{{"", "format", "email"}}},
		"a pattern with itself and no value": {`{"pattern":"^a+$"}`, `"secret"`, []schema.Fault{{"", "pattern", "text that matches ^a+$"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := load(t, c.schema).Validate([]byte(c.body), schema.Options{})
			if name == "the alternative that came closest" {
				got.Faults = got.Faults[:1]
			}
			if diff := cmp.Diff(c.want, got.Faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEachVersionOfOpenAPIIsReadByItsOwnRules(t *testing.T) {
	pet := `{"Pet":{"type":"string","enum":["dog"]},"Loop":{"type":"object","properties":{"next":{"$ref":"#/components/schemas/Loop"}}},
"a b/c":{"type":"integer"}}`
	for name, c := range map[string]struct {
		version, schema, body string
		ok                    bool
	}{
		"3.0: nullable accepts null":                      {"3.0.3", `{"type":"string","nullable":true}`, `null`, true},
		"3.0: nullable accepts null beside an enum":       {"3.0.3", `{"type":"string","enum":["a"],"nullable":true}`, `null`, true},
		"3.1: nullable means nothing":                     {"3.1.0", `{"type":"string","nullable":true}`, `null`, false},
		"3.1: a list of types":                            {"3.1.0", `{"type":["string","null"]}`, `null`, true},
		"3.0: a boolean excludes the bound":               {"3.0.0", `{"minimum":1,"exclusiveMinimum":true}`, `1`, false},
		"3.0: a boolean may not exclude it":               {"3.0.0", `{"minimum":1,"exclusiveMinimum":false}`, `1`, true},
		"3.1: a number is the bound":                      {"3.1.0", `{"exclusiveMinimum":1}`, `1`, false},
		"3.0: nothing counts beside a reference":          {"3.0.3", `{"$ref":"#/components/schemas/Pet","maxLength":1}`, `"dog"`, true},
		"3.1: what stands beside a reference counts":      {"3.1.0", `{"$ref":"#/components/schemas/Pet","maxLength":1}`, `"dog"`, false},
		"3.0: there is no const":                          {"3.0.3", `{"const":1}`, `2`, true},
		"3.1: there is":                                   {"3.1.0", `{"const":1}`, `2`, false},
		"a reference into itself holds all the way down":  {"3.0.3", `{"$ref":"#/components/schemas/Loop"}`, `{"next":{"next":{"next":1}}}`, false},
		"a percent-encoded pointer is followed":           {"3.1.0", `{"$ref":"#/components/schemas/a%20b~1c"}`, `"x"`, false},
		"3.1: an anchor is followed":                      {"3.1.0", `{"$ref":"#here","$defs":{"x":{"$anchor":"here","type":"integer"}}}`, `"x"`, false},
		"3.1: an id is followed, relative to one outside": {"3.1.0", `{"$id":"https://x.example/a/","$ref":"b","$defs":{"x":{"$id":"b","type":"integer"}}}`, `"x"`, false},
		"a dynamic reference means the outermost anchor": {"3.1.0", `{"$id":"https://x.example/ints","$ref":"list","$defs":{
"item":{"$dynamicAnchor":"item","type":"integer"},
"list":{"$id":"list","items":{"$dynamicRef":"#item"},"$defs":{"item":{"$dynamicAnchor":"item"}}}}}`, `["x"]`, false},
		"a recursive reference means the anchor around it": {"3.1.0", `{"$recursiveAnchor":true,"properties":{"k":{"type":"integer"},"c":{"$recursiveRef":"#"}}}`, `{"c":{"c":{"k":"x"}}}`, false},
		"a schema that includes itself asks for the rest":  {"3.1.0", `{"$anchor":"a","allOf":[{"$ref":"#a"}],"type":"integer"}`, `"x"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := document(t, c.version, c.schema, pet).Validate([]byte(c.body), schema.Options{}); got.OK() != c.ok {
				t.Errorf("accepted %v: %v", got.OK(), got.Faults)
			}
		})
	}
}

func TestADiscriminatorChoosesTheAlternativeThatItNames(t *testing.T) {
	components := `{"Cat":{"type":"object","properties":{"kind":{"type":"string"},"lives":{"type":"integer"}},"required":["kind"]},
"Dog":{"type":"object","properties":{"kind":{"type":"string"},"bark":{"type":"boolean"}},"required":["kind"]}}`
	refs := `"oneOf":[{"$ref":"#/components/schemas/Cat"},{"$ref":"#/components/schemas/Dog"}]`
	for name, c := range map[string]struct {
		discriminator, body string
		want                []schema.Fault
	}{
		"by the name of its schema":                  {`{"propertyName":"kind"}`, `{"kind":"Dog","bark":1}`, []schema.Fault{{"/bark", "type", "a boolean"}}},
		"by a mapping to a name":                     {`{"propertyName":"kind","mapping":{"d":"Dog"}}`, `{"kind":"d","bark":1}`, []schema.Fault{{"/bark", "type", "a boolean"}}},
		"by a mapping to a reference":                {`{"propertyName":"kind","mapping":{"d":"#/components/schemas/Dog"}}`, `{"kind":"d","bark":1}`, []schema.Fault{{"/bark", "type", "a boolean"}}},
		"though others would fit as well":            {`{"propertyName":"kind"}`, `{"kind":"Cat","lives":9}`, nil},
		"and none by a value that names nothing":     {`{"propertyName":"kind"}`, `{"kind":"Cow"}`, []schema.Fault{{"", "oneOf", "one alternative only: several fit"}}},
		"and none by a mapping that leads elsewhere": {`{"propertyName":"kind","mapping":{"Dog":"Nowhere"}}`, `{"kind":"Dog","bark":1}`, nil},
		"and none where it is missing":               {`{"propertyName":"kind"}`, `{"lives":9,"bark":1}`, []schema.Fault{{"", "oneOf", "one of 2 alternatives: none fits"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := document(t, "3.0.3", `{`+refs+`,"discriminator":`+c.discriminator+`}`, components)
			if diff := cmp.Diff(c.want, s.Validate([]byte(c.body), schema.Options{}).Faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestABoundIsTheLastValueThatIsAccepted(t *testing.T) {
	for name, c := range map[string]struct{ schema, yes, no string }{
		"minimum":              {`{"minimum":1.5}`, `1.50`, `1.4999999999999999999`},
		"maximum":              {`{"maximum":-1}`, `-1e0`, `-0.99999999999999999999`},
		"exclusiveMinimum":     {`{"exclusiveMinimum":0}`, `1e-999`, `-0`},
		"exclusiveMaximum":     {`{"exclusiveMaximum":9007199254740993}`, `9007199254740992`, `9007199254740993.0`},
		"multipleOf":           {`{"multipleOf":0.01}`, `4.35`, `4.355`},
		"minLength":            {`{"minLength":2}`, `"\ud83d\ude00é"`, `"é"`},
		"maxLength":            {`{"maxLength":2}`, `"😀é"`, `"abc"`},
		"minItems":             {`{"minItems":1}`, `[0]`, `[]`},
		"maxItems":             {`{"maxItems":1}`, `[0]`, `[0,0]`},
		"minProperties":        {`{"minProperties":1}`, `{"a":0}`, `{}`},
		"maxProperties":        {`{"maxProperties":1}`, `{"a":0}`, `{"a":0,"b":0}`},
		"contains":             {`{"contains":{"const":1}}`, `[0,1]`, `[0]`},
		"minContains":          {`{"contains":{"const":1},"minContains":2}`, `[1,0,1]`, `[1]`},
		"maxContains":          {`{"contains":{"const":1},"maxContains":1}`, `[1,0]`, `[1,1]`},
		"no contains at all":   {`{"contains":{"const":1},"minContains":0,"maxItems":1}`, `[0]`, `[0,0]`},
		"a count with a point": {`{"maxItems":1.0}`, `[0]`, `[0,0]`},
		"nothing at all":       {`{"maxLength":0}`, `""`, `"a"`},
		"int32":                {`{"format":"int32"}`, `-2147483648`, `2147483648`},
		"int64 is whole":       {`{"format":"int64"}`, `1.0`, `1.5`},
		"integers are whole":   {`{"type":"integer"}`, `12e1`, `12e-1`},
	} {
		t.Run(name, func(t *testing.T) {
			s := load(t, c.schema)
			if got := s.Validate([]byte(c.yes), schema.Options{}); !got.OK() {
				t.Errorf("%s: %v", c.yes, got.Faults)
			}
			if got := s.Validate([]byte(c.no), schema.Options{}); got.OK() {
				t.Errorf("%s is accepted", c.no)
			}
		})
	}
}
