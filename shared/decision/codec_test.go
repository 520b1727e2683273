package decision_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

func pick[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

// fill gives each field of a value something random, whichever fields there are; usual keeps to what calls are made of.
func fill(r *rand.Rand, v reflect.Value, usual bool) {
	switch v.Kind() { //nolint:exhaustive // the kinds that decisions have
	case reflect.String:
		v.SetString(pick(r, "", "a", "getOrder", "/orders/{id}", "s-1"))
		if !usual {
			v.SetString(pick(r, "", "é", "\u2028", "\xff\xfe", "\"\\</>&", "\x00\x1f\x7f", "\U0001f600", "\ufffd", strings.Repeat("long", 400)))
		}
	case reflect.Int:
		v.SetInt(pick(r, int64(0), 1, 1000))
		if !usual {
			v.SetInt(pick(r, int64(0), -1, math.MaxInt64, math.MinInt64, 999_999_999_999_999_999, 1_000_000_000_000_000_000))
		}
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Pointer:
		if v.SetZero(); r.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(r, v.Elem(), usual)
		}
	case reflect.Slice:
		if v.SetZero(); r.IntN(4) > 0 {
			v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		}
		for i := range v.Len() {
			fill(r, v.Index(i), usual)
		}
	case reflect.Map:
		v.SetZero()
		if r.IntN(2) == 0 {
			v.Set(reflect.ValueOf(map[string]string{"missing": "a"}))
		}
	case reflect.Struct:
		if t, ok := v.Addr().Interface().(*time.Time); ok {
			*t = pick(r, time.Time{}, time.Unix(1_800_000_000, 0).UTC(), time.Unix(1_800_000_000, 123_456_789).In(time.FixedZone("", 7200)))
			if !usual {
				*t = pick(r, *t, time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, 0).In(time.FixedZone("", 86_400)), time.Unix(0, 1).UTC())
			}
			return
		}
		for i := range v.NumField() {
			fill(r, v.Field(i), usual)
		}
	}
}

// drawn is a decision of which one part in so many is unusual.
func drawn(r *rand.Rand) *decision.Decision {
	d := &decision.Decision{}
	v := reflect.ValueOf(d).Elem()
	for i := range v.NumField() {
		fill(r, v.Field(i), r.IntN(10) > 0)
	}
	return d
}

func TestADecisionIsWrittenAsItsJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	faults := 0
	for range 10_000 {
		d := drawn(r)
		want, fault := json.Marshal(d)
		got, err := d.Encode()
		if (err == nil) != (fault == nil) || err == nil && got != string(want) {
			t.Fatalf("got  %s, %v\nwant %s, %v", got, err, want, fault)
		}
		if fault != nil {
			faults++
			continue
		}
		agree(t, got)
	}
	if faults < 10 {
		t.Errorf("only %d decisions cannot be written", faults)
	}
}

// agree holds what is read of a text against what encoding/json reads.
func agree(t *testing.T, s string) {
	t.Helper()
	var want decision.Decision
	fault := json.Unmarshal([]byte(s), &want)
	got, err := decision.Read(s)
	if (fault != nil) != (err != nil) {
		t.Fatalf("%q: %v, encoding/json says %v", s, err, fault)
	}
	if err != nil {
		return
	}
	if !reflect.DeepEqual(&want, got) {
		t.Fatalf("%q:\n%s", s, cmp.Diff(&want, got))
	}
}

// twists are changes of a text after which both ways of reading must still agree.
var twists = []struct{ old, new string }{
	{`,`, `, `}, {`:`, ` :`}, {`{`, "{\n"}, {`}`, `,}`}, {`}`, `}}`}, {`[`, `[[`}, {`]`, `,]`}, {`"a"`, `null`}, {`"c":`, `"C":`}, {`"at":`, `"AT":`},
	{`"c":`, `"\u0063":`}, {`"w":{`, `"w":{"c":"twice",`}, {`"w":{`, `"w":{"new":1,`}, {`"w":`, `"w":{},"w":`}, {`"x":1`, `"x":1.5`},
	{`"x":1`, `"x":1e2`}, {`"x":1`, `"x":-0`}, {`"x":1`, `"x":01`}, {`"x":1`, `"x":99999999999999999999`}, {`"x":1`, `"x":999999999999999999`},
	{`"x":1`, `"x":`}, {`"x":1`, `"x":"1"`}, {`"a"`, `"\ud800"`}, {`"a"`, `"\ud83d\ude00"`}, {`"a"`, `"\ud83d\u0041"`}, {`"a"`, "\"\xff\""}, {`"a"`, "\"\x01\""},
	{`"a"`, `"a`}, {`true`, `false`}, {`true`, `null`}, {`true`, `truex`}, {`"r":{`, `"r":{"c":"}","h":{"\"":"{"},`}, {`"r":{`, `"r":{"d":1,`}, {`Z"`, `z"`},
	{`Z"`, `+25:00"`}, {`T`, ` `}, {`Z"}`, `Z"}x`}, {`Z"}`, `Z"} `}, {`00"}`, `00"}{}`}, {`"l":[`, `"l":[null,`}, {`"l":[`, `"l":[],"l":[`}, {`"l":[`, `"l":{`}, {`"o":[`, `"o":[1,`}, {`"o":[`, `"o":["a" `},
	{`"retries":{`, `"retries":{"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `,`},
	{`"retries":{`, `"retries":{"x":` + strings.Repeat("[", 9997) + strings.Repeat("]", 9997) + `,`},
	{`"retries":{`, `"retries":{"x":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + `,`},
}

func TestATextIsReadAsItsJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		d := drawn(r)
		s, err := d.Encode()
		if err != nil {
			continue
		}
		for range 4 {
			twist := pick(r, twists...)
			agree(t, strings.Replace(s, twist.old, twist.new, 1+r.IntN(3)))
		}
		cut := r.IntN(len(s))
		agree(t, s[:cut])
		agree(t, s[:cut]+pick(r, "x", `"`, `\`, "{", "}", "0", " ", "\x00", "é")+s[cut:])
		agree(t, s[:cut]+s[cut+1:])
	}
}

// TestAUsualDecisionIsReadInOnePass: whoever adds a field adds it to the one pass, too.
func TestAUsualDecisionIsReadInOnePass(t *testing.T) {
	d := allow()
	d.Target.Upstream = catalog.Upstream{URL: "https://example.com", TimeoutMs: 1, MaxRequestBytes: 1, MaxResponseBytes: 1, MaxInFlight: 1,
		HedgeAfterMs: 1, Idempotency: catalog.IdempotencyRequire}
	d.Caller.Priority = catalog.HighPriority
	for _, part := range []any{d.Caller, d.Target, d.Target.Upstream, d.Claims[0], *d.Notice} {
		v := reflect.ValueOf(part)
		for i := range v.NumField() {
			if v.Field(i).IsZero() && v.Field(i).Kind() != reflect.Pointer {
				t.Errorf("this test says nothing of %s.%s", v.Type(), v.Type().Field(i).Name)
			}
		}
	}
	context := carry(t, d)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := decision.Verify(context, call); err != nil {
			t.Fatal(err)
		}
	}); n > 8 {
		t.Errorf("a decision is read with %.0f allocations; 8 are enough", n)
	}
}
