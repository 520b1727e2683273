package contract_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract"
)

func TestTemplate(t *testing.T) {
	tests := map[string]struct {
		path   string
		texts  [][]string
		params []string
		query  string
		fault  string // part of the first
	}{
		"a literal path has one text per segment":             {path: "/pets/mine", texts: [][]string{{"pets"}, {"mine"}}},
		"the root is one empty segment":                       {path: "/", texts: [][]string{{""}}},
		"a slash at the end is an empty segment":              {path: "/pets/", texts: [][]string{{"pets"}, {""}}},
		"a parameter stands between empty texts":              {path: "/pets/{id}", texts: [][]string{{"pets"}, {"", ""}}, params: []string{"id"}},
		"a suffix stays with its parameter":                   {path: "/{Sid}.json", texts: [][]string{{"", ".json"}}, params: []string{"Sid"}},
		"a custom verb is a suffix":                           {path: "/a/{x}:run", texts: [][]string{{"a"}, {"", ":run"}}, params: []string{"x"}},
		"several parameters with text between are told apart": {path: "/{a}..{b}", texts: [][]string{{"", "..", ""}}, params: []string{"a", "b"}},
		"literals are decoded, as request segments are":       {path: "/a%20b", texts: [][]string{{"a b"}}},
		"what is no encoding stands for itself":               {path: "/100%", texts: [][]string{{"100%"}}},
		"a name may hold a slash":                             {path: "/{a/b}/c", texts: [][]string{{"", ""}, {"c"}}, params: []string{"a/b"}},
		"matrix parameters are literal text":                  {path: "/a;v={v}", texts: [][]string{{"a;v=", ""}}, params: []string{"v"}},
		"a query is no part of the path":                      {path: "/a?b={c}", texts: [][]string{{"a"}}, query: "?b={c}"},
		"a fragment is no part of the path":                   {path: "/#X={c}", texts: [][]string{{""}}, query: "#X={c}"},
		"a query in the form of RFC 6570 is one too":          {path: "/a{?b,c}", texts: [][]string{{"a"}}, query: "{?b,c}"},

		"a path without a slash in front is refused":     {path: "pets", fault: "slash"},
		"an empty path is refused":                       {path: "", fault: "slash"},
		"an open brace is refused":                       {path: "/pets/{id", fault: "not closed"},
		"a nested brace is refused":                      {path: "/pets/{i{d}}", fault: "not closed"},
		"a brace that closes nothing is refused":         {path: "/pets/id}", fault: "closes nothing"},
		"an open brace in a query is refused":            {path: "/a?b={c", fault: "not closed"},
		"parameters side by side are refused":            {path: "/{a}{b}", fault: "side by side"},
		"parameters side by side after text are refused": {path: "/x{a}-{b}{c}.json", fault: "side by side"},
		"a parameter that occurs twice is refused":       {path: "/{a}/x/{a}/{a}", fault: "{a} occurs"},
		"a parameter without a name is refused":          {path: "/{}", fault: "no name"},
		"a path that no call could carry is refused":     {path: "/" + strings.Repeat("a", contract.MaxTemplate), fault: "too long"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, faults := contract.ParseTemplate(tt.path)
			if tt.fault != "" {
				if len(faults) != 1 || !strings.Contains(faults[0], tt.fault) {
					t.Fatalf("faults %q, want one with %q", faults, tt.fault)
				}
				return
			}
			if len(faults) > 0 {
				t.Fatalf("faults %q", faults)
			}
			var texts [][]string
			for _, s := range got.Segments {
				texts = append(texts, s.Texts)
			}
			if d := cmp.Diff(tt.texts, texts); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(tt.params, got.Params); d != "" {
				t.Error(d)
			}
			if got.Query != tt.query {
				t.Errorf("query %q, want %q", got.Query, tt.query)
			}
		})
	}
}

func TestTemplateShape(t *testing.T) {
	tests := map[string]struct {
		a, b string
		same bool
	}{
		"names of parameters do not matter":          {"/pets/{id}", "/pets/{name}", true},
		"names in partial segments do not matter":    {"/{a}-{b}.json", "/{c}-{d}.json", true},
		"encoded and plain literals are the same":    {"/a%2Db", "/a-b", true},
		"a literal is not a parameter":               {"/pets/{id}", "/pets/id", false},
		"a slash at the end matters":                 {"/pets", "/pets/", false},
		"upper and lower case differ":                {"/pets", "/Pets", false},
		"an encoded slash does not split a segment":  {"/a%2Fb", "/a/b", false},
		"what looks like a joined segment is none":   {"/{a}", "/%00*", false},
		"a query does not matter to the shape":       {"/a", "/a?b=1", true},
		"the number of parameters matters":           {"/{a}.{b}", "/{a}.", false},
		"where the literal text stands matters":      {"/x{a}", "/{a}x", false},
		"a doubled NUL is not a NUL and a parameter": {"/%00%00*", "/%00{a}", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a, _ := contract.ParseTemplate(tt.a)
			b, _ := contract.ParseTemplate(tt.b)
			if got := a.Shape() == b.Shape(); got != tt.same {
				t.Errorf("shapes %q and %q: same is %v", a.Shape(), b.Shape(), got)
			}
		})
	}
}

func TestTemplateReachable(t *testing.T) {
	tests := map[string]struct {
		path string
		ok   bool
	}{
		"a plain path can be called":                      {"/a/{b}/", true},
		"an empty segment inside cannot":                  {"/a//b", false},
		"a dot segment cannot":                            {"/a/../b", false},
		"an encoded slash cannot":                         {"/a%2Fb", false},
		"a backslash cannot":                              {`/a\b`, false},
		"a control character beside a parameter cannot":   {"/%01{a}", false},
		"dots beside a parameter can, as in a file name":  {"/..{a}", true},
		"anything else that has to be encoded can, too":   {"/a%20b/ü/<c>", true},
		"an encoded dot segment cannot, since it decodes": {"/%2e%2e", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, faults := contract.ParseTemplate(tt.path)
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			if why := p.Reachable(); (why == "") != tt.ok {
				t.Errorf("reason %q", why)
			}
		})
	}
}
