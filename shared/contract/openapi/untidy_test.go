package openapi_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestWhatIsUntidyIsAcceptedAndFound(t *testing.T) {
	op := func(inside string) string { return "paths: {/a: {get: {" + inside + "}}}" }
	schema := func(s string) string { return op("responses: {}") + "\ncomponents: {schemas: {A: " + s + "}}" }
	body := func(s string) string {
		return op("responses: {'200': {description: x, content: {application/json: {" + s + "}}}}")
	}
	tests := map[string]struct {
		document string
		want     []string // findings: "rule /pointer"
	}{
		"a tidy document has no findings":       {v31 + op("operationId: a, responses: {'200': {description: x}}"), nil},
		"extensions are nobody's business":      {v31 + "x-a: 1\n" + op("x-b: [], responses: {x-c: 5, '200': {description: x, x-d: {}}}"), nil},
		"a document may have no operations":     {v31 + "paths: {}", []string{"no-operations /paths"}},
		"it may have webhooks only":             {v31 + "webhooks: {a: {post: " + ok + "}}", []string{"no-operations /paths"}},
		"info may lack what it should have":     {"openapi: 3.1.0\ninfo: {}\n" + op("responses: {}"), []string{"missing-field /info", "missing-field /info"}},
		"the version may be a number":           {"openapi: 3.1\ninfo: {title: T, version: 1.0}\n" + op("responses: {}"), []string{"wrong-kind /info/version", "wrong-kind /openapi"}},
		"an unknown field":                      {v31 + op("produces: [a], responses: {}"), []string{"unknown-field /paths/~1a/get/produces"}},
		"a field of a later version":            {v30 + "webhooks: {}\n" + op("responses: {}"), []string{"other-version /webhooks"}},
		"3.0 asks for responses":                {v30 + op("summary: x"), []string{"missing-field /paths/~1a/get"}},
		"a response without a description":      {v31 + op("responses: {'200': {}}"), []string{"missing-field /paths/~1a/get/responses/200"}},
		"a status that is none":                 {v31 + op("responses: {2xx: {description: x}, 200 OK: {description: x}, 4XX: {description: x}, default: {description: x}}"), []string{"status-code /paths/~1a/get/responses/200 OK", "status-code /paths/~1a/get/responses/2xx"}},
		"null in place of something":            {v31 + "paths: {/a: {get: {tags: null, parameters: null, requestBody: null, responses: null}}, /b: null}", []string{"null-value /paths/~1a/get/parameters", "null-value /paths/~1a/get/requestBody", "null-value /paths/~1a/get/responses", "null-value /paths/~1a/get/tags", "null-value /paths/~1b"}},
		"an empty list in place of an object":   {v31 + schema("{properties: [], required: {}}"), []string{"wrong-kind /components/schemas/A/properties", "wrong-kind /components/schemas/A/required"}},
		"a note of the wrong kind":              {v31 + op("deprecated: 'yes', tags: a, operationId: 5, description: {}, responses: {}"), []string{"wrong-kind /paths/~1a/get/deprecated", "wrong-kind /paths/~1a/get/description", "wrong-kind /paths/~1a/get/operationId", "wrong-kind /paths/~1a/get/tags"}},
		"examples of the wrong kind":            {v31 + body("examples: [a]"), []string{"wrong-kind /paths/~1a/get/responses/200/content/application~1json/examples"}},
		"a name that components may not have":   {v31 + op("responses: {}") + "\ncomponents: {schemas: {'A<B>': {}}}", []string{"component-name /components/schemas/A<B>"}},
		"a reference where none belongs":        {v31 + "x-ops: {a: {responses: {}}}\npaths: {/a: {get: {$ref: '#/x-ops/a'}}}", []string{"ref-elsewhere /paths/~1a/get/$ref"}},
		"an unknown keyword":                    {v31 + schema("{optional: true}"), []string{"unknown-keyword /components/schemas/A/optional"}},
		"$recursiveRef":                         {v31 + schema("{$recursiveRef: '#', $recursiveAnchor: true}"), []string{"ignored-keyword /components/schemas/A/$recursiveAnchor", "ignored-keyword /components/schemas/A/$recursiveRef"}},
		"nullable since 3.1":                    {v31 + schema("{type: string, nullable: true}"), []string{"other-version /components/schemas/A/nullable"}},
		"a list of types before 3.1":            {v30 + schema("{type: [string, 'null']}"), []string{"other-version /components/schemas/A/type", "other-version /components/schemas/A/type/1"}},
		"const before 3.1":                      {v30 + schema("{const: 1}"), []string{"other-version /components/schemas/A/const"}},
		"an exclusive bound of the other draft": {v31 + schema("{minimum: 1, exclusiveMinimum: true}"), []string{"other-version /components/schemas/A/exclusiveMinimum"}},
		"true in place of a schema before 3.1":  {v30 + schema("{items: true, type: array, additionalProperties: false}"), []string{"other-version /components/schemas/A/items"}},
		"an array schema without items":         {v30 + schema("{type: array}"), []string{"missing-field /components/schemas/A"}},
		"an empty list of schemas":              {v31 + schema("{allOf: [], enum: []}"), []string{"empty-schema-list /components/schemas/A/allOf", "empty-schema-list /components/schemas/A/enum"}},
		"a value that is listed twice":          {v31 + schema("{enum: [a, b, a], required: [x, x]}"), []string{"repeated-value /components/schemas/A/enum/2", "repeated-value /components/schemas/A/required/1"}},
		"what stands beside $ref before 3.1":    {v30 + schema("{$ref: '#/components/schemas/B', description: x}, B: {}"), []string{"ref-siblings /components/schemas/A"}},
		"what stands beside $ref since":         {v31 + schema("{$ref: '#/components/schemas/B', description: x}, B: {}"), nil},
		"a pattern with look-ahead":             {v31 + schema(`{pattern: '^(?!x)\d+$'}`), []string{"pattern-dialect /components/schemas/A/pattern"}},
		"a pattern with a back-reference":       {v31 + schema(`{pattern: '(a)\1'}`), []string{"pattern-dialect /components/schemas/A/pattern"}},
		"a pattern with ECMA's escapes":         {v31 + schema(`{pattern: '^[\u0041-\u005a]{1,5000}$'}`), []string{"pattern-dialect /components/schemas/A/pattern"}},
		"a parent that lists its children":      {v31 + schema("{oneOf: [{$ref: '#/components/schemas/B'}]}, B: {allOf: [{$ref: '#/components/schemas/A'}, {type: object}]}"), []string{"schema-includes-itself /components/schemas/A"}},
		"a schema inside itself":                {v31 + schema("{properties: {a: {$ref: '#/components/schemas/A'}}}"), nil},
		"a discriminator without a name":        {v31 + schema("{discriminator: {}}"), []string{"missing-field /components/schemas/A/discriminator"}},
		"a mapping to what is not there":        {v31 + schema("{discriminator: {propertyName: x, mapping: {a: Gone, b: dog.json, c: A}}}"), []string{"discriminator-mapping /components/schemas/A/discriminator/mapping/a", "discriminator-mapping /components/schemas/A/discriminator/mapping/b"}},
		"a discriminator of Swagger 2":          {v31 + schema("{discriminator: kind}"), []string{"wrong-kind /components/schemas/A/discriminator"}},
		"a path parameter that is not required": {v31 + "paths: {'/{a}': {get: {parameters: [{name: a, in: path, schema: {}}], responses: {}}}}", []string{"path-parameter-optional /paths/~1{a}/get/parameters/0"}},
		"a parameter without a schema":          {v31 + op("parameters: [{name: a, in: query}], responses: {}"), []string{"parameter-form /paths/~1a/get/parameters/0"}},
		"a parameter with schema and content":   {v31 + op("parameters: [{name: a, in: query, schema: {}, content: {a/b: {}, c/d: {}}}], responses: {}"), []string{"parameter-form /paths/~1a/get/parameters/0"}},
		"a style that the place does not have":  {v31 + op("parameters: [{name: a, in: query, schema: {}, style: simple}], responses: {}"), []string{"parameter-form /paths/~1a/get/parameters/0/style"}},
		"header parameters that are ignored":    {v31 + op("parameters: [{name: Accept, in: header, schema: {}}, {name: authorization, in: header, schema: {}}], responses: {}"), []string{"parameter-ignored /paths/~1a/get/parameters/0", "parameter-ignored /paths/~1a/get/parameters/1"}},
		"the same parameter twice":              {v31 + op("parameters: [{name: a, in: query, schema: {}}, {name: a, in: query, schema: {}}], responses: {}"), []string{"repeated-value /paths/~1a/get/parameters/1"}},
		"an operator of RFC 6570":               {v31 + "paths: {'/{+a*}': {get: {parameters: [{name: a, in: path, required: true, schema: {}}], responses: {}}}}", []string{"path-operator /paths/~1{+a*}"}},
		"a path that no call can have":          {v31 + "paths: {/a//b: {get: {responses: {}}}}", []string{"path-unreachable /paths/~1a~1~1b"}},
		"a query in a path":                     {v31 + "paths: {'/a?b={c}': {get: {parameters: [{name: c, in: path, required: true, schema: {}}], responses: {}}}}", []string{"path-with-query /paths/~1a?b={c}"}},
		"fragments that tell operations apart":  {v31 + "paths: {/#a: {get: {responses: {}}}, /#b: {get: {responses: {}}}}", []string{"path-with-query /paths/~1#a", "path-with-query /paths/~1#b", "path-with-query /paths/~1#b/get"}},
		"an operationId that is a monster":      {v31 + op("operationId: "+strings.Repeat("x", 600)+", responses: {}"), []string{"operation-id-unfit /paths/~1a/get/operationId"}},
		"an operationId twice in callbacks":     {v31 + op("operationId: x, responses: {}, callbacks: {c: {u: {post: {operationId: x}}}}"), []string{"operation-id-repeated /paths/~1a/get/callbacks/c/u/post"}},
		"a link to an operation that is gone":   {v31 + op("responses: {'200': {description: x, links: {l: {operationId: gone}, m: {operationRef: '#/paths/gone'}}}}"), []string{"broken-link /paths/~1a/get/responses/200/links/l", "broken-link /paths/~1a/get/responses/200/links/m"}},
		"a scope that no flow declares":         {v31 + "components: {securitySchemes: {o: {type: oauth2, flows: {implicit: {scopes: {a: x}}}}}}\n" + op("security: [{o: [a, b]}], responses: {}"), []string{"scope-undeclared /paths/~1a/get/security/0/o/1"}},
		"scopes on other schemes before 3.1":    {v30 + "components: {securitySchemes: {o: {type: http, scheme: bearer}}}\n" + op("security: [{o: [a]}], responses: {}"), []string{"scope-on-other-scheme /paths/~1a/get/security/0/o/0"}},
		"roles on other schemes since":          {v31 + "components: {securitySchemes: {o: {type: http, scheme: bearer}}}\n" + op("security: [{o: [a]}], responses: {}"), nil},
		"null in place of no scopes":            {v31 + "components: {securitySchemes: {o: {type: http, scheme: bearer}}}\n" + op("security: [{o: }], responses: {}"), []string{"null-value /paths/~1a/get/security/0/o"}},
		"an incomplete security scheme":         {v31 + "components: {securitySchemes: {a: {type: apiKey}, b: {type: basic}, c: {type: http, scheme: basic}}}\n" + op("responses: {}"), []string{"security-scheme-form /components/securitySchemes/a", "security-scheme-form /components/securitySchemes/a", "security-scheme-form /components/securitySchemes/b"}},
		"an example of the wrong type":          {v31 + schema("{type: integer, example: a}"), []string{"example-mismatch /components/schemas/A/example"}},
		"a default that is not in the enum":     {v31 + schema("{enum: [a], default: b}"), []string{"example-mismatch /components/schemas/A/default"}},
		"one of several examples":               {v31 + schema("{type: string, examples: [a, 5]}"), []string{"example-mismatch /components/schemas/A/examples/1"}},
		"an example of a response":              {v31 + body("schema: {required: [a]}, example: {b: 1}"), []string{"example-mismatch /paths/~1a/get/responses/200/content/application~1json/example"}},
		"a named example behind a reference":    {v31 + body("schema: {type: string}, examples: {x: {$ref: '#/components/examples/E'}}") + "\ncomponents: {examples: {E: {value: 5}}}", []string{"example-mismatch /paths/~1a/get/responses/200/content/application~1json/examples/x/value"}},
		"an example of a parameter":             {v31 + op("parameters: [{name: a, in: query, schema: {maximum: 5}, example: 6}], responses: {}"), []string{"example-mismatch /paths/~1a/get/parameters/0/example"}},
		"an example of another media type":      {v31 + op("responses: {'200': {description: x, content: {application/xml: {schema: {type: object}, example: <a/>}}}}"), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { found(t, tt.document, tt.want...) })
	}
}

