package shape_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/compile"
	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/shape"
)

func load(t testing.TB, source string) schema.Schema {
	t.Helper()
	made, err := compile.Schema(t.Context(), []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	c := schema.NewContract(func(_ context.Context, n int) ([]byte, error) { return made.Pool[n], nil })
	op, err := c.Load(t.Context(), made.Operations[0].Page)
	if err != nil {
		t.Fatal(err)
	}
	return op.Schema(op.Description().Body.Contents[0].Schema)
}

func TestTheTypesOfASchemaAreThoseThatItMayAccept(t *testing.T) {
	const number = program.Integral | program.Numeric
	for source, want := range map[string]program.Types{
		`{"type":"array","items":{"type":"string"}}`:                                        program.Sequence,
		`{"anyOf":[{"type":"integer"},{"type":"null"}],"type":["integer","string","null"]}`: program.Integral | program.Nullary,
		`{"allOf":[{"type":["object","array"]},{"type":["array","string"]}]}`:               program.Sequence,
		`{"enum":["a",1,null]}`: program.Textual | number | program.Nullary,
		`{"const":{"a":1}}`:     program.Mapping,
		`{"$ref":"#/$defs/a","minLength":1,"$defs":{"a":{"type":"string"}}}`: program.Textual,
		`false`:         0,
		`{"minimum":1}`: program.Nullary | program.Boolean | number | program.Textual | program.Sequence | program.Mapping,
	} {
		if got := shape.Types(load(t, source)); got != want {
			t.Errorf("%s: %v, want %v", source, got, want)
		}
	}
}

func TestMembersAndElementsAreFoundWhereverTheyAreDescribed(t *testing.T) {
	s := load(t, `{"allOf":[{"properties":{"a":{"type":"integer"}}},{"$ref":"#/$defs/b"}],"oneOf":[{"properties":{"c":{"type":"null"}},"additionalProperties":{"type":"boolean"}}],
"$defs":{"b":{"properties":{"b":{"type":"array","prefixItems":[{"type":"string"}],"items":{"type":"object"}},"a":{"type":"string"}}}}}`)
	names := shape.Properties(s)
	slices.Sort(names)
	if diff := cmp.Diff([]string{"a", "b", "c"}, names); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]program.Types{"a": program.Integral, "b": program.Sequence, "c": program.Nullary, "d": program.Boolean} {
		if got, ok := shape.Property(s, name); !ok || shape.Types(got) != want {
			t.Errorf("%s: %v %v", name, ok, shape.Types(got))
		}
	}
	list, _ := shape.Property(s, "b")
	for at, want := range []program.Types{program.Textual, program.Mapping} {
		if got, ok := shape.Item(list, at); !ok || shape.Types(got) != want {
			t.Errorf("element %d: %v", at, ok)
		}
	}
	if _, ok := shape.Item(s, 0); ok {
		t.Error("an object has elements")
	}
	if _, ok := shape.Property(list, "a"); ok {
		t.Error("an array has members")
	}
}
