package authorize_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/credential"
	"sluice/shared/decision"
	"sluice/shared/policy"
)

// open makes the API orders one that takes calls without a credential.
func open(w *world) *catalog.API {
	api := &catalog.API{ID: "orders", Kind: catalog.REST, Audience: catalog.Public, Anonymous: &catalog.Limits{Rate: &catalog.Rate{Requests: 5, Seconds: 60}}}
	w.put(api)
	return api
}

// without calls without a credential.
func without(w *world, method, path, source string) *decision.Decision {
	e := w.event(method, path)
	e.RequestContext.HTTP.SourceIP = source
	return w.ask(e)
}

func TestACallWithoutACredentialIsCountedByItsAddress(t *testing.T) {
	w := newWorld(t)
	api := open(w)
	api.Limits = &catalog.Limits{Quota: &catalog.Quota{Requests: 1000, Period: catalog.Day}}
	api.Operations = map[string]catalog.OperationTraffic{"listOrders": {Cost: 3, Limits: &catalog.Limits{Rate: &catalog.Rate{Requests: 9, Seconds: 1}}}}
	w.put(api)
	got := without(w, "GET", "/orders/v1/orders", "192.0.2.1")
	want := &decision.Decision{
		Call:   got.Call,
		Caller: decision.Caller{Consumer: "anonymous", App: "anonymous", Priority: catalog.LowPriority},
		Target: decision.Target{API: "orders", Version: "v1", Revision: "r1", Operation: "listOrders", Route: "/orders",
			Path: "/orders", Upstream: catalog.Upstream{URL: "https://orders.example"}},
		Claims: []decision.Claim{
			{Counter: "address/orders/192.0.2.1", Limits: []decision.Limit{{Kind: decision.RateLimit, Name: "orders-anonymous-rate", Requests: 5, Seconds: 60, Burst: 5}}},
			{Counter: "api/orders/listOrders", Limits: []decision.Limit{{Kind: decision.RateLimit, Name: "orders-listOrders-rate", Requests: 9, Seconds: 1, Burst: 9}}},
			{Counter: "api/orders", Limits: []decision.Limit{{Kind: decision.QuotaLimit, Name: "orders-api-quota", Requests: 1000, Period: catalog.Day}}}},
		Cost: 3, At: w.at,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for source, counter := range map[string]string{
		"192.0.2.1":                "address/orders/192.0.2.1",
		"::ffff:192.0.2.1":         "address/orders/192.0.2.1",
		"2001:db8:1:2:3:4:5:6":     "address/orders/2001:db8:1:2::/64",
		"2001:db8:1:2::9":          "address/orders/2001:db8:1:2::/64",
		"fe80::1:2:3:4%eth0":       "address/orders/fe80::/64",
		"2001:db8:1:3:ffff:ffff::": "address/orders/2001:db8:1:3::/64",
	} {
		d := without(w, "GET", "/orders/v1/orders", source)
		if code(d) != "allow" || d.Claims[0].Counter != counter {
			t.Errorf("%s: %s, %+v, want %s", source, code(d), d.Claims, counter)
		}
	}
}

// TestDefaultDenyWithoutACredential is promise 1 for calls without a credential: exactly those pass that name an operation
// without scopes, in a version that is served, of an API for the public that says so. What shop may do has no part in it.
func TestDefaultDenyWithoutACredential(t *testing.T) {
	type standing struct {
		set func(*world)
		ok  bool
	}
	open := func(a catalog.Audience, l *catalog.Limits) func(*world) {
		return func(w *world) { w.put(&catalog.API{ID: "orders", Kind: catalog.REST, Audience: a, Anonymous: l}) }
	}
	limits := &catalog.Limits{Rate: &catalog.Rate{Requests: 5, Seconds: 60}}
	apis := map[string]standing{
		"open":                         {open(catalog.Public, limits), true},
		"for the public with a key":    {open(catalog.Public, nil), false},
		"for partners, though open":    {open(catalog.Partner, limits), false},
		"for insiders, though open":    {open(catalog.Internal, limits), false},
		"for nobody we know, and open": {open("everybody", limits), false},
		"not there":                    {func(w *world) { w.drop((&catalog.API{ID: "orders"}).Ref()) }, false},
	}
	versions := map[string]standing{}
	for state, ok := range map[catalog.State]bool{catalog.Published: true, catalog.Deprecated: true, catalog.Retired: false, catalog.Draft: false, catalog.InReview: false, "": false} {
		versions[fmt.Sprintf("in state %q", state)] = standing{func(w *world) { w.put(w.version(state)) }, ok}
	}
	subscriptions := map[string]standing{
		"shop is subscribed": {func(*world) {}, true}, "shop is suspended": {func(w *world) { w.put(w.subscription(catalog.Suspended)) }, true},
		"nobody is": {func(w *world) { w.drop(catalog.GrantRef("shop", "orders")) }, true},
	}
	headers := map[string]struct {
		list []string
		ok   bool
	}{"no header": {nil, true}, "an empty key": {[]string{"x-api-key", ""}, false}, "an empty bearer": {[]string{"authorization", "Bearer "}, false},
		"junk": {[]string{"x-api-key", junk}, false}, "a cookie": {[]string{"cookie", "x"}, true}, "another scheme": {[]string{"authorization", "Basic eDp5"}, false}}
	allowed := map[string]bool{"GET /orders": true, "HEAD /orders": true, "GET ": true, "GET /": true}
	decider := access(t)
	for a, api := range apis {
		for v, version := range versions {
			for s, subscription := range subscriptions {
				w := newWorld(t, decider)
				api.set(w)
				version.set(w)
				subscription.set(w)
				for h, header := range headers {
					for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "BREW"} {
						for _, path := range []string{"", "/", "/orders", "/orders/1", "/none"} {
							got := code(w.ask(w.event(method, "/orders/v1"+path, header.list...)))
							if want := api.ok && version.ok && header.ok && (allowed[method+" "+path] || method == "HEAD" && allowed["GET "+path]); (got == "allow") != want || got == "internal" {
								t.Errorf("%s %q with %s, API %s, version %s, %s: %s, allowed should be %v", method, path, h, a, v, s, got, want)
							}
						}
					}
				}
			}
		}
	}
}

