package document_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/resource"
	"sluice/shared/resource/document"
	"sluice/shared/resource/shape"
)

func TestTheDocumentHasEveryOperationWithEachStatus(t *testing.T) {
	teams := resource.Collection[catalog.Team, *catalog.Team]{Noun: "team", Path: "/admin/v1/teams/{team}", Model: shape.Model{Name: "Team", Detail: func() (map[string]any, []shape.Field) {
		return nil, []shape.Field{{Name: "id", Needed: true, Schema: shape.Matching("", catalog.SlugPattern)}}
	}}}
	text, err := document.Write(huma.Info{Title: "T", Version: "1"}, nil, teams.Operations())
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct{ Responses map[string]any }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{
		"post /admin/v1/teams":          "201 400 401 403 409 413 415 422 500 503",
		"get /admin/v1/teams":           "200 400 401 403 422 500 503",
		"get /admin/v1/teams/{team}":    "200 304 400 401 403 404 422 500 503",
		"patch /admin/v1/teams/{team}":  "200 400 401 403 404 409 412 413 415 422 500 503",
		"delete /admin/v1/teams/{team}": "204 400 401 403 404 409 412 422 500 503",
	} {
		method, path, _ := strings.Cut(at, " ")
		var got []string
		for status := range doc.Paths[path][method].Responses {
			got = append(got, status)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: %s", at, diff)
		}
	}
}

// Requests are checked by what a schema writes of itself, and clients read what the document says.
func TestWhatIsCheckedIsWhatIsPublished(t *testing.T) {
	most := 5
	word := shape.Words("A word.", 20)
	word.Examples = []any{"x"}
	list := shape.List("Some.", word, most)
	list.UniqueItems = true
	m := shape.Model{Name: "Thing", Summary: "A thing.", Detail: func() (map[string]any, []shape.Field) {
		return map[string]any{"id": "x"}, []shape.Field{
			shape.Needed("id", shape.Matching("Its name.", catalog.SlugPattern)), shape.Optional("list", list), shape.Optional("at", shape.Time("When.")),
			shape.Optional("n", shape.Whole("", 0, most)), shape.Optional("f", shape.Number("")), shape.Optional("b", shape.Boolean("")),
			shape.Optional("one", shape.OneOf("", "a", "b")), shape.Optional("any", shape.Object("", shape.Optional("x", shape.Text("", 3)))),
			shape.Optional("map", shape.Map("", shape.Object("", shape.Needed("x", shape.Text("", 0))), most)),
			{Name: "given", Access: shape.Given, Schema: shape.Time("")}}
	}}
	for name, schema := range map[string]func() *shape.Schema{"View": m.View, "Creation": m.Creation, "Change": m.Change} {
		text, err := document.Write(huma.Info{Title: "T", Version: "1"}, nil, []resource.Operation{{ID: "x", Method: "POST", Path: "/x",
			Body: &resource.Body{Schema: schema, Name: "Thing"}, Status: []int{204}}})
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Components struct{ Schemas map[string]any }
		}
		own, err := json.Marshal(schema())
		var checked any
		if err != nil || json.Unmarshal(text, &doc) != nil || json.Unmarshal(own, &checked) != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(doc.Components.Schemas["Thing"], checked); diff != "" || checked == nil {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
