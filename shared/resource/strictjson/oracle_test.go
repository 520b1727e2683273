package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"sluice/shared/problem"
	"sluice/shared/resource/strictjson"
)

// general is a validator of all of JSON Schema. It is for tests only: its package takes 5 ms to get ready.
type general struct{ *jsonschema.Schema }

func newGeneral(t testing.TB, schema string) general {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("urn:schema", doc); err != nil {
		t.Fatal(err)
	}
	return general{c.MustCompile("urn:schema")}
}

func (g general) faults(t testing.TB, v any) []problem.Fault {
	t.Helper()
	err := g.Validate(v)
	var invalid *jsonschema.ValidationError
	if err != nil && !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	if err == nil {
		return nil
	}
	return flat(invalid, nil)
}

func flat(e *jsonschema.ValidationError, out []problem.Fault) []problem.Fault {
	for _, cause := range e.Causes {
		out = flat(cause, out)
	}
	if len(e.Causes) > 0 {
		return out
	}
	at := ""
	for _, token := range e.InstanceLocation {
		at += "/" + strictjson.Escape(token)
	}
	each := func(names []string, detail string) {
		for _, name := range names {
			out = append(out, problem.Fault{Pointer: at + "/" + strictjson.Escape(name), Detail: detail})
		}
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		each(k.Missing, "is required")
	case *kind.AdditionalProperties:
		each(k.Properties, "is not a known field")
	default:
		out = append(out, problem.Fault{Pointer: at, Detail: words(e.ErrorKind)})
	}
	return out
}

func words(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return "must be " + strings.ReplaceAll(strings.Join(k.Want, " or "), "integer", "a whole number")
	case *kind.Enum:
		return fmt.Sprintf("must be one of %v", k.Want)
	case *kind.Pattern:
		return map[bool]string{true: "must not be empty", false: "must match " + k.Want}[k.Want == `\S`]
	case *kind.Format:
		return "must be a time such as 2026-11-23T19:00:00Z"
	case *kind.MaxLength:
		return "must have at most " + strconv.Itoa(k.Want) + " characters"
	case *kind.MinLength:
		return "must have at least " + strconv.Itoa(k.Want) + " characters"
	case *kind.MaxItems:
		return "must have at most " + strconv.Itoa(k.Want) + " entries"
	case *kind.MinItems:
		return "must have at least " + strconv.Itoa(k.Want) + " entries"
	case *kind.Minimum:
		return "must be at least " + k.Want.RatString()
	case *kind.Maximum:
		return "must be at most " + k.Want.RatString()
	case *kind.UniqueItems:
		return "has the same entry twice"
	}
	return "does not fit the schema of this operation"
}

// everything is a schema with each keyword that is known.
const everything = `{"type":"object","description":"d","title":"t","examples":[{}],"additionalProperties":false,"required":["id","at"],"maxProperties":9,"properties":{
"id":{"type":"string","pattern":"^[a-z]+$","readOnly":true},"at":{"type":["string","null"],"format":"date-time"},"n":{"type":"integer","format":"int64","minimum":1,"maximum":1e+09},
"f":{"type":"number","format":"double","minimum":0.5},"kind":{"enum":["x",1.5,null,[1,{"a":2}]]},"name":{"type":["null","string"],"pattern":"\\S","minLength":2,"maxLength":3},
"tags":{"type":"array","maxItems":3,"minItems":1,"uniqueItems":true,"items":{"type":"string","minLength":1}},"any":{"uniqueItems":true,"items":{}},"b":{"type":"boolean"},
"map":{"type":"object","maxProperties":2,"additionalProperties":{"type":["integer","null"],"maximum":3}},"open":{"type":"object","additionalProperties":true,"required":["a/b","c~d"]}}}`

