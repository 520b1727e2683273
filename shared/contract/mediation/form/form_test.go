package form_test

import (
	"errors"
	"strings"
	"testing"

	"sluice/shared/contract/mediation/form"
	"sluice/shared/contract/mediation/value"
)

func TestForms(t *testing.T) {
	m := &form.Mapping{Arrays: []string{"l"}}
	for text, want := range map[string]string{
		"": `{}`, "a=1&b=%20x+y": `{"a":"1","b":" x y"}`, "a=1&b=2&a=3&a=": `{"a":["1","3",""],"b":"2"}`, "l=1": `{"l":["1"]}`, "&&a&": `{"a":""}`, "%C3%A9=%26%3D": `{"é":"&="}`,
		"a=%zz": "", "%z=1": "", "a=%ff": "", strings.Repeat("a&", form.MaxFields+1): "",
	} {
		v, err := m.Read([]byte(text))
		var f *form.Fault
		if (err != nil) != (want == "") || err != nil && !errors.As(err, &f) || err == nil && v.String() != want {
			t.Errorf("%.50s: %v, %v, want %s", text, v, err, want)
		}
	}
	for text, want := range map[string]string{
		`{"a":1.50,"é":"&= "}`: "a=1.50&%C3%A9=%26%3D+", `{"a":[1,true,null],"n":null}`: "a=1&a=true", `{}`: "",
		`{"a":{}}`: "!/a", `{"a/":[[]]}`: "!/a~1", `[]`: "!", `{"a":"` + strings.Repeat("x", 200) + `"}`: "!",
	} {
		v, err := value.Read([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Write(v, 100)
		var f *form.Fault
		if errors.As(err, &f) {
			got = []byte("!" + f.Pointer)
		}
		if string(got) != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
	if got, _ := (&form.Mapping{Null: "empty"}).Write(&value.Value{Kind: value.Object, Members: []value.Member{{Name: "a", Value: &value.Value{}}}}, 10); string(got) != "a=" {
		t.Errorf("%s", got)
	}
	if len((&form.Mapping{Null: "x", Arrays: []string{""}}).Check("")) != 2 {
		t.Error("a bad mapping is taken")
	}
}

// FuzzForm: what was read and written is read again as it was.
func FuzzForm(f *testing.F) {
	f.Add([]byte("a=1&b=%20x&a=2&l=&%C3%A9"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m := &form.Mapping{Arrays: []string{"l"}}
		v, err := m.Read(text)
		if err != nil {
			return
		}
		out, err := m.Write(v, 4*len(text)+100)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := m.Read(out); err != nil || !value.Equal(v, again) {
			t.Fatalf("%s %s %v %v", v, out, again, err)
		}
	})
}