func TestACredentialIsNeverPassedOver(t *testing.T) {
	w := newWorld(t)
	open(w)
	key := w.key.Reveal()
	for name, c := range map[string]struct {
		headers []string
		want    string
	}{
		"junk":                  {[]string{"x-api-key", junk}, "credential_invalid"},
		"an unknown key":        {[]string{"x-api-key", mint(t, credential.KeyPrefix, "nobody").Reveal()}, "credential_invalid"},
		"an admin's key":        {[]string{"authorization", "Bearer " + w.admin.Reveal()}, "credential_invalid"},
		"two":                   {[]string{"x-api-key", key, "authorization", "Bearer " + key}, "ambiguous_credentials"},
		"an empty field":        {[]string{"x-api-key", ""}, "credential_missing"},
		"an empty bearer":       {[]string{"authorization", "Bearer"}, "credential_missing"},
		"a key that may pass":   {[]string{"x-api-key", key}, "allow"},
		"a field of other ends": {[]string{"my-x-api-key", key}, "allow"},
	} {
		d := w.wants(w.event("GET", "/orders/v1/orders", c.headers...), c.want)
		if c.want == "allow" && (d.Caller.App == "anonymous") != strings.Contains(name, "other ends") {
			t.Errorf("%s: it is %s", name, d.Caller.App)
		}
	}
	then := w.at
	w.credential(w.key, catalog.Credential{Key: "key-1", App: "shop", Expires: &then})
	w.wants(w.asShop("GET", "/orders/v1/orders"), "credential_expired")
	w.credential(w.key, catalog.Credential{Key: "key-1", App: "shop", Revoked: &then})
	w.wants(w.asShop("GET", "/orders/v1/orders"), "credential_invalid")
	w.credential(w.key, catalog.Credential{Key: "key-1", App: "shop"})
	w.drop(catalog.GrantRef("shop", "orders"))
	w.wants(w.asShop("GET", "/orders/v1/orders"), "not_subscribed")
}

