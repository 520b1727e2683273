package decision_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

func TestAPlansLimitsAreNamedAfterIt(t *testing.T) {
	rate := decision.Limit{Kind: decision.RateLimit, Name: "gold-rate", Requests: 5, Seconds: 60, Burst: 9}
	quota := decision.Limit{Kind: decision.QuotaLimit, Name: "gold-quota", Requests: 100, Period: catalog.Month}
	burst := func(n int) []decision.Limit {
		l := rate
		l.Burst = n
		return []decision.Limit{l}
	}
	for name, c := range map[string]struct {
		rate  *catalog.Rate
		quota *catalog.Quota
		want  []decision.Limit
	}{
		"a plan without limits has none":     {},
		"a rate alone":                       {&catalog.Rate{Requests: 5, Seconds: 60, Burst: 9}, nil, []decision.Limit{rate}},
		"a quota alone":                      {nil, &catalog.Quota{Requests: 100, Period: catalog.Month}, []decision.Limit{quota}},
		"the rate goes before the quota":     {&catalog.Rate{Requests: 5, Seconds: 60, Burst: 9}, &catalog.Quota{Requests: 100, Period: catalog.Month}, []decision.Limit{rate, quota}},
		"without a burst it is the requests": {&catalog.Rate{Requests: 5, Seconds: 60}, nil, burst(5)},
		"a burst is never below one call":    {&catalog.Rate{Requests: 5, Seconds: 60, Burst: -1}, nil, burst(1)},
	} {
		t.Run(name, func(t *testing.T) {
			var got []decision.Limit
			for _, claim := range decision.ClaimsOf(&catalog.Plan{ID: "gold", Rate: c.rate, Quota: c.quota}, "sub", &catalog.API{ID: "orders"}, "getOrder") {
				got = append(got, claim.Limits...)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

var (
	someRate  = &catalog.Rate{Requests: 5, Seconds: 60}
	someQuota = &catalog.Quota{Requests: 9, Period: catalog.Month, AnchorDay: 31, Shadow: true}
)

// told writes claims as "counter name name, ...".
func told(claims []decision.Claim) string {
	var all []string
	for _, c := range claims {
		line := c.Counter
		for _, l := range c.Limits {
			line += " " + l.Name
		}
		all = append(all, line)
	}
	return strings.Join(all, ", ")
}

func TestACallTakesOfEveryCounterThatHasLimits(t *testing.T) {
	both := catalog.Limits{Rate: someRate, Quota: someQuota}
	full := catalog.Plan{ID: "gold", Rate: someRate, Quota: someQuota, Operations: map[string]catalog.Limits{"getOrder": both}, Outage: catalog.OutageOpen, Overdraft: 7}
	api := catalog.API{ID: "orders", Limits: &both, Anonymous: &both,
		Operations: map[string]catalog.OperationTraffic{"getOrder": {Cost: 5, Limits: &both}, "listOrders": {Cost: 2}}}
	for name, c := range map[string]struct {
		plan      catalog.Plan
		api       catalog.API
		operation string
		want      string
	}{
		"in this order: subscription, its operation, the API's operation, the API": {full, api, "getOrder",
			"s gold-rate gold-quota, s/getOrder gold-getOrder-rate gold-getOrder-quota, " +
				"api/orders/getOrder orders-getOrder-rate orders-getOrder-quota, api/orders orders-api-rate orders-api-quota"},
		"another operation has its own counters, and shares the others": {full, api, "listOrders", "s gold-rate gold-quota, api/orders orders-api-rate orders-api-quota"},
		"no limits, no claims":                            {catalog.Plan{ID: "gold"}, catalog.API{ID: "orders"}, "getOrder", ""},
		"limits without a rate and a quota are none":      {catalog.Plan{ID: "gold", Operations: map[string]catalog.Limits{"x": {}}}, catalog.API{ID: "orders", Limits: &catalog.Limits{}}, "x", ""},
		"an API's limits hold for a plan without any":     {catalog.Plan{ID: "free"}, api, "listOrders", "api/orders orders-api-rate orders-api-quota"},
		"a plan that is called like the API's own limits": {catalog.Plan{ID: "orders-api", Rate: someRate}, api, "x", "s orders-api-rate, api/orders orders-api~2-rate orders-api~2-quota"},
		"a plan that is called like the API": {catalog.Plan{ID: "orders", Operations: map[string]catalog.Limits{"getOrder": {Rate: someRate}}}, api, "getOrder",
			"s/getOrder orders-getOrder-rate, api/orders/getOrder orders-getOrder~2-rate orders-getOrder~2-quota, api/orders orders-api-rate orders-api-quota"},
		"an operation that is called api": {full, catalog.API{ID: "orders", Limits: &both, Operations: map[string]catalog.OperationTraffic{"api": {Limits: &both}}}, "api",
			"s gold-rate gold-quota, api/orders/api orders-api~2-rate orders-api~2-quota, api/orders orders-api-rate orders-api-quota"},
		"a plan that is called like the API, and an operation that is called api": {catalog.Plan{ID: "orders", Operations: map[string]catalog.Limits{"api": {Rate: someRate}}},
			catalog.API{ID: "orders", Limits: &both, Operations: map[string]catalog.OperationTraffic{"api": {Limits: &both}}}, "api",
			"s/api orders-api~2-rate, api/orders/api orders-api~3-rate orders-api~3-quota, api/orders orders-api-rate orders-api-quota"},
		"an id that is no name is made one": {catalog.Plan{ID: "gold", Operations: map[string]catalog.Limits{`GET /"ö"/{id}`: {Rate: someRate}}}, catalog.API{ID: "orders"}, `GET /"ö"/{id}`,
			`s/GET /"ö"/{id} gold-GET_______id_~3cb783dc-rate`},
	} {
		t.Run(name, func(t *testing.T) {
			claims := decision.ClaimsOf(&c.plan, "s", &c.api, c.operation)
			if diff := cmp.Diff(c.want, told(claims)); diff != "" {
				t.Error(diff)
			}
			for _, claim := range claims {
				if claim.Outage != c.plan.Outage || claim.Overdraft != c.plan.Overdraft {
					t.Errorf("the plan's choice for an outage is not that of %s", claim.Counter)
				}
			}
		})
	}
	if got := decision.Cost(&api, "getOrder"); got != 5 || decision.Cost(&api, "none") != 0 {
		t.Errorf("cost %d", got)
	}
	if l := decision.ClaimsOf(&full, "s", &api, "x")[0].Limits[1]; l.AnchorDay != 31 || !l.Shadow {
		t.Errorf("an anchor day or a shadow got lost: %+v", l)
	}
	want := "address/orders/192.0.2.1 orders-anonymous-rate orders-anonymous-quota, api/orders/getOrder orders-getOrder-rate orders-getOrder-quota, api/orders orders-api-rate orders-api-quota"
	claims := decision.AnonymousClaims(&api, "192.0.2.1", "getOrder")
	if diff := cmp.Diff(want, told(claims)); diff != "" || claims[0].Outage != "" {
		t.Error(diff)
	}
	_, shared, _ := strings.Cut(want, ", ")
	if diff := cmp.Diff(shared, told(decision.APIClaims(&api, "getOrder"))); diff != "" {
		t.Error(diff)
	}
}

// Names go into structured fields (RFC 8941 §3.3.3), where they must be strings, and clients tell limits apart by them.
func TestNamesOfLimitsArePrintableShortAndUnique(t *testing.T) {
	slug := rapid.StringMatching(`[a-z][a-z0-9-]{1,62}`)
	rapid.Check(t, func(t *rapid.T) {
		both := catalog.Limits{Rate: someRate, Quota: someQuota}
		operation := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"api", "anonymous", "a"}), slug).Draw(t, "operation")
		api := catalog.API{ID: catalog.APIID(slug.Draw(t, "api")), Limits: &both, Anonymous: &both, Operations: map[string]catalog.OperationTraffic{operation: {Limits: &both}}}
		plan := catalog.Plan{Rate: someRate, Quota: someQuota, Operations: map[string]catalog.Limits{operation: both}}
		plan.ID = catalog.PlanID(rapid.OneOf(slug, rapid.Just(string(api.ID)), rapid.Just(string(api.ID)+"-api"), rapid.Just(string(api.ID)+"-a")).Draw(t, "plan"))
		for _, claims := range [][]decision.Claim{decision.ClaimsOf(&plan, "s", &api, operation), decision.AnonymousClaims(&api, "192.0.2.1", operation)} {
			var names []string
			for _, c := range claims {
				for _, l := range c.Limits {
					if strings.ContainsFunc(l.Name, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
						t.Fatalf("%q is no name", l.Name)
					}
					if len(l.Name) > len(plan.ID)+len(api.ID)+60 || slices.Contains(names, l.Name) {
						t.Fatalf("%q is too long, or there twice: %q", l.Name, names)
					}
					names = append(names, l.Name)
				}
			}
		}
	})
}

func TestANetworkIsAnIPv4AddressOrAnIPv6Customer(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:DB8:1:2:3::1": "2001:db8:1:2::/64", "::1": "::/64", "fe80::1%eth0": "fe80::/64",
		"": "", "192.0.2": "", "192.0.2.256": "", "1": "", "192.0.2.1:80": "", "example.com": "", "2001:db8::/64": "",
	} {
		if got, ok := decision.Network(address); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %v, want %q", address, got, ok, want)
		}
	}
}

func FuzzNetwork(f *testing.F) {
	f.Add("192.0.2.1")
	f.Add("fe80::1%eth0")
	f.Fuzz(func(t *testing.T, address string) {
		got, ok := decision.Network(address)
		if again, _ := decision.Network(strings.TrimSuffix(got, "/64")); ok && again != got || len(got) > 40 || ok == (got == "") {
			t.Errorf("%q is %q, then %q", address, got, again)
		}
	})
}

func BenchmarkClaimsOf(b *testing.B) {
	both := catalog.Limits{Rate: someRate, Quota: someQuota}
	for name, plan := range map[string]catalog.Plan{"one counter": {ID: "gold", Rate: someRate, Quota: someQuota},
		"two": {ID: "gold", Rate: someRate, Quota: someQuota, Operations: map[string]catalog.Limits{"getOrder": both}}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				decision.ClaimsOf(&plan, "s", &catalog.API{ID: "orders"}, "getOrder")
			}
		})
	}
}
