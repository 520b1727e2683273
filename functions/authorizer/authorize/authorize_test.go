package authorize_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/credential"
	"sluice/shared/decision"
)

func TestAnAllowSaysAllThatTheProxyNeeds(t *testing.T) {
	w := newWorld(t)
	w.put(&catalog.Version{API: "orders", Version: "v2", State: catalog.Published})
	v := w.version(catalog.Deprecated)
	deprecated, sunset := w.at.Add(-time.Hour), w.at.Add(time.Hour)
	v.Deprecated, v.Sunset, v.Successor = &deprecated, &sunset, "v2"
	w.put(v)
	got := w.wants(w.asShop("GET", "/orders/v1/orders/a%20b"), "allow")
	want := &decision.Decision{
		Call: got.Call,
		Caller: decision.Caller{Consumer: "acme", App: "shop", Key: "key-1", Subscription: "sub-1", Plan: "gold",
			Scopes: []string{"orders.read", "orders.write"}},
		Target: decision.Target{API: "orders", Version: "v1", Revision: "r1", Operation: "getOrder", Route: "/orders/{id}",
			Path: "/orders/a%20b", Upstream: catalog.Upstream{URL: "https://orders.example"}},
		Claims: []decision.Claim{{Counter: "sub-1", Limits: []decision.Limit{
			{Kind: decision.RateLimit, Name: "gold-rate", Requests: 100, Seconds: 60, Burst: 100},
			{Kind: decision.QuotaLimit, Name: "gold-quota", Requests: 10_000, Period: catalog.Month}}}},
		Notice: &decision.Notice{Deprecated: deprecated, Sunset: &sunset, Successor: "/orders/v2"},
		At:     w.at,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTermsOfAnAllow(t *testing.T) {
	t.Run("a plan without limits sets none", func(t *testing.T) {
		w := newWorld(t)
		w.put(&catalog.Plan{ID: "gold"})
		if d := w.wants(w.asShop("GET", "/orders/v1/orders"), "allow"); len(d.Claims) != 0 || d.Notice != nil {
			t.Errorf("got %+v, %+v", d.Claims, d.Notice)
		}
	})
	t.Run("a burst is taken as it is set", func(t *testing.T) {
		w := newWorld(t)
		w.put(&catalog.Plan{ID: "gold", Rate: &catalog.Rate{Requests: 5, Seconds: 1, Burst: 7}})
		if d := w.wants(w.asShop("GET", "/orders/v1/orders"), "allow"); d.Claims[0].Limits[0].Burst != 7 {
			t.Errorf("got %+v", d.Claims)
		}
	})
	t.Run("a scope that the plan offers no more does not count", func(t *testing.T) {
		w := newWorld(t)
		w.put(&catalog.Plan{ID: "gold", Scopes: []string{"orders.write"}})
		d := w.wants(w.asShop("GET", "/orders/v1/orders"), "allow")
		if diff := cmp.Diff([]string{"orders.write"}, d.Caller.Scopes); diff != "" {
			t.Error(diff)
		}
		d = w.wants(w.asShop("GET", "/orders/v1/orders/1"), "scope_missing")
		if got := d.Refusal.Hints["missing_scopes"]; got != "orders.read" { // and not the two of the other alternative
			t.Errorf("missing scopes are %q", got)
		}
	})
	t.Run("a successor that is not served is not named", func(t *testing.T) {
		w := newWorld(t)
		v := w.version(catalog.Deprecated)
		v.Successor = "v2"
		w.put(v)
		if d := w.wants(w.asShop("GET", "/orders/v1/orders"), "allow"); d.Notice == nil || d.Notice.Successor != "" {
			t.Errorf("got %+v, want a notice without successor", d.Notice)
		}
		w.put(&catalog.Version{API: "orders", Version: "v2", State: catalog.Draft})
		if d := w.wants(w.asShop("GET", "/orders/v1/orders"), "allow"); d.Notice.Successor != "" {
			t.Errorf("a draft is named: %+v", d.Notice)
		}
	})
}

// TestTheFirstRefusalIsTold goes down the order of the package comment: each case has everything wrong that comes after it.
func TestTheFirstRefusalIsTold(t *testing.T) {
	junk := "slk_" + strings.Repeat("x", 38)
	long := strings.Repeat("a", 9<<10)
	cases := []struct {
		guarantee string
		change    func(*world)
		event     func(*world) events.APIGatewayV2CustomAuthorizerV2Request
		want      string
	}{
		{"a URI beyond 8 KB", nil, func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
			return w.event("GET", "/../"+long, "x-api-key", junk, "x-long", long+long)
		}, "uri_too_long"},
		{"a query beyond 8 KB", nil, func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
			e := w.asShop("GET", "/orders/v1/orders")
			e.RawQueryString = "q=" + long
			return e
		}, "uri_too_long"},
		{"headers beyond 16 KB", nil, func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
			return w.event("GET", "/../", "x-api-key", junk, "x-long", long+long)
		}, "header_fields_too_large"},
		{"cookies count as headers", nil, func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
			e := w.asShop("GET", "/orders/v1/orders")
			e.Cookies = []string{long, long}
			return e
		}, "header_fields_too_large"},
		{"cookies are not counted twice", nil, func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
			e := w.asShop("GET", "/orders/v1/orders")
			e.Cookies, e.Headers["cookie"] = []string{long}, long
			return e
		}, "allow"},
		{"a query with a broken encoding", nil, func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
			e := w.event("GET", "/orders/v1/orders")
			e.RawQueryString = "q=%zz"
			return e
		}, "invalid_request"},
		{"a query that is not UTF-8", nil, func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
			e := w.event("GET", "/orders/v1/orders")
			e.RawQueryString = "q=%ff%fe"
			return e
		}, "invalid_request"},
		{"a query with a NUL", nil, func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
			e := w.event("GET", "/orders/v1/orders")
			e.RawQueryString = "q=%00"
			return e
		}, "invalid_request"},
		{"a query in good order passes", nil, func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
			e := w.asShop("GET", "/orders/v1/orders")
			e.RawQueryString = "q=%C3%A9+b&empty=&x"
			return e
		}, "allow"},
		{"a path trick, before the credential", nil, func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
			return w.event("GET", "/orders/../x", "x-api-key", junk)
		}, "invalid_request"},
		{"two credentials, whatever they are worth", nil, func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
			return w.event("GET", "/none/v1/x", "x-api-key", junk, "authorization", "Bearer "+w.key.Reveal())
		}, "ambiguous_credentials"},
		{"no credential, whatever is asked for", nil, func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
			return w.event("GET", "/orders/v1/orders")
		}, "credential_missing"},
		{"an unknown key, whatever is asked for", nil, func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
			return w.event("GET", "/none/v1/x", "x-api-key", mint(w, credential.KeyPrefix, "nobody").Reveal())
		}, "credential_invalid"},
		{"an expired key, whatever is asked for", func(w *world) {
			then := w.at
			w.credential(w.key, catalog.Credential{Key: "key-1", App: "shop", Expires: &then})
		}, func(w *world) events.APIGatewayV2CustomAuthorizerV2Request { return w.asShop("GET", "/none/v1/x") }, "credential_expired"},
		{"an API that is not there", nil,
			func(w *world) events.APIGatewayV2CustomAuthorizerV2Request { return w.asShop("BREW", "/none/v1/x") }, "no_such_api"},
		{"an API without a subscription, before its operations", func(w *world) { w.drop(catalog.GrantRef("shop", "orders")) },
			func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
				return w.asShop("BREW", "/orders/v1/none")
			}, "not_subscribed"},
		{"a subscription that is suspended, before the retired version", func(w *world) {
			w.put(w.subscription(catalog.Suspended))
			w.put(w.version(catalog.Retired))
		}, func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
			return w.asShop("BREW", "/orders/v1/none")
		}, "subscription_inactive"},
		{"a retired version, before its operations", func(w *world) { w.put(w.version(catalog.Retired)) },
			func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
				return w.asShop("BREW", "/orders/v1/none")
			}, "version_retired"},
		{"an operation that is not there", nil,
			func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
				return w.asShop("BREW", "/orders/v1/none")
			}, "no_such_operation"},
		{"a method that is not there", nil,
			func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
				return w.asShop("BREW", "/orders/v1/orders")
			}, "method_not_allowed"},
		{"a scope that is lacking", nil,
			func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
				return w.asShop("DELETE", "/orders/v1/orders/1")
			}, "scope_missing"},
		{"nothing", nil,
			func(w *world) events.APIGatewayV2CustomAuthorizerV2Request {
				return w.asShop("GET", "/orders/v1/orders/1")
			}, "allow"},
	}
	for _, c := range cases {
		t.Run(c.guarantee, func(t *testing.T) {
			w := newWorld(t)
			if c.change != nil {
				c.change(w)
			}
			w.wants(c.event(w), c.want)
		})
	}
}

