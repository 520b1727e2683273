package openapi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluice/shared/contract"
	"sluice/shared/contract/openapi"
	"sluice/shared/problem"
)

// v30 and v31 begin documents in YAML.
const (
	v30 = "openapi: 3.0.3\ninfo: {title: T, version: '1'}\n"
	v31 = "openapi: 3.1.0\ninfo: {title: T, version: '1'}\n"
	v32 = "openapi: 3.2.0\ninfo: {title: T, version: '1'}\n"
	ok  = "{responses: {'200': {description: OK}}}" // an operation
)

func compile(t testing.TB, document string) *contract.Compiled {
	t.Helper()
	c, err := openapi.Compile(context.Background(), []byte(document), "")
	if err != nil {
		t.Fatalf("refused: %v: %v", err, faults(err))
	}
	return c
}

// faults lists the pointers of an error's faults.
func faults(err error) []string {
	var p *problem.Error
	if !errors.As(err, &p) {
		return nil
	}
	var all []string
	for _, f := range p.Faults {
		all = append(all, f.Pointer)
	}
	return all
}

// refused checks that a document is refused as a whole, with faults at exactly these places, of which the first says so.
func refused(t *testing.T, document string, at []string, says string) {
	t.Helper()
	c, err := openapi.Compile(context.Background(), []byte(document), "")
	if c != nil || !problem.Is(err, problem.Unprocessable) {
		t.Fatalf("got %v, %v", c, err)
	}
	if d := cmp.Diff(at, faults(err)); d != "" {
		t.Errorf("faults: %s", d)
	}
	var p *problem.Error
	if errors.As(err, &p) && !strings.Contains(p.Faults[0].Detail, says) {
		t.Errorf("says %q, want %q in it", p.Faults[0].Detail, says)
	}
}

// found checks that a document is accepted, with findings of exactly these rules and places: "rule /pointer".
func found(t *testing.T, document string, want ...string) {
	t.Helper()
	var got []string
	for _, f := range compile(t, document).Findings {
		got = append(got, f.Rule+" "+f.Pointer)
		if f.Fix == "" || f.Message == "" || f.Level == "" {
			t.Errorf("incomplete finding %+v", f)
		}
	}
	got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "operation-id-missing ") })
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
}

func TestWhatIsNoOpenAPIIsRefused(t *testing.T) {
	tests := map[string]struct {
		document string
		at       []string
		says     string
	}{
		"nothing":                        {"", []string{""}, "empty"},
		"white space":                    {" \n\t", []string{""}, "empty"},
		"a text":                         {"hello", []string{""}, "a string"},
		"a list":                         {"[1]", []string{""}, "an array"},
		"some other object":              {`{"hello":"world"}`, []string{""}, "openapi is missing"},
		"a web page":                     {"<!doctype html>\n<html><body>x</body></html>", []string{""}, ""},
		"Swagger 2":                      {`{"swagger":"2.0","info":{},"paths":{}}`, []string{"/swagger"}, "swagger"},
		"AsyncAPI":                       {"asyncapi: 3.0.0", []string{"/asyncapi"}, "asyncapi"},
		"OpenAPI of an unknown version":  {"openapi: 4.0.0\ninfo: {}\npaths: {}", []string{"/openapi"}, "4.0.0"},
		"OpenAPI of a near version":      {"openapi: 3.10.0\ninfo: {}\npaths: {}", []string{"/openapi"}, "3.10.0"},
		"a version that is an object":    {"openapi: {}\ninfo: {}\npaths: {}", []string{"/openapi"}, ""},
		"a document without info":        {"openapi: 3.1.0\npaths: {}", []string{""}, `"info"`},
		"3.0 without paths":              {v30, []string{""}, `"paths"`},
		"3.1 without anything":           {v31, []string{""}, "neither"},
		"paths that are a list":          {v31 + "paths: []", []string{"/paths"}, "an array"},
		"paths that are null":            {v31 + "paths:", []string{"/paths"}, "null"},
		"a truncated JSON document":      {`{"openapi":"3.1.0","info":{"title":"T","version":"1"},"paths":{"/a":{"get":{"resp`, []string{"/paths/~1a/get"}, "ends in the middle"},
		"JSON with something behind":     {`{"openapi":"3.1.0","info":{},"paths":{}} x`, []string{""}, "follows the end"},
		"JSON with duplicate keys":       {`{"openapi":"3.1.0","info":{},"paths":{"/a":{},"/a":{}}}`, []string{"/paths/~1a"}, "more than once"},
		"YAML with duplicate keys":       {v31 + "paths:\n  /a: {}\n  /a: {}", []string{"/paths/~1a"}, "more than once"},
		"YAML with the same status code": {v31 + "paths: {/a: {get: {responses: {200: {description: x}, '200': {description: y}}}}}", []string{"/paths/~1a/get/responses/200"}, "more than once"},
		"YAML with a broken indentation": {v31 + "paths:\n  /a:\n   get: {}\n  b: [", []string{""}, "YAML"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { refused(t, tt.document, tt.at, tt.says) })
	}
}

