package authorize_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sluice/functions/authorizer/authorize"
	"sluice/shared/catalog"
	"sluice/shared/credential"
	"sluice/shared/policy"
)

// TestDefaultDeny is promise 1: of every combination of operation and standing, exactly those pass that are right in all.
func TestDefaultDeny(t *testing.T) {
	type standing struct {
		name string
		set  func(*world)
		ok   bool
	}
	dimensions := [][]standing{
		{
			{"usable key", func(*world) {}, true},
			{"revoked key", func(w *world) { w.credential(w.key, catalog.Credential{Key: "key-1", App: "shop", Revoked: &w.at}) }, false},
			{"expired key", func(w *world) { w.credential(w.key, catalog.Credential{Key: "key-1", App: "shop", Expires: &w.at}) }, false},
			{"unknown key", func(w *world) { w.drop(catalog.CredentialRef(w.key.Hash())) }, false},
		}, {
			{"active", func(*world) {}, true},
			{"requested", func(w *world) { w.put(w.subscription(catalog.Requested)) }, false},
			{"suspended", func(w *world) { w.put(w.subscription(catalog.Suspended)) }, false},
			{"ended", func(w *world) { w.put(w.subscription(catalog.Ended)) }, false},
			{"of a state that we do not know", func(w *world) { w.put(w.subscription("")) }, false},
			{"of another app", func(w *world) {
				s := w.subscription(catalog.Active)
				s.App = "other"
				w.change(catalog.GrantRef("shop", "orders"), *s)
			}, false},
			{"not subscribed", func(w *world) { w.drop(catalog.GrantRef("shop", "orders")) }, false},
		}, {
			{"published", func(*world) {}, true},
			{"deprecated", func(w *world) { w.put(w.version(catalog.Deprecated)) }, true},
			{"retired", func(w *world) { w.put(w.version(catalog.Retired)) }, false},
			{"draft", func(w *world) { w.put(w.version(catalog.Draft)) }, false},
			{"review", func(w *world) { w.put(w.version(catalog.InReview)) }, false},
			{"without a state", func(w *world) { w.put(w.version("")) }, false},
			{"without a contract", func(w *world) { v := w.version(catalog.Published); v.Revision = ""; w.put(v) }, false},
		}, {
			{"for the public", func(*world) {}, true},
			{"for partners", func(w *world) { w.put(&catalog.API{ID: "orders", Kind: catalog.REST, Audience: catalog.Partner}) }, true},
			{"for insiders", func(w *world) { w.put(&catalog.API{ID: "orders", Kind: catalog.REST, Audience: catalog.Internal}) }, false},
			{"for nobody", func(w *world) { w.put(&catalog.API{ID: "orders", Kind: catalog.REST}) }, false},
		},
	}
	allowed := map[string]bool{ // with orders.read and orders.write
		"GET /orders": true, "HEAD /orders": true, "POST /orders": true, "GET /orders/1": true, "HEAD /orders/1": true,
		"GET ": true, "HEAD ": true, "GET /": true, "HEAD /": true,
	}
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "", "GET /"}
	paths := []string{"", "/", "/orders", "/orders/1", "/orders/", "/none", "/orders/1/2"}
	decider := access(t)
	var walk func(name string, ok bool, set []func(*world), rest [][]standing)
	walk = func(name string, ok bool, set []func(*world), rest [][]standing) {
		if len(rest) > 0 {
			for _, s := range rest[0] {
				walk(name+", "+s.name, ok && s.ok, append(slices.Clip(set), s.set), rest[1:])
			}
			return
		}
		w := newWorld(t, decider)
		for _, f := range set {
			f(w)
		}
		m, p := methods, paths
		if !ok { // nothing may pass: what would otherwise pass, and a little more
			m, p = []string{"GET", "POST", "DELETE"}, []string{"/orders", "/orders/1"}
		}
		for _, method := range m {
			for _, path := range p {
				got := w.ask(w.asShop(method, "/orders/v1"+path))
				want := ok && allowed[method+" "+path]
				if (code(got) == "allow") != want {
					t.Errorf("%s %s%s: %s, allowed should be %v", method, path, name, code(got), want)
				}
				if code(got) == "internal" && !strings.Contains(name, "without a contract") {
					t.Errorf("%s %s%s: an internal error", method, path, name)
				}
			}
		}
	}
	walk("", true, nil, dimensions)
}