func TestRefusalsSayTheWayForward(t *testing.T) {
	w := newWorld(t)
	if d := w.wants(w.asShop("PATCH", "/orders/v1/orders/1"), "method_not_allowed"); cmp.Diff([]string{"DELETE", "GET", "HEAD"}, d.Refusal.Allow) != "" {
		t.Errorf("Allow is %v", d.Refusal.Allow)
	}
	if d := w.wants(w.asShop("DELETE", "/orders/v1/orders/1"), "scope_missing"); d.Refusal.Hints["missing_scopes"] != "orders.admin orders.all" {
		t.Errorf("hints are %v", d.Refusal.Hints)
	}
	w.put(&catalog.Version{API: "orders", Version: "v2", State: catalog.Published})
	v := w.version(catalog.Retired)
	v.Successor = "v2"
	w.put(v)
	if d := w.wants(w.asShop("GET", "/orders/v1/orders"), "version_retired"); d.Refusal.Link != "/orders/v2" {
		t.Errorf("the link is %q", d.Refusal.Link)
	}
	w.put(&catalog.Subscription{App: "shop", API: "orders", Plan: "gold", State: catalog.Requested})
	if d := w.wants(w.asShop("GET", "/orders/v2/orders"), "subscription_inactive"); !strings.Contains(d.Refusal.Detail, "approval") {
		t.Errorf("the detail is %q", d.Refusal.Detail)
	}
}

