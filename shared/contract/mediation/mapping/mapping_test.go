package mapping_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"sluice/shared/contract/mediation/mapping"
	"sluice/shared/contract/mediation/value"
)

func compile(t testing.TB, text string) *mapping.Map {
	t.Helper()
	var list []mapping.Operation
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	m, faults := mapping.Compile(list, "/map")
	if len(faults) > 0 {
		t.Fatalf("%s: %v", text, faults)
	}
	return m
}

func apply(m *mapping.Map, text string, limit int) (string, error) {
	v, err := value.Read([]byte(text))
	if err != nil {
		return "", err
	}
	if v, err = m.Apply(v, limit); err != nil {
		return "", err
	}
	return v.String(), nil
}

func TestOperations(t *testing.T) {
	for name, c := range map[string][3]string{
		"rename keeps the place":                       {`[{"op":"rename","path":"/b","name":"x"}]`, `{"a":1,"b":2,"c":3}`, `{"a":1,"x":2,"c":3}`},
		"rename in every item":                         {`[{"op":"rename","path":"/l/*/b","name":"x"}]`, `{"l":[{"b":1},{"c":2},3,{"b":{}}]}`, `{"l":[{"x":1},{"c":2},3,{"x":{}}]}`},
		"rename of what is not there does nothing":     {`[{"op":"rename","path":"/l/*/b","name":"x"}]`, `{"l":{"b":1}}`, `{"l":{"b":1}}`},
		"rename over a member is a fault":              {`[{"op":"rename","path":"/a","name":"b"}]`, `{"a":1,"b":2}`, ``},
		"rename to its own name is none":               {`[{"op":"rename","path":"/a","name":"a"}]`, `{"a":1}`, `{"a":1}`},
		"move makes objects on the way":                {`[{"op":"move","from":"/a","path":"/x/y/z"}]`, `{"a":1}`, `{"x":{"y":{"z":1}}}`},
		"move takes emptied objects away":              {`[{"op":"move","from":"/x/y/z","path":"/a"}]`, `{"x":{"y":{"z":1}},"b":{}}`, `{"b":{},"a":1}`},
		"move leaves objects that are not empty":       {`[{"op":"move","from":"/x/y","path":"/a"}]`, `{"x":{"y":1,"z":2}}`, `{"x":{"z":2},"a":1}`},
		"move within each item":                        {`[{"op":"move","from":"/l/*/a","path":"/l/*/b/c"}]`, `{"l":[{"a":1},{},{"a":2}]}`, `{"l":[{"b":{"c":1}},{},{"b":{"c":2}}]}`},
		"move over a value is a fault":                 {`[{"op":"move","from":"/a","path":"/b"}]`, `{"a":1,"b":null}`, ``},
		"move through what is no object is a fault":    {`[{"op":"move","from":"/a","path":"/b/c"}]`, `{"a":1,"b":[]}`, ``},
		"move of an item of an array":                  {`[{"op":"move","from":"/l/1","path":"/x"}]`, `{"l":[1,2,3]}`, `{"l":[1,3],"x":2}`},
		"copy shares nothing":                          {`[{"op":"copy","from":"/a","path":"/b"},{"op":"drop","path":"/a/x"}]`, `{"a":{"x":1}}`, `{"a":{},"b":{"x":1}}`},
		"default fills what is not there":              {`[{"op":"default","path":"/a","value":{"x":[1.50]}},{"op":"default","path":"/b","value":0}]`, `{"b":null}`, `{"b":null,"a":{"x":[1.50]}}`},
		"default makes no objects":                     {`[{"op":"default","path":"/a/b","value":1},{"op":"default","path":"/l/*/b","value":1}]`, `{"l":[{}]}`, `{"l":[{"b":1}]}`},
		"drop in every item of every array":            {`[{"op":"drop","path":"/*/*/a"}]`, `[[{"a":1,"b":2}],[{"a":3}]]`, `[[{"b":2}],[{}]]`},
		"convert number to string keeps the digits":    {`[{"op":"convert","path":"/*","type":"string"}]`, `[1.50,1e3,true,"x",null]`, `["1.50","1e3","true","x",null]`},
		"convert string to number":                     {`[{"op":"convert","path":"/*","type":"number"}]`, `["1.50","-1E3",7,true]`, `[1.50,-1E3,7,1]`},
		"convert of what is no number is a fault":      {`[{"op":"convert","path":"","type":"number"}]`, `"1x"`, ``},
		"convert of another form of number is a fault": {`[{"op":"convert","path":"","type":"number"}]`, `"007"`, ``},
		"convert of an object is a fault":              {`[{"op":"convert","path":"","type":"string"}]`, `{}`, ``},
		"convert to boolean":                           {`[{"op":"convert","path":"/*","type":"boolean"}]`, `["true",0,1,false]`, `[true,false,true,false]`},
		"convert to boolean as it is spelled":          {`[{"op":"convert","path":"/*","type":"boolean","values":{"true":"J","false":"N"}}]`, `["J","N"]`, `[true,false]`},
		"convert to boolean of something else":         {`[{"op":"convert","path":"","type":"boolean"}]`, `2`, ``},
		"convert of booleans to a spelling":            {`[{"op":"convert","path":"/*","type":"string","values":{"true":"J","false":"N"}}]`, `[true,false]`, `["J","N"]`},
		"a date in another format":                     {`[{"op":"convert","path":"","type":"date","format":"date-dmy-dots","result":"date"}]`, `"29.02.2024"`, `"2024-02-29"`},
		"a date as seconds":                            {`[{"op":"convert","path":"","type":"date","format":"date-time","result":"unix"}]`, `"1970-01-01T01:00:01+01:00"`, `1`},
		"milliseconds as a date":                       {`[{"op":"convert","path":"","type":"date","format":"unix-ms","result":"date-time"}]`, `1500`, `"1970-01-01T00:00:01.5Z"`},
		"a date that does not exist is a fault":        {`[{"op":"convert","path":"","type":"date","format":"date","result":"unix"}]`, `"2023-02-29"`, ``},
		"a date of another day of the week is a fault": {`[{"op":"convert","path":"","type":"date","format":"http-date","result":"unix"}]`, `"Tue, 01 Jan 2024 00:00:00 GMT"`, ``},
		"a date that is a number is a fault":           {`[{"op":"convert","path":"","type":"date","format":"date","result":"unix"}]`, `20230228`, ``},
		"replace by a table":                           {`[{"op":"replace","path":"/*","values":{"a":"b"}}]`, `["a","b",1]`, `["b","b",1]`},
		"wrap in an array and an object":               {`[{"op":"wrap","path":"/a"},{"op":"wrap","path":"","name":"data"}]`, `{"a":1}`, `{"data":{"a":[1]}}`},
		"unwrap both":                                  {`[{"op":"unwrap","path":"","name":"data"},{"op":"unwrap","path":"/a"}]`, `{"data":{"a":[1]}}`, `{"a":1}`},
		"unwrap of an array of several is a fault":     {`[{"op":"unwrap","path":""}]`, `[1,2]`, ``},
		"unwrap with something beside is a fault":      {`[{"op":"unwrap","path":"","name":"d"}]`, `{"d":1,"e":2}`, ``},
		"unwrap with something beside that is dropped": {`[{"op":"unwrap","path":"","name":"d","rest":"drop"}]`, `{"d":1,"e":2}`, `1`},
		"unwrap of what is no wrap is a fault":         {`[{"op":"unwrap","path":"","name":"d"}]`, `[]`, ``},
		"names are decoded":                            {`[{"op":"drop","path":"/a~1b/c~0d"}]`, `{"a/b":{"c~d":1}}`, `{"a/b":{}}`},
		"a star is an item's, not a member's":          {`[{"op":"drop","path":"/*/a"}]`, `{"*":{"a":1}}`, `{"*":{"a":1}}`},
	} {
		got, err := apply(compile(t, c[0]), c[1], 1<<20)
		var f *mapping.Fault
		if got != c[2] || (c[2] == "") != errors.As(err, &f) {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, c[2])
		}
	}
}

