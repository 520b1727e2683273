package catalog_test

import (
	"regexp"
	"strings"
	"testing"

	"sluice/shared/catalog"
)

// FuzzSlug: what is taken as an id is what the published pattern matches.
func FuzzSlug(f *testing.F) {
	for _, s := range []string{"", "a", "ab", "a-", "a1", "1a", "-a", "aB", "a_b", "é", "aé", "ab\n", "a b", "a\x00", "zz9", "a{", "a`", "a/", "a:", strings.Repeat("a", 63), strings.Repeat("a", 64)} {
		f.Add(s)
	}
	published := regexp.MustCompile(catalog.SlugPattern)
	f.Fuzz(func(t *testing.T, s string) {
		team := catalog.Team{ID: catalog.TeamID(s), Name: "x"}
		if got, want := team.Validate() == nil, published.MatchString(s); got != want {
			t.Errorf("%q is valid: %t, the pattern says %t", s, got, want)
		}
	})
}