// rendered is what the caller gets to see of a refusal.
func rendered(t *testing.T, d *decision.Decision) string {
	t.Helper()
	b, err := json.Marshal(d.Refusal.Document("request"))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(string(b), d.Refusal.Allow, d.Refusal.Link)
}

func TestWhatMayNotBeSeenAnswersLikeWhatIsNotThere(t *testing.T) {
	absent := func() string {
		w := newWorld(t)
		return rendered(t, w.wants(w.asShop("GET", "/none/v1/orders"), "no_such_api"))
	}()
	for name, change := range map[string]func(*world){
		"a version that is not there":                   func(w *world) { w.drop(catalog.VersionRef("orders", "v1")) },
		"a draft":                                       func(w *world) { w.put(w.version(catalog.Draft)) },
		"a version under review":                        func(w *world) { w.put(w.version(catalog.InReview)) },
		"a version in a state that we do not know":      func(w *world) { w.put(w.version("haunted")) },
		"an API for another audience":                   func(w *world) { w.put(&catalog.API{ID: "orders", Audience: catalog.Internal}) },
		"an API for an audience that we do not know":    func(w *world) { w.put(&catalog.API{ID: "orders", Audience: "all"}) },
		"a consumer of a kind that we do not know":      func(w *world) { w.put(&catalog.Consumer{ID: "acme", Kind: "alien"}) },
		"a retired version, to those not subscribed":    func(w *world) { w.put(w.version(catalog.Retired)); w.drop(catalog.GrantRef("shop", "orders")) },
		"an API for another audience, and a wrong path": func(w *world) { w.put(&catalog.API{ID: "orders", Audience: catalog.Internal}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			change(w)
			for _, path := range []string{"/orders/v1/orders", "/orders/v1/none"} {
				d := w.wants(w.asShop("GET", path), "no_such_api")
				if got := rendered(t, d); got != absent {
					t.Errorf("it answers\n%s, not\n%s", got, absent)
				}
				if d.Target != (decision.Target{}) {
					t.Errorf("the decision names it: %+v", d.Target)
				}
			}
		})
	}
	t.Run("a path without a version, or with what is no name", func(t *testing.T) {
		w := newWorld(t)
		for _, path := range []string{"/", "/orders", "/orders/", "/Orders/v1/orders", "/orders/V1/orders", "/o/v1/x", "/orders/v1%20/orders",
			"/admin/v1/teams", "/" + strings.Repeat("a", 64) + "/v1/x"} {
			if got := rendered(t, w.wants(w.asShop("GET", path), "no_such_api")); got != absent {
				t.Errorf("%s answers\n%s, not\n%s", path, got, absent)
			}
		}
	})
}

