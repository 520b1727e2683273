package exchange_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/shared/contract/exchange"
)

// written is a parameter and a value for it: a text, a list of texts or members.
type written struct {
	in, style string
	explode   bool
	form      string // single, list, object
	values    []string
	names     []string // of members
}

// styles lists what OpenAPI allows where.
func styles() map[string][]string {
	return map[string][]string{"path": {"simple", "label", "matrix"}, "query": {"form", "spaceDelimited", "pipeDelimited", "deepObject"},
		"header": {"simple"}, "cookie": {"form", "cookie"}}
}

// drawn draws a parameter and a value that its style can write.
func drawn(t *rapid.T) written {
	w := written{in: rapid.SampledFrom([]string{"path", "query", "header", "cookie"}).Draw(t, "in"), explode: rapid.Bool().Draw(t, "explode"),
		form: rapid.SampledFrom([]string{"single", "list", "object"}).Draw(t, "form")}
	w.style = rapid.SampledFrom(styles()[w.in]).Draw(t, "style")
	if w.style == "deepObject" {
		w.form, w.explode = "object", true
	}
	n := 1
	if w.form != "single" {
		n = rapid.IntRange(1, 4).Draw(t, "n")
	}
	not := w.unwritable()
	text := rapid.Custom(func(t *rapid.T) string {
		s := rapid.OneOf(rapid.SampledFrom([]string{"", "7", "-1.5e3", "true", "null", "%41", "a+b", "a&b=c", "a b", "a,b", "a;b", "[x]", "{}", "ä/ö?", "."}), rapid.StringN(0, 6, -1)).Draw(t, "text")
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune(not, r) || not != "" && (r < ' ' || r == 0x7f) {
				return -1
			}
			return r
		}, strings.ToValidUTF8(s, ""))
	})
	for i := range n {
		w.values = append(w.values, text.Draw(t, fmt.Sprint("value ", i)))
		name := fmt.Sprint("n", i)
		if !strings.Contains(not, "=") {
			name = rapid.SampledFrom([]string{"", "ä ", "=&", ",;", "%", "+"}).Draw(t, fmt.Sprint("name ", i)) + name
		}
		w.names = append(w.names, name)
	}
	if w.in == "path" && w.style == "simple" && w.values[0] == "" {
		w.values[0] = "x" // a segment is never empty
	}
	return w
}

// unwritable are characters that the style has no way to write; if there are any, control characters are among them.
func (w written) unwritable() string {
	switch {
	case w.in == "header", w.style == "cookie":
		return " \t,;=\"" // taken as they are
	case w.style == "spaceDelimited" && !w.explode && w.form != "single":
		return " ="
	case w.style == "pipeDelimited" && !w.explode && w.form != "single":
		return "|="
	case w.style == "label" && w.explode:
		return "."
	}
	return ""
}

// encode writes a text so that only unreserved characters stand for themselves.
func (w written) encode(s string) string {
	if w.in == "header" || w.style == "cookie" {
		return s
	}
	var b strings.Builder
	for _, c := range []byte(s) {
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// pieces are the encoded elements; of an object its members, as name=value if it is exploded.
func (w written) pieces() (list []string) {
	for i, v := range w.values {
		switch {
		case w.form != "object":
			list = append(list, w.encode(v))
		case w.explode:
			list = append(list, w.encode(w.names[i])+"="+w.encode(v))
		default:
			list = append(list, w.encode(w.names[i]), w.encode(v))
		}
	}
	return list
}

// text writes the value as the specification's table does, independently of the code that reads it.
func (w written) text() string {
	pieces := w.pieces()
	prefixed := func(prefix string) string { return prefix + strings.Join(pieces, prefix) }
	named := func(between string) string {
		if w.form == "object" {
			return strings.Join(pieces, between)
		}
		return "p=" + strings.Join(pieces, between+"p=")
	}
	between := map[string]string{"form": ",", "cookie": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}[w.style]
	switch {
	case w.style == "simple":
		return strings.Join(pieces, ",")
	case w.style == "label" && w.explode:
		return prefixed(".")
	case w.style == "label":
		return "." + strings.Join(pieces, ",")
	case w.style == "matrix" && w.explode:
		return ";" + named(";")
	case w.style == "matrix":
		return ";p=" + strings.Join(pieces, ",")
	case w.style == "deepObject":
		for i := range pieces {
			pieces[i] = "p%5B" + w.encode(w.names[i]) + "%5D=" + w.encode(w.values[i])
		}
		return strings.Join(pieces, "&")
	case w.explode && w.in == "cookie":
		return named("; ")
	case w.explode:
		return named("&")
	}
	return "p=" + strings.Join(pieces, between)
}

// document is a contract that takes the value of that parameter and no other.
func (w written) document() string {
	var s map[string]any
	exactly := func(v string) map[string]any { return map[string]any{"type": "string", "const": v} }
	switch w.form {
	case "single":
		s = exactly(w.values[0])
	case "list":
		var items []any
		for _, v := range w.values {
			items = append(items, exactly(v))
		}
		s = map[string]any{"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
	default:
		members := map[string]any{}
		for i, v := range w.values {
			members[w.names[i]] = exactly(v)
		}
		s = map[string]any{"type": "object", "properties": members, "required": w.names, "additionalProperties": false}
	}
	p := map[string]any{"name": "p", "in": w.in, "required": true, "style": w.style, "explode": w.explode, "schema": s}
	doc := map[string]any{"openapi": "3.1.0", "paths": map[string]any{"/{p}": map[string]any{"get": map[string]any{"parameters": []any{p}}}}}
	out, _ := json.Marshal(doc)
	return string(out)
}

func (w written) request() *exchange.Request {
	text := w.text()
	r := &exchange.Request{Path: []string{"x"}}
	switch w.in {
	case "path":
		r.Path[0] = text
	case "query":
		r.Query = text
	case "header":
		r.Headers = header("p", text)
	case "cookie":
		r.Cookies = []string{text}
	}
	return r
}

// TestWhatIsWrittenIsRead: a value that an independent writer wrote in any style is accepted by a schema that takes it
// alone, and any other value is not.
func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawn(rt)
		op := operation(t, w.document())
		r := w.request()
		if got := op.Validate(r, exchange.Options{RefuseQuery: true}); !got.OK() {
			rt.Fatalf("%+v as %+v: %+v", w, r, got.Faults)
		}
		other := w
		other.values = append([]string(nil), w.values...)
		at := rapid.IntRange(0, len(w.values)-1).Draw(rt, "at")
		switch rapid.IntRange(0, 2).Draw(rt, "change") {
		case 0:
			other.values[at] += "x"
		case 1:
			other.values[at] = "x" + other.values[at]
		default:
			if w.form == "single" {
				other.values[at] += "7"
				break
			}
			other.values, other.names = append(other.values, "x"), append(append([]string(nil), w.names...), "more")
		}
		r = other.request()
		// A name that an exploded object does not declare is nobody's, and refused as such.
		if got := op.Validate(r, exchange.Options{RefuseQuery: true}); got.OK() && !(w.in == "cookie" && w.explode && w.form == "object" && len(other.values) > len(w.values)) {
			rt.Fatalf("%+v is taken for %+v", r, w)
		}
	})
}
