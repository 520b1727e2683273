package contract_test

import (
	"fmt"
	"math/bits"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sluice/shared/contract"
)

// index builds an index of operations written as "METHOD /template"; that is also their id.
func index(t testing.TB, operations ...string) *contract.Index {
	t.Helper()
	var list []contract.Operation
	for _, o := range operations {
		method, template, _ := strings.Cut(o, " ")
		list = append(list, contract.Operation{ID: o, Method: method, Template: template})
	}
	ix, err := contract.NewIndex(list)
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

// segments splits and decodes a path as the gateway does: "/a/" ends in an empty segment.
func segments(path string) []string {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, p := range parts {
		if d, err := url.PathUnescape(p); err == nil {
			parts[i] = d
		}
	}
	return parts
}

func TestMatch(t *testing.T) {
	tests := map[string]struct {
		contract []string
		call     string
		want     string   // id of the operation
		allow    []string // or these methods
	}{
		"a literal path is matched":                        {[]string{"GET /pets"}, "GET /pets", "GET /pets", nil},
		"a parameter takes one segment":                    {[]string{"GET /pets/{id}"}, "GET /pets/7", "GET /pets/{id}", nil},
		"a parameter takes no slash":                       {[]string{"GET /pets/{id}"}, "GET /pets/7/8", "", nil},
		"a parameter is never empty":                       {[]string{"GET /pets/{id}"}, "GET /pets/", "", nil},
		"a path that is too short is not matched":          {[]string{"GET /pets/{id}"}, "GET /pets", "", nil},
		"a slash at the end makes another path":            {[]string{"GET /pets"}, "GET /pets/", "", nil},
		"a slash at the end of a template is asked for":    {[]string{"GET /pets/"}, "GET /pets/", "GET /pets/", nil},
		"a template with a slash does not match without":   {[]string{"GET /pets/"}, "GET /pets", "", nil},
		"the root is matched":                              {[]string{"GET /"}, "GET /", "GET /", nil},
		"upper and lower case of a path differ":            {[]string{"GET /Pets"}, "GET /pets", "", nil},
		"methods are case-sensitive":                       {[]string{"GET /pets"}, "get /pets", "", []string{"GET", "HEAD"}},
		"a literal goes before a parameter":                {[]string{"GET /pets/{id}", "GET /pets/mine"}, "GET /pets/mine", "GET /pets/mine", nil},
		"the parameter takes what is not the literal":      {[]string{"GET /pets/{id}", "GET /pets/mine"}, "GET /pets/mines", "GET /pets/{id}", nil},
		"a partial template goes before a whole parameter": {[]string{"GET /{a}", "GET /{a}.json"}, "GET /x.json", "GET /{a}.json", nil},
		"a literal goes before a partial template":         {[]string{"GET /x.json", "GET /{a}.json"}, "GET /x.json", "GET /x.json", nil},
		"more literal text goes before less":               {[]string{"GET /{a}.json", "GET /{a}.v2.json"}, "GET /x.v2.json", "GET /{a}.v2.json", nil},
		"of equal text the longer prefix goes first":       {[]string{"GET /a{x}", "GET /{x}b"}, "GET /a1b", "GET /a{x}", nil},
		"a partial parameter is never empty":               {[]string{"GET /{a}.json"}, "GET /.json", "", nil},
		"prefix and suffix do not overlap":                 {[]string{"GET /aba{x}aba"}, "GET /ababa", "", nil},
		"each of several parameters takes something":       {[]string{"GET /{a}-{b}"}, "GET /1-", "", nil},
		"several parameters are matched":                   {[]string{"GET /{a}-{b}.{c}"}, "GET /1-2-3.4.5", "GET /{a}-{b}.{c}", nil},
		"text between parameters is found past the first":  {[]string{"GET /{a}..{b}"}, "GET /a...b", "GET /{a}..{b}", nil},
		"the first place of the text between is taken":     {[]string{"GET /{a}-{b}"}, "GET /1-2-", "GET /{a}-{b}", nil},
		"a custom verb is told from the plain resource":    {[]string{"POST /r/{id}", "POST /r/{id}:run"}, "POST /r/7:run", "POST /r/{id}:run", nil},
		"the leftmost literal decides":                     {[]string{"GET /{a}/x", "GET /y/{b}"}, "GET /y/x", "GET /y/{b}", nil},
		"matching comes back from a branch that ends":      {[]string{"GET /a/{x}/c", "GET /{y}/b/d"}, "GET /a/b/d", "GET /{y}/b/d", nil},
		"a method that the best template lacks is found":   {[]string{"GET /pets/mine", "DELETE /pets/{id}"}, "DELETE /pets/mine", "DELETE /pets/{id}", nil},
		"an unknown method is told those of the path":      {[]string{"GET /pets", "POST /pets"}, "PUT /pets", "", []string{"GET", "HEAD", "POST"}},
		"those of every template that covers the path":     {[]string{"PUT /a/{x}", "POST /{y}/b", "PATCH /a/c"}, "GET /a/b", "", []string{"POST", "PUT"}},
		"an unknown path is told no methods":               {[]string{"GET /pets"}, "GET /dogs", "", nil},
		"HEAD is served by GET":                            {[]string{"GET /pets"}, "HEAD /pets", "GET /pets", nil},
		"HEAD has its own operation if there is one":       {[]string{"GET /pets", "HEAD /pets"}, "HEAD /pets", "HEAD /pets", nil},
		"HEAD is not served by anything but GET":           {[]string{"POST /pets"}, "HEAD /pets", "", []string{"POST"}},
		"decoded text is compared, not encoded":            {[]string{"GET /a%20b/{c}"}, "GET /a b/%2e", "GET /a%20b/{c}", nil},
		"what decodes to a brace is text":                  {[]string{"GET /{a}"}, "GET /%7Ba%7D", "GET /{a}", nil},
		"a query chooses its operation":                    {[]string{"GET /r", "GET /r?beta=true"}, "GET /r?x=1&beta=true", "GET /r?beta=true", nil},
		"without the query the plain operation is served":  {[]string{"GET /r", "GET /r?beta=true"}, "GET /r?beta=false", "GET /r", nil},
		"a query never decides whether a path is known":    {[]string{"GET /r?beta=true"}, "GET /r", "GET /r?beta=true", nil},
		"more of a query goes before less":                 {[]string{"GET /r?a=1", "GET /r?a=1&b=2", "GET /r"}, "GET /r?b=2&a=1", "GET /r?a=1&b=2", nil},
		"a query that is only named takes any value":       {[]string{"GET /r", "GET /r?a={x}"}, "GET /r?a=7", "GET /r?a={x}", nil},
		"a query that cannot be read chooses nothing":      {[]string{"GET /r", "GET /r?a=1"}, "GET /r?a=%zz", "GET /r", nil},
		"a contract without operations matches nothing":    {nil, "GET /", "", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			method, target, _ := strings.Cut(tt.call, " ")
			path, query, _ := strings.Cut(target, "?")
			got := index(t, tt.contract...).MatchQuery(method, segments(path), query)
			id := ""
			if got.Operation != nil {
				id = got.Operation.ID
			}
			if id != tt.want || !slices.Equal(got.Allow, tt.allow) {
				t.Errorf("got %q, allow %q; want %q, allow %q", id, got.Allow, tt.want, tt.allow)
			}
		})
	}
	t.Run("no segments at all are the root", func(t *testing.T) {
		if m := index(t, "GET /").Match("GET", nil); m.Operation == nil {
			t.Error("not matched")
		}
	})
}