func TestCredentialsThatMustNotPass(t *testing.T) {
	unknown := func() string {
		w := newWorld(t)
		return rendered(t, w.wants(w.event("GET", "/orders/v1/orders", "x-api-key", mint(t, credential.KeyPrefix, "nobody").Reveal()), "credential_invalid"))
	}()
	for name, change := range map[string]func(*world){
		"a revoked key": func(w *world) {
			w.credential(w.key, catalog.Credential{Key: "key-1", App: "shop", Revoked: &w.at})
		},
		"a key that will be revoked: a revocation holds at once": func(w *world) {
			later := w.at.Add(time.Hour)
			w.credential(w.key, catalog.Credential{Key: "key-1", App: "shop", Revoked: &later})
		},
		"a key whose app is gone":      func(w *world) { w.drop((&catalog.App{ID: "shop"}).Ref()) },
		"a key whose consumer is gone": func(w *world) { w.drop((&catalog.Consumer{ID: "acme"}).Ref()) },
		"a key of nobody":              func(w *world) { w.credential(w.key, catalog.Credential{Key: "key-1"}) },
		"a key that leads to an admin": func(w *world) {
			w.credential(w.key, catalog.Credential{Key: "key-1", App: "shop", Admin: &catalog.Actor{ID: "x", Role: catalog.RolePlatformAdmin}})
		},
	} {
		t.Run(name+" answers like an unknown one", func(t *testing.T) {
			w := newWorld(t)
			change(w)
			if got := rendered(t, w.wants(w.asShop("GET", "/orders/v1/orders"), "credential_invalid")); got != unknown {
				t.Errorf("it answers\n%s, not\n%s", got, unknown)
			}
		})
	}
	w := newWorld(t)
	key, admin := w.key.Reveal(), w.admin.Reveal()
	for name, c := range map[string]struct {
		headers []string
		want    string
	}{
		"an admin's key is none of the gateway's":              {[]string{"authorization", "Bearer " + admin}, "credential_invalid"},
		"nor in the other header":                              {[]string{"x-api-key", admin}, "credential_invalid"},
		"a repeated header is ambiguous":                       {[]string{"x-api-key", key + "," + key}, "ambiguous_credentials"},
		"a header in two spellings is ambiguous":               {[]string{"x-api-key", key, "X-Api-Key", key}, "ambiguous_credentials"},
		"even if one of them is empty":                         {[]string{"x-api-key", "", "X-Api-Key", key}, "ambiguous_credentials"},
		"or the other":                                         {[]string{"x-api-key", key, "X-Api-Key", ""}, "ambiguous_credentials"},
		"a bearer in two spellings too":                        {[]string{"authorization", "", "Authorization", "Bearer " + key}, "ambiguous_credentials"},
		"a Kelvin sign in a name is no k":                      {[]string{"x-api-\u212aey", key}, "credential_missing"},
		"a second credential in another header is ambiguous":   {[]string{"x-api-key", key, "Authorization", "Bearer x"}, "ambiguous_credentials"},
		"and so is one of another scheme":                      {[]string{"x-api-key", key, "authorization", "Basic eDp5"}, "ambiguous_credentials"},
		"a header in another spelling is read":                 {[]string{"X-API-KEY", key}, "allow"},
		"the key may come as a bearer":                         {[]string{"authorization", "bearer " + key}, "allow"},
		"an empty header is none":                              {[]string{"x-api-key", ""}, "credential_missing"},
		"a key with one character changed is refused":          {[]string{"x-api-key", flip(key)}, "credential_invalid"},
		"a key with space around it is refused":                {[]string{"x-api-key", " " + key}, "credential_invalid"},
		"a cut key is refused":                                 {[]string{"x-api-key", key[:len(key)-1]}, "credential_invalid"},
		"a cookie is no credential":                            {[]string{"cookie", "x-api-key=" + key}, "credential_missing"},
		"a header that ends like ours is not ours":             {[]string{"my-x-api-key", key}, "credential_missing"},
		"a header that only looks like ours is not ours":       {[]string{"x_api_key", key}, "credential_missing"},
		"a scheme that we do not know is no way round the key": {[]string{"authorization", "Basic " + key}, "credential_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			w.TB = t
			for i := range 20 { // in whatever order the headers come
				e := w.event("GET", "/orders/v1/orders", c.headers...)
				e.RequestContext.HTTP.SourceIP = fmt.Sprint("192.0.2.", i)
				w.wants(e, c.want)
			}
		})
	}
	w.TB = t
	t.Run("a query parameter is no credential", func(t *testing.T) {
		e := w.event("GET", "/orders/v1/orders")
		e.RawQueryString, e.QueryStringParameters = "x-api-key="+key, map[string]string{"x-api-key": key}
		w.wants(e, "credential_missing")
	})
}