func TestExamplesAreHeldAgainstTheirSchema(t *testing.T) {
	tests := map[string]struct {
		schema, value string
		contradicts   bool
	}{
		"a fitting object":                    {"{type: object, required: [a], properties: {a: {type: string}}}", "{a: x, b: 1}", false},
		"a missing member":                    {"{required: [a]}", "{}", true},
		"a missing member that is read only":  {"{required: [a], properties: {a: {readOnly: true}}}", "{}", false},
		"a surplus member":                    {"{properties: {a: {}}, additionalProperties: false}", "{b: 1}", true},
		"a member of a pattern":               {"{patternProperties: {b: {}}, additionalProperties: false}", "{b: 1}", false},
		"a further member of the wrong type":  {"{additionalProperties: {type: string}}", "{b: 1}", true},
		"a nested contradiction":              {"{properties: {a: {items: {type: integer}}}}", "{a: [1, x]}", true},
		"a whole number as an integer":        {"{type: integer}", "1.0", false},
		"a fraction as an integer":            {"{type: integer}", "1.5", true},
		"one of several types":                {"{type: [string, 'null']}", "null", false},
		"none of several types":               {"{type: [string, 'null']}", "5", true},
		"a number below its bound":            {"{minimum: 1}", "0", true},
		"a number on its bound":               {"{minimum: 1}", "1", false},
		"a number on its exclusive bound":     {"{exclusiveMinimum: 1}", "1", true},
		"a number on a bound made exclusive":  {"{maximum: 1, exclusiveMaximum: true}", "1", true},
		"a number above its exclusive bound":  {"{exclusiveMaximum: 1}", "2", true},
		"a text that is too short":            {"{minLength: 2}", "ü", true},
		"a text of just the length":           {"{maxLength: 1}", "ü", false},
		"a text that lacks the pattern":       {"{pattern: '^a+$'}", "b", true},
		"a text with the pattern":             {"{pattern: '^a+$'}", "aa", false},
		"a pattern that cannot be run":        {"{pattern: '^(?!b)'}", "b", false},
		"a list that is too long":             {"{maxItems: 1}", "[1, 2]", true},
		"a list with a prefix":                {"{prefixItems: [{type: string}], items: {type: integer}}", "[a, 1]", false},
		"a list with a wrong prefix":          {"{prefixItems: [{type: string}]}", "[1]", true},
		"an object that is too small":         {"{minProperties: 1}", "{}", true},
		"the const":                           {"{const: {a: [1]}}", "{a: [1.0]}", false},
		"not the const":                       {"{const: {a: [1]}}", "{a: [2]}", true},
		"all of several schemas":              {"{allOf: [{minimum: 1}, {maximum: 3}]}", "2", false},
		"not all of them":                     {"{allOf: [{minimum: 1}, {maximum: 3}]}", "4", true},
		"any of several schemas":              {"{anyOf: [{type: string}, {minimum: 1}]}", "2", false},
		"not any of them":                     {"{anyOf: [{type: string}, {minimum: 1}]}", "0", true},
		"one of several schemas":              {"{oneOf: [{type: string}, {minimum: 1}]}", "2", false},
		"two where one belongs":               {"{oneOf: [{minimum: 0}, {minimum: 1}]}", "2", true},
		"what must not be":                    {"{not: {type: string}}", "a", true},
		"nothing at all":                      {"{properties: {a: false}}", "{a: 1}", true},
		"a reference":                         {"{$ref: '#/components/schemas/S'}", "5", true},
		"beside a reference":                  {"{$ref: '#/components/schemas/S', maxLength: 1}", "aa", true},
		"a schema that includes itself":       {"{$ref: '#/components/schemas/Loop'}", "5", false},
		"a value that is more than is looked": {"{items: {type: string}}", "[" + strings.Repeat("[],", 30_000) + "5]", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := compile(t, v31+"paths: {}\ncomponents:\n  schemas: {S: {type: string}, Loop: {allOf: [{$ref: '#/components/schemas/Loop'}]}, T: "+tt.schema+
				"}\n  headers: {H: {schema: {$ref: '#/components/schemas/T'}, example: "+tt.value+"}}")
			contradicts := false
			for _, f := range c.Findings {
				contradicts = contradicts || f.Rule == "example-mismatch"
			}
			if contradicts != tt.contradicts {
				t.Errorf("contradicts is %v: %v", contradicts, c.Findings)
			}
		})
	}
	t.Run("null in 3.0 needs nullable", func(t *testing.T) {
		found(t, v30+"paths: {}\ncomponents: {schemas: {A: {type: string, nullable: true, example: null}, B: {type: string, example: null}}}",
			"no-operations /paths", "example-mismatch /components/schemas/B/example")
	})
}