// verdict is a policy with one answer.
type verdict struct {
	policy.Verdict
	err error
}

func (v verdict) Decide(context.Context, policy.Input) (policy.Verdict, error) {
	return v.Verdict, v.err
}

// panics is a policy with a defect.
type panics struct{}

func (panics) Decide(context.Context, policy.Input) (policy.Verdict, error) {
	panic("slk_thisWouldBeASecretInAPanicText000000000000")
}

func TestThePolicyHasTheLastWord(t *testing.T) {
	cases := map[string]struct {
		policy authorize.Policy
		want   string
	}{
		"a refusal it gives is told":                     {verdict{Verdict: policy.Verdict{Reasons: []string{"subscription_inactive", "x"}}}, "subscription_inactive"},
		"a reason that is no refusal is policy_refused":  {verdict{Verdict: policy.Verdict{Reasons: []string{"full_moon"}}}, "policy_refused"},
		"a denial without a reason is policy_refused":    {verdict{}, "policy_refused"},
		"an allow with reasons against it is none":       {verdict{Verdict: policy.Verdict{Allow: true, Reasons: []string{"full_moon"}}}, "policy_refused"},
		"an error denies, even beside an allow":          {verdict{Verdict: policy.Verdict{Allow: true}, err: errors.New("too slow")}, "internal"},
		"a panic denies":                                 {panics{}, "internal"},
		"an allow allows":                                {verdict{Verdict: policy.Verdict{Allow: true}}, "allow"},
		"a deadline that passed is not the caller's sin": {verdict{err: context.DeadlineExceeded}, "upstream_unavailable"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.policy)
			d := w.wants(w.asShop("GET", "/orders/v1/orders"), c.want)
			if c.want != "allow" && (len(d.Claims) > 0 || d.Notice != nil) {
				t.Error("a refusal carries terms")
			}
			if strings.Contains(w.log.String(), "thisWouldBe") {
				t.Error("the log has the text of a panic with a secret in it")
			}
		})
	}
}

