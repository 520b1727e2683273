package value_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract/mediation/value"
)

func TestWhatIsReadIsWrittenAsItWas(t *testing.T) {
	for _, text := range []string{`{"b":1.50,"a":[true,null,"x\"\\\n\r\t\u0001é"],"":{}}`, `1e400`, `""`, `[]`} {
		v, err := value.Read([]byte(text))
		if err != nil || v.String() != text || !value.Equal(v, v.Clone()) || v.Size() < len(text)-20 {
			t.Errorf("%s: %v, %v", text, v, err)
		}
	}
	for _, text := range []string{``, `{"a":1,"a":2}`, `01`, `{} x`, strings.Repeat("[", 70) + strings.Repeat("]", 70), `"` + "\xff" + `"`} {
		if v, err := value.Read([]byte(text)); err == nil {
			t.Errorf("%s is read as %v", text, v)
		}
	}
}

func TestEqualIsBlindForOrderOnly(t *testing.T) {
	read := func(text string) *value.Value {
		v, err := value.Read([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if !value.Equal(read(`{"a":1,"b":[2]}`), read(`{"b":[2],"a":1}`)) {
		t.Error("order matters")
	}
	for _, pair := range [][2]string{{`1`, `1.0`}, {`[1,2]`, `[2,1]`}, {`{"a":null}`, `{"b":null}`}, {`"1"`, `1`}, {`{"a":1}`, `{"a":1,"b":1}`}, {`[]`, `{}`}} {
		if value.Equal(read(pair[0]), read(pair[1])) {
			t.Errorf("%s is %s", pair[0], pair[1])
		}
	}
}

func TestWritingIsBounded(t *testing.T) {
	v := value.Text("x")
	for range 100 {
		v = &value.Value{Kind: value.Array, Items: []*value.Value{v}}
	}
	if _, err := v.AppendNew(1 << 20); !errors.Is(err, value.ErrTooLarge) {
		t.Error(err)
	}
	if _, err := value.Text(strings.Repeat("x", 100)).AppendNew(50); !errors.Is(err, value.ErrTooLarge) {
		t.Error(err)
	}
}

// FuzzValue: what is read means what encoding/json reads, and so does what is written of it.
func FuzzValue(f *testing.F) {
	f.Add([]byte(`{"b":1.50,"a":[true,null,"\u00e9\ud83d\ude00"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := value.Read(text)
		if err != nil {
			return
		}
		out, err := v.AppendNew(6*len(text) + 10)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if json.Unmarshal(text, &a) != nil { // a number that no float holds
			return
		}
		if err := json.Unmarshal(out, &b); err != nil || !cmp.Equal(a, b) {
			t.Fatalf("%s became %s, %v", text, out, err)
		}
	})
}
