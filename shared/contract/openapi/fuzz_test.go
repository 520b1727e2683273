package openapi_test

import (
	"context"
	"strings"
	"testing"

	"sluice/shared/contract"
	"sluice/shared/contract/openapi"
	"sluice/shared/problem"
)

// FuzzCompile: whatever is sent, the answer is an index that matches what it says, or a refusal that says where.
func FuzzCompile(f *testing.F) {
	f.Add([]byte(v30+"paths: {'/a/{b}.json': {parameters: [{name: b, in: path, required: true, schema: {type: string}}], get: "+ok+"}}"), "")
	f.Add([]byte(v31+"security: [{s: [x]}]\ncomponents: {securitySchemes: {s: {type: oauth2}}, schemas: {A: {$ref: '#/components/schemas/B'}, B: {$anchor: x, oneOf: [{$ref: '#x'}]}}}\npaths: {/: {get: {}}}"), "application/yaml")
	f.Add([]byte(`{"openapi":"3.2.0","info":{"title":"T"},"paths":{"/a?b=c":{"query":{"operationId":"x"}}}}`), "application/json")
	f.Fuzz(func(t *testing.T, source []byte, mediaType string) {
		c, err := openapi.Compile(context.Background(), source, mediaType)
		if err != nil {
			if k := problem.KindOf(err); k == problem.Unprocessable && len(faults(err)) > 0 || k == problem.UnsupportedMediaType {
				return
			}
			t.Fatalf("refused without a reason: %v", err)
		}
		ix, err := contract.DecodeIndex(c.Chunks[contract.ChunkIndex])
		if err != nil || len(ix.Operations()) != c.Operations {
			t.Fatalf("the index: %v", err)
		}
		for _, op := range ix.Operations() {
			p, _ := contract.ParseTemplate(op.Template)
			var path []string
			for _, s := range p.Segments {
				path = append(path, strings.Join(s.Texts, "x"))
			}
			if m := ix.Match(op.Method, path); m.Operation == nil {
				t.Fatalf("%s %s is not matched by %q", op.Method, op.Template, path)
			}
		}
	})
}
