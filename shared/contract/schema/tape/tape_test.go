package tape_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract/schema/tape"
)

// value gives what is on a tape in the form of package json.
func value(t *tape.Tape, at int) (v any, next int) {
	k := t.Tokens[at]
	switch k.Kind {
	case tape.False, tape.True:
		return k.Kind == tape.True, at + 1
	case tape.Number:
		return json.Number(t.Bytes(at)), at + 1
	case tape.String:
		return string(t.Bytes(at)), at + 1
	case tape.Array:
		list := []any{}
		for next = at + 1; next < int(k.Next); {
			v, next = value(t, next)
			list = append(list, v)
		}
		return list, next
	case tape.Object:
		all := map[string]any{}
		for next = at + 1; next < int(k.Next); {
			name := string(t.Bytes(next))
			all[name], next = value(t, next+1)
		}
		return all, next
	case tape.Null, tape.Name, tape.Text:
	}
	return nil, at + 1
}

// stricter reports whether a text is one of those that package json takes and the tape does not.
func stricter(text []byte, message string) bool {
	switch message {
	case "each name once", "a number with a smaller exponent", "UTF-8 text":
		return true
	case "an escape that JSON has":
		return bytes.Contains(bytes.ToLower(text), []byte(`\ud`))
	}
	return false
}

func FuzzTheTapeReadsWhatPackageJSONReads(f *testing.F) {
	for _, s := range []string{`{"a":[1,-0.5e+3,"x\n\u00e9\ud83d\ude00"],"b":{"":null,"c":[true,false,{}]}}`, ` [ ] `, `"a`, `{"a":1,}`, `[1 2]`, `01`, `-`, `1.`, `1e`,
		`{"a":1,"\u0061":2}`, "\xff", `"\ud800"`, `nul`, `[[[[[[[[]]]]]]]]`, `{"a" 1}`, `1e400`, "\"\x01\"", `"\x"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var on tape.Tape
		fault := on.Read(text, tape.Limits{})
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var want any
		err := d.Decode(&want)
		if err == nil {
			if _, more := d.Token(); more != io.EOF {
				err = more
				if more == nil {
					err = io.ErrUnexpectedEOF
				}
			}
		}
		switch {
		case fault != nil && err == nil && !fault.Limit && !stricter(text, fault.Message):
			t.Fatalf("%q is refused: %v", text, fault)
		case fault == nil && err != nil:
			t.Fatalf("%q is taken: %v", text, err)
		case fault != nil:
			return
		}
		got, next := value(&on, 0)
		if next != len(on.Tokens) {
			t.Fatalf("%q: %d tokens, %d belong to the value", text, len(on.Tokens), next)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q (-json +tape):\n%s", text, diff)
		}
		if same, _, ok := tape.Equal(&on, 0, &on, 0, math.MaxInt); !same || !ok {
			t.Fatalf("%q is not equal to itself", text)
		}
		for at := range on.Tokens {
			on.Pointer(at)
		}
	})
}

func TestANameThatIsThereTwiceIsFoundHoweverManyThereAre(t *testing.T) {
	for _, n := range []int{2, 16, 17, 1000} {
		var b strings.Builder
		b.WriteString(`{"x":0`)
		for i := range n - 2 {
			b.WriteString(`,"n` + strconv.Itoa(i) + `":0`)
		}
		var on tape.Tape
		if fault := on.Read([]byte(b.String()+`,"y":0}`), tape.Limits{}); fault != nil {
			t.Errorf("%d names: %v", n, fault)
		}
		if fault := on.Read([]byte(b.String()+`,"\u0078":0}`), tape.Limits{}); fault == nil || fault.Pointer != "/x" {
			t.Errorf("%d names, one twice: %v", n, fault)
		}
	}
}

func TestValuesAreEqualWhateverTheyLookLike(t *testing.T) {
	for name, c := range map[string]struct {
		a, b string
		same bool
	}{
		"numbers by value":            {`[1,100,0.5]`, `[1.0,1e2,5E-1]`, true},
		"close numbers differ":        {`9007199254740993`, `9007199254740992`, false},
		"members in any order":        {`{"a":1,"b":[2,{"c":3}]}`, `{"b":[2,{"c":3}],"a":1}`, true},
		"texts by what they say":      {`"\u0061"`, `"a"`, true},
		"elements in their order":     {`[1,2]`, `[2,1]`, false},
		"no member less":              {`{"a":1}`, `{"a":1,"b":1}`, false},
		"other names":                 {`{"a":1,"c":1}`, `{"a":1,"b":1}`, false},
		"a text is no number":         {`"1"`, `1`, false},
		"zero has no sign":            {`-0`, `0.0`, true},
		"null is neither":             {`null`, `false`, false},
		"a list is not an empty list": {`[null]`, `[]`, false},
	} {
		t.Run(name, func(t *testing.T) {
			var a, b tape.Tape
			if a.Read([]byte(c.a), tape.Limits{}) != nil || b.Read([]byte(c.b), tape.Limits{}) != nil {
				t.Fatal("the case is no JSON")
			}
			if same, _, ok := tape.Equal(&a, 0, &b, 0, 100); same != c.same || !ok {
				t.Errorf("same: %v", same)
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	text := []byte(`{"id":"2fd3ad6b-1c1f-4b3f-8b1e-0d1f2a3b4c5d","amount":{"currency":"EUR","value":1000},"lines":[{"sku":"a","n":1},{"sku":"b","n":2}],"note":"line\nline"}`)
	var on tape.Tape
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if fault := on.Read(text, tape.Limits{}); fault != nil {
			b.Fatal(fault)
		}
	}
}
