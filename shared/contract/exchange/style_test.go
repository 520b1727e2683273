package exchange_test

import (
	"fmt"
	"testing"

	"sluice/shared/contract/exchange"
)

// The schemas of the style table of OpenAPI 3.1.1, closed so that only the value of the table fits.
const (
	text   = `{const: blue}`
	none   = `{const: ""}`
	colors = `{type: array, const: [blue, black, brown], items: {type: string}}`
	rgb    = `{type: object, properties: {R: {type: integer, const: 100}, G: {type: integer, const: 200}, B: {type: integer, const: 150}},
		required: [R, G, B], additionalProperties: false}`
)

// TestTheStyleTable: the examples of the specification's style table (OpenAPI 3.1.1 §4.8.12.6) are read as the values that
// the table gives, and only as those.
func TestTheStyleTable(t *testing.T) {
	for name, c := range map[string]struct {
		in, style string
		explode   bool
		schema    string
		sent      string
	}{
		"matrix, empty":                     {"path", "matrix", false, none, ";color"},
		"matrix, string":                    {"path", "matrix", false, text, ";color=blue"},
		"matrix, array":                     {"path", "matrix", false, colors, ";color=blue,black,brown"},
		"matrix, object":                    {"path", "matrix", false, rgb, ";color=R,100,G,200,B,150"},
		"matrix exploded, empty":            {"path", "matrix", true, none, ";color"},
		"matrix exploded, string":           {"path", "matrix", true, text, ";color=blue"},
		"matrix exploded, array":            {"path", "matrix", true, colors, ";color=blue;color=black;color=brown"},
		"matrix exploded, object":           {"path", "matrix", true, rgb, ";R=100;G=200;B=150"},
		"label, empty":                      {"path", "label", false, none, "."},
		"label, string":                     {"path", "label", false, text, ".blue"},
		"label, array":                      {"path", "label", false, colors, ".blue,black,brown"},
		"label, object":                     {"path", "label", false, rgb, ".R,100,G,200,B,150"},
		"label exploded, empty":             {"path", "label", true, none, "."},
		"label exploded, string":            {"path", "label", true, text, ".blue"},
		"label exploded, array":             {"path", "label", true, colors, ".blue.black.brown"},
		"label exploded, object":            {"path", "label", true, rgb, ".R=100.G=200.B=150"},
		"simple, string":                    {"path", "simple", false, text, "blue"},
		"simple, array":                     {"path", "simple", false, colors, "blue,black,brown"},
		"simple, object":                    {"path", "simple", false, rgb, "R,100,G,200,B,150"},
		"simple exploded, string":           {"path", "simple", true, text, "blue"},
		"simple exploded, array":            {"path", "simple", true, colors, "blue,black,brown"},
		"simple exploded, object":           {"path", "simple", true, rgb, "R=100,G=200,B=150"},
		"simple in a header, empty":         {"header", "simple", false, none, ""},
		"simple in a header, string":        {"header", "simple", false, text, "blue"},
		"simple in a header, array":         {"header", "simple", false, colors, "blue, black,brown"},
		"simple in a header, object":        {"header", "simple", false, rgb, "R,100,G,200,B,150"},
		"simple in a header, object again":  {"header", "simple", true, rgb, "R=100, G=200, B=150"},
		"form, empty":                       {"query", "form", false, none, "color="},
		"form, string":                      {"query", "form", false, text, "color=blue"},
		"form, array":                       {"query", "form", false, colors, "color=blue,black,brown"},
		"form, object":                      {"query", "form", false, rgb, "color=R,100,G,200,B,150"},
		"form exploded, empty":              {"query", "form", true, none, "color="},
		"form exploded, string":             {"query", "form", true, text, "color=blue"},
		"form exploded, array":              {"query", "form", true, colors, "color=blue&color=black&color=brown"},
		"form exploded, object":             {"query", "form", true, rgb, "R=100&G=200&B=150"},
		"spaceDelimited, array":             {"query", "spaceDelimited", false, colors, "color=blue%20black%20brown"},
		"spaceDelimited, object":            {"query", "spaceDelimited", false, rgb, "color=R%20100%20G%20200%20B%20150"},
		"spaceDelimited exploded is form":   {"query", "spaceDelimited", true, colors, "color=blue&color=black&color=brown"},
		"pipeDelimited, array":              {"query", "pipeDelimited", false, colors, "color=blue%7Cblack%7Cbrown"},
		"pipeDelimited, array, not encoded": {"query", "pipeDelimited", false, colors, "color=blue|black|brown"},
		"pipeDelimited, object":             {"query", "pipeDelimited", false, rgb, "color=R%7C100%7CG%7C200%7CB%7C150"},
		"pipeDelimited exploded is form":    {"query", "pipeDelimited", true, colors, "color=blue&color=black&color=brown"},
		"deepObject":                        {"query", "deepObject", true, rgb, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"},
		"deepObject, brackets not encoded":  {"query", "deepObject", true, rgb, "color[R]=100&color[G]=200&color[B]=150"},
		"form in a cookie, string":          {"cookie", "form", true, text, "color=blue"},
		"form in a cookie, array":           {"cookie", "form", false, colors, "color=blue,black,brown"},
		"form in a cookie, object":          {"cookie", "form", false, rgb, "color=R,100,G,200,B,150"},
		"form exploded in a cookie, array":  {"cookie", "form", true, colors, "color=blue&color=black&color=brown"},
		"form exploded in cookies, array":   {"cookie", "form", true, colors, "color=blue; color=black; color=brown"},
		"form exploded in cookies, object":  {"cookie", "form", true, rgb, "R=100; G=200; B=150"},
		"cookie, array":                     {"cookie", "cookie", true, colors, "color=blue; color=black; color=brown"},
	} {
		t.Run(name, func(t *testing.T) {
			fields := fmt.Sprintf("name: color, in: %s, required: true, style: %s, explode: %v, schema: %s", c.in, c.style, c.explode, c.schema)
			op := operation(t, parameter("/a/{color}", fields))
			if got := op.Validate(request(c.in, c.sent), exchange.Options{RefuseQuery: true}); !got.OK() {
				t.Errorf("%q is refused: %+v", c.sent, got.Faults)
			}
			for _, other := range []string{mutated(c.sent, "blue", "red"), mutated(c.sent, "200", "201"), mutated(c.sent, "color=", "colour="), c.sent + "x"} {
				if other == c.sent {
					continue
				}
				if got := op.Validate(request(c.in, other), exchange.Options{}); got.OK() {
					t.Errorf("%q is taken for %q", other, c.sent)
				}
			}
		})
	}
}
