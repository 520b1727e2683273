package exchange_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract/exchange"
	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/compile"
)

// strict is an operation whose options matter.
const strict = `{openapi: 3.1.0, paths: {"/a?fixed=1": {post: {parameters: [
	{name: needed, in: query, required: true, schema: {type: integer}},
	{name: color, in: query, schema: {type: object, properties: {R: {type: integer}}, additionalProperties: false}},
	{name: deep, in: query, style: deepObject, schema: {type: object}},
	{name: X-Needed, in: header, required: true, schema: {}},
	{name: needed, in: cookie, required: true, schema: {}},
	{name: Accept, in: header, schema: {const: never}}],
	requestBody: {required: true, content: {application/json: {schema: {type: object, properties: {a: {type: integer}, b: {type: integer, readOnly: true}}}}}},
	responses: {"200": {description: "", content: {application/json: {}, text/csv: {}}}, "400": {description: "", content: {application/problem+json: {}}}}}}}}`

func TestStrictness(t *testing.T) {
	op := operation(t, strict)
	full := func(change func(*exchange.Request)) exchange.Request {
		r := exchange.Request{Path: []string{"a"}, Query: "needed=1", Headers: header("x-needed", ""), Cookies: []string{"needed="},
			ContentType: "application/json", Body: []byte(`{"a":1}`)}
		change(&r)
		return r
	}
	all := exchange.Options{RefuseQuery: true, RefuseMedia: true, RefuseAccept: true, KnownQuery: []string{"api_key"}}
	for name, c := range map[string]struct {
		change  func(*exchange.Request)
		options exchange.Options
		status  int
		told    []string
	}{
		"all is well": {func(*exchange.Request) {}, all, 0, nil},
		"what is required is missed": {func(r *exchange.Request) { *r = exchange.Request{Path: []string{"a"}} }, all, 400,
			[]string{"query:needed required", "header:X-Needed required", "cookie:needed required", " required"}},
		"an unknown name in the query passes if it may":     {func(r *exchange.Request) { r.Query += "&x=1" }, exchange.Options{}, 0, nil},
		"an unknown name in the query is refused by choice": {func(r *exchange.Request) { r.Query += "&x=1" }, all, 400, []string{"query:x undeclared"}},
		"a known name in the query is not refused":          {func(r *exchange.Request) { r.Query += "&api_key=1&fixed=1" }, all, 0, nil},
		"a member of an exploded object is known":           {func(r *exchange.Request) { r.Query += "&R=x" }, all, 400, []string{"query:color/R type"}},
		"an exploded object has no name of its own":         {func(r *exchange.Request) { r.Query += "&color=1" }, all, 400, []string{"query:color undeclared"}},
		"a deep object's name alone is not known":           {func(r *exchange.Request) { r.Query += "&deep=1" }, all, 400, []string{"query:deep undeclared"}},
		"an unknown media type passes if it may":            {func(r *exchange.Request) { r.ContentType = "text/csv" }, exchange.Options{}, 0, nil},
		"an unknown media type is refused by choice":        {func(r *exchange.Request) { r.ContentType = "text/csv" }, all, 415, []string{" contentType"}},
		"no media type is one of bytes":                     {func(r *exchange.Request) { r.ContentType = "" }, all, 415, []string{" contentType"}},
		"what is no media type is refused always":           {func(r *exchange.Request) { r.ContentType = "json" }, exchange.Options{}, 415, []string{" contentType"}},
		"a range is no media type":                          {func(r *exchange.Request) { r.ContentType = "application/*" }, exchange.Options{}, 415, []string{" contentType"}},
		"a charset that is not read is refused always":      {func(r *exchange.Request) { r.ContentType += "; charset=utf-16" }, exchange.Options{}, 415, []string{" contentType"}},
		"utf-8 is read": {func(r *exchange.Request) { r.ContentType += `; charset="UTF-8"` }, all, 0, nil},
		"a call that accepts nothing that there is, by choice": {func(r *exchange.Request) { r.Accept = "image/*, application/problem+json" }, all, 406, []string{"header:accept accept"}},
		"a call that accepts nothing that there is passes":     {func(r *exchange.Request) { r.Accept = "image/*" }, exchange.Options{}, 0, nil},
		"a call that accepts a range is served":                {func(r *exchange.Request) { r.Accept = "image/*, text/*;q=0.1" }, all, 0, nil},
		"a wrong value weighs more than a wrong media type":    {func(r *exchange.Request) { r.ContentType, r.Query = "text/csv", "needed=x" }, all, 400, []string{"query:needed type", " contentType"}},
		"a body that only an answer has is refused":            {func(r *exchange.Request) { r.Body = []byte(`{"b":1}`) }, all, 400, []string{"/b readOnly"}},
		"an empty JSON body is none":                           {func(r *exchange.Request) { r.Body = nil }, all, 400, []string{" required"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := full(c.change)
			got := op.Validate(&r, c.options)
			if diff := cmp.Diff(c.told, told(got)); diff != "" || got.Status != c.status {
				t.Errorf("status %d, faults (-want +got):\n%s", got.Status, diff)
			}
		})
	}
}