func TestPathsThatCannotBeServedAreRefused(t *testing.T) {
	id := "parameters: [{name: id, in: path, required: true, schema: {}}]"
	tests := map[string]struct {
		paths string
		at    []string
		says  string
	}{
		"a path without a slash":                           {"pets: {get: " + ok + "}", []string{"/paths/pets"}, "slash"},
		"an open brace":                                    {"'/pets/{id': {get: " + ok + "}", []string{"/paths/~1pets~1{id"}, "not closed"},
		"a brace that closes nothing":                      {"'/pets/id}': {get: " + ok + "}", []string{"/paths/~1pets~1id}"}, "closes nothing"},
		"parameters side by side":                          {"'/{a}{b}': {get: " + ok + "}", []string{"/paths/~1{a}{b}"}, "side by side"},
		"a parameter twice in one path":                    {"'/{id}/x/{id}': {" + id + ", get: " + ok + "}", []string{"/paths/~1{id}~1x~1{id}"}, "more than once"},
		"a parameter that no operation declares":           {"'/pets/{id}': {get: " + ok + ", put: " + ok + "}", []string{"/paths/~1pets~1{id}/get", "/paths/~1pets~1{id}/put"}, "declares no such"},
		"a parameter that the path does not have":          {"/pets: {get: {" + id + ", responses: {}}}", []string{"/paths/~1pets/get/parameters/0"}, "has no {id}"},
		"one that all operations have":                     {"/pets: {" + id + ", get: " + ok + ", put: " + ok + "}", []string{"/paths/~1pets/parameters/0"}, "has no {id}"},
		"a parameter declared twice, and differently":      {"'/{id}': {get: {parameters: [{name: id, in: path, required: true, schema: {type: string}}, {name: id, in: path, required: true, schema: {type: integer}}], responses: {}}}", []string{"/paths/~1{id}/get/parameters/1"}, "differently"},
		"header parameters that differ in case":            {"/a: {get: {parameters: [{name: X-A, in: header, schema: {}}, {name: x-a, in: header, schema: {}}], responses: {}}}", []string{"/paths/~1a/get/parameters/1"}, "differently"},
		"paths that differ in names of parameters":         {"'/pets/{id}': {" + id + ", get: " + ok + "}\n  '/pets/{name}': {parameters: [{name: name, in: path, required: true, schema: {}}], put: " + ok + "}", []string{"/paths/~1pets~1{name}"}, "same calls"},
		"paths that differ in encoding":                    {"/a-b: {get: " + ok + "}\n  /a%2Db: {get: " + ok + "}", []string{"/paths/~1a%2Db"}, "same calls"},
		"an operationId twice":                             {"/a: {get: {operationId: x, responses: {}}}\n  /b: {get: {operationId: x, responses: {}}}", []string{"/paths/~1b/get/operationId"}, "taken by /paths/~1a/get"},
		"an operationId that is another's method and path": {"/a: {get: " + ok + "}\n  /b: {get: {operationId: GET /a, responses: {}}}", []string{"/paths/~1b/get/operationId"}, "taken"},
		"a query between operations with other scopes":     {"/a: {get: {responses: {}, security: [{o: [read]}]}}\n  /a?admin=1: {get: {responses: {}, security: [{o: [admin]}]}}", []string{"/paths/~1a?admin=1/get"}, "different scopes"},
		"a path item that is a list":                       {"/a: [1]", []string{"/paths/~1a"}, "an array"},
		"an operation that is a text":                      {"/a: {get: hello}", []string{"/paths/~1a/get"}, "a string"},
		"parameters that are an object":                    {"/a: {get: {parameters: {a: 1}, responses: {}}}", []string{"/paths/~1a/get/parameters"}, "an object"},
		"a parameter without a name":                       {"/a: {get: {parameters: [{in: query, schema: {}}], responses: {}}}", []string{"/paths/~1a/get/parameters/0"}, "no name"},
		"a parameter without a place":                      {"/a: {get: {parameters: [{name: a, schema: {}}], responses: {}}}", []string{"/paths/~1a/get/parameters/0"}, "in is missing"},
		"a parameter of Swagger 2":                         {"/a: {get: {parameters: [{name: a, in: body, schema: {}}], responses: {}}}", []string{"/paths/~1a/get/parameters/0/in"}, "no place"},
		"every fault, not only the first": {"pets: {}\n  /a: {get: {operationId: x, responses: {'200': {$ref: '#/no'}}}}\n  /b: {get: {operationId: x, responses: 1}}",
			[]string{"/paths/pets", "/paths/~1a/get/responses/200/$ref", "/paths/~1b/get/operationId", "/paths/~1b/get/responses"}, "slash"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			slices.Sort(tt.at)
			refused(t, v31+"components: {securitySchemes: {o: {type: http, scheme: bearer}}}\npaths:\n  "+tt.paths, tt.at, tt.says)
		})
	}
}

