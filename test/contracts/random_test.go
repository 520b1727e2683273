package contracts_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sluice/shared/contract"
	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/compile"
	"sluice/test/contracts/generate"
	"sluice/test/contracts/reference"
)

// judged compiles a schema with the independent validator; nil for one that includes itself without end.
func judged(t testing.TB, document any) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("mem:schema", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mem:schema")
	if err != nil {
		return nil
	}
	return s
}

func TestTheVerdictOnRandomSchemasIsThatOfAnIndependentValidator(t *testing.T) {
	const values = 40
	m := &generate.Maker{Rand: rand.New(rand.NewPCG(20, 12))}
	schemas, circles, accepted, differ := cases(t, 10_000)/values, 0, 0, 0
	for range schemas {
		document, ok := m.Schema(0).(map[string]any)
		if !ok {
			continue
		}
		if len(document) == 1 && document["$ref"] != nil {
			continue
		}
		document["$defs"] = map[string]any{"a": m.Schema(1), "b": m.Schema(1)}
		text, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		judge := judged(t, document)
		if judge == nil {
			circles++
			continue
		}
		made, err := compile.Schema(t.Context(), text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if len(made.Findings) > 0 { // it includes itself: that has no meaning, and the validators give it different ones
			circles++
			continue
		}
		s, err := lone(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for range values {
			value := m.Small(0)
			body, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			want := judge.Validate(value)
			if want == nil {
				accepted++
			}
			if got := s.Validate(body, schema.Options{}); got.OK() != (want == nil) {
				if differ++; differ <= 5 {
					t.Errorf("%s\n%s\nhere: %v\nthere: %v", text, body, got.Faults, want)
				}
				break
			}
		}
	}
	t.Logf("%d schemas with %d values each: %d include themselves, %d accepted, %d differ", schemas, values, circles, accepted, differ)
}

func TestTheVerdictOnRandomDocumentsIsThatOfAnIndependentValidator(t *testing.T) {
	for _, version := range []string{"3.0.3", "3.1.0"} {
		t.Run(version, func(t *testing.T) { random(t, version) })
	}
}

func random(t *testing.T, version string) {
	const values = 40
	m := &generate.Maker{Rand: rand.New(rand.NewPCG(3, uint64(len(version)+int(version[2]))))}
	documents, done, left, accepted, differ := cases(t, 10_000)/values/2, 0, 0, 0, 0
	for range documents {
		text, err := json.Marshal(m.Document(version))
		if err != nil {
			t.Fatal(err)
		}
		made, err := compile.Source(t.Context(), text, false)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if slices.ContainsFunc(made.Findings, func(f contract.Finding) bool { return f.Rule == "schema-includes-itself" }) {
			left++
			continue
		}
		_, ops := loaded(t, made)
		for direction, as := range []reference.Direction{schema.Neither: reference.Neither, schema.Request: reference.Request, schema.Response: reference.Response} {
			document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			judge, err := reference.New(document.(map[string]any), as)
			if err != nil {
				t.Fatal(err)
			}
			there, err := judge.Schema("/paths/~1/post/requestBody/content/application~1json/schema")
			if err != nil {
				left++
				continue
			}
			here := ops[0].Schema(ops[0].Description().Body.Contents[0].Schema)
			for range values {
				value := m.Small(0)
				body, err := json.Marshal(value)
				if err != nil {
					t.Fatal(err)
				}
				done++
				want := there.Validate(value)
				if want == nil {
					accepted++
				}
				if got := here.Validate(body, schema.Options{Direction: schema.Direction(direction)}); got.OK() != (want == nil) {
					if differ++; differ <= 3 {
						t.Errorf("%s\n%s %s\nhere: %v\nthere: %v", text, body, as, got.Faults, want)
					}
					break
				}
			}
		}
	}
	t.Logf("%d documents, %d values in all directions: %d documents or directions left out, %d accepted, %d differ", documents, done, left, accepted, differ)
}
