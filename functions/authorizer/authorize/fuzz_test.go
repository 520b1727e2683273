package authorize_test

import (
	"regexp"
	"strings"
	"sync"
	"testing"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/gatewayevent"
)

// FuzzHandle asks with anything: there is always an answer, it always holds for its own call, and it allows only what a
// second reader of the same path takes for an operation of the contract.
func FuzzHandle(f *testing.F) {
	w := newWorld(f)
	key := w.key.Reveal()
	for _, seed := range [][]string{
		{"GET", "/orders/v1/orders/1", "q=1", key, "", "192.0.2.1"},
		{"HEAD", "/%6frders/v1/orders/%2e%2e", "%", key + "," + key, "Bearer " + key, "::1"},
		{"", "", "", "", "bearer", ""},
		{"GET", "/orders/v1//\x00\xff", "\xff", "slk_", "Basic x", "not an address"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4], seed[5], seed[5] == "")
	}
	f.Fuzz(func(t *testing.T, method, path, query, apiKey, authorization, source string, management bool) {
		w.TB, w.at = t, w.at.Add(1e9) // slowly enough not to be a flood
		e := w.event(method, path, "x-api-key", apiKey, "authorization", authorization)
		e.RawQueryString, e.RequestContext.HTTP.SourceIP = query, source
		if management {
			e.RouteKey = "ANY /admin/v1/{proxy+}"
		}
		out, err := w.auth.Handle(t.Context(), e)
		if err != nil {
			t.Fatalf("Handle: %v", err)
		}
		if !out.IsAuthorized {
			t.Fatal("a flat denial without a flood")
		}
		d, err := decision.Verify(out.Context, behind(gatewayevent.PlaneOf(e.RouteKey), e))
		if err != nil {
			if strings.ToValidUTF8(path, "") == path && strings.ToValidUTF8(method, "") == method {
				t.Fatalf("the decision does not hold for its own call: %v", err)
			}
			return // what is not UTF-8 does not survive JSON: the call is refused behind us
		}
		if !d.Allowed() {
			if d.Refusal.Code == decision.InternalError {
				t.Fatalf("an internal error for %q", path)
			}
			return
		}
		if management {
			t.Fatal("the management plane let an app's key in")
		}
		p, err := gatewayevent.ParsePath(path)
		if err != nil || len(p.Segments) < 2 || p.Segments[0] != "orders" || p.Segments[1] != "v1" || apiKey != key && !strings.Contains(authorization, key) {
			t.Fatalf("%q was allowed", path)
		}
		if d.Target.Path != gatewayevent.Join(p.Segments[2:], p.Trailing) {
			t.Fatalf("%q goes to %q", path, d.Target.Path)
		}
	})
}

// FuzzNames holds what is looked up as an API against what an API can be called.
func FuzzNames(f *testing.F) {
	w := newWorld(f)
	slug := regexp.MustCompile(catalog.SlugPattern)
	for _, seed := range []string{"a", "ab", "a-1", "1a", "-a", "aB", "a\n", strings.Repeat("a", 63), strings.Repeat("a", 64), "é", "a_b"} {
		f.Add(seed)
	}
	for range 7 { // until nothing is recent any more
		w.ask(w.asShop("GET", "/orders/v1"))
		w.at = w.at.Add(1e9)
	}
	w.ask(w.asShop("GET", "/orders/v1"))
	f.Fuzz(func(t *testing.T, name string) {
		w.TB = t
		path := gatewayevent.Join([]string{name, "v1"}, false)
		if p, err := gatewayevent.ParsePath(path); err != nil || p.Segments[0] != name || name == "orders" {
			t.Skip("not a name that can be sent, or the one that is there")
		}
		w.drop((&catalog.API{ID: catalog.APIID(name)}).Ref()) // forget that it is not there
		w.ask(w.asShop("GET", "/orders/v1"))
		before := w.store.reads
		if got := code(w.ask(w.asShop("GET", path))); got != "no_such_api" {
			t.Fatalf("%q: %s", name, got)
		}
		if read := w.store.reads > before; read != slug.MatchString(name) {
			t.Errorf("%q was looked up: %v", name, read)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	event := w.asShop("GET", "/orders/v1/orders/1")
	junk := w.event("GET", "/orders/v1/orders/1", "x-api-key", "junk")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 50 {
				out, err := w.auth.Handle(t.Context(), event)
				if text, ok := out.Context["decision"].(string); err != nil || !ok || strings.Contains(text, `"r":{"c"`) {
					t.Errorf("%+v, %v", out, err)
				}
				if _, err := w.auth.Handle(t.Context(), junk); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