func TestNewIndexRefusesWhatCannotBeToldApart(t *testing.T) {
	tests := map[string][]contract.Operation{
		"one id twice":                      {{ID: "a", Method: "GET", Template: "/a"}, {ID: "a", Method: "GET", Template: "/b"}},
		"no id":                             {{Method: "GET", Template: "/a"}},
		"no method":                         {{ID: "a", Template: "/a"}},
		"one method and path twice":         {{ID: "a", Method: "GET", Template: "/a"}, {ID: "b", Method: "GET", Template: "/a"}},
		"paths that differ in names only":   {{ID: "a", Method: "GET", Template: "/{a}"}, {ID: "b", Method: "PUT", Template: "/{b}"}},
		"queries that differ in order only": {{ID: "a", Method: "GET", Template: "/?a=1&b=2"}, {ID: "b", Method: "GET", Template: "/?b=2&a=1"}},
		"fragments, which are never sent":   {{ID: "a", Method: "GET", Template: "/#a"}, {ID: "b", Method: "GET", Template: "/#b"}},
		"a path that is none":               {{ID: "a", Method: "GET", Template: "a"}},
		"more operations than are bounded":  make([]contract.Operation, contract.MaxOperations+1),
	}
	for name, operations := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := contract.NewIndex(operations); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// reference matches like Index.Match says, without a tree: it ranks all templates that cover the path.
func reference(operations []contract.Operation, method string, path []string) contract.Match {
	type candidate struct {
		op   *contract.Operation
		rank []string
	}
	var all []candidate
	for i := range operations {
		t, _ := contract.ParseTemplate(operations[i].Template)
		if rank, ok := covers(t.Segments, path); ok {
			all = append(all, candidate{&operations[i], rank})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return slices.Compare(a.rank, b.rank) })
	allow := map[string]bool{}
	for i := 0; i < len(all); {
		j := i
		var get *contract.Operation
		for ; j < len(all) && slices.Equal(all[j].rank, all[i].rank); j++ {
			if all[j].op.Method == method {
				return contract.Match{Operation: all[j].op}
			}
			if all[j].op.Method == "GET" {
				get = all[j].op
				allow["HEAD"] = true
			}
			allow[all[j].op.Method] = true
		}
		if method == "HEAD" && get != nil {
			return contract.Match{Operation: get}
		}
		i = j
	}
	var list []string
	for m := range allow {
		list = append(list, m)
	}
	slices.Sort(list)
	return contract.Match{Allow: list}
}

// covers tells whether segments of a template fit those of a path, and gives for each a text that sorts by precedence.
func covers(template []contract.Segment, path []string) (rank []string, ok bool) {
	if len(template) != len(path) {
		return nil, false
	}
	for i, s := range template {
		if !fits(s.Texts, path[i]) {
			return nil, false
		}
		size := 0
		for _, text := range s.Texts {
			size += len(text)
		}
		switch {
		case len(s.Texts) == 1:
			rank = append(rank, "0")
		case size == 0:
			rank = append(rank, "2")
		default:
			rank = append(rank, fmt.Sprintf("1%04d%04d%s", 9999-size, 9999-len(s.Texts[0]), strings.Join(s.Texts, "\x00*")))
		}
	}
	return rank, true
}

// fits tries every way in which parameters can share out the text.
func fits(texts []string, text string) bool {
	if len(texts) == 1 {
		return text == texts[0]
	}
	rest, ok := strings.CutPrefix(text, texts[0])
	if !ok {
		return false
	}
	for n := 1; n <= len(rest); n++ {
		if fits(texts[1:], rest[n:]) {
			return true
		}
	}
	return false
}

func TestMatchIsWhatTheReferenceSays(t *testing.T) {
	texts := rapid.SampledFrom([]string{"a", "b", "ab", "{p}", "{p}.a", "a{p}", "{p}b", "{p}.{q}", "a{p}b", "{p}a{q}a", ""})
	rapid.Check(t, func(t *rapid.T) {
		var operations []contract.Operation
		shapes := map[string]bool{}
		for range rapid.IntRange(0, 12).Draw(t, "n") {
			parts := rapid.SliceOfN(texts, 1, 4).Draw(t, "template")
			for i := range parts {
				parts[i] = strings.NewReplacer("{p}", fmt.Sprintf("{p%d}", i), "{q}", fmt.Sprintf("{q%d}", i)).Replace(parts[i])
			}
			template := "/" + strings.Join(parts, "/")
			parsed, faults := contract.ParseTemplate(template)
			if len(faults) > 0 {
				t.Fatal(template, faults)
			}
			if shapes[parsed.Shape()] {
				continue
			}
			shapes[parsed.Shape()] = true
			for _, method := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"GET", "PUT", "HEAD"}), 1, 3, rapid.ID).Draw(t, "methods") {
				operations = append(operations, contract.Operation{ID: method + template, Method: method, Template: template})
			}
		}
		ix, err := contract.NewIndex(operations)
		if err != nil {
			t.Fatal(err)
		}
		calls := rapid.SampledFrom([]string{"a", "b", "ab", ".a", "x.a", "aab", "a.b", "a.b.", "aba", "xaya", ""})
		for range 8 {
			path := rapid.SliceOfN(calls, 1, 4).Draw(t, "path")
			method := rapid.SampledFrom([]string{"GET", "PUT", "HEAD", "POST"}).Draw(t, "method")
			want, got := reference(operations, method, path), ix.Match(method, path)
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%s /%s in %v: %s", method, strings.Join(path, "/"), operations, d)
			}
		}
	})
}

