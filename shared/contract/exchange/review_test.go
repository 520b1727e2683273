package exchange_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract/exchange"
)

// TestWhatIsNotEnforcedIsSaid: the remarks about one part of an operation, by rule.
func TestWhatIsNotEnforcedIsSaid(t *testing.T) {
	parameter := func(fields string) string { return `parameters: [{name: p, ` + fields + `}]` }
	content := func(fields string) string { return `requestBody: {content: {` + fields + `}}` }
	for name, c := range map[string]struct {
		fields string
		want   []string
	}{
		"all is enforced":                    {parameter(`in: query, schema: {type: array, items: {type: string}}`) + ", " + content(`application/json: {schema: {type: object}}`), nil},
		"a style that a place does not have": {parameter(`in: query, style: matrix, schema: {type: string}`), []string{"style-not-enforced"}},
		"a header in style form":             {parameter(`in: header, style: form, schema: {type: string}`), []string{"style-not-enforced"}},
		"a deep object that is none":         {parameter(`in: query, style: deepObject, schema: {type: string}`), []string{"style-not-enforced"}},
		"objects in an object":               {parameter(`in: query, schema: {type: object, properties: {a: {type: object}}}`), []string{"style-not-enforced"}},
		"objects in a list":                  {parameter(`in: query, schema: {type: array, items: {type: object}}`), []string{"style-not-enforced"}},
		"objects in a deep object":           {parameter(`in: query, style: deepObject, schema: {type: object, properties: {a: {type: object}}}`), nil},
		"a variable that no path has":        {parameter(`in: path, required: true, schema: {}`), []string{"parameter-not-in-path"}},
		"XML in a parameter":                 {parameter(`in: query, content: {application/xml: {}}`), []string{"media-type-not-enforced"}},
		"XML":                                {content(`application/xml: {schema: {type: object}}`), []string{"media-type-not-enforced"}},
		"an image that may be anything":      {content(`image/png: {schema: {type: string, format: binary}}`), nil},
		"what is no media type":              {content(`json: {schema: {type: object}}`), []string{"media-type-not-enforced"}},
		"parts without names":                {content(`multipart/mixed: {schema: {type: array}}`), []string{"media-type-not-enforced"}},
		"a form with an object's members":    {content(`application/x-www-form-urlencoded: {schema: {properties: {a: {type: object}}}, encoding: {a: {style: form}}}`), []string{"encoding-not-enforced"}},
		"an answer of text":                  {`responses: {"200": {content: {text/event-stream: {schema: {type: object}}}, headers: {A: {style: label, schema: {type: string}}}}}`, []string{"media-type-not-enforced", "style-not-enforced"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range exchange.Review(loaded(t, `{openapi: 3.1.0, paths: {/: {post: {`+c.fields+`}}}}`)) {
				if got = append(got, r.Rule); r.Text == "" || r.Element == 0 {
					t.Errorf("%+v", r)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
