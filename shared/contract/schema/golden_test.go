package schema_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/compile"
	"sluice/shared/contract/schema/program"
)

var update = flag.Bool("update", false, "write the pages of this format version")

// everything uses all parts of the binary form, in two operations that share a schema.
const everything = `{"openapi":"3.1.0","paths":{"/a/{id}":{"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"integer","format":"int64","minimum":1,"exclusiveMaximum":1e3,"multipleOf":0.5}}],
"post":{"parameters":[{"name":"q","in":"query","style":"deepObject","explode":true,"allowReserved":true,"schema":{"$ref":"#/components/schemas/Shared"}},{"name":"c","in":"cookie","content":{"application/json":{"schema":true}}}],
"requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Shared"}},"multipart/form-data":{"schema":{"type":"object"},"encoding":{"f":{"contentType":"image/*","headers":{"X":{"schema":{"type":"string"}}}}}}}},
"responses":{"200":{"headers":{"ETag":{"required":true,"schema":{"type":"string","pattern":"^W/"}}},"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Shared"}}}},"4XX":{},"default":{}}},
"put":{"requestBody":{"content":{"application/json":{"schema":{"allOf":[{"$ref":"#/components/schemas/Shared"}],"not":{"const":{"a":[1,null]}}}}}}}}},
"components":{"schemas":{"Shared":{"type":"object","required":["kind"],"minProperties":1,"maxProperties":9,"properties":{"kind":{"enum":["x","y",null,{"z":1.50}]},"own":{"type":"string","readOnly":true,"minLength":1,"maxLength":5,"format":"uuid"},
"list":{"type":"array","prefixItems":[{"type":"boolean"}],"items":{"$ref":"#/components/schemas/Shared"},"contains":{"type":"boolean"},"minContains":0,"maxContains":2,"minItems":0,"maxItems":9,"uniqueItems":true,"unevaluatedItems":false}},
"patternProperties":{"^x-":{"type":"number"}},"propertyNames":{"maxLength":9},"dependentRequired":{"own":["kind"]},"dependentSchemas":{"list":{"required":["kind"]}},"unevaluatedProperties":false,
"if":{"required":["list"]},"then":{"maxProperties":8},"else":{"maxProperties":7},"anyOf":[{"$ref":"#/components/schemas/Base"},true],"oneOf":[{"$ref":"#/components/schemas/Base"},false],"discriminator":{"propertyName":"kind","mapping":{"x":"Base"}}},
"Base":{"properties":{"kind":true}}}}}`

func folder() string { return filepath.Join("testdata", "version"+strconv.Itoa(program.Version)) }

func kept(t *testing.T, name string) []byte {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(folder(), name))
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestPagesThatWereStoredAreReadForAsLongAsTheirVersionIs(t *testing.T) {
	if *update {
		made, err := compile.Source(t.Context(), []byte(everything), false)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(folder(), 0o750); err != nil {
			t.Fatal(err)
		}
		for name, page := range map[string][]byte{"post": made.Operations[0].Page, "put": made.Operations[1].Page, "pool": made.Pool[0], "elements": made.Elements} {
			if err := os.WriteFile(filepath.Join(folder(), name), page, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	again := &compile.Compiled{Pool: [][]byte{kept(t, "pool")}, Operations: []compile.Operation{{Page: kept(t, "post")}, {Page: kept(t, "put")}}}
	ops := operations(t, again)
	for body, accepted := range map[string][2]bool{
		`{"kind":"x"}`: {true, true}, `{"kind":"q"}`: {false, false}, `{"kind":{"z":15e-1},"list":[true,{"kind":"x"}],"x-a":1}`: {true, true},
		`{"kind":"x","x-a":"1"}`: {false, false}, `{"kind":"x","more":1}`: {false, false}, `{"a":[1,null]}`: {false, false}, `{"kind":"y","own":"1"}`: {false, false},
	} {
		for i, op := range ops {
			got := op.Schema(op.Description().Body.Contents[0].Schema).Validate([]byte(body), schema.Options{Direction: schema.Response})
			if got.OK() != accepted[i] {
				t.Errorf("%s, operation %d: accepted %v: %v", body, i, got.OK(), got.Faults)
			}
		}
	}
	for _, name := range []string{"post", "put", "pool"} {
		page, err := program.Read(kept(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(program.Write(page), kept(t, name)) {
			t.Errorf("%s is not written as it was read", name)
		}
	}
	elements, err := program.DecodeElements(kept(t, "elements"))
	if err != nil || len(elements.Of(ops[0].Description())) != ops[0].Elements() {
		t.Errorf("%d elements have a number: %v", ops[0].Elements(), err)
	}
}

func TestAPageOfAnotherVersionIsToBeCompiledAnew(t *testing.T) {
	page := kept(t, "post")
	page[0]++
	c := schema.NewContract(nil)
	if _, err := c.Load(t.Context(), page); !errors.Is(err, program.ErrVersion) {
		t.Errorf("error %v", err)
	}
	if _, err := program.DecodeElements(page); !errors.Is(err, program.ErrVersion) {
		t.Errorf("error %v", err)
	}
}

func TestWhatIsCompiledTwiceIsTheSame(t *testing.T) {
	var first *compile.Compiled
	for range 5 {
		made, err := compile.Source(t.Context(), []byte(everything), false)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = made
		}
		if diff := cmp.Diff(first, made); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestPagesOfOtherContractsAreRefused(t *testing.T) {
	other, err := compile.Source(t.Context(), []byte(`{"openapi":"3.0.0","paths":{"/":{"get":{"responses":{"200":{"content":{"a/b":{"schema":{"$ref":"#/components/schemas/a"}}}}}},
"put":{"responses":{"200":{"content":{"a/b":{"schema":{"$ref":"#/components/schemas/a"}}}}}}}},"components":{"schemas":{"a":{"type":"string"}}}}`), false)
	if err != nil {
		t.Fatal(err)
	}
	swapped := &compile.Compiled{Pool: other.Pool}
	c := schema.NewContract(pages(swapped.Pool))
	if _, err := c.Load(t.Context(), kept(t, "post")); !errors.Is(err, schema.ErrPage) {
		t.Errorf("error %v", err)
	}
	if _, err := c.Load(t.Context(), kept(t, "pool")); !errors.Is(err, schema.ErrPage) {
		t.Errorf("a page of the pool in place of an operation's: %v", err)
	}
}
