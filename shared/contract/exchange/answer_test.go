package exchange_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract/exchange"
	"sluice/shared/contract/schema"
)

const answers = `{openapi: 3.1.0, paths: {/: {get: {responses: {
	default: {description: "", content: {application/problem+json: {schema: {type: object}}}},
	"4XX": {description: "", content: {text/plain: {}}},
	"404": {description: ""},
	"200": {description: "", headers: {X-Left: {required: true, schema: {type: integer}}, X-List: {schema: {type: array, items: {type: integer}}}},
		content: {application/json: {schema: {type: object, properties: {secret: {writeOnly: true}}}}, "image/*": {}}}}}}}}`

func TestTheHeadOfAnAnswerIsJudged(t *testing.T) {
	op := operation(t, answers)
	left := header("x-left", "1")
	for name, c := range map[string]struct {
		status          int
		headers         map[string][]string
		media           string
		declared, chose string
		told            []string
	}{
		"a status of its own":                        {200, left, "application/json; charset=utf-8", "200", "application/json", nil},
		"a media type in a range":                    {200, left, "image/png", "200", "image/*", nil},
		"a media type that is not declared":          {200, left, "text/html", "200", "", []string{"header:content-type contentType"}},
		"what is no media type":                      {200, left, "html", "200", "", []string{"header:content-type contentType"}},
		"an answer without a body":                   {200, left, "", "200", "", nil},
		"a header is missing":                        {200, nil, "", "200", "", []string{"header:X-Left required"}},
		"a header is wrong":                          {200, map[string][]string{"x-left": {"a"}, "x-list": {"1, b"}}, "", "200", "", []string{"header:X-Left type", "header:X-List/1 type"}},
		"a status of its own comes before its class": {404, nil, "text/plain", "404", "", nil},
		"a status of a class":                        {409, nil, "text/plain", "4XX", "text/plain", nil},
		"any other status":                           {500, nil, "application/problem+json", "default", "application/problem+json", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := op.Answer(c.status, c.headers, c.media, exchange.Options{})
			if diff := cmp.Diff(c.told, told(exchange.Result{Faults: got.Faults})); diff != "" || got.Response.Status != c.declared {
				t.Errorf("%s, faults (-want +got):\n%s", got.Response.Status, diff)
			}
			if chose := got.Content; (chose == nil) != (c.chose == "") || chose != nil && chose.Media != c.chose {
				t.Errorf("media type %+v", chose)
			}
		})
	}
}

func TestAStatusThatIsNotDeclaredIsTold(t *testing.T) {
	got := operation(t, `{openapi: 3.1.0, paths: {/: {get: {responses: {"200": {description: ""}, "3XX": {description: ""}}}}}}`).Answer(404, nil, "", exchange.Options{})
	if got.Response != nil || len(got.Faults) != 1 || got.Faults[0].Expected != "one of 200, 3XX" {
		t.Errorf("%+v", got)
	}
}

func TestTheBodyOfAnAnswerIsJudgedByItsSchema(t *testing.T) {
	got := operation(t, answers).Answer(200, header("x-left", "1"), "application/json", exchange.Options{})
	if !got.JSON {
		t.Fatal("it is no JSON")
	}
	if r := got.Schema.Validate([]byte(`{"secret":1}`), schema.Options{Direction: schema.Response}); len(r.Faults) != 1 || r.Faults[0].Keyword != "writeOnly" {
		t.Errorf("%+v", r.Faults)
	}
}

func TestTheMediaTypeThatIsLikedBestIsChosen(t *testing.T) {
	op := operation(t, `{openapi: 3.1.0, paths: {/: {get: {responses: {"200": {description: "", content: {application/json: {}, text/csv: {}}},
		"201": {description: "", content: {application/vnd.a+json: {}}}, "400": {description: "", content: {text/html: {}}}}}}}}`)
	for accept, want := range map[string]string{"": "application/json", "text/csv": "text/csv", "application/json;q=0.5, text/*": "text/csv",
		"text/html": "", "*/*;q=0.1, application/json;q=0": "text/csv", "application/*+json": "application/vnd.a+json"} {
		if got, ok := op.Negotiate(accept); got != want || ok != (want != "") {
			t.Errorf("%q: %q", accept, got)
		}
	}
}