func flip(key string) string {
	b := []byte(key)
	if b[10] == 'a' {
		b[10] = 'b'
	} else {
		b[10] = 'a'
	}
	return string(b)
}

func TestPathTricksAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{
		"", "orders/v1/orders", "//orders/v1/orders", "/orders//v1/orders", "/orders/v1//orders", "/orders/v1/orders//",
		"/orders/v1/./orders", "/orders/v1/../v1/orders", "/orders/v1/orders/..", "/orders/v1/%2e%2e/orders", "/orders/v1/%2e/orders",
		"/orders/v1%2forders", "/orders/v1/orders%2F1", "/orders/v1/orders%5c1", "/orders/v1/orders\\1", "/orders/v1/orders/%00",
		"/orders/v1/orders/%0d%0ax", "/orders/v1/orders/\x00", "/orders/v1/orders/%zz", "/orders/v1/orders/%", "/orders/v1/orders/%ff",
		"/orders/v1/%252e%252e/orders", "/orders/v1/orders/%252f", "/orders/v1/orders/..%2f..", "/%2e%2e/orders/v1/orders",
	} {
		d := w.wants(w.asShop("GET", path), "invalid_request")
		if d.Refusal.Detail == "" {
			t.Errorf("%q is refused without a word", path)
		}
	}
	for path, want := range map[string]string{
		"/orders/v1/orders/":          "no_such_operation", // a slash at the end makes another path
		"/orders/v1/Orders":           "no_such_operation",
		"/orders/v1/orders;x=1":       "no_such_operation",
		"/orders/v1/orders/1/2":       "no_such_operation",
		"/%6frders/v1/orders":         "allow", // the same path, written differently
		"/orders/v1":                  "allow",
		"/orders/v1/":                 "allow",
		"/orders/v1/orders/%3F":       "allow", // an encoded question mark is data
		"/orders/v1/orders/.x":        "allow",
		"/orders/v1/orders/%E2%82%AC": "allow",
	} {
		w.wants(w.asShop("GET", path), want)
	}
	for path, upstream := range map[string]string{
		"/orders/v1": "/", "/orders/v1/": "/", "/%6frders/v1/orders": "/orders", "/orders/v1/orders/%61": "/orders/a",
		"/orders/v1/orders/%3f": "/orders/%3F",
	} {
		if d := w.wants(w.asShop("GET", path), "allow"); d.Target.Path != upstream {
			t.Errorf("%s goes to %s, want %s", path, d.Target.Path, upstream)
		}
	}
}
