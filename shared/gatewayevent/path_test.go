package gatewayevent_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/gatewayevent"
	"sluice/shared/problem"
)

func TestPathsThatMeanOneThing(t *testing.T) {
	cases := map[string]struct {
		raw      string
		segments []string
		encoded  string
	}{
		"the root has no segments":                              {"/", nil, "/"},
		"segments are decoded once":                             {"/orders/a%20b", []string{"orders", "a b"}, "/orders/a%20b"},
		"a path that arrives decoded gives the same call":       {"/orders/a b", []string{"orders", "a b"}, "/orders/a%20b"},
		"what RFC 3986 allows in a segment stays as it is":      {"/v1/a:b@c;d=e,f", []string{"v1", "a:b@c;d=e,f"}, "/v1/a:b@c;d=e,f"},
		"a question mark inside a segment cannot start a query": {"/a%3Fb%23c", []string{"a?b#c"}, "/a%3Fb%23c"},
		"a trailing slash is kept":                              {"/orders/", []string{"orders"}, "/orders/"},
		"letters beyond ASCII are kept":                         {"/caf%C3%A9", []string{"café"}, "/caf%C3%A9"},
		"dots inside a segment are ordinary":                    {"/a..b/.well-known/...", []string{"a..b", ".well-known", "..."}, "/a..b/.well-known/..."},
		"a literal percent sign survives":                       {"/100%25", []string{"100%"}, "/100%25"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := gatewayevent.ParsePath(c.raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.segments, p.Segments); diff != "" {
				t.Error(diff)
			}
			if p.Encoded != c.encoded {
				t.Errorf("encoded %q, want %q", p.Encoded, c.encoded)
			}
		})
	}
}

func TestPathTricksAreRefused(t *testing.T) {
	for name, raw := range map[string]string{
		"no leading slash": "orders", "empty": "", "double slash": "//orders", "inner double slash": "/orders//42",
		"dot": "/./orders", "dot dot": "/orders/../admin", "encoded dot dot": "/orders/%2e%2e/admin", "mixed dot dot": "/orders/.%2E/admin",
		"encoded slash": "/orders/a%2fb", "encoded backslash": "/orders/a%5Cb", "backslash": "/orders/a\\b",
		"twice-encoded dot dot": "/orders/%252e%252e/admin", "twice-encoded slash": "/orders/a%252fb",
		"NUL": "/orders/%00", "newline": "/orders/a%0Ab", "broken encoding": "/orders/%zz", "cut encoding": "/orders/%2",
		"not UTF-8": "/orders/%ff", "overlong slash": "/orders/%c0%af", "too long": "/" + strings.Repeat("a", gatewayevent.MaxPath),
		"two trailing slashes": "/orders//", "encoded empty-making dot": "/%2e/",
	} {
		t.Run(name, func(t *testing.T) {
			if p, err := gatewayevent.ParsePath(raw); !problem.Is(err, problem.Invalid) {
				t.Errorf("%q gave %+v, %v; want problem.Invalid", raw, p, err)
			}
		})
	}
}

// FuzzParsePath: a path that is accepted reads the same again, and as net/url reads it, and has no trick in it.
func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"/", "/orders/42", "/a%20b/", "/%2e%2e", "/%252f", "/a:b", "/é", "//", "/%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := gatewayevent.ParsePath(raw)
		if err != nil {
			return
		}
		again, err := gatewayevent.ParsePath(p.Encoded)
		if err != nil || again.Encoded != p.Encoded || !cmp.Equal(again.Segments, p.Segments) {
			t.Fatalf("%q reads as %+v, then as %+v, %v", raw, p, again, err)
		}
		u, err := url.ParseRequestURI(p.Encoded)
		if err != nil || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("%q: canonical path %q reads as %+v, %v", raw, p.Encoded, u, err)
		}
		for _, s := range p.Segments {
			if s == "" || s == "." || s == ".." || strings.ContainsAny(s, "/\\\x00\r\n") {
				t.Fatalf("%q: segment %q", raw, s)
			}
		}
	})
}

func BenchmarkParsePath(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := gatewayevent.ParsePath("/orders/v1/orders/42"); err != nil {
			b.Fatal(err)
		}
	}
}