func TestAMapMakesNoMoreThanAllowed(t *testing.T) {
	bomb := `[` + strings.Repeat(`{"op":"copy","from":"/a","path":"/b"},{"op":"wrap","path":"/a","name":"x"},{"op":"move","from":"/b","path":"/a/y"},`, 60) + `{"op":"drop","path":"/z"}]`
	_, err := apply(compile(t, bomb), `{"a":{"v":"0123456789"}}`, 100_000)
	var f *mapping.Fault
	if !errors.As(err, &f) || !f.TooLarge {
		t.Error(err)
	}
}

func TestFaultsOfAMapHaveTheirPlaces(t *testing.T) {
	for text, want := range map[string]string{
		`{"op":"x"}`: "/op", `{"op":"rename","path":"","name":"a"}`: "/path", `{"op":"rename","path":"/a"}`: "/name", `{"op":"rename","path":"/*","name":"a"}`: "/path",
		`{"op":"rename","path":"a","name":"b"}`: "/path", `{"op":"drop","path":"/a~"}`: "/path", `{"op":"drop","path":"/a","name":"x"}`: "/name",
		`{"op":"move","from":"/a","path":"/a/b"}`: "/path", `{"op":"move","from":"/a","path":"/a"}`: "/path", `{"op":"move","from":"","path":"/a"}`: "/from",
		`{"op":"move","from":"/*/a","path":"/b"}`: "/from", `{"op":"move","from":"/a","path":"/*/b"}`: "/from", `{"op":"copy","from":"/a/b","path":"/a"}`: "/path",
		`{"op":"move","from":"/l/*","path":"/l/*/x"}`: "/from", `{"op":"default","path":"/a"}`: "/value", `{"op":"default","path":"/a","value":{"a":1,"a":2}}`: "/value",
		`{"op":"convert","path":"/a","type":"x"}`: "/type", `{"op":"convert","path":"/a","type":"date","format":"x","result":"date"}`: "/format",
		`{"op":"convert","path":"/a","type":"boolean","values":{"true":"a","false":"a"}}`: "/values", `{"op":"replace","path":"/a"}`: "/values",
		`{"op":"unwrap","path":"/a","rest":"drop"}`: "/rest", `{"op":"drop","path":"/*/*/*/*/a"}`: "/path",
	} {
		var o mapping.Operation
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		if _, faults := mapping.Compile([]mapping.Operation{{Op: "drop", Path: "/x"}, o}, "/m"); len(faults) != 1 || faults[0].Pointer != "/m/1"+want {
			t.Errorf("%s: %v, want one at %s", text, faults, want)
		}
	}
	if _, faults := mapping.Compile(make([]mapping.Operation, mapping.MaxOperations+1), "/m"); len(faults) != 1 || faults[0].Pointer != "/m" {
		t.Error("a long map is taken")
	}
}

