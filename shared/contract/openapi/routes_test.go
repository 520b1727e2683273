package openapi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract"
	"sluice/shared/contract/openapi"
)

// operations compiles a document and gives what its index holds.
func operations(t *testing.T, document string) []contract.Operation {
	t.Helper()
	ix, err := contract.DecodeIndex(compile(t, document).Chunks[contract.ChunkIndex])
	if err != nil {
		t.Fatal(err)
	}
	return ix.Operations()
}

func TestOperations(t *testing.T) {
	tests := map[string]struct {
		document string
		want     []contract.Operation
	}{
		"each method of each path is one": {v31 + "paths: {/a: {get: {operationId: x, responses: {}}, post: {operationId: y, responses: {}}}, /b: {trace: {operationId: z, responses: {}}}}",
			[]contract.Operation{{ID: "x", Method: "GET", Template: "/a"}, {ID: "y", Method: "POST", Template: "/a"}, {ID: "z", Method: "TRACE", Template: "/b"}}},
		"without an operationId it is method and path": {v31 + "paths: {/a: {get: {responses: {}}, put: {operationId: '', responses: {}}}}",
			[]contract.Operation{{ID: "GET /a", Method: "GET", Template: "/a"}, {ID: "PUT /a", Method: "PUT", Template: "/a"}}},
		"an operationId may hold anything printable": {v31 + "paths: {/a: {get: {operationId: 'chat.post/Message v2#1', responses: {}}}}",
			[]contract.Operation{{ID: "chat.post/Message v2#1", Method: "GET", Template: "/a"}}},
		"a number is an operationId too": {v31 + "paths: {/a: {get: {operationId: 404, responses: {}}}}",
			[]contract.Operation{{ID: "404", Method: "GET", Template: "/a"}}},
		"servers, summaries and extensions of a path are none": {v31 + "paths: {/a: {summary: x, servers: [], x-get: {}, get: {operationId: x, responses: {}}}}",
			[]contract.Operation{{ID: "x", Method: "GET", Template: "/a"}}},
		"a path item by reference has its operations": {v31 + "paths: {/a: {$ref: '#/components/pathItems/P', put: {operationId: own, responses: {}}}}\ncomponents: {pathItems: {P: {get: {operationId: x, responses: {}}, put: {operationId: other, responses: {}}}}}",
			[]contract.Operation{{ID: "x", Method: "GET", Template: "/a"}, {ID: "own", Method: "PUT", Template: "/a"}}},
		"callbacks and webhooks are none": {v31 + "paths: {/a: {get: {operationId: x, responses: {}, callbacks: {c: {u: {post: {}}}}}}}\nwebhooks: {w: {post: {}}}",
			[]contract.Operation{{ID: "x", Method: "GET", Template: "/a"}}},
		"OpenAPI 3.2 has query and others": {v32 + "paths: {/a: {query: {operationId: x, responses: {}}, additionalOperations: {PURGE: {operationId: y, responses: {}}}}}",
			[]contract.Operation{{ID: "y", Method: "PURGE", Template: "/a"}, {ID: "x", Method: "QUERY", Template: "/a"}}},
		"a query tells operations of one path apart": {v31 + "paths: {/a: {get: {operationId: x, responses: {}}}, '/a?beta=true': {get: {operationId: y, responses: {}}}}",
			[]contract.Operation{{ID: "x", Method: "GET", Template: "/a"}, {ID: "y", Method: "GET", Template: "/a?beta=true"}}},
		"overlapping templates are all kept": {v31 + "paths: {'/{a}/x': {parameters: [{name: a, in: path, required: true, schema: {}}], get: {operationId: x, responses: {}}}, '/y/{b}': {parameters: [{name: b, in: path, required: true, schema: {}}], get: {operationId: y, responses: {}}}}",
			[]contract.Operation{{ID: "y", Method: "GET", Template: "/y/{b}"}, {ID: "x", Method: "GET", Template: "/{a}/x"}}},
		"a parameter of an operation replaces its path's": {v31 + "paths: {'/{a}': {parameters: [{name: a, in: path, required: true, schema: {type: string}}], get: {operationId: x, responses: {}, parameters: [{name: a, in: path, required: true, schema: {type: integer}}]}}}",
			[]contract.Operation{{ID: "x", Method: "GET", Template: "/{a}"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, operations(t, tt.document)); d != "" {
				t.Error(d)
			}
		})
	}
	t.Run("a monstrous operationId is shortened, and stays unique", func(t *testing.T) {
		long := strings.Repeat("x", 600)
		got := operations(t, v31+"paths: {/a: {get: {operationId: "+long+"1, responses: {}}, put: {operationId: "+long+"2, responses: {}}, post: {operationId: \"a\\tb\", responses: {}}}}")
		seen := map[string]bool{}
		for _, o := range got {
			if len(o.ID) > 512 || strings.ContainsAny(o.ID, "\t") || seen[o.ID] {
				t.Errorf("id %q", o.ID)
			}
			seen[o.ID] = true
		}
	})
}

