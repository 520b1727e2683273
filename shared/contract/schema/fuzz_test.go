package schema_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/compile"
	"sluice/shared/contract/schema/program"
)

// pages gives the pages of a pool, and none beyond it.
func pages(pool [][]byte) schema.Source {
	return func(_ context.Context, n int) ([]byte, error) {
		if n >= len(pool) {
			return nil, errors.New("there is no such page")
		}
		return pool[n], nil
	}
}

// judge holds a body against all schemas of an operation, in all ways.
func judge(t *testing.T, op *schema.Operation, body []byte) {
	op.Description().Schemas(func(id *program.ID) {
		for _, o := range []schema.Options{{Steps: 10_000}, {Steps: 10_000, Direction: schema.Request, Closed: true, Marks: op.NewMarks()},
			{Steps: 10_000, Direction: schema.Response, Strip: true}} {
			got := op.Schema(*id).Validate(body, o)
			if o.Strip && got.OK() && !json.Valid(got.Body) {
				t.Fatalf("%s was stripped to %s", body, got.Body)
			}
			for _, f := range got.Faults {
				if len(f.Expected) > 250 || len(got.Faults) > 20 {
					t.Fatalf("a fault or their number is too large: %+v", f)
				}
			}
		}
	})
}

func FuzzCompileAndValidate(f *testing.F) {
	f.Add([]byte(everything), []byte(`{"kind":"x","list":[true,{"kind":"x"}]}`))
	f.Add([]byte(`{"openapi":"3.0.0","paths":{"/":{"get":{"responses":{"200":{"content":{"a/b":{"schema":{"nullable":true,"type":"array","items":{"$ref":"#/paths/~1/get/responses/200/content/a~1b/schema"}}}}}}}}}}`), []byte(`[[],null,[[]]]`))
	f.Add([]byte(`{"$id":"a:b","$defs":{"x":{"$dynamicAnchor":"x","$id":"y"},"z":{"$dynamicAnchor":"x"}},"items":{"$dynamicRef":"y#x"},"anyOf":[{"$ref":"#"},{"$recursiveRef":"#"}],"$recursiveAnchor":true}`), []byte(`[1]`))
	f.Fuzz(func(t *testing.T, document, body []byte) {
		if len(document) > 5000 || len(body) > 1000 {
			return
		}
		for _, compiler := range []func() (*compile.Compiled, error){
			func() (*compile.Compiled, error) { return compile.Source(t.Context(), document, false) },
			func() (*compile.Compiled, error) { return compile.Schema(t.Context(), document) },
		} {
			made, err := compiler()
			if err != nil {
				continue
			}
			c := schema.NewContract(pages(made.Pool))
			for _, page := range made.Operations {
				op, err := c.Load(t.Context(), page.Page)
				if err != nil {
					t.Fatalf("what was compiled is not loaded: %v", err)
				}
				judge(t, op, body)
			}
		}
	})
}

func FuzzLoad(f *testing.F) {
	made, err := compile.Source(context.Background(), []byte(everything), false)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(made.Operations[0].Page, made.Pool[0], made.Elements)
	f.Add(made.Operations[1].Page, made.Pool[0], []byte{})
	f.Fuzz(func(t *testing.T, own, pool, elements []byte) {
		op, err := schema.NewContract(pages([][]byte{pool})).Load(t.Context(), own)
		if err == nil {
			judge(t, op, []byte(`{"kind":"x","list":[true,{"kind":"x"}],"own":"a"}`))
		}
		if e, err := program.DecodeElements(elements); err == nil && op != nil {
			e.Of(op.Description())
		}
	})
}