func TestBrokenReferencesAreRefusedInEveryPlace(t *testing.T) {
	gone := "{$ref: '#/components/schemas/Gone'}"
	places := map[string]struct{ document, at string }{
		"a response":             {"paths: {/a: {get: {responses: {'200': {$ref: '#/components/responses/Gone'}}}}}", "/paths/~1a/get/responses/200/$ref"},
		"a request body":         {"paths: {/a: {get: {requestBody: {$ref: '#/components/requestBodies/Gone'}}}}", "/paths/~1a/get/requestBody/$ref"},
		"a parameter":            {"paths: {/a: {get: {parameters: [{$ref: '#/components/parameters/Gone'}]}}}", "/paths/~1a/get/parameters/0/$ref"},
		"a parameter of a path":  {"paths: {/a: {parameters: [{$ref: '#/components/parameters/Gone'}]}}", "/paths/~1a/parameters/0/$ref"},
		"a path item":            {"paths: {/a: {$ref: '#/components/pathItems/Gone'}}", "/paths/~1a/$ref"},
		"an operation":           {"paths: {/a: {get: {$ref: '#/gone'}}}", "/paths/~1a/get/$ref"},
		"a header":               {"paths: {/a: {get: {responses: {'200': {description: x, headers: {X: {$ref: '#/components/headers/Gone'}}}}}}}", "/paths/~1a/get/responses/200/headers/X/$ref"},
		"a link":                 {"paths: {/a: {get: {responses: {'200': {description: x, links: {X: {$ref: '#/components/links/Gone'}}}}}}}", "/paths/~1a/get/responses/200/links/X/$ref"},
		"a callback":             {"paths: {/a: {get: {callbacks: {X: {$ref: '#/components/callbacks/Gone'}}}}}", "/paths/~1a/get/callbacks/X/$ref"},
		"a schema in a callback": {"paths: {/a: {post: {callbacks: {X: {'{$url}': {post: {requestBody: {content: {application/json: {schema: " + gone + "}}}}}}}}}}", "/paths/~1a/post/callbacks/X/{$url}/post/requestBody/content/application~1json/schema/$ref"},
		"an example":             {"paths: {/a: {get: {parameters: [{name: a, in: query, schema: {}, examples: {x: {$ref: '#/components/examples/Gone'}}}]}}}", "/paths/~1a/get/parameters/0/examples/x/$ref"},
		"a schema of a body":     {"paths: {/a: {get: {requestBody: {content: {application/json: {schema: " + gone + "}}}}}}", "/paths/~1a/get/requestBody/content/application~1json/schema/$ref"},
		"a webhook":              {"paths: {}\nwebhooks: {x: {$ref: '#/components/pathItems/Gone'}}", "/webhooks/x/$ref"},
		"an unused component":    {"paths: {}\ncomponents: {schemas: {A: {properties: {b: {items: " + gone + "}}}}}", "/components/schemas/A/properties/b/items/$ref"},
		"a security scheme":      {"paths: {}\ncomponents: {securitySchemes: {A: {$ref: '#/components/securitySchemes/Gone'}}}", "/components/securitySchemes/A/$ref"},
		"any keyword of a schema": {"paths: {}\ncomponents: {schemas: {A: {prefixItems: [{if: {not: {contains: {dependentSchemas: {x: " + gone + "}}}}}]}}}",
			"/components/schemas/A/prefixItems/0/if/not/contains/dependentSchemas/x/$ref"},
		"beside other keywords":          {"paths: {}\ncomponents: {schemas: {A: {$ref: '#/gone', properties: {b: {}}}}}", "/components/schemas/A/$ref"},
		"a discriminator's mapping":      {"paths: {}\ncomponents: {schemas: {A: {discriminator: {propertyName: x, mapping: {a: '#/components/schemas/Gone'}}}}}", "/components/schemas/A/discriminator/mapping/a"},
		"behind another reference":       {"paths: {}\nx-y: {A: " + gone + "}\ncomponents: {schemas: {A: {$ref: '#/x-y/A'}}}", "/x-y/A/$ref"},
		"an anchor that is not there":    {"paths: {}\ncomponents: {schemas: {A: {$ref: '#gone'}}}", "/components/schemas/A/$ref"},
		"another file":                   {"paths: {}\ncomponents: {schemas: {A: {$ref: 'pet.yaml#/Pet'}}}", "/components/schemas/A/$ref"},
		"a file by its path":             {"paths: {}\ncomponents: {schemas: {A: {$ref: '/etc/passwd'}}}", "/components/schemas/A/$ref"},
		"another server":                 {"paths: {}\ncomponents: {schemas: {A: {$ref: 'https://example.com/pet.json'}}}", "/components/schemas/A/$ref"},
		"a file with the path item":      {"paths: {/a: {$ref: './a.yaml'}}", "/paths/~1a/$ref"},
		"nothing":                        {"paths: {}\ncomponents: {schemas: {A: {$ref: ''}}}", "/components/schemas/A/$ref"},
		"a number":                       {"paths: {}\ncomponents: {schemas: {A: {$ref: 5}}}", "/components/schemas/A/$ref"},
		"itself":                         {"paths: {}\ncomponents: {schemas: {A: {$ref: '#/components/schemas/A'}}}", "/components/schemas/A/$ref"},
		"a component of another section": {"paths: {/a: {get: {responses: {'200': {$ref: '#/components/schemas/A'}}}}}\ncomponents: {schemas: {A: {}}}", "/paths/~1a/get/responses/200/$ref"},
		"what is no object":              {"paths: {/a: {get: {responses: {'200': {$ref: '#/info/title'}}}}}", "/info/title"},
	}
	for name, tt := range places {
		t.Run(name, func(t *testing.T) { refused(t, v31+tt.document, []string{tt.at}, "") })
	}
	t.Run("a circle of nothing but references", func(t *testing.T) {
		refused(t, v30+"paths: {}\ncomponents: {schemas: {A: {$ref: '#/components/schemas/B'}, B: {$ref: '#/components/schemas/A'}}}",
			[]string{"/components/schemas/A/$ref", "/components/schemas/B/$ref"}, "back to itself")
	})
	t.Run("a circle of parameters", func(t *testing.T) {
		refused(t, v31+"paths: {}\ncomponents: {parameters: {A: {$ref: '#/components/parameters/A', description: x}}}", []string{"/components/parameters/A/$ref"}, "back to itself")
	})
}