func TestAnInverseLeadsBackWhereTheConditionsHold(t *testing.T) {
	for text, in := range map[string]string{
		`[{"op":"rename","path":"/l/*/a~1b","name":"x/y"}]`:                                                   `{"l":[{"a/b":1}]}`,
		`[{"op":"move","from":"/a/b","path":"/c/d"},{"op":"copy","from":"/c","path":"/e"}]`:                   `{"a":{"b":1}}`,
		`[{"op":"default","path":"/x","value":1},{"op":"wrap","path":""},{"op":"wrap","path":"","name":"n"}]`: `{"a":{"b":1}}`,
		`[{"op":"convert","path":"/n","type":"string"},{"op":"convert","path":"/s","type":"number"}]`:         `{"n":1.50,"s":"2"}`,
		`[{"op":"convert","path":"/d","type":"date","format":"date","result":"unix"}]`:                        `{"d":"2024-02-29"}`,
		`[{"op":"convert","path":"/b","type":"string","values":{"true":"J","false":"N"}}]`:                    `{"b":true}`,
		`[{"op":"replace","path":"/r","values":{"a":"b","b":"a"}}]`:                                           `{"r":"a"}`,
		`[{"op":"unwrap","path":"/w","name":"x"},{"op":"unwrap","path":"/v"}]`:                                `{"w":{"x":1},"v":[2]}`,
	} {
		m := compile(t, text)
		back, ok := m.Inverse()
		if !ok {
			t.Errorf("%s has no inverse", text)
			continue
		}
		inverse, faults := mapping.Compile(back, "")
		if len(faults) > 0 {
			t.Errorf("%s: %v", text, faults)
			continue
		}
		there, err := apply(m, in, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		got, err := apply(inverse, there, 1<<20)
		if err != nil || got != in {
			t.Errorf("%s: %s, then %s, %v", text, there, got, err)
		}
	}
}

func TestWhatIsLostIsToldBeforehand(t *testing.T) {
	for text, want := range map[string]mapping.Class{
		`{"op":"drop","path":"/a"}`: mapping.Lossy, `{"op":"rename","path":"/a","name":"b"}`: mapping.Conditional, `{"op":"wrap","path":"/a"}`: mapping.Exact,
		`{"op":"unwrap","path":"/a","name":"b","rest":"drop"}`: mapping.Lossy, `{"op":"unwrap","path":"/a","name":"b"}`: mapping.Exact,
		`{"op":"convert","path":"/a","type":"date","format":"date-time-sql","result":"date"}`: mapping.Lossy,
		`{"op":"convert","path":"/a","type":"date","format":"date","result":"date-basic"}`:    mapping.Exact,
		`{"op":"convert","path":"/a","type":"date","format":"date-time","result":"unix"}`:     mapping.Conditional,
		`{"op":"convert","path":"/a","type":"date","format":"unix-ms","result":"unix"}`:       mapping.Conditional,
		`{"op":"replace","path":"/a","values":{"a":"x","b":"x"}}`:                             mapping.Lossy,
		`{"op":"replace","path":"/a","values":{"a":"x"}}`:                                     mapping.Conditional,
		`{"op":"replace","path":"/a","values":{"a":"b","b":"a"}}`:                             mapping.Exact,
	} {
		m := compile(t, `[`+text+`]`)
		got := m.Analyze()[0]
		if got.Class != want || (got.Why == "") != (want == mapping.Exact) {
			t.Errorf("%s: %+v", text, got)
		}
		if _, ok := m.Inverse(); ok == (want == mapping.Lossy) {
			t.Errorf("%s: an inverse: %t", text, ok)
		}
	}
}

func FuzzMap(f *testing.F) {
	f.Add([]byte(`[{"op":"rename","path":"/b","name":"x"},{"op":"move","from":"/l/*/a","path":"/l/*/b/c"},{"op":"copy","from":"","path":"/l/0"}]`), []byte(`{"b":1,"l":[{"a":2}]}`))
	f.Add([]byte(`[{"op":"convert","path":"/*","type":"date","format":"unix","result":"http-date"},{"op":"wrap","path":"/*"},{"op":"unwrap","path":"/0"},{"op":"drop","path":"/1"}]`), []byte(`[1,2]`))
	f.Fuzz(func(t *testing.T, list, text []byte) {
		var operations []mapping.Operation
		if len(list) > 2000 || len(text) > 2000 || json.Unmarshal(list, &operations) != nil {
			return
		}
		m, faults := mapping.Compile(operations, "")
		if len(faults) > 0 {
			return
		}
		m.Analyze()
		if back, ok := m.Inverse(); ok {
			mapping.Compile(back, "") // whatever it says, it does not panic
		}
		const limit = 10_000
		a, errA := apply(m, string(text), limit)
		b, errB := apply(m, string(text), limit)
		if a != b || (errA == nil) != (errB == nil) || len(a) > 6*(limit+len(text)) {
			t.Fatal(a, errA, b, errB)
		}
	})
}

// BenchmarkApply maps a body of 1 KB.
func BenchmarkApply(b *testing.B) {
	m := compile(b, `[{"op":"rename","path":"/id","name":"orderId"},{"op":"move","from":"/items/*/price","path":"/items/*/cost/amount"},{"op":"convert","path":"/items/*/count","type":"string"},
		{"op":"drop","path":"/note"},{"op":"default","path":"/currency","value":"EUR"},{"op":"wrap","path":"","name":"data"}]`)
	body := []byte(`{"id":"o-1","note":"` + strings.Repeat("n", 200) + `","items":[` + strings.Repeat(`{"sku":"abcdef","price":12.50,"count":3,"tags":["a","b"],"text":"some text of some length"},`, 8) + `{}]}`)
	out := make([]byte, 0, 4096)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		v, err := value.Read(body)
		if err == nil {
			v, err = m.Apply(v, 1<<20)
		}
		if err == nil {
			_, err = v.Append(out, 1<<20)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
