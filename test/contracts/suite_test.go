// Package contracts_test holds real contracts and generated values against shared/contract/schema, and its verdicts
// against those of an independent validator.
package contracts_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/compile"
)

// TestPublicCasesOfJSONSchema runs a checkout of the JSON Schema project's own test cases for draft 2020-12, if
// $SLUICE_JSONSCHEMA_SUITE says where one is.
func TestPublicCasesOfJSONSchema(t *testing.T) {
	dir := os.Getenv("SLUICE_JSONSCHEMA_SUITE")
	if dir == "" {
		t.Skip("skipped: set SLUICE_JSONSCHEMA_SUITE to the folder with the cases of a draft, tests/draft2020-12")
	}
	var files []string
	for _, pattern := range []string{"*.json", "optional/*.json", "optional/format/*.json"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	right, wrong := 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var groups []struct {
			Description string
			Schema      json.RawMessage
			Tests       []struct {
				Description string
				Data        json.RawMessage
				Valid       bool
			}
		}
		if err := json.Unmarshal(text, &groups); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, g := range groups {
			s, err := lone(g.Schema)
			if err != nil {
				t.Logf("%s: %s: %v", filepath.Base(file), g.Description, err)
				wrong += len(g.Tests)
				continue
			}
			for _, c := range g.Tests {
				if got := s.Validate(c.Data, schema.Options{}); got.OK() != c.Valid {
					wrong++
					if explained(filepath.Base(file)) == "" {
						t.Errorf("%s: %s: %s: valid should be %v: %v", filepath.Base(file), g.Description, c.Description, c.Valid, got.Faults)
					}
				} else {
					right++
				}
			}
		}
	}
	t.Logf("%d right, %d wrong", right, wrong)
}

// explained says why cases are decided in another way.
func explained(file string) string {
	switch file {
	case "format.json":
		return "formats are asserted"
	case "iri.json", "iri-reference.json", "idn-email.json", "idn-hostname.json", "uri-template.json", "relative-json-pointer.json":
		return "formats that are notes only"
	case "hostname.json":
		return "whether a label beginning with xn-- can be decoded is not looked at"
	case "refRemote.json", "ref.json", "dynamicRef.json", "vocabulary.json", "defs.json":
		return "references lead nowhere outside of the document"
	case "dependencies-compatibility.json":
		return "a keyword of older drafts"
	case "unknownKeyword.json":
		return "an $id inside of what is no keyword is an $id"
	}
	return ""
}

// lone compiles and loads a schema that stands alone.
func lone(source []byte) (schema.Schema, error) {
	made, err := compile.Schema(context.Background(), source)
	if err != nil {
		return schema.Schema{}, err
	}
	c := schema.NewContract(func(_ context.Context, n int) ([]byte, error) { return made.Pool[n], nil })
	op, err := c.Load(context.Background(), made.Operations[0].Page)
	if err != nil {
		return schema.Schema{}, err
	}
	return op.Schema(op.Description().Body.Contents[0].Schema), nil
}