func TestSchemasThatDoNotCompileAreRefused(t *testing.T) {
	tests := map[string]struct{ schema, at string }{
		"an unknown type":                  {"{type: strng}", "/type"},
		"a type of Swagger 2":              {"{type: file}", "/type"},
		"an unknown type in a list":        {"{type: [string, date]}", "/type/1"},
		"an empty list of types":           {"{type: []}", "/type"},
		"a type that is a number":          {"{type: 5}", "/type"},
		"a type that is null, unquoted":    {"{type: null}", "/type"},
		"a pattern that is none":           {"{pattern: 'a('}", "/pattern"},
		"a pattern with a bad range":       {"{pattern: '[z-a]'}", "/pattern"},
		"a pattern that repeats nothing":   {"{pattern: '*a'}", "/pattern"},
		"a pattern that is a number":       {"{pattern: 5}", "/pattern"},
		"a patternProperties key":          {"{patternProperties: {'[': {}}}", "/patternProperties/["},
		"a length that is a text":          {"{minLength: '3'}", "/minLength"},
		"a negative length":                {"{maxLength: -1}", "/maxLength"},
		"a fraction of an element":         {"{minItems: 1.5}", "/minItems"},
		"a bound that is a text":           {"{minimum: '0'}", "/minimum"},
		"a multiple of zero":               {"{multipleOf: 0}", "/multipleOf"},
		"required as in a draft long gone": {"{properties: {a: {required: true}}}", "/properties/a/required"},
		"a required name that is none":     {"{required: [1]}", "/required/0"},
		"an enum that is a text":           {"{enum: a}", "/enum"},
		"properties that are a list":       {"{properties: [a]}", "/properties"},
		"a property that is a text":        {"{properties: {a: string}}", "/properties/a"},
		"items that are a list":            {"{items: [{type: string}]}", "/items"},
		"an allOf that is an object":       {"{allOf: {a: {}}}", "/allOf"},
		"an element of oneOf that is none": {"{oneOf: [{}, 5]}", "/oneOf/1"},
		"nullable that is a text":          {"{nullable: 'true'}", "/nullable"},
		"uniqueItems that is a number":     {"{uniqueItems: 1}", "/uniqueItems"},
		"a schema that is a text":          {"hello", ""},
		"deep inside of others":            {"{not: {anyOf: [{additionalProperties: {items: {if: {type: x}}}}]}}", "/not/anyOf/0/additionalProperties/items/if/type"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			refused(t, v31+"paths: {}\ncomponents: {schemas: {A: "+tt.schema+"}}", []string{"/components/schemas/A" + tt.at}, "")
		})
	}
}