func TestScopes(t *testing.T) {
	schemes := "components: {securitySchemes: {o: {type: oauth2, flows: {implicit: {authorizationUrl: x, scopes: {a: x, b: x, c: x}}}}, p: {type: openIdConnect, openIdConnectUrl: x}, k: {type: apiKey, name: x, in: header}}}\n"
	tests := map[string]struct {
		root, own string
		want      [][]string
	}{
		"without security none are needed":              {"", "", nil},
		"the document's security holds":                 {"security: [{o: [a]}]\n", "", [][]string{{"a"}}},
		"an operation's replaces it":                    {"security: [{o: [a]}]\n", "security: [{o: [b]}], ", [][]string{{"b"}}},
		"an empty list of an operation lifts it":        {"security: [{o: [a]}]\n", "security: [], ", nil},
		"scopes of one alternative are all needed":      {"", "security: [{o: [b, a]}], ", [][]string{{"a", "b"}}},
		"alternatives stay alternatives":                {"", "security: [{o: [a]}, {p: [x]}], ", [][]string{{"a"}, {"x"}}},
		"schemes of one alternative are added up":       {"", "security: [{o: [a], p: [x], k: []}], ", [][]string{{"a", "x"}}},
		"an alternative that needs nothing ends it":     {"", "security: [{o: [a]}, {}], ", nil},
		"a scheme without scopes needs none":            {"", "security: [{o: [a]}, {k: []}], ", nil},
		"roles on other schemes count as scopes":        {"", "security: [{k: [admin]}], ", [][]string{{"admin"}}},
		"a scope that nobody declares is needed anyway": {"", "security: [{o: [zzz]}], ", [][]string{{"zzz"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := operations(t, v31+schemes+tt.root+"paths: {/a: {get: {"+tt.own+"responses: {}}}}")
			if d := cmp.Diff(tt.want, got[0].Scopes); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestWhatIsHostileIsRefusedOrServedButNeverExplodes: each document is built to make a careless compiler run for minutes
// or fill its memory. The suite's own time limit is the judge.
func TestWhatIsHostileIsRefusedOrServedButNeverExplodes(t *testing.T) {
	times := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	bomb := "x-a0: &a0 {type: string}\n"
	for i := 1; i < 40; i++ {
		bomb += fmt.Sprintf("x-a%d: &a%d {anyOf: [*a%d, *a%d]}\n", i, i, i-1, i-1)
	}
	refs := times(60, `"S%[1]d":{"anyOf":[{"$ref":"#/components/schemas/S%[1]d_"},{"$ref":"#/components/schemas/S%[1]d_"}]},`)
	for i := range 60 {
		refs += fmt.Sprintf(`,"S%d_":{"$ref":"#/components/schemas/S%d"}`, i, (i+1)%60)
	}
	head := `{"openapi":"3.1.0","info":{"title":"T","version":"1"},`
	for name, document := range map[string]string{
		"aliases that double 40 times":          v31 + bomb + "paths: {}\ncomponents: {schemas: {A: *a39}}",
		"references that double 60 times":       head + `"paths":{},"components":{"schemas":{` + refs + `},"headers":{"H":{"schema":{"$ref":"#/components/schemas/S0"},"example":5}}}}`,
		"a chain of 50,000 references":          head + `"paths":{},"components":{"schemas":{` + times(50_000, `"S%d":{"$ref":"#/components/schemas/S0x"},`) + `,"S0x":{}}}}`,
		"a chain of 2,000 references in a row":  head + `"paths":{},"components":{"schemas":{"S2000":{},` + times(2000, `"S%[1]d":{"$ref":"#/components/schemas/S%[1]d_"},"S%[1]d_":{"$ref":"#/components/schemas/S2000"},`) + `}}}`,
		"an operation with 60,000 parameters":   head + `"paths":{"/a":{"get":{"parameters":[` + times(60_000, `{"name":"p%d","in":"query","schema":{}},`) + `],"responses":{}}}}}`,
		"60,000 paths":                          head + `"paths":{` + times(60_000, `"/a%d":{"get":{}},`) + `}}`,
		"60,000 path parameters in 100 paths":   head + `"components":{"parameters":{` + times(2000, `"P%[1]d":{"name":"p%[1]d","in":"path","required":true,"schema":{}},`) + `}},"paths":{` + times(100, `"/x%d`+strings.Repeat("/{p}", 1000)+`":{"get":{"parameters":[{"$ref":"#/components/parameters/P1"}]}},`) + `}}`,
		"patterns that compile to gigabytes":    head + `"paths":{},"components":{"schemas":{` + times(20_000, `"S%[1]d":{"pattern":"((a{0,100}){0,100}){0,%[1]d}","example":"aaa"},`) + `}}}`,
		"an enum and examples of 50,000 each":   head + `"paths":{},"components":{"schemas":{"S":{"enum":[` + times(50_000, `"e%d",`) + `]},"T":{"items":{"$ref":"#/components/schemas/S"},"examples":[` + times(500, `["f%d","g","h"],`) + `]}}}}`,
		"keys that make endless pointers":       head + `"paths":{},"components":{"schemas":{"` + strings.Repeat("k", 2_000_000) + `":{` + times(5000, `"z%d":1,`) + `}}}}`,
		"security that is held against calls":   head + `"components":{"securitySchemes":{"s":{"type":"http","scheme":"bearer"}}},"security":[` + times(100, `{"s":["a%d"]},`) + `],"paths":{` + times(9000, `"/a%d":{"get":{}},`) + `}}`,
		"mappings that are merged 500 × 500":    v31 + "x-a: &a {" + times(1000, "k%d: 1,") + "}\nx-b: {<<: [" + strings.Repeat("*a,", 5000) + "]}\npaths: {}",
		"a text of five megabytes":              head + `"paths":{},"x":"` + strings.Repeat("x", 5_000_000) + `"}`,
		"lists in lists in lists":               head + `"paths":{},"x":` + strings.Repeat("[", 2_000_000),
		"a million numbers":                     head + `"paths":{},"x":[` + strings.Repeat("1,", 1_000_000) + `1]}`,
		"five megabytes of commas in YAML":      strings.Repeat("[],", 1_600_000),
		"five megabytes of open YAML mappings":  strings.Repeat("{a: ", 1_200_000),
		"five megabytes of nested YAML blocks":  strings.Repeat("- ", 2_500_000),
		"five megabytes of YAML anchors":        "[" + times(400_000, "&a%d x,") + "]",
		"a YAML key of five megabytes":          strings.Repeat("k", 5_000_000) + ": 1",
		"schemas named in circles by their ids": head + `"paths":{},"components":{"schemas":{` + times(20_000, `"S%[1]d":{"$id":"http://x/%[1]d","$ref":"http://x/y%[1]d"},`) + `}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if len(document) > contract.MaxSource {
				t.Fatalf("the document has %d bytes", len(document))
			}
			c, err := openapi.Compile(context.Background(), []byte(document), "")
			if (c == nil) == (err == nil) {
				t.Errorf("got %v, %v", c, err)
			}
		})
	}
}
