package exchange_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/url"
	"testing"

	"pgregory.net/rapid"

	"sluice/shared/contract/exchange"
)

// TestFormsOfTheStandardLibraryAreRead: fields that the standard library writes, as a form or in parts, are accepted by a
// schema that takes them alone, and others are not.
func TestFormsOfTheStandardLibraryAreRead(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fields := rapid.MapOfN(rapid.StringMatching(`[a-zA-Zä&=+% .\[\]-]{1,6}`), rapid.SliceOfN(rapid.String(), 1, 3), 1, 5).Draw(rt, "fields")
		members, names := map[string]any{}, []string{}
		for name, values := range fields {
			names = append(names, name)
			var items []any
			for _, v := range values {
				items = append(items, map[string]any{"type": "string", "const": v})
			}
			members[name] = items[0]
			if len(items) > 1 {
				members[name] = map[string]any{"type": "array", "prefixItems": items, "items": false, "minItems": len(items)}
			}
		}
		s := map[string]any{"schema": map[string]any{"type": "object", "properties": members, "required": names, "additionalProperties": false}}
		doc, err := json.Marshal(map[string]any{"openapi": "3.1.0", "paths": map[string]any{"/": map[string]any{"post": map[string]any{"requestBody": map[string]any{
			"content": map[string]any{"application/x-www-form-urlencoded": s, "multipart/form-data": s}}}}}})
		if err != nil {
			rt.Fatal(err)
		}
		op := operation(t, string(doc))
		for _, r := range []*exchange.Request{inForm(fields), inParts(rt, fields)} {
			if got := op.Validate(r, exchange.Options{RefuseMedia: true}); !got.OK() {
				rt.Fatalf("%s: %q: %+v", r.ContentType, r.Body, got.Faults)
			}
		}
		name := rapid.SampledFrom(names).Draw(rt, "name")
		last := len(fields[name]) - 1
		fields[name][last] += "x"
		for _, r := range []*exchange.Request{inForm(fields), inParts(rt, fields)} {
			if got := op.Validate(r, exchange.Options{RefuseMedia: true}); got.OK() {
				rt.Fatalf("%s: %q is accepted", r.ContentType, r.Body)
			}
		}
	})
}

func inForm(fields url.Values) *exchange.Request {
	return &exchange.Request{Path: []string{""}, ContentType: "application/x-www-form-urlencoded", Body: []byte(fields.Encode())}
}

func inParts(t *rapid.T, fields url.Values) *exchange.Request {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, values := range fields {
		for _, v := range values {
			if err := w.WriteField(name, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &exchange.Request{Path: []string{""}, ContentType: fmt.Sprint("multipart/form-data; boundary=", w.Boundary()), Body: b.Bytes()}
}
