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
