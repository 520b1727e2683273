package contracts_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/compile"
	"sluice/test/contracts/generate"
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