// TestAllowIsExactlyWhatMatches: a method is in Allow if and only if a call with it would be matched.
func TestAllowIsExactlyWhatMatches(t *testing.T) {
	ix := index(t, "GET /a/{x}", "PUT /{y}/b", "POST /a/b", "DELETE /a/{x}", "HEAD /{y}/b")
	allow := ix.Match("NONE", []string{"a", "b"}).Allow
	for _, m := range []string{"GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS"} {
		if matched := ix.Match(m, []string{"a", "b"}).Operation != nil; matched != slices.Contains(allow, m) {
			t.Errorf("%s: matched is %v, Allow %q", m, matched, allow)
		}
	}
}

// adversary makes a contract of which one path visits every node: each segment is a literal or a parameter, in all
// combinations, and none of the templates has the last segment of the call.
func adversary(t testing.TB) (ix *contract.Index, call []string) {
	t.Helper()
	const depth = 13
	var list []contract.Operation
	for n := range 1 << depth {
		var b strings.Builder
		for i := range depth {
			if n>>i&1 == 1 {
				fmt.Fprintf(&b, "/{p%d}", i)
			} else {
				b.WriteString("/a")
			}
		}
		b.WriteString("/z")
		list = append(list, contract.Operation{ID: fmt.Sprint(n, bits.OnesCount(uint(n))), Method: "GET", Template: b.String()})
	}
	ix, err := contract.NewIndex(list)
	if err != nil {
		t.Fatal(err)
	}
	return ix, strings.Split(strings.Repeat("a ", depth)+"y", " ")
}