func TestTheManagementPlane(t *testing.T) {
	admin := func(w *world, headers ...string) string {
		e := w.event("GET", "/admin/v1/teams/%2e%2e/x", headers...)
		e.RouteKey = "ANY /admin/v1/{proxy+}"
		return code(w.ask(e))
	}
	w := newWorld(t)
	bearer := "Bearer " + w.admin.Reveal()
	for name, c := range map[string]struct {
		headers []string
		want    string
	}{
		"an admin's key passes":                  {[]string{"authorization", bearer}, "allow"},
		"an app's key does not":                  {[]string{"x-api-key", w.key.Reveal()}, "credential_invalid"},
		"nor as a bearer":                        {[]string{"authorization", "Bearer " + w.key.Reveal()}, "credential_invalid"},
		"nor does no key":                        {nil, "credential_missing"},
		"nor an admin's key in the wrong header": {[]string{"x-api-key", w.admin.Reveal()}, "credential_invalid"},
		"nor two":                                {[]string{"authorization", bearer, "x-api-key", w.key.Reveal()}, "ambiguous_credentials"},
		"nor an unknown one":                     {[]string{"authorization", "Bearer " + mint(t, credential.AdminPrefix, "nobody").Reveal()}, "credential_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := admin(w, c.headers...); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	t.Run("the decision says who acts, and nothing of the gateway", func(t *testing.T) {
		e := w.event("POST", "/admin/v1/teams", "authorization", bearer)
		e.RouteKey = "ANY /admin/v1/{proxy+}"
		d := w.ask(e)
		if d.Admin == nil || d.Admin.ID != "key-0" || d.Admin.Role != catalog.RolePlatformAdmin || len(d.Claims) > 0 || d.Caller.App != "" {
			t.Errorf("got %+v", d)
		}
	})
	for name, c := range map[string]struct {
		credential func(w *world) catalog.Credential
		want       string
	}{
		"a revoked admin is out": {func(w *world) catalog.Credential {
			return catalog.Credential{Admin: &catalog.Actor{ID: "a", Role: catalog.RolePlatformAdmin}, Revoked: &w.at}
		}, "credential_invalid"},
		"an expired admin is out": {func(w *world) catalog.Credential {
			return catalog.Credential{Admin: &catalog.Actor{ID: "a", Role: catalog.RolePlatformAdmin}, Expires: &w.at}
		}, "credential_expired"},
		"an admin without a role is out":      {func(*world) catalog.Credential { return catalog.Credential{Admin: &catalog.Actor{ID: "a"}} }, "credential_invalid"},
		"an admin's key that leads to an app": {func(*world) catalog.Credential { return catalog.Credential{App: "shop"} }, "credential_invalid"},
		"an admin's key that leads to both": {func(w *world) catalog.Credential {
			return catalog.Credential{App: "shop", Admin: &catalog.Actor{ID: "a", Role: catalog.RolePlatformAdmin}}
		}, "credential_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.credential(w.admin, c.credential(w))
			if got := admin(w, "authorization", "Bearer "+w.admin.Reveal()); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	t.Run("the plane is told by the route, never by the path", func(t *testing.T) {
		w := newWorld(t)
		w.wants(w.event("GET", "/admin/v1/teams", "authorization", "Bearer "+w.admin.Reveal()), "credential_invalid")
	})
}

func TestReads(t *testing.T) {
	w := newWorld(t)
	asks := func(n int, headers ...string) int {
		before := w.store.reads
		for range n {
			w.ask(w.event("GET", "/orders/v1/orders/1", headers...))
		}
		return w.store.reads - before
	}
	t.Run("junk costs none, not even on a new instance", func(t *testing.T) {
		if got := asks(40, "x-api-key", "slk_"+strings.Repeat("x", 38)) + asks(40, "x-api-key", ""); got != 0 {
			t.Errorf("%d reads", got)
		}
	})
	t.Run("no credential costs one for the API, once, and one for the feed", func(t *testing.T) {
		if got := asks(1) + asks(40); got > 3 {
			t.Errorf("%d reads", got)
		}
	})
	t.Run("nor does a key of the other plane", func(t *testing.T) {
		if got := asks(5, "authorization", "Bearer "+w.admin.Reveal()); got != 0 {
			t.Errorf("%d reads", got)
		}
	})
	t.Run("a warm call costs none", func(t *testing.T) {
		for range 7 { // until nothing is recent any more
			asks(1, "x-api-key", w.key.Reveal())
			w.at = w.at.Add(1e9)
		}
		asks(1, "x-api-key", w.key.Reveal())
		if got := asks(100, "x-api-key", w.key.Reveal()); got != 0 {
			t.Errorf("%d reads in 100 calls", got)
		}
	})
	t.Run("an unknown key costs one, once", func(t *testing.T) {
		if got := asks(40, "x-api-key", mint(t, credential.KeyPrefix, "nobody").Reveal()); got != 1 {
			t.Errorf("%d reads in 40 calls", got)
		}
	})
}

func TestAnOutageIsNotTheCallersFault(t *testing.T) {
	down := func(w *world) { w.store.fault = errors.New("connection refused"); w.at = w.at.Add(2e9) }
	t.Run("known callers are served", func(t *testing.T) {
		w := newWorld(t)
		w.wants(w.asShop("GET", "/orders/v1/orders"), "allow")
		down(w)
		w.wants(w.asShop("GET", "/orders/v1/orders"), "allow")
		if !strings.Contains(w.log.String(), `"stale":true`) {
			t.Error("the log does not say that the view is stale")
		}
	})
	t.Run("unknown callers are told that it is ours", func(t *testing.T) {
		w := newWorld(t)
		w.wants(w.asShop("GET", "/orders/v1/orders"), "allow")
		down(w)
		d := w.wants(w.event("GET", "/orders/v1/orders", "x-api-key", mint(t, credential.KeyPrefix, "other").Reveal()), "upstream_unavailable")
		if !strings.Contains(d.Refusal.Detail, "configuration") || d.Refusal.Hints["retry_after"] != "1" {
			t.Errorf("got %+v", d.Refusal)
		}
		if strings.Contains(rendered(t, d), "refused\"") || strings.Contains(rendered(t, d), "connection") {
			t.Error("the refusal tells of the inside")
		}
	})
	t.Run("junk is junk", func(t *testing.T) {
		w := newWorld(t)
		down(w)
		w.wants(w.event("GET", "/orders/v1/orders", "x-api-key", "junk"), "credential_invalid")
	})
	t.Run("after the grace nobody is served", func(t *testing.T) {
		w := newWorld(t)
		w.wants(w.asShop("GET", "/orders/v1/orders"), "allow")
		down(w)
		w.at = w.at.Add(301e9)
		w.wants(w.asShop("GET", "/orders/v1/orders"), "upstream_unavailable")
		w.store.fault = nil
		w.at = w.at.Add(1e9)
		w.wants(w.asShop("GET", "/orders/v1/orders"), "allow")
	})
	t.Run("a defect in the store denies", func(t *testing.T) {
		w := newWorld(t)
		w.store.panics = true
		w.wants(w.asShop("GET", "/orders/v1/orders"), "internal")
		if strings.Contains(w.log.String(), "thisWouldBe") {
			t.Error("the log has the text of a panic with a secret in it")
		}
	})
	t.Run("a plan that is referred to and not there is our defect", func(t *testing.T) {
		w := newWorld(t)
		w.drop((&catalog.Plan{ID: "gold"}).Ref())
		w.wants(w.asShop("GET", "/orders/v1/orders"), "internal")
	})
}

func TestLogLines(t *testing.T) {
	w := newWorld(t)
	secret := w.key.Reveal()
	w.wants(w.asShop("GET", "/orders/v1/orders/1"), "allow")
	line := w.log.String()
	for _, want := range []string{`"msg":"decision"`, `"outcome":"allow"`, `"api":"orders"`, `"version":"v1"`, `"operation":"getOrder"`,
		`"app":"shop"`, `"consumer":"acme"`, `"key":"key-1"`, `"request_id":"request-1"`, `"source":"`, `"duration_us":`} {
		if !strings.Contains(line, want) {
			t.Errorf("the line lacks %s: %s", want, line)
		}
	}
	w.wants(w.asShop("PUT", "/orders/v1/orders"), "method_not_allowed")
	if !strings.Contains(w.log.String(), `"refusal":"method_not_allowed","api":"orders"`) {
		t.Errorf("the refusal lacks what it is about: %s", w.log.String())
	}
	e := w.event("GET", "/orders/v1/"+secret, "authorization", "Bearer "+secret, "cookie", secret)
	e.RawQueryString = "key=" + secret
	w.ask(e)
	w.ask(w.event("GET", "/orders/"+secret, "x-api-key", "x"+secret))
	w.ask(w.asShop("GET", "/orders/v1/orders/my-password"))
	if strings.Contains(w.log.String(), "my-password") {
		t.Errorf("the log holds the path, into which callers put what they should not: %s", w.log.String())
	}
	w.ask(w.event("GET", "/orders/../"+secret, "x-api-key", flip(secret)))
	if got := strings.Count(w.log.String(), "\n"); got != 6 || w.calls != 6 {
		t.Errorf("%d lines for %d calls", got, w.calls)
	}
	if regexp.MustCompile(secret[4:20] + `|192\.0\.2\.1`).MatchString(w.log.String()) {
		t.Errorf("the log holds a secret or an address: %s", w.log.String())
	}
}