func TestSecurityThatCannotBeToldIsRefused(t *testing.T) {
	tests := map[string]struct{ document, at string }{
		"a scheme that is not declared":                 {"security: [{gone: []}]\npaths: {}", "/security/0/gone"},
		"one of an operation":                           {"paths: {/a: {get: {security: [{s: []}, {gone: []}], responses: {}}}}", "/paths/~1a/get/security/1/gone"},
		"one beside another":                            {"paths: {/a: {get: {security: [{s: [], gone: []}], responses: {}}}}", "/paths/~1a/get/security/0/gone"},
		"one of a callback":                             {"paths: {/a: {get: {responses: {}, callbacks: {c: {x: {get: {security: [{gone: []}]}}}}}}}", "/paths/~1a/get/callbacks/c/x/get/security/0/gone"},
		"null, which may mean none or the default":      {"paths: {/a: {get: {security: null, responses: {}}}}", "/paths/~1a/get/security"},
		"an object, which may mean none or not":         {"paths: {/a: {get: {security: {}, responses: {}}}}", "/paths/~1a/get/security"},
		"a list of lists":                               {"paths: {/a: {get: {security: [[]], responses: {}}}}", "/paths/~1a/get/security/0"},
		"a scope that is a number":                      {"paths: {/a: {get: {security: [{s: [5]}], responses: {}}}}", "/paths/~1a/get/security/0/s/0"},
		"scopes that are a text":                        {"paths: {/a: {get: {security: [{s: read}], responses: {}}}}", "/paths/~1a/get/security/0/s"},
		"more alternatives than a call is held against": {"security: [" + strings.Repeat("{s: []},", 101) + "]\npaths: {}", "/security"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			refused(t, v31+"components: {securitySchemes: {s: {type: http, scheme: bearer}}}\n"+tt.document, []string{tt.at}, "")
		})
	}
}

