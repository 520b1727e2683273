package urlencoded_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract/exchange/urlencoded"
)

func pairs(text string) (list []string) {
	for {
		name, value, bare, rest, more := urlencoded.Next(text)
		if !more {
			return list
		}
		if bare {
			list = append(list, name)
		} else {
			list = append(list, name+"="+value)
		}
		text = rest
	}
}

func TestPairsStandAsTheyWereSent(t *testing.T) {
	for text, want := range map[string][]string{"": nil, "&&": nil, "a": {"a"}, "a=": {"a="}, "=a": {"=a"}, "a=b&c=d": {"a=b", "c=d"},
		"&a=b=c&": {"a=b=c"}, "a=1;b=2": {"a=1;b=2"}, "a=%26&%3D=+": {"a=%26", "%3D=+"}} {
		if diff := cmp.Diff(want, pairs(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestEncodingIsUndoneOnce(t *testing.T) {
	for text, want := range map[string]string{"": "", "a": "a", "a%20b": "a b", "%2541": "%41", "a+b": "a b", "%2B": "+", "%c3%A4": "ä", "+": " ", "%00": "\x00"} {
		if got, ok := urlencoded.Decode(text, true); got != want || !ok {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
	if got, _ := urlencoded.Decode("a+%2B+", false); got != "a+++" {
		t.Errorf("without plus: %q", got)
	}
	for _, text := range []string{"%", "%4", "a%4g", "%%41", "%-1"} {
		if got, ok := urlencoded.Decode(text, true); ok {
			t.Errorf("%q is taken for %q", text, got)
		}
	}
}

// FuzzForm: pairs and decoding are those of the standard library, but for semicolons, which it refuses.
func FuzzForm(f *testing.F) {
	f.Add("a=b&c=%41+&&d")
	f.Add("%zz=1&=2")
	f.Fuzz(func(t *testing.T, text string) {
		want, err := url.ParseQuery(text)
		if strings.Contains(text, ";") {
			return
		}
		got, whole := url.Values{}, true
		for rest := text; ; {
			name, value, _, next, more := urlencoded.Next(rest)
			if !more {
				break
			}
			rest = next
			n, ok1 := urlencoded.Decode(name, true)
			v, ok2 := urlencoded.Decode(value, true)
			if whole = whole && ok1 && ok2; ok1 && ok2 {
				got.Add(n, v)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || whole != (err == nil) {
			t.Fatalf("%v (-library +ours):\n%s", err, diff)
		}
	})
}
