package strictjson_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/problem"
	"sluice/shared/resource/strictjson"
)

func TestTextThatTwoReadersCouldTakeForDifferentThingsIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, pointer string }{
		"nothing at all":                     {"", ""},
		"only spaces":                        {" \n\t", ""},
		"a cut object":                       {`{"id":"a"`, ""},
		"a cut string":                       {`{"id":"a`, ""},
		"a cut literal":                      {`{"id":tru`, ""},
		"a comma at the end":                 {`{"id":"a",}`, ""},
		"a comma at the end of a list":       {`[1,]`, ""},
		"two values":                         {`{} {}`, ""},
		"garbage after the value":            {`{}x`, ""},
		"one bracket too many":               {`{}}`, ""},
		"a byte order mark":                  {"\ufeff{}", ""},
		"bytes that are not UTF-8":           {"{\"id\":\"\xff\"}", ""},
		"UTF-16":                             {"{\x00}\x00", ""},
		"a member twice":                     {`{"id":"a","id":"b"}`, "/id"},
		"a member twice, once escaped":       {`{"id":"a","\u0069d":"b"}`, "/id"},
		"a member twice, deep inside":        {`{"a":[{"b":1,"b":1}]}`, "/a/0/b"},
		"a NUL":                              {`{"id":"a\u0000b"}`, "/id"},
		"a NUL in a name":                    {`{"i\u0000d":1}`, "/i\x00d"},
		"half a surrogate pair":              {`{"id":"\ud800"}`, "/id"},
		"the replacement character":          {"{\"id\":\"\ufffd\"}", "/id"},
		"a control character in a string":    {"{\"id\":\"a\nb\"}", ""},
		"a comment":                          {`{/* */}`, ""},
		"single quotes":                      {`{'id':1}`, ""},
		"NaN":                                {`{"n":NaN}`, ""},
		"a leading zero":                     {`{"n":01}`, ""},
		"a plus sign":                        {`{"n":+1}`, ""},
		"a number of absurd length":          {`{"n":` + strings.Repeat("9", 100) + `}`, "/n"},
		"a number with an absurd exponent":   {`{"n":1e999}`, "/n"},
		"a number with a hidden exponent":    {`{"n":1E+0000000000000000000000000000000000001}`, "/n"},
		"nesting without end":                {strings.Repeat("[", 100_000), strings.Repeat("/0", 16)},
		"nesting of objects without an end":  {strings.Repeat(`{"a":`, 100_000), strings.Repeat("/a", 16)},
		"a member without a value":           {`{"id"}`, ""},
		"a member name that is no string":    {`{1:2}`, ""},
		"a name with slash and tilde, twice": {`{"a/b~c":1,"a/b~c":1}`, "/a~1b~0c"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := strictjson.Parse([]byte(c.text))
			if !problem.Is(err, problem.Invalid) {
				t.Fatalf("got %v, %v; want problem.Invalid", v, err)
			}
			if got := pointerOf(err); got != c.pointer {
				t.Errorf("points to %q, want %q", got, c.pointer)
			}
		})
	}
}

func pointerOf(err error) string {
	d := problem.Of(err, "")
	if len(d.Errors) == 0 {
		return ""
	}
	return d.Errors[0].Pointer
}

func TestTheErrorNeverRepeatsWhatWasSent(t *testing.T) {
	for _, text := range []string{`{"key":"slk_secret"`, `{"key":slk_secret}`, `slk_secret`, `{"key":"slk_secret\u0000"}`, `{} slk_secret`} {
		_, err := strictjson.Parse([]byte(text))
		if d := fmt.Sprint(problem.Of(err, "")); strings.Contains(d, "slk_secret") {
			t.Errorf("%s: %s", text, d)
		}
	}
}

