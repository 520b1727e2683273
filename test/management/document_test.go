package management_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"sluice/scripts/openapi/write"
)

func TestTheDocumentIsWhatTheFunctionsRegister(t *testing.T) {
	want, err := write.Document()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("..", "..", write.Path))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is stale: go run ./scripts/openapi", write.Path)
	}
}

func load(t *testing.T) *openapi3.T {
	t.Helper()
	text, err := write.Document()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheDocumentIsValidOpenAPI(t *testing.T) {
	doc := load(t)
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("it is OpenAPI %s", doc.OpenAPI)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

// What our own review will ask of every document, ours included.
func TestEveryOperationIsDescribed(t *testing.T) {
	doc := load(t)
	ids := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			at := method + " " + path
			if op.OperationID == "" || ids[op.OperationID] {
				t.Errorf("%s: operationId %q is missing or taken", at, op.OperationID)
			}
			ids[op.OperationID] = true
			if op.Summary == "" || op.Description == "" || len(op.Tags) != 1 || doc.Tags.Get(op.Tags[0]) == nil {
				t.Errorf("%s: summary %q, description %q, tags %v", at, op.Summary, op.Description, op.Tags)
			}
			if op.Security == nil || len(*op.Security) != 1 || (*op.Security)[0]["adminKey"] == nil {
				t.Errorf("%s: security %v", at, op.Security)
			}
			checkParameters(t, at, op)
			checkResponses(t, at, method, path, op)
		}
	}
	if len(ids) < 40 {
		t.Errorf("only %d operations", len(ids))
	}
}

func checkParameters(t *testing.T, at string, op *openapi3.Operation) {
	t.Helper()
	for _, p := range op.Parameters {
		if p.Value.In == "path" && (p.Value.Schema.Value.Pattern == "" || p.Value.Example == nil) {
			t.Errorf("%s: path parameter %s lacks a pattern or an example", at, p.Value.Name)
		}
		if p.Value.In != "path" && p.Value.Description == "" {
			t.Errorf("%s: parameter %s is not described", at, p.Value.Name)
		}
	}
}

func checkResponses(t *testing.T, at, method, path string, op *openapi3.Operation) {
	t.Helper()
	statuses := []string{"400", "401", "403", "422", "500", "503"}
	if strings.Contains(path, "{") {
		statuses = append(statuses, "404")
	}
	if op.RequestBody != nil {
		statuses = append(statuses, "413", "415")
	}
	if method == http.MethodPatch || method == http.MethodDelete {
		statuses = append(statuses, "409", "412")
	}
	have := op.Responses.Map()
	for _, status := range statuses {
		if have[status] == nil {
			t.Errorf("%s: no %s", at, status)
		}
	}
	for status, r := range have {
		if status >= "400" && (r.Value.Content["application/problem+json"] == nil || r.Value.Content["application/problem+json"].Example == nil) {
			t.Errorf("%s: %s has no problem with an example", at, status)
		}
	}
}

// INTERFACE.md's table, but for what later issues add.
func TestTheDocumentHasTheWholeInterface(t *testing.T) {
	var got []string
	name := regexp.MustCompile(`\{[a-z]+\}`)
	for path, item := range load(t).Paths.Map() {
		for method := range item.Operations() {
			got = append(got, method+" "+name.ReplaceAllString(strings.TrimPrefix(path, "/admin/v1"), "{}"))
		}
	}
	for _, r := range []string{"/teams", "/apis", "/apis/{}/versions", "/plans", "/consumers", "/apps", "/subscriptions"} {
		for _, want := range []string{"POST " + r, "GET " + r, "GET " + r + "/{}", "PATCH " + r + "/{}", "DELETE " + r + "/{}"} {
			if !slices.Contains(got, want) {
				t.Errorf("no %s", want)
			}
		}
	}
	for _, want := range []string{"PUT /apis/{}/versions/{}/contract", "GET /apis/{}/versions/{}/contract", "POST /apis/{}/versions/{}/transitions",
		"GET /apis/{}/versions/{}/transitions", "POST /apps/{}/keys", "GET /apps/{}/keys", "GET /apps/{}/keys/{}", "DELETE /apps/{}/keys/{}",
		"POST /apps/{}/keys/{}/rotate", "GET /usage", "GET /limits", "GET /audit", "POST /admin-keys", "GET /admin-keys", "DELETE /admin-keys/{}"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
}