// FuzzCheck: the faults are those of a general validator of JSON Schema, word for word.
func FuzzCheck(f *testing.F) {
	ours, theirs := strictjson.NewSchema(json.RawMessage(everything)), newGeneral(f, everything)
	for _, text := range []string{`{}`, `[]`, `null`, `{"id":"a","at":"2026-11-23T19:00:00Z"}`, `{"id":"A","at":5,"n":0,"f":0.4,"kind":"y","name":" ","tags":["a","a","",1],"b":1,"x":1,"a/b":2,"c~d":3}`,
		`{"id":"ab1","at":null,"n":1.5,"f":"1","kind":null,"name":null,"tags":[],"map":{"a":1,"b":4,"c":null},"open":{"x":1}}`, `{"n":1000000001,"kind":[1.0,{"a":2.0}],"name":"abcd","map":{"a":1.5}}`,
		`{"kind":1.50,"any":[0.5,0.50],"open":{"a/b":1,"c~d":2}}`, `{"any":[{"a":1,"b":2},{"b":2,"a":1}]}`, `{"any":[1,"1",true,null,[],{},[[]],"null"]}`, `{"kind":[1,{"a":3}]}`, `{"tags":["1","2","3","4"]}`,
		`{"at":"2026-11-23t19:00:00z"}`, `{"at":"2026-12-31T23:59:60Z"}`, `{"at":"2026-12-31T22:59:60-01:00"}`, `{"at":"2026-12-31T22:59:60Z"}`, `{"at":"2026-02-29T00:00:00Z"}`, `{"at":"2026-11-23T1:00:00+01:00"}`,
		`{"at":"2026-11-23T19:00:00,5Z"}`, `{"at":"2026-11-23T19:00:00.123456789012+23:59"}`, `{"at":"2026-11-23T19:00:00+24:00"}`, `{"at":"2026-11-23T24:00:00Z"}`, `{"at":"0000-01-01T00:00:00Z"}`, `{"at":"2026-11-23T19:00:00"}`,
		`{"at":"2026-11-23 19:00:00Z"}`, `{"at":"2026-12-31T23:59:60.5Z"}`, `{"at":"2026-11-23T19:00:00.Z"}`, `{"at":"2026-11-23T19:00:00+1:00"}`, `{"at":"2026-11-23T19:00:00+01:60"}`, `{"at":"2026-11-23T19:00:00é"}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := strictjson.Parse([]byte(text))
		if err != nil {
			return
		}
		got, err := ours.Check(v, "")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sorted(theirs.faults(t, v)), sorted(got)); diff != "" {
			t.Fatalf("%s: %s", text, diff)
		}
	})
}

func sorted(faults []problem.Fault) []problem.Fault {
	return slices.SortedFunc(slices.Values(faults), func(a, b problem.Fault) int {
		return strings.Compare(a.Pointer+"\x00"+a.Detail, b.Pointer+"\x00"+b.Detail)
	})
}

func TestARuleThatIsNotKnownIsRefusedRatherThanPassedOver(t *testing.T) {
	for name, schema := range map[string]string{
		"a keyword":               `{"type":"string","contentEncoding":"base64"}`,
		"a keyword further down":  `{"properties":{"a":{"items":{"multipleOf":2}}}}`,
		"one among other members": `{"additionalProperties":{"not":{}}}`,
		"a reference":             `{"$ref":"#/components/schemas/Team"}`,
		"a type":                  `{"type":"float"}`,
		"a type among others":     `{"type":["string","float"]}`,
		"a format":                `{"type":"string","format":"email"}`,
		"an expression":           `{"pattern":"("}`,
		"an enumeration":          `{"enum":"a"}`,
		"a bound":                 `{"minimum":"x"}`,
		"members, or none":        `{"additionalProperties":"no"}`,
		"no schema":               `[]`,
		"nothing":                 ``,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := strictjson.NewSchema(json.RawMessage(schema)).Check("a", ""); err == nil || problem.KindOf(err) != problem.Internal {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A list is compared in a time that grows with its length: a body of 64 KB has some 30,000 numbers.
func TestALongListIsCheckedQuickly(t *testing.T) {
	var text bytes.Buffer
	for i := range 12_000 {
		fmt.Fprintf(&text, ",%d.5", i)
	}
	s := strictjson.NewSchema(json.RawMessage(`{"uniqueItems":true}`))
	unique, twice := parse(t, "["+text.String()[1:]+"]"), parse(t, "[0.50"+text.String()+"]")
	if faults, err := s.Check(unique, ""); err != nil || len(faults) != 0 {
		t.Errorf("%v, %v", faults, err)
	}
	if faults, err := s.Check(twice, ""); err != nil || len(faults) != 1 {
		t.Errorf("%v, %v", faults, err)
	}
}

func BenchmarkCheck(b *testing.B) {
	s := strictjson.NewSchema(json.RawMessage(everything))
	v, err := strictjson.Parse([]byte(`{"id":"abc","at":"2026-11-23T19:00:00Z","n":12,"f":0.75,"kind":"x","name":"abc","tags":["a","b"],"map":{"a":1}}`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if faults, err := s.Check(v, ""); err != nil || len(faults) > 0 {
			b.Fatal(faults, err)
		}
	}
}