func TestOrdinaryJSONIsReadAsItIs(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want any
	}{
		"an object":                   {` {"a":"b","c":[true,false,null]} `, map[string]any{"a": "b", "c": []any{true, false, nil}}},
		"letters of every script":     {`{"name":"日本 é \ud83d\ude00"}`, map[string]any{"name": "日本 é 😀"}},
		"a null":                      {`null`, nil},
		"a plain number":              {`12`, json.Number("12")},
		"an exponent of a whole one":  {`1e3`, json.Number("1000")},
		"a fraction of a whole one":   {`-7.00`, json.Number("-7")},
		"a fraction":                  {`0.5`, json.Number("0.5")},
		"names that differ by case":   {`{"a":1,"A":2}`, map[string]any{"a": json.Number("1"), "A": json.Number("2")}},
		"an empty list, not a null":   {`[]`, []any{}},
		"sixteen levels, but no more": {strings.Repeat("[", 16) + strings.Repeat("]", 16), nested(16)},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := strictjson.Parse([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func nested(n int) any {
	if n == 1 {
		return []any{}
	}
	return []any{nested(n - 1)}
}

// The cases of RFC 7396, appendix A.
func TestMergePatchDoesWhatTheRFCSays(t *testing.T) {
	for _, c := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`}, {`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`}, {`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`}, {`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`}, {`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`}, {`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`}, {`{"a":"b"}`, `["c"]`, `["c"]`}, {`{"a":"foo"}`, `null`, `null`}, {`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`}, {`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`}, {`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		document, patch := parse(t, c[0]), parse(t, c[1])
		if diff := cmp.Diff(parse(t, c[2]), strictjson.MergePatch(document, patch)); diff != "" {
			t.Errorf("%s and %s: %s", c[0], c[1], diff)
		}
		if diff := cmp.Diff(parse(t, c[0]), document); diff != "" {
			t.Errorf("the document was changed: %s", diff)
		}
	}
}

func parse(t *testing.T, text string) any {
	t.Helper()
	v, err := strictjson.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const schema = `{"type":"object","additionalProperties":false,"required":["id","at"],"properties":{"id":{"type":"string","pattern":"^[a-z]+$"},
"at":{"type":"string","format":"date-time"},"n":{"type":"integer","minimum":1,"maximum":5},"kind":{"enum":["x","y"]},"name":{"type":"string","pattern":"\\S","maxLength":3},
"tags":{"type":"array","maxItems":2,"minItems":1,"uniqueItems":true,"items":{"type":"string","minLength":1}}}}`

func TestEveryFaultIsNamedWithItsPlaceAndWithoutWhatWasSent(t *testing.T) {
	s := strictjson.NewSchema(json.RawMessage(schema))
	value := parse(t, `{"id":"SECRET","n":9,"kind":"SECRET","name":" ","tags":["a","a","SECRET",""],"a/b":1,"ID":2}`)
	faults, err := s.Check(value, "")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, f := range faults {
		got[f.Pointer] = true
		if strings.Contains(f.Detail, "SECRET") || f.Detail == "" {
			t.Errorf("fault %+v", f)
		}
	}
	for _, want := range []string{"/id", "/at", "/n", "/kind", "/name", "/tags", "/tags/3", "/a~1b", "/ID"} {
		if !got[want] {
			t.Errorf("no fault at %s in %+v", want, faults)
		}
	}
	for text, good := range map[string]bool{
		`{"id":"a","at":"2026-11-23T19:00:00Z"}`: true, `{"id":"a","at":"2026-11-23"}`: false, `{"id":"a","at":5}`: false, `[]`: false, `null`: false,
		`{"id":"a","at":"2026-11-23T19:00:00Z","tags":[]}`: false, `{"id":"a","at":"2026-11-23T19:00:00Z","name":"abcd"}`: false,
	} {
		if faults, err := s.Check(parse(t, text), ""); err != nil || (len(faults) == 0) != good {
			t.Errorf("%s: %v, %v", text, faults, err)
		}
	}
}

func TestASchemaThatDoesNotCompileIsOurFault(t *testing.T) {
	if _, err := strictjson.NewSchema(json.RawMessage(`{"pattern":"("}`)).Check("a", ""); err == nil || problem.KindOf(err) != problem.Internal {
		t.Errorf("got %v", err)
	}
}

// FuzzParse: what is accepted is JSON to encoding/json too, means the same there, and is accepted again when written.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.0,"x",null,true]}`, `{"a":1,"a":2}`, `[1e3]`, `"\ud83d\ude00"`, `{"a":{"b":{}}}`, `1e99`, "\xff", `[[[[`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := strictjson.Parse([]byte(text))
		if err != nil {
			if !problem.Is(err, problem.Invalid) {
				t.Fatalf("error of kind %v: %v", problem.KindOf(err), err)
			}
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("accepted %q", text)
		}
		written, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		again, err := strictjson.Parse(written)
		if err != nil || !cmp.Equal(v, again) {
			t.Fatalf("%q reads as %v, then as %v, %v", text, v, again, err)
		}
		var theirs, ours any
		if json.Unmarshal([]byte(text), &theirs) != nil || json.Unmarshal(written, &ours) != nil || !cmp.Equal(theirs, ours) {
			t.Fatalf("%q is %v to encoding/json, %v to us", text, theirs, ours)
		}
	})
}

// FuzzMergePatch: a patch applied twice is a patch applied once, and no null is left where the patch was an object.
func FuzzMergePatch(f *testing.F) {
	f.Add(`{"a":1}`, `{"a":null,"b":{"c":null,"d":2}}`)
	f.Add(`[]`, `{"a":[null]}`)
	f.Fuzz(func(t *testing.T, document, patch string) {
		d, err := strictjson.Parse([]byte(document))
		if err != nil {
			return
		}
		p, err := strictjson.Parse([]byte(patch))
		if err != nil {
			return
		}
		once := strictjson.MergePatch(d, p)
		if twice := strictjson.MergePatch(once, p); !cmp.Equal(once, twice) {
			t.Fatalf("once %v, twice %v", once, twice)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := []byte(`{"id":"orders","name":"Orders","summary":"Places and follows orders.","team":"sales","kind":"rest","audience":"partner","sensitivity":"internal","tags":["a","b"]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := strictjson.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