func TestACallWithoutACredentialLearnsOnlyOfWhatIsOpen(t *testing.T) {
	absent := func() string {
		w := newWorld(t)
		return rendered(t, w.wants(w.event("GET", "/none/v1/orders"), "credential_missing"))
	}()
	for name, change := range map[string]func(*world){
		"an API that is not open":            func(w *world) { w.put(&catalog.API{ID: "orders", Kind: catalog.REST, Audience: catalog.Public}) },
		"an API that is open no more":        func(w *world) { open(w); w.put(&catalog.API{ID: "orders", Audience: catalog.Public}) },
		"an API for others":                  func(w *world) { a := *open(w); a.Audience = catalog.Partner; w.put(&a) },
		"a version that is not there":        func(w *world) { open(w); w.drop(catalog.VersionRef("orders", "v1")) },
		"a draft of an open API":             func(w *world) { open(w); w.put(w.version(catalog.Draft)) },
		"an API that is not there at all":    func(w *world) { w.drop((&catalog.API{ID: "orders"}).Ref()) },
		"an API whose audience is not known": func(w *world) { a := *open(w); a.Audience = "all"; w.put(&a) },
	} {
		w := newWorld(t)
		change(w)
		for _, path := range []string{"/orders/v1/orders", "/orders/v1/none"} {
			d := w.wants(w.event("GET", path), "credential_missing")
			if got := rendered(t, d); got != absent || d.Target != (decision.Target{}) || d.Caller.App != "" {
				t.Errorf("%s answers\n%s, not\n%s, or names %+v %+v", name, got, absent, d.Target, d.Caller)
			}
		}
	}
	w := newWorld(t)
	open(w)
	w.wants(w.event("GET", "/orders/v1/none"), "no_such_operation")
	w.wants(w.event("BREW", "/orders/v1/orders"), "method_not_allowed")
	if got := rendered(t, w.wants(w.event("GET", "/orders/v1/orders/1"), "credential_missing")); got != absent {
		t.Errorf("an operation with scopes answers %s", got)
	}
	w.put(&catalog.Version{API: "orders", Version: "v2", State: catalog.Published})
	v := w.version(catalog.Retired)
	v.Successor = "v2"
	w.put(v)
	if d := w.wants(w.event("GET", "/orders/v1/orders"), "version_retired"); d.Refusal.Link != "/orders/v2" {
		t.Errorf("the link is %q", d.Refusal.Link)
	}
}

func TestACallWithoutACredentialNeedsAnAddress(t *testing.T) {
	w := newWorld(t)
	open(w)
	for _, source := range []string{"", "unknown", "192.0.2", "192.0.2.1:80", "192.0.2.1, 192.0.2.2", "[2001:db8::1]", "2001:db8::/64", "0300.1.1.1", " 192.0.2.1"} {
		if got := code(without(w, "GET", "/orders/v1/orders", source)); got != "credential_missing" {
			t.Errorf("%q: %s", source, got)
		}
	}
}

func TestThePolicyHasTheLastWordOnStrangers(t *testing.T) {
	for want, v := range map[string]verdict{
		"policy_refused": {}, "internal": {err: errors.New("too slow")}, "credential_missing": {Verdict: policy.Verdict{Reasons: []string{"credential_missing"}}},
	} {
		w := newWorld(t, v)
		open(w)
		w.wants(w.event("GET", "/orders/v1/orders"), want)
	}
}

func TestTryingNamesWithoutACredentialReadsNothingForLong(t *testing.T) {
	w := newWorld(t)
	open(w)
	before := w.store.reads
	for i := range 300 {
		if got := code(without(w, "GET", fmt.Sprintf("/name-%d/v1/orders", i), "2001:db8::1")); got != "credential_missing" {
			t.Fatalf("name %d: %s", i, got)
		}
	}
	if got := w.store.reads - before; got > 60 {
		t.Errorf("%d reads for 300 names", got)
	}
	if got := code(without(w, "GET", "/orders/v1/orders", "2001:db8::2")); got != "credential_missing" {
		t.Errorf("a neighbour in the /64: %s", got)
	}
	if got := code(without(w, "GET", "/orders/v1/orders", "192.0.2.9")); got != "allow" {
		t.Errorf("another address: %s", got)
	}
	if got := from(w, "2001:db8::1", w.key.Reveal()); got != "allow" {
		t.Errorf("a key from there, new to this instance: %s", got)
	}
	w.at = w.at.Add(31e9)
	if got := code(without(w, "GET", "/orders/v1/orders", "2001:db8::1")); got != "allow" {
		t.Errorf("after the block: %s", got)
	}
}

func TestAStoreThatIsDownIsNotTheStrangersFault(t *testing.T) {
	w := newWorld(t)
	open(w)
	w.store.fault = errors.New("connection refused")
	w.wants(w.event("GET", "/orders/v1/orders"), "upstream_unavailable")
	w.wants(w.event("GET", "/Orders!/v1/orders"), "credential_missing") // what is no name is not looked up
}