// TestTheWorstContractIsMatchedInLinearTime: exponential backtracking over the adversary would take 2^13 × 2^13 steps a
// call and minutes in all.
func TestTheWorstContractIsMatchedInLinearTime(t *testing.T) {
	ix, call := adversary(t)
	for range 20 {
		if m := ix.Match("GET", call); m.Operation != nil || m.Allow != nil {
			t.Fatal("matched")
		}
	}
}

func BenchmarkMatchWorstContract(b *testing.B) {
	ix, call := adversary(b)
	b.ReportAllocs()
	for b.Loop() {
		ix.Match("GET", call)
	}
}

func BenchmarkMatch(b *testing.B) {
	var operations []string
	for i := range 300 {
		operations = append(operations, fmt.Sprintf("GET /2010-04-01/Accounts/{a}/R%d/{s}.json", i), fmt.Sprintf("POST /2010-04-01/Accounts/{a}/R%d.json", i))
	}
	ix := index(b, operations...)
	path := segments("/2010-04-01/Accounts/AC42/R200/SM77.json")
	b.ReportAllocs()
	for b.Loop() {
		if ix.Match("GET", path).Operation == nil {
			b.Fatal("not matched")
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("/a/{b}.json", "/{c}/x", "/a/1.json")
	f.Add("/{a}-{b}", "/%2F{z}?q={q}#f", "/a-b-c/")
	f.Fuzz(func(t *testing.T, one, two, path string) {
		var operations []contract.Operation
		seen := map[string]bool{}
		for _, template := range []string{one, two} {
			p, faults := contract.ParseTemplate(template)
			if len(faults) > 0 || seen[p.Shape()] {
				continue
			}
			seen[p.Shape()] = true
			operations = append(operations, contract.Operation{ID: template, Method: "GET", Template: template})
		}
		ix, err := contract.NewIndex(operations)
		if err != nil {
			t.Fatalf("well-formed templates of different shapes are refused: %v", err)
		}
		call := segments(path)
		want := reference(operations, "GET", call)
		if d := cmp.Diff(want, ix.Match("GET", call)); d != "" {
			t.Errorf("%q and %q, call %q: %s", one, two, call, d)
		}
	})
}
