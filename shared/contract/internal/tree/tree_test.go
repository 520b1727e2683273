package tree_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sluice/shared/contract/internal/tree"
	"sluice/shared/problem"
)

// render writes a tree as compact JSON-like text, so that tests can compare it.
func render(n *tree.Node) string {
	switch n.Kind {
	case tree.Null:
		return "null"
	case tree.String:
		return fmt.Sprintf("%q", n.Text)
	case tree.Bool, tree.Number:
		return n.Text
	case tree.Array:
		var parts []string
		for _, item := range n.Items {
			parts = append(parts, render(item))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case tree.Object:
		var parts []string
		for i, key := range n.Keys {
			parts = append(parts, key+":"+render(n.Items[i]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	return "?"
}

func pointers(faults []problem.Fault) string {
	var all []string
	for _, f := range faults {
		all = append(all, f.Pointer)
	}
	return strings.Join(all, " ")
}

func TestJSON(t *testing.T) {
	tests := map[string]struct {
		text string
		want string // the tree; "" if refused
		at   string // pointers of the faults
		says string
	}{
		"every kind of value is read":                   {text: `{"a":[1,-2.5e3,"x",true,false,null,{}]}`, want: `{a:[1,-2.5e3,"x",true,false,null,{}]}`},
		"white space does not matter":                   {text: " \r\n\t[ 1 , 2 ] \n", want: `[1,2]`},
		"escapes are resolved":                          {text: `"\u00e9\n\ud83d\ude00\/"`, want: `"é\n😀/"`},
		"a byte order mark is skipped":                  {text: "\ufeff{}", want: `{}`},
		"the order of keys is kept":                     {text: `{"b":1,"a":2}`, want: `{b:1,a:2}`},
		"each duplicate key is told":                    {text: `{"a":1,"a":2,"b":{"c/d":1,"c/d":2}}`, want: `{a:1,b:{c/d:1}}`, at: "/a /b/c~1d"},
		"a duplicate key in a large object is told":     {text: `{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"10":1,"11":1,"12":1,"13":1,"13":2}`, want: `{1:1,2:1,3:1,4:1,5:1,6:1,7:1,8:1,9:1,10:1,11:1,12:1,13:1}`, at: "/13"},
		"a truncated document is refused where it ends": {text: `{"a":{"b":[1,2`, at: "/a/b", says: "ends in the middle"},
		"a truncated string is refused":                 {text: `{"a":"x`, at: "/a", says: "ends in the middle"},
		"a truncated escape is refused":                 {text: `"\`, at: "", says: "ends in the middle"},
		"a truncated word is refused":                   {text: `[tru`, at: "/0", says: "not JSON"},
		"something behind the document is refused":      {text: `{} x`, at: "", says: "line 1, column 4"},
		"a second document is refused":                  {text: "{}\n{}", at: "", says: "line 2, column 1"},
		"a comma at the end is refused":                 {text: `{"a":1,}`, at: "", says: "double quotes"},
		"a comma at the end of a list is refused":       {text: `[1,]`, at: "/1", says: "not JSON"},
		"single quotes are refused":                     {text: `{'a':1}`, at: "", says: "double quotes"},
		"a missing colon is refused":                    {text: `{"a" 1}`, at: "", says: "colon"},
		"a missing comma is refused":                    {text: `[1 2]`, at: "", says: "comma"},
		"comments are refused":                          {text: "{}//x", at: ""},
		"a line break in a string is refused":           {text: "\"a\nb\"", at: "", says: "control character"},
		"an unknown escape is refused":                  {text: `{"a":"\x"}`, at: "/a", says: "escape"},
		"a leading zero is refused":                     {text: `[01]`, at: ""},
		"a plus sign is refused":                        {text: `[+1]`, at: "/0"},
		"a bare point is refused":                       {text: `[1.]`, at: "/0"},
		"NaN is refused":                                {text: `[NaN]`, at: "/0"},
		"an empty exponent is refused":                  {text: `[1e]`, at: "/0"},
		"a number beyond all bounds is refused":         {text: `[1e999999999]`, at: "/0", says: "represented"},
		"such a number at the end is not cut":           {text: `1e999`, at: "", says: "represented"},
		"a number below all bounds is refused":          {text: `[1e-999999999]`, at: "/0", says: "represented"},
		"a number of a thousand digits is refused":      {text: "[" + strings.Repeat("9", 1000) + "]", at: "/0", says: "represented"},
		"text that is not UTF-8 is refused":             {text: "\"\xff\"", at: "", says: "UTF-8"},
		"UTF-16 is refused":                             {text: "\xff\xfe{\x00}\x00", at: "", says: "UTF-8"},
		"nothing at all is refused":                     {text: "", at: ""},
		"nesting beyond all bounds is refused":          {text: strings.Repeat("[", 100_000), says: "nested", at: strings.Repeat("/0", tree.MaxDepth)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n, faults, err := tree.JSON(context.Background(), []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			check(t, n, faults, tt.want, tt.at, tt.says)
		})
	}
}

func check(t *testing.T, n *tree.Node, faults []problem.Fault, want, at, says string) {
	t.Helper()
	switch {
	case want == "" && (n != nil || len(faults) == 0):
		t.Fatalf("accepted, faults %v", faults)
	case want != "" && n == nil:
		t.Fatalf("refused: %v", faults)
	case n != nil && render(n) != want:
		t.Errorf("got  %s\nwant %s", render(n), want)
	}
	if got := pointers(faults); got != at {
		t.Errorf("faults at %q, want %q", got, at)
	}
	if says != "" && !strings.Contains(faults[len(faults)-1].Detail, says) {
		t.Errorf("fault says %q, want %q in it", faults[len(faults)-1].Detail, says)
	}
}

// bomb makes a document of n levels, each of which lists the one before ten times.
func bomb(n int) string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x]\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	return b.String()
}

func TestYAML(t *testing.T) {
	tests := map[string]struct {
		text string
		want string
		at   string
		says string
	}{
		"every kind of value is read":                   {text: "a: [1, -2.5e3, x, true, null, ~, {}]", want: `{a:[1,-2.5e3,"x",true,null,null,{}]}`},
		"keys are texts as they are written":            {text: "200: a\non: b\nyes: c\n1.10: d\nnull: e\n2020-01-01: f\n0x1F: g", want: `{200:"a",on:"b",yes:"c",1.10:"d",null:"e",2020-01-01:"f",0x1F:"g"}`},
		"dates stay texts":                              {text: "a: 2020-01-01\nb: 2020-01-01T00:00:00Z", want: `{a:"2020-01-01",b:"2020-01-01T00:00:00Z"}`},
		"yes, no, on and off stay texts":                {text: "[yes, no, on, off, y, n]", want: `["yes","no","on","off","y","n"]`},
		"quoted and tagged texts are texts":             {text: `["1", '2', !!str 3, !custom 4]`, want: `["1","2","3","4"]`},
		"numbers are written as JSON writes them":       {text: "[0x1F, 0o17, 1_000, +5, .5, 1., 1e3, -0]", want: `[31,15,1000,5,0.5,1,1e3,-0]`},
		"infinity is no number":                         {text: "[.inf, -.INF, .nan]", want: `[".inf","-.INF",".nan"]`},
		"a number beyond bounds is no number":           {text: "[1e999]", want: `["1e999"]`},
		"aliases stand for their anchors":               {text: "a: &x {b: 1}\nc: *x", want: `{a:{b:1},c:{b:1}}`},
		"merge keys are applied, own keys first":        {text: "a: &x {b: 1, c: 2}\nd: {c: 3, <<: *x}", want: `{a:{b:1,c:2},d:{c:3,b:1}}`},
		"several mappings merge, the first ones win":    {text: "a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne: {<<: [*x, *y]}", want: `{a:{b:1},c:{b:2,d:3},e:{b:1,d:3}}`},
		"a quoted merge key is a key":                   {text: `{"<<": 1}`, want: `{<<:1}`},
		"block texts are read":                          {text: "a: |\n  x\n  y\nb: >\n  x\n  y\n", want: `{a:"x\ny\n",b:"x y\n"}`},
		"JSON is YAML":                                  {text: `{"a":[1,{"b":"c"}]}`, want: `{a:[1,{b:"c"}]}`},
		"a byte order mark is skipped":                  {text: "\ufeffa: 1", want: `{a:1}`},
		"each duplicate key is told":                    {text: "a: 1\na: 2\nb: {200: 1, '200': 2}", want: `{a:1,b:{200:1}}`, at: "/a /b/200"},
		"a second document is refused":                  {text: "a: 1\n---\nb: 2", says: "more than one"},
		"bad indentation is refused":                    {text: "a:\n  b: 1\n c: 2", says: "not YAML"},
		"a tab for indentation is refused":              {text: "a:\n\tb: 1", says: "not YAML"},
		"an open bracket is refused":                    {text: "a: [1, 2", says: "not YAML"},
		"an unknown alias is refused":                   {text: "a: *x", says: "not YAML"},
		"a key that is a mapping is refused":            {text: "? {a: 1}\n: 2", says: "single value"},
		"merging what is no mapping is refused":         {text: "a: {<<: 1}", at: "/a", says: "merged"},
		"an alias to what is around it is refused":      {text: "a: &x [*x]", at: "/a/0", says: "leads back"},
		"a merge of what is around it is refused":       {text: "a: &x {<<: *x}", at: "/a/<<", says: "leads back"},
		"nothing at all is refused":                     {text: "# only a comment", says: "empty"},
		"nesting beyond bounds is refused":              {text: strings.Repeat("[", 500) + strings.Repeat("]", 500), says: "nested", at: strings.Repeat("/0", tree.MaxDepth)},
		"nesting beyond what can be read is refused":    {text: strings.Repeat("[", 100_000), says: "not YAML"},
		"text that is not UTF-8 is refused":             {text: "a: \xff", says: "UTF-8"},
		"aliases that grow without measure are refused": {text: bomb(9), says: "more than", at: "/a6/3"},
		"more separators than values are refused":       {text: strings.Repeat(",", tree.MaxNodes+1), says: "more than"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n, faults, err := tree.YAML(context.Background(), []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			check(t, n, faults, tt.want, tt.at, tt.says)
		})
	}
}

func TestDepthCountsThroughAliases(t *testing.T) {
	text := "a0: &a0 [[[[[[[[[[x]]]]]]]]]]\n"
	for i := 1; i <= 25; i++ {
		text += fmt.Sprintf("a%d: &a%d [[[[[[[[[[*a%d]]]]]]]]]]\n", i, i, i-1)
	}
	if n, faults, err := tree.YAML(context.Background(), []byte(text)); err != nil || n != nil || !strings.Contains(faults[0].Detail, "nested") {
		t.Errorf("tree %v, faults %v, %v", n != nil, faults, err)
	}
}

func TestReadingEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	for name, read := range map[string]func(context.Context, []byte) (*tree.Node, []problem.Fault, error){"JSON": tree.JSON, "YAML": tree.YAML} {
		if n, _, err := read(ctx, []byte(`{"a": [1, 2]}`)); !errors.Is(err, context.DeadlineExceeded) || n != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLookup(t *testing.T) {
	root, _, _ := tree.JSON(context.Background(), []byte(`{"a/b":{"c~d":[10,{"":20}]},"e%f":30}`))
	tests := map[string]struct{ pointer, want string }{
		"the empty pointer is the root":         {"", `{a/b:{c~d:[10,{:20}]},e%f:30}`},
		"escapes are resolved":                  {"/a~1b/c~0d/0", "10"},
		"an empty key is a key":                 {"/a~1b/c~0d/1/", "20"},
		"a percent sign is itself":              {"/e%f", "30"},
		"an unknown key leads nowhere":          {"/x", ""},
		"an index past the end leads nowhere":   {"/a~1b/c~0d/2", ""},
		"an index with a zero leads nowhere":    {"/a~1b/c~0d/00", ""},
		"a path through a value leads nowhere":  {"/e%f/x", ""},
		"a pointer needs its slash":             {"a~1b", ""},
		"an index into an object leads nowhere": {"/0", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if n := root.Lookup(tt.pointer); n != nil {
				got = render(n)
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if at := tree.At(tt.pointer); strings.HasPrefix(tt.pointer, "/") && at.String() != tt.pointer {
				t.Errorf("%q is written as %q", tt.pointer, at.String())
			}
		})
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,"\u00e9",null,true,{"b":-1.5e3}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, faults, err := tree.JSON(context.Background(), data)
		if err != nil || n == nil && len(faults) == 0 {
			t.Fatalf("no tree, faults %v, %v", faults, err)
		}
		valid := utf8.Valid(data) && json.Valid(bytes.TrimPrefix(data, []byte("\ufeff")))
		if n != nil && !valid {
			t.Fatalf("accepted, but not JSON: %q", data)
		}
		if n == nil && valid {
			if detail := faults[0].Detail; !strings.Contains(detail, "nested") && !strings.Contains(detail, "represented") {
				t.Fatalf("JSON, but refused: %q: %s", data, detail)
			}
		}
	})
}

func FuzzYAML(f *testing.F) {
	f.Add([]byte("a: &x [1, 2]\nb: {<<: {c: *x}}\n? k\n: v\n"))
	f.Add([]byte(bomb(3)))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, faults, err := tree.YAML(context.Background(), data)
		if err != nil || n == nil && len(faults) == 0 {
			t.Fatalf("no tree, faults %v, %v", faults, err)
		}
	})
}
