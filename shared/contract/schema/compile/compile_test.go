package compile_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/compile"
	"sluice/shared/contract/schema/program"
)

// within puts schemas into a document with one operation.
func within(version, body, components string) []byte {
	return []byte(`{"openapi":"` + version + `","paths":{"/":{"post":{"requestBody":{"content":{"application/json":{"schema":` + body +
		`}}}}}},"components":{"schemas":` + components + `}}`)
}

func TestWhatIsNotEnforcedIsSaid(t *testing.T) {
	for name, c := range map[string]struct{ version, schema, rule, pointer string }{
		"a pattern that looks ahead":       {"3.0.0", `{"pattern":"^(?!a)"}`, "pattern-not-enforced", "/pattern"},
		"a pattern of another dialect":     {"3.1.0", `{"patternProperties":{"(?i)a":true}}`, "pattern-not-enforced", "/patternProperties/(?i)a"},
		"a type that there is not":         {"3.0.0", `{"type":"file"}`, "unknown-type", "/type"},
		"nullable after its time":          {"3.1.0", `{"type":"string","nullable":true}`, "nullable-ignored", "/nullable"},
		"a recursive reference":            {"3.1.0", `{"$recursiveAnchor":true,"items":{"$recursiveRef":"#"}}`, "recursive-ref", "/items/$recursiveRef"},
		"a schema that includes itself":    {"3.1.0", `{"allOf":[{"$ref":"#/components/schemas/a"}]}`, "schema-includes-itself", ""},
		"a reference that leads to itself": {"3.0.0", `{"$ref":"#/components/schemas/b"}`, "schema-includes-itself", ""},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := compile.Source(t.Context(), within(c.version, c.schema, `{"a":{"anyOf":[{"$ref":"#/components/schemas/a"}],"type":"string"},"b":{"$ref":"#/components/schemas/b"}}`), false)
			if err != nil {
				t.Fatal(err)
			}
			if len(made.Findings) != 1 || made.Findings[0].Rule != c.rule || c.pointer != "" && !strings.HasSuffix(made.Findings[0].Pointer, "/schema"+c.pointer) {
				t.Errorf("findings %+v", made.Findings)
			}
		})
	}
}

func TestAPatternThatIsNotEnforcedRefusesNothing(t *testing.T) {
	made, err := compile.Schema(t.Context(), []byte(`{"pattern":"^(?!a)","patternProperties":{"(?=b)":{"type":"integer"}},"additionalProperties":false}`))
	if err != nil {
		t.Fatal(err)
	}
	op, err := schema.NewContract(nil).Load(t.Context(), made.Operations[0].Page)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{`"abc"`, `{"b":"x"}`, `{"c":1}`} {
		if got := op.Schema(op.Description().Body.Contents[0].Schema).Validate([]byte(body), schema.Options{}); !got.OK() {
			t.Errorf("%s: %v", body, got.Faults)
		}
	}
}

func TestAnOperationIsDescribedWithAllThatItInherits(t *testing.T) {
	source := `{"openapi":"3.0.3","paths":{"x-no":{},"/p/{id}":{"$ref":"#/components/x/item","parameters":[{"name":"q","in":"query","schema":{"type":"integer"}},
{"name":"ACCEPT","in":"header","schema":{}},{"name":"X-A","in":"header","schema":{}}]}},
"components":{"x":{"item":{"get":{"parameters":[{"$ref":"#/components/parameters/id"},{"name":"q","in":"query","explode":false,"style":"pipeDelimited"},{"name":"x-a","in":"header","required":true}],
"responses":{"default":{"description":"d"},"2xx":{"headers":{"Content-Type":{},"X":{"schema":{},"required":true}}},"200":{"$ref":"#/components/responses/ok"}}}}},
"parameters":{"id":{"name":"id","in":"path","style":"matrix","schema":{"type":"string"}}},"responses":{"ok":{"content":{"application/json":{}}}}}}`
	made, err := compile.Source(t.Context(), []byte(source), false)
	if err != nil {
		t.Fatal(err)
	}
	op, err := schema.NewContract(nil).Load(t.Context(), made.Operations[0].Page)
	if err != nil {
		t.Fatal(err)
	}
	want := &program.Operation{Key: "GET /p/{id}", Elements: 9, Pool: []uint32{},
		Parameters: []program.Parameter{
			{Name: "id", In: "path", Style: "matrix", Required: true, Schema: program.At(0, 0), Element: 1},
			{Name: "q", In: "query", Style: "pipeDelimited", Schema: program.Any, Element: 2},
			{Name: "x-a", In: "header", Style: "simple", Required: true, Schema: program.Any, Element: 3},
		},
		Responses: []program.Response{
			{Status: "200", Headers: []program.Parameter{}, Contents: []program.Content{{Media: "application/json", Schema: program.Any, Encoding: []program.Encoding{}, Element: 8}}, Element: 7},
			{Status: "2XX", Headers: []program.Parameter{{Name: "X", In: "header", Style: "simple", Required: true, Schema: program.Any, Element: 6}}, Contents: []program.Content{}, Element: 5},
			{Status: "default", Headers: []program.Parameter{}, Contents: []program.Content{}, Element: 4},
		}}
	if diff := cmp.Diff(want, op.Description()); diff != "" {
		t.Errorf("description (-want +got):\n%s", diff)
	}
}

func TestADocumentThatIsMadeToCostCostsLittle(t *testing.T) {
	chain := func(link func(i int) string, n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(`"s` + strconv.Itoa(i) + `":` + link(i) + `,`)
		}
		return `{` + b.String() + `"s` + strconv.Itoa(n) + `":{"type":"integer"}}`
	}
	to := func(i int) string { return `{"$ref":"#/components/schemas/s` + strconv.Itoa(i) + `"}` }
	wide := strings.Repeat(to(1)+",", 300)
	for name, c := range map[string]struct {
		components string
		fails      bool
	}{
		"a long chain of properties": {chain(func(i int) string { return `{"properties":{"p":` + to(i+1) + `}}` }, 20_000), true},
		"wide and deep allOf": {chain(func(i int) string {
			return `{"required":["p"],"properties":{"p":` + to(i+1) + `},"allOf":[` + wide + to(i+1) + `]}`
		}, 20), false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := compile.Source(t.Context(), within("3.1.0", to(0), c.components), false)
			if (err != nil) != c.fails {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestACompilationEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var properties strings.Builder
	for i := range 2000 {
		properties.WriteString(`"p` + strconv.Itoa(i) + `":{"minLength":` + strconv.Itoa(i) + `},`)
	}
	if _, err := compile.Source(ctx, within("3.0.0", `{"properties":{`+properties.String()+`"z":{}}}`, `{}`), false); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