func TestTheFaultsAreBoundedAndSorted(t *testing.T) {
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, "  p%04d: {}\n", i)
	}
	_, err := openapi.Compile(context.Background(), []byte(v31+"paths:\n"+b.String()), "")
	at := faults(err)
	if len(at) != 100 || at[0] != "/paths/p0000" || !slices.IsSorted(at) || !strings.Contains(err.Error(), "first 100") {
		t.Errorf("%d faults, first %q: %v", len(at), at[0], err)
	}
}

func TestTheSameDocumentGivesTheSameBytes(t *testing.T) {
	document := v31 + "paths: {/b: {get: {operationId: b, responses: {}}, put: {operationId: c, responses: {}}}, /a: {get: {operationId: a, responses: {}, x-y: {}}}}"
	one, two := compile(t, document), compile(t, document)
	if d := cmp.Diff(one, two); d != "" {
		t.Error(d)
	}
	sum := sha256.Sum256([]byte(document))
	if string(one.Revision) != hex.EncodeToString(sum[:]) {
		t.Errorf("revision %q is not the hash of the source", one.Revision)
	}
	if one.Format != "openapi-3.1" || one.Title != "T" || one.Operations != 3 {
		t.Errorf("%q %q %d", one.Format, one.Title, one.Operations)
	}
	source, mediaType, err := contract.Source(one.Chunks[contract.ChunkSource])
	if err != nil || string(source) != document || mediaType != "application/yaml" {
		t.Errorf("the source came back as %q, %v", mediaType, err)
	}
	findings, err := contract.DecodeFindings(one.Chunks[contract.ChunkFindings])
	if err != nil || !cmp.Equal(findings, one.Findings) {
		t.Errorf("the findings came back as %v, %v", findings, err)
	}
}

