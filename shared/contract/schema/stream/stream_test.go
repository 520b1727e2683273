package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/compile"
	"sluice/shared/contract/schema/stream"
)

func load(t testing.TB, source string) schema.Schema {
	t.Helper()
	made, err := compile.Schema(t.Context(), []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	c := schema.NewContract(func(_ context.Context, n int) ([]byte, error) { return made.Pool[n], nil })
	op, err := c.Load(t.Context(), made.Operations[0].Page)
	if err != nil {
		t.Fatal(err)
	}
	return op.Schema(op.Description().Body.Contents[0].Schema)
}

const list = `{"type":"object","required":["data"],"properties":{"data":{"type":"array","minItems":1,"maxItems":3000,"items":{"$ref":"#/$defs/pet"}},
"next":{"type":["string","null"]},"secret":{"writeOnly":true},"any":true,"map":{"type":"object","additionalProperties":{"type":"integer"}},
"shut":{"type":"object","maxProperties":2,"additionalProperties":false,"properties":{"a":true}}},
"$defs":{"pet":{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"tags":{"uniqueItems":true},"kin":{"anyOf":[{"$ref":"#/$defs/pet"},{"type":"null"}]}}}}}`

func TestATextThatPassesIsStrippedAndJudgedAsAWhole(t *testing.T) {
	for name, body := range map[string]string{
		"nothing amiss":            ` { "data" : [ {"id":1,"tags":[1,2]} , {"id":2,"kin":{"id":3}} ], "next":null } `,
		"surplus everywhere":       `{"x":[{"y":"\"}"}],"data":[{"id":1,"more":{"a":1}},{"z":1,"id":2,"kin":{"id":3,"q":1}}],"secret":{"a":1},"any":{"x":[1, 2]},"map":{"k":1},"w":1}`,
		"a fault deep inside":      `{"data":[{"id":1},{"id":"x"}]}`,
		"a fault in a combination": `{"data":[{"id":1,"kin":{"id":"x"}}]}`,
		"a member missing":         `{"next":"a"}`,
		"too few elements":         `{"data":[]}`,
		"a name twice":             `{"data":[{"id":1}],"n\u0065xt":"a","next":"b"}`,
		"a name twice, surplus":    `{"data":[{"id":1}],"x":1,"x":2}`,
		"the wrong kind":           `[1]`,
		"the wrong kind inside":    `{"data":{"id":1}}`,
		"a member that is not":     `{"data":[{"id":1}],"shut":{"a":1,"b":2}}`,
		"no text":                  ``,
		"cut in an array":          `{"data":[{"id":1},`,
		"cut in a string":          `{"data":[{"id":1}],"next":"ab`,
		"cut behind a name":        `{"data"`,
		"no comma":                 `{"data":[{"id":1}] "next":"a"}`,
		"a comma too many":         `{"data":[{"id":1},]}`,
		"a comma at the end":       `{"data":[{"id":1}],}`,
		"something behind":         `{"data":[{"id":1}]} x`,
		"a bad escape":             `{"data":[{"id":1}],"next":"\q"}`,
		"numbers that are none":    `{"data":[{"id":01}]}`,
		"escaped names":            `{"d\u0061ta":[{"\u0069d":1}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := load(t, list)
			for _, strip := range []bool{true, false} {
				o := schema.Options{Direction: schema.Response, Strip: strip}
				want := s.Validate([]byte(body), o)
				var out strings.Builder
				got, err := stream.Pass(&out, iotest.OneByteReader(strings.NewReader(body)), s, 1024, o)
				if err != nil {
					t.Fatal(err)
				}
				if got.OK() != want.OK() || got.Removed != want.Removed && want.OK() {
					t.Errorf("strip %v: %d removed, %v\nas a whole: %d removed, %v", strip, got.Removed, got.Faults, want.Removed, want.Faults)
				}
				switch {
				case !strip && out.String() != body:
					t.Errorf("%s became %s", body, out.String())
				case strip && want.OK():
					same(t, want.Body, []byte(out.String()))
				case strip && json.Valid([]byte(out.String())) && got.Faults[0].Expected != "the end of the text":
					t.Errorf("a text with faults is complete: %s", out.String())
				}
			}
		})
	}
}

func same(t *testing.T, want, got []byte) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(want, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got, &b); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("stripped (-as a whole +as it passed):\n%s", diff)
	}
}

// endless is a list with so many pets.
func endless(pets int, pet string) io.Reader {
	parts := []io.Reader{strings.NewReader(`{"data":[`)}
	for i := range pets {
		comma := ","
		if i == 0 {
			comma = ""
		}
		parts = append(parts, strings.NewReader(comma+`{"id":`+strconv.Itoa(i)+`,"more":"`+pet+`"}`))
	}
	return io.MultiReader(append(parts, strings.NewReader(`]}`))...)
}

func TestALongTextPassesInLittleMemory(t *testing.T) {
	s := load(t, list)
	text := endless(2000, strings.Repeat("x", 20_000))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := stream.Pass(io.Discard, text, s, 4096, schema.Options{Strip: true})
	runtime.ReadMemStats(&after)
	if err != nil || !got.OK() || got.Removed != 2000 {
		t.Fatalf("%d members were removed, %v %v", got.Removed, err, got.Faults)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("40 MB passed with %d bytes of memory in all", used)
	}
}

func TestWhatCannotBeHeldIsTold(t *testing.T) {
	s := load(t, list)
	body := `{"data":[{"id":1,"kin":{"id":2,"more":"` + strings.Repeat("x", 40_000) + `"}}],"next":7}`
	var out strings.Builder
	got, err := stream.Pass(&out, strings.NewReader(body), s, 4096, schema.Options{})
	want := []schema.Fault{{Pointer: "/data/0/kin", Keyword: "limit", Expected: "values of at most 4096 bytes"}}
	if diff := cmp.Diff(want, got.Faults); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if out.String() != body {
		t.Errorf("%d bytes of %d were passed on", out.Len(), len(body))
	}
}

func TestAReaderThatFailsIsAnErrorAndNoFault(t *testing.T) {
	broken := errors.New("the connection is gone")
	got, err := stream.Pass(io.Discard, io.MultiReader(strings.NewReader(`{"data":[{"id":1`), iotest.ErrReader(broken)), load(t, list), 4096, schema.Options{})
	if !errors.Is(err, broken) || !got.OK() {
		t.Errorf("%v, %v", err, got.Faults)
	}
}

func FuzzPass(f *testing.F) {
	for _, s := range []string{`{"data":[{"id":1,"x":{}}]}`, `{"data":[{"id":1,"kin":null}],"any":{"a":[1]}}`, `{"map":{"a":1,"a":2}}`, `[`, `"`, `{"any":1 2}`} {
		f.Add(s)
	}
	s := load(f, list)
	f.Fuzz(func(t *testing.T, body string) {
		if len(body) > 800 {
			return
		}
		o := schema.Options{Direction: schema.Response, Strip: true}
		want := s.Validate([]byte(body), o)
		var out strings.Builder
		got, err := stream.Pass(&out, strings.NewReader(body), s, 1024, o)
		if err != nil {
			t.Fatal(err)
		}
		if want.OK() != got.OK() {
			t.Fatalf("%q: %v as it passes, %v as a whole", body, got.Faults, want.Faults)
		}
		if want.OK() {
			same(t, want.Body, []byte(out.String()))
		}
	})
}
