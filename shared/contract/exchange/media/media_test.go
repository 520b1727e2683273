package media_test

import (
	"mime"
	"strings"
	"testing"

	"sluice/shared/contract/exchange/media"
)

func TestMediaTypesAreRead(t *testing.T) {
	for text, want := range map[string]string{"a/b": "a/b", " A/B+JSON ": "a/b+json", "a/b;c=d": "a/b", "a/b ; C=\"x;\\\"y\" ;": "a/b", "*/*": "*/*", "a/*;q=0.5": "a/*"} {
		if got, ok := media.Parse(text); !ok || got.String() != want {
			t.Errorf("%q: %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "a", "a/", "/b", "a/b/c", "a b/c", "*/b", "a/b;c", "a/b;=d", "a/b;c=", "a/b;c=d e", "a/b;c=\"d", "a/b;c=\"d\"e", "a/b;c=1;C=2",
		"a/b," + "c/d", "a/b;c=\"\x01\"", "a/" + strings.Repeat("b", 2000), "a/b" + strings.Repeat(";a=b", 9)} {
		if got, ok := media.Parse(text); ok {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
	a, _ := media.Parse(`a/b; x=y; Charset="U\"TF;8"`)
	if got, ok := a.Parameter("charset"); got != `U"TF;8` || !ok {
		t.Errorf("charset %q", got)
	}
}

func TestJSONIsToldByNameAndSuffix(t *testing.T) {
	for text, want := range map[string]bool{"application/json": true, "Application/JSON;a=b": true, "text/json": true, "application/problem+json": true, "image/x+json": true,
		"application/jsonx": false, "application/x-json": false, "application/json-seq": false, "application/json+xml": false} {
		if a, ok := media.Parse(text); !ok || a.JSON() != want {
			t.Errorf("%s: %v", text, a.JSON())
		}
	}
}

// TestTheMostSpecificRangeFitsBest: each range fits the type, and each better than the one before.
func TestTheMostSpecificRangeFitsBest(t *testing.T) {
	of, _ := media.Parse("a/b+json; c=d; charset=UTF-8")
	last := 0
	for _, text := range []string{"*/*", "a/*", "a/*+json", "a/b+json", "a/b+json;c=d", "a/b+json;c=d;charset=utf-8"} {
		wide, _ := media.Parse(text)
		fit := media.Fit(wide, of)
		if fit <= last {
			t.Errorf("%s fits %d, the one before %d", text, fit, last)
		}
		last = fit
	}
	for _, text := range []string{"b/*", "a/*+xml", "a/b", "a/b+json;c=D", "a/b+json;e=f"} {
		if wide, _ := media.Parse(text); media.Fit(wide, of) > 0 {
			t.Errorf("%s fits", text)
		}
	}
}

func TestAnAcceptHeaderChooses(t *testing.T) {
	var offers []media.Type
	for _, text := range []string{"application/json", "text/csv", "image/*"} {
		offer, _ := media.Parse(text)
		offers = append(offers, offer)
	}
	for header, want := range map[string]int{
		"": 0, "*/*": 0, "text/csv": 1, "text/csv;q=0.1": 1, "text/*;q=0.5, */*;q=0.1": 1, "text/csv;q=0": -1, "*/*, application/json;q=0": 1,
		"application/json;q=0.4, text/csv;q=0.41": 1, "image/png": 2, "image/png;q=0": -1, "video/x": -1, "text/csv;q=2, nothing": 0, "a\"b,c": 0,
		`x/y;a=",", text/csv`: 1, "application/json;q=0.5, text/csv;q=0.500": 0, "video/x, , text/csv": 1, "text/csv;q=1.5, image/*;q=0.1": 2,
	} {
		if got, ok := media.Accepted(header, offers); got != want && ok || ok != (want >= 0) {
			t.Errorf("%q: %d, %v", header, got, ok)
		}
	}
	if _, ok := media.Accepted("", nil); ok {
		t.Error("nothing is offered, and accepted")
	}
}

// FuzzParse: nothing makes it panic; what is taken, the standard library takes for the same type.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"a/b;c=d", `a/b; c="d\"e"`, "*/*;q=0.5, a/b", "application/json; charset=utf-8"} {
		f.Add(text)
	}
	offer, _ := media.Parse("a/b")
	f.Fuzz(func(t *testing.T, text string) {
		media.Accepted(text, []media.Type{offer})
		got, ok := media.Parse(text)
		if !ok {
			return
		}
		if fit := media.Fit(got, got); fit == 0 {
			t.Errorf("%q does not fit itself", text)
		}
		want, parameters, err := mime.ParseMediaType(text)
		if err != nil || strings.Contains(text, "*") || strings.ContainsAny(text, "\\%") {
			return // continuations and extended values are its own; it is stricter about "\"
		}
		if want != got.String() {
			t.Fatalf("%q is %v, and to the library %s", text, got, want)
		}
		for name, value := range parameters {
			if v, ok := got.Parameter(name); !ok || v != value {
				t.Fatalf("%q: %s is %q, and to the library %q", text, name, v, value)
			}
		}
	})
}
