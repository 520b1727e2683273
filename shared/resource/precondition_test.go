package resource_test

import (
	"regexp"
	"strings"
	"testing"

	"sluice/shared/problem"
	"sluice/shared/resource"
)

func TestTagsCompareAsTheRFCSays(t *testing.T) {
	for value, c := range map[string]struct{ bad, allow, cached bool }{
		`"1"`: {false, true, true}, `W/"1"`: {false, false, true}, `*`: {false, true, true}, `"2"`: {false, false, false}, `"2", "1"`: {false, true, true},
		`"2","1"`: {false, true, true}, `"a,b", "1"`: {false, true, true}, `""`: {false, false, false}, ` "1" `: {false, true, true}, `"2" , W/"1"`: {false, false, true},
		``: {true, false, false}, `1`: {true, false, false}, `"1`: {true, false, false}, `"1",`: {true, false, false}, `,"1"`: {true, false, false}, `w/"1"`: {true, false, false},
		`"1" "2"`: {true, false, false}, `*, "1"`: {true, false, false}, `"1", *`: {true, false, false}, "\"a b\"": {true, false, false}, "\"\x7f\"": {true, false, false}, `W/1`: {true, false, false},
	} {
		tags, err := resource.ParseTags("If-Match", value)
		if (err != nil) != c.bad || c.bad && !problem.Is(err, problem.Invalid) {
			t.Errorf("%q: %v", value, err)
		}
		if err == nil && (tags.Allow(`"1"`) != c.allow || tags.Cached(`"1"`) != c.cached || !tags.Sent()) {
			t.Errorf("%q: allow %v, cached %v", value, tags.Allow(`"1"`), tags.Cached(`"1"`))
		}
	}
	if none := (resource.Tags{}); !none.Allow(`"1"`) || none.Cached(`"1"`) || none.Sent() {
		t.Error("a header that was not sent lets changes pass, and is no sign of a cached state")
	}
}

// FuzzParseTags: what the document describes is accepted, and "*" alone stands for any tag.
func FuzzParseTags(f *testing.F) {
	for _, s := range []string{`"1"`, `W/"x", "y"`, `*`, `"`, `W/`, ``, `"a""b"`} {
		f.Add(s)
	}
	described := regexp.MustCompile(resource.TagsPattern)
	f.Fuzz(func(t *testing.T, value string) {
		tags, err := resource.ParseTags("If-Match", value)
		if err != nil {
			if !problem.Is(err, problem.Invalid) || tags.Sent() || described.MatchString(value) {
				t.Fatalf("%q: %v, %v", value, tags, err)
			}
			return
		}
		if never := `"` + value + `x"`; strings.Trim(value, " \t") != "*" && tags.Allow(never) {
			t.Fatalf("%q allows %q", value, never)
		}
	})
}