func TestMediaTypes(t *testing.T) {
	asJSON := []byte(`{"openapi":"3.1.0","info":{"title":"T","version":"1"},"paths":{}}`)
	asYAML := []byte(v31 + "paths: {}")
	flow := []byte(`{openapi: 3.1.0, info: {title: T, version: '1'}, paths: {}}`)
	tests := map[string]struct {
		sent   string
		source []byte
		kept   string       // the media type that comes back
		kind   problem.Kind // or the error
	}{
		"JSON is taken as JSON":                          {"application/json", asJSON, "application/json", 0},
		"parameters do not matter":                       {"application/json; charset=utf-8", asJSON, "application/json", 0},
		"upper case does not matter":                     {"Application/JSON", asJSON, "application/json", 0},
		"YAML is taken as YAML":                          {"application/yaml", asYAML, "application/yaml", 0},
		"YAML by an older name":                          {"application/x-yaml", asYAML, "application/x-yaml", 0},
		"YAML as text":                                   {"text/yaml", asYAML, "text/yaml", 0},
		"OpenAPI's own type in JSON":                     {"application/vnd.oai.openapi+json;version=3.1", asJSON, "application/vnd.oai.openapi+json", 0},
		"OpenAPI's own type in YAML":                     {"application/vnd.oai.openapi+yaml", asYAML, "application/vnd.oai.openapi+yaml", 0},
		"OpenAPI's own type in either":                   {"application/vnd.oai.openapi", asYAML, "application/vnd.oai.openapi", 0},
		"any JSON suffix":                                {"application/x-thing+json", asJSON, "application/x-thing+json", 0},
		"JSON is YAML too":                               {"application/yaml", asJSON, "application/yaml", 0},
		"without a type, JSON is told by its looks":      {"", asJSON, "application/json", 0},
		"without a type, YAML is told by its looks":      {"", asYAML, "application/yaml", 0},
		"YAML may begin with a brace":                    {"", flow, "application/yaml", 0},
		"bytes are looked at like that, too":             {"application/octet-stream", asJSON, "application/json", 0},
		"a byte order mark hides nothing":                {"", append([]byte("\ufeff"), asJSON...), "application/json", 0},
		"YAML is not JSON":                               {"application/json", asYAML, "", problem.Unprocessable},
		"a monstrous media type is refused":              {"application/" + strings.Repeat("x", 2000) + "+json", asJSON, "", problem.UnsupportedMediaType},
		"plain text is refused":                          {"text/plain", asJSON, "", problem.UnsupportedMediaType},
		"forms are refused":                              {"application/x-www-form-urlencoded", asJSON, "", problem.UnsupportedMediaType},
		"another character set is refused":               {"application/json; charset=utf-16", asJSON, "", problem.UnsupportedMediaType},
		"what is no media type is refused":               {"json", asJSON, "", problem.UnsupportedMediaType},
		"what is no media type at all is refused":        {";;", asJSON, "", problem.UnsupportedMediaType},
		"a document beyond all bounds is refused, first": {"text/plain", make([]byte, contract.MaxSource+1), "", problem.TooLarge},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := openapi.Compile(context.Background(), tt.source, tt.sent)
			if tt.kept == "" {
				if !problem.Is(err, tt.kind) {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err, faults(err))
			}
			source, kept, err := contract.Source(c.Chunks[contract.ChunkSource])
			if err != nil || kept != tt.kept || !bytes.Equal(source, tt.source) {
				t.Errorf("kept as %q, %v", kept, err)
			}
		})
	}
}

func TestADeadlineIsKept(t *testing.T) {
	ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	_, err := openapi.Compile(ctx, []byte(v31+"paths: {}"), "")
	if !problem.Is(err, problem.Unavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// endsAt is a context whose deadline passes after it was asked so many times, as if time went by.
type endsAt struct {
	context.Context
	left int
}

func (c *endsAt) Err() error {
	if c.left--; c.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

func TestADeadlineIsKeptInEveryPhase(t *testing.T) {
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, `"/a%d":{"get":{"parameters":[{"name":"q","in":"query","schema":{"type":"integer","example":%d}}]}},`, i, i)
	}
	document := `{"openapi":"3.1.0","info":{"title":"T","version":"1"},"paths":{` + strings.TrimSuffix(b.String(), ",") + `}}`
	for left := range 1000 {
		_, err := openapi.Compile(&endsAt{context.Background(), left}, []byte(document), "")
		if err == nil {
			if left < 20 {
				t.Errorf("the context was asked only %d times", left)
			}
			return
		}
		if !problem.Is(err, problem.Unavailable) {
			t.Fatalf("after %d questions: %v", left, err)
		}
	}
	t.Error("the context never let it pass")
}