func TestLocalReferencesAreFollowed(t *testing.T) {
	for name, document := range map[string]string{
		"to any place of the document":      v31 + "paths: {/a: {get: {operationId: a, responses: {'200': {$ref: '#/paths/~1b/get/responses/200'}}}}, /b: {get: {operationId: b, responses: {'200': {description: x}}}}}",
		"percent-encoded":                   v31 + "paths: {'/{a}': {get: {operationId: a, parameters: [{name: a, in: path, required: true, schema: {$ref: '#/components/schemas/%41'}}], responses: {}}}}\ncomponents: {schemas: {A: {}}}",
		"to an extension":                   v31 + "x-s: {A: {type: string}}\npaths: {/a: {get: {operationId: a, responses: {'200': {description: x, content: {a/b: {schema: {$ref: '#/x-s/A'}}}}}}}}",
		"to an anchor that comes later":     v31 + "paths: {/a: {get: {operationId: a, responses: {'200': {description: x, content: {a/b: {schema: {$ref: '#later'}}}}}}}}\ncomponents: {schemas: {A: {$anchor: later}}}",
		"to an $id of the document":         v31 + "paths: {/a: {get: {operationId: a, responses: {'200': {description: x, content: {a/b: {schema: {$ref: 'https://example.com/b.json#/$defs/C'}}}}}}}}\ncomponents: {schemas: {B: {$id: 'https://example.com/b.json', $defs: {C: {}}}}}",
		"relative to an $id":                v31 + "paths: {/a: {get: {operationId: a, responses: {}}}}\ncomponents: {schemas: {A: {$id: 'https://example.com/x/a.json', properties: {b: {$ref: b.json}, c: {$ref: '#/$defs/C'}}, $defs: {C: {}}}, B: {$id: 'https://example.com/x/b.json'}}}",
		"to an anchor behind another one":   v31 + "x-a: {$anchor: one, $ref: '#two'}\npaths: {/a: {get: {operationId: a, responses: {}}}}\ncomponents: {schemas: {A: {$ref: '#/x-a'}, B: {$anchor: two}, C: {$ref: '#one'}}}",
		"of a path item, with own fields":   v31 + "paths: {/a: {$ref: '#/components/pathItems/P', get: {operationId: a, responses: {}}}}\ncomponents: {pathItems: {P: {put: {operationId: p, responses: {}}}}}",
		"from schemas to themselves, deep":  v31 + "paths: {/a: {get: {operationId: a, responses: {}}}}\ncomponents: {schemas: {A: {items: {$ref: '#'}, properties: {a: {$ref: '#/components/schemas/A/items'}}}}}",
		"in the form of JSON Schema's core": v31 + "paths: {/a: {get: {operationId: a, responses: {}}}}\ncomponents: {schemas: {A: {$dynamicAnchor: node, properties: {a: {$dynamicRef: '#node'}}}}}",
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(name, "themselves") {
				compile(t, document) // "#" is the document, which is no schema but a mapping all the same
				return
			}
			found(t, document)
		})
	}
}

func TestTheFindingsAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, "  a%04d: {what: 1}\n", i)
	}
	c := compile(t, v31+"paths: {}\ncomponents:\n schemas:\n"+b.String())
	last := c.Findings[len(c.Findings)-1]
	if len(c.Findings) != 1001 || last.Rule != "findings-omitted" || !strings.HasPrefix(last.Message, "2001 ") {
		t.Errorf("%d findings, last %+v", len(c.Findings), last)
	}
}