func TestABodyThatIsNotDeclaredIsRefusedByChoice(t *testing.T) {
	op := operation(t, `{openapi: 3.1.0, paths: {/: {get: {}}}}`)
	r := exchange.Request{Path: []string{""}, Body: []byte("x")}
	if got := op.Validate(&r, exchange.Options{}); !got.OK() {
		t.Errorf("refused: %v", got.Faults)
	}
	if got := op.Validate(&r, exchange.Options{RefuseMedia: true}); got.Status != 415 {
		t.Errorf("status %d", got.Status)
	}
}

func TestFaultsAreBoundedAndHoldNoValues(t *testing.T) {
	const secret = "s3cr3t"
	op := operation(t, search)
	r := exchange.Request{Path: []string{"shops", secret + secret, "items", secret + "." + secret}, Headers: header("x-count", secret),
		Query: "limit=" + secret + "&url=" + secret + "&ids=" + secret + "&where[from]=" + secret + "&json=" + secret + "&maybe=" + secret}
	got := op.Validate(&r, exchange.Options{})
	if text := fmt.Sprint(got.Faults); len(got.Faults) < 9 || strings.Contains(text, secret) {
		t.Errorf("faults %s", text)
	}
	got = op.Validate(&r, exchange.Options{Values: schema.Options{Faults: 2}})
	if len(got.Faults) != 2 || !got.More {
		t.Errorf("%d faults, more %v", len(got.Faults), got.More)
	}
	got = op.Validate(&exchange.Request{Query: "\n" + strings.Repeat("x", 1000) + "=1"}, exchange.Options{RefuseQuery: true})
	if f := got.Faults[len(got.Faults)-1]; len(f.Name) > 110 || strings.Contains(f.Name, "\n") {
		t.Errorf("name %q", f.Name)
	}
}

func TestStrippingABodyGivesWhatIsLeft(t *testing.T) {
	op := operation(t, strict)
	r := exchange.Request{Path: []string{"a"}, Query: "needed=1&color=x", Headers: header("x-needed", ""), Cookies: []string{"needed="},
		ContentType: "application/json", Body: []byte(`{"a":1,"c":2}`)}
	got := op.Validate(&r, exchange.Options{Values: schema.Options{Strip: true}})
	if !got.OK() || string(got.Body) != `{"a":1}` || got.Removed != 1 {
		t.Errorf("%q, %d removed, %v", got.Body, got.Removed, got.Faults)
	}
	r.Query = ""
	if got = op.Validate(&r, exchange.Options{Values: schema.Options{Strip: true}}); got.OK() || got.Body != nil {
		t.Errorf("a call that is refused has the body %q", got.Body)
	}
}

// TestUsedElementsAreMarked: the operation, the parameters, the media type and the properties that a call uses, and no
// others; the status and the media type of its answer.
func TestUsedElementsAreMarked(t *testing.T) {
	made, err := compile.Source(t.Context(), []byte(strict), true)
	if err != nil {
		t.Fatal(err)
	}
	elements := pointers(t, made)
	loaded, err := schema.NewContract(func(_ context.Context, n int) ([]byte, error) { return made.Pool[n], nil }).Load(t.Context(), made.Operations[0].Page)
	if err != nil {
		t.Fatal(err)
	}
	op, marks := exchange.New(loaded), loaded.NewMarks()
	r := exchange.Request{Path: []string{"a"}, Query: "needed=1&x=1", Headers: header("x-needed", ""), Cookies: []string{"needed="},
		ContentType: "application/json", Body: []byte(`{"a":1}`)}
	options := exchange.Options{Values: schema.Options{Marks: marks}}
	if got := op.Validate(&r, options); !got.OK() {
		t.Fatal(got.Faults)
	}
	const base = "/paths/~1a?fixed=1/post"
	want := []string{base, base + "/parameters/0", base + "/parameters/3", base + "/parameters/4", base + "/requestBody/content/application~1json",
		base + "/requestBody/content/application~1json/schema/properties/a"}
	if diff := cmp.Diff(want, marked(marks, elements.Of(loaded.Description()))); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	clear(marks)
	op.Answer(200, nil, "text/csv", options)
	want = []string{base + "/responses/200", base + "/responses/200/content/text~1csv"}
	if diff := cmp.Diff(want, marked(marks, elements.Of(loaded.Description()))); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}
