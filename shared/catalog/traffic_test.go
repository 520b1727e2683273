package catalog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
)

var (
	goodLimits = &catalog.Limits{Rate: &catalog.Rate{Requests: 10, Seconds: 1, Burst: 20, Shadow: true}, Quota: &catalog.Quota{Requests: 10, Period: catalog.Month, AnchorDay: 31}}
	badLimits  = &catalog.Limits{Rate: &catalog.Rate{Burst: -1, Seconds: 86_401}, Quota: &catalog.Quota{Requests: -1, Period: "week", AnchorDay: 32}}
)

func faultsOf(at string) []string {
	return []string{at + "/rate/requests", at + "/rate/seconds", at + "/rate/burst", at + "/quota/requests", at + "/quota/period", at + "/quota/anchor_day", at + "/quota/anchor_day"}
}

func TestEveryFaultOfAPlansTrafficIsNamedAtItsPlace(t *testing.T) {
	operations := func(n int) map[string]catalog.Limits {
		all := map[string]catalog.Limits{}
		for i := range n {
			all[fmt.Sprint("op", i)] = *goodLimits
		}
		return all
	}
	one := func(id string) map[string]catalog.Limits { return map[string]catalog.Limits{id: *goodLimits} }
	for name, c := range map[string]struct {
		change func(*catalog.Plan)
		want   []string
	}{
		"all in order": {func(p *catalog.Plan) {
			p.Rate, p.Quota, p.Operations = goodLimits.Rate, goodLimits.Quota, one("getOrder")
			p.Priority, p.Outage, p.Overdraft = catalog.HighPriority, catalog.OutageOpen, 1
		}, nil},
		"nothing set":                                  {func(*catalog.Plan) {}, nil},
		"an anchor day on the last day":                {func(p *catalog.Plan) { p.Quota = &catalog.Quota{Requests: 1, Period: catalog.Month, AnchorDay: 31} }, nil},
		"an anchor day of a quota per day":             {func(p *catalog.Plan) { p.Quota = &catalog.Quota{Requests: 1, Period: catalog.Day, AnchorDay: 1} }, []string{"/quota/anchor_day"}},
		"an anchor day before the first":               {func(p *catalog.Plan) { p.Quota = &catalog.Quota{Requests: 1, Period: catalog.Month, AnchorDay: -1} }, []string{"/quota/anchor_day"}},
		"an operation with everything wrong":           {func(p *catalog.Plan) { p.Operations = map[string]catalog.Limits{"getOrder": *badLimits} }, faultsOf("/operations/getOrder")},
		"an operation without limits":                  {func(p *catalog.Plan) { p.Operations = map[string]catalog.Limits{"b": {}, "a": {}} }, []string{"/operations/a", "/operations/b"}},
		"an operation that no contract has":            {func(p *catalog.Plan) { p.Operations = one("GET /nothing/{id}") }, nil},
		"an operation without a name":                  {func(p *catalog.Plan) { p.Operations = one("") }, []string{"/operations/"}},
		"an operation's name with a control character": {func(p *catalog.Plan) { p.Operations = one("a\nb") }, []string{"/operations/a\nb"}},
		"an operation's name that is no text":          {func(p *catalog.Plan) { p.Operations = one("a\xff") }, []string{"/operations/a\ufffd"}},
		"a pointer escapes what it must":               {func(p *catalog.Plan) { p.Operations = map[string]catalog.Limits{"GET /~x": {}} }, []string{"/operations/GET ~1~0x"}},
		"the longest name":                             {func(p *catalog.Plan) { p.Operations = one(strings.Repeat("x", catalog.MaxOperationID)) }, nil},
		"a longer name": {func(p *catalog.Plan) { p.Operations = one(strings.Repeat("x", catalog.MaxOperationID+1)) },
			[]string{"/operations/" + strings.Repeat("x", 64) + "…"}},
		"a name that is long in JSON": {func(p *catalog.Plan) { p.Operations = one(strings.Repeat("<", catalog.MaxOperationID/6+1)) },
			[]string{"/operations/" + strings.Repeat("<", catalog.MaxOperationID/6+1)}},
		"as many operations as may be":      {func(p *catalog.Plan) { p.Operations = operations(catalog.MaxOperations) }, nil},
		"one operation more":                {func(p *catalog.Plan) { p.Operations = operations(catalog.MaxOperations + 1) }, []string{"/operations"}},
		"a priority nobody knows":           {func(p *catalog.Plan) { p.Priority = "urgent" }, []string{"/priority"}},
		"an outage nobody knows":            {func(p *catalog.Plan) { p.Outage = "ajar" }, []string{"/on_store_outage"}},
		"open without an overdraft":         {func(p *catalog.Plan) { p.Outage = catalog.OutageOpen }, []string{"/overdraft"}},
		"open with too large an overdraft":  {func(p *catalog.Plan) { p.Outage, p.Overdraft = catalog.OutageOpen, catalog.MaxOverdraft+1 }, []string{"/overdraft"}},
		"an overdraft without an outage":    {func(p *catalog.Plan) { p.Overdraft = 1 }, []string{"/overdraft"}},
		"an overdraft where leases are all": {func(p *catalog.Plan) { p.Outage, p.Overdraft = catalog.OutageLease, 1 }, []string{"/overdraft"}},
		"an overdraft where all is closed":  {func(p *catalog.Plan) { p.Outage, p.Overdraft = catalog.OutageClosed, 1 }, []string{"/overdraft"}},
		"the largest overdraft":             {func(p *catalog.Plan) { p.Outage, p.Overdraft = catalog.OutageOpen, catalog.MaxOverdraft }, nil},
	} {
		p := catalog.Plan{ID: "gold", Name: "Gold", Approval: catalog.Manual}
		c.change(&p)
		if diff := cmp.Diff(c.want, pointers(p.Validate())); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestEveryFaultOfAnAPIsTrafficIsNamedAtItsPlace(t *testing.T) {
	type operations = map[string]catalog.OperationTraffic
	rate := func(requests, burst int, shadow bool) *catalog.Limits {
		return &catalog.Limits{Rate: &catalog.Rate{Requests: requests, Seconds: 1, Burst: burst, Shadow: shadow}}
	}
	quota := func(requests int, shadow bool) *catalog.Limits {
		return &catalog.Limits{Quota: &catalog.Quota{Requests: requests, Period: catalog.Day, Shadow: shadow}}
	}
	for name, c := range map[string]struct {
		change func(*catalog.API)
		want   []string
	}{
		"all in order": {func(a *catalog.API) {
			a.Limits, a.Anonymous, a.Operations = goodLimits, goodLimits, operations{"getOrder": {Cost: 10, Limits: goodLimits}, "x": {}}
		}, nil},
		"limits with everything wrong":                {func(a *catalog.API) { a.Limits = badLimits }, faultsOf("/limits")},
		"limits that limit nothing":                   {func(a *catalog.API) { a.Limits = &catalog.Limits{} }, []string{"/limits"}},
		"anonymous limits with everything wrong":      {func(a *catalog.API) { a.Anonymous = badLimits }, faultsOf("/anonymous")},
		"anonymous without a limit":                   {func(a *catalog.API) { a.Anonymous = &catalog.Limits{} }, []string{"/anonymous"}},
		"anonymous, but for partners":                 {func(a *catalog.API) { a.Anonymous, a.Audience = goodLimits, catalog.Partner }, []string{"/anonymous"}},
		"anonymous, but for insiders":                 {func(a *catalog.API) { a.Anonymous, a.Audience = goodLimits, catalog.Internal }, []string{"/anonymous"}},
		"an operation's limits with everything wrong": {func(a *catalog.API) { a.Operations = operations{"o": {Limits: badLimits}} }, faultsOf("/operations/o/limits")},
		"an operation's limits that limit nothing":    {func(a *catalog.API) { a.Operations = operations{"o": {Limits: &catalog.Limits{}}} }, []string{"/operations/o/limits"}},
		"a cost below nothing":                        {func(a *catalog.API) { a.Operations = operations{"o": {Cost: -1}} }, []string{"/operations/o/cost"}},
		"the largest cost":                            {func(a *catalog.API) { a.Operations = operations{"o": {Cost: catalog.MaxCost}} }, nil},
		"a larger cost":                               {func(a *catalog.API) { a.Operations = operations{"o": {Cost: catalog.MaxCost + 1}} }, []string{"/operations/o/cost"}},
		"a cost that the API's burst never has":       {func(a *catalog.API) { a.Limits, a.Operations = rate(9, 4, false), operations{"o": {Cost: 5}} }, []string{"/operations/o/cost"}},
		"a cost that the API's rate has as its burst": {func(a *catalog.API) { a.Limits, a.Operations = rate(5, 0, false), operations{"o": {Cost: 5}} }, nil},
		"a cost beyond the API's quota":               {func(a *catalog.API) { a.Limits, a.Operations = quota(4, false), operations{"o": {Cost: 5}} }, []string{"/operations/o/cost"}},
		"a cost beyond limits that refuse nothing": {func(a *catalog.API) {
			a.Limits, a.Anonymous, a.Operations = rate(1, 1, true), quota(1, true), operations{"o": {Cost: 5}}
		}, nil},
		"a cost that the operation's own quota lacks":  {func(a *catalog.API) { a.Operations = operations{"o": {Cost: 5, Limits: quota(4, false)}} }, []string{"/operations/o/cost"}},
		"a cost that no address ever has":              {func(a *catalog.API) { a.Anonymous, a.Operations = rate(4, 0, false), operations{"o": {Cost: 5}} }, []string{"/operations/o/cost"}},
		"an operation that has no name, in this place": {func(a *catalog.API) { a.Operations = operations{"": {}} }, []string{"/operations/"}},
	} {
		a := catalog.API{ID: "orders", Name: "O", Team: "core", Kind: catalog.REST, Audience: catalog.Public, Sensitivity: catalog.Open}
		c.change(&a)
		if diff := cmp.Diff(c.want, pointers(a.Validate())); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestEveryFaultOfAnUpstreamIsNamedAtItsPlace(t *testing.T) {
	static := func(s catalog.StaticAnswer) func(*catalog.Upstream) {
		return func(u *catalog.Upstream) { u.Fallback = &catalog.Fallback{Static: &s} }
	}
	to := func(url string) func(*catalog.Upstream) {
		return func(u *catalog.Upstream) { u.Fallback = &catalog.Fallback{URL: url} }
	}
	const body = "/upstream/fallback/static/body"
	for name, c := range map[string]struct {
		change func(*catalog.Upstream)
		want   []string
	}{
		"everything at its most": {func(u *catalog.Upstream) {
			*u = catalog.Upstream{URL: u.URL, TimeoutMs: 29_000, MaxInFlight: 500, HedgeAfterMs: 28_999, Retries: &catalog.Retries{Attempts: 3, BudgetPercent: 100},
				Breaker: &catalog.Breaker{FailurePercent: 100, MinimumCalls: 10_000, WindowSeconds: 300, OpenSeconds: 300},
				Cache:   &catalog.Cache{MaxBytes: catalog.MaxBodyBytes, DefaultTTLSeconds: catalog.MaxTTLSeconds, StaleIfErrorSeconds: catalog.MaxStaleSeconds}, Idempotency: catalog.IdempotencyRequire,
				Fallback: &catalog.Fallback{URL: "https://b.example/x", Static: &catalog.StaticAnswer{Status: 599, ContentType: "text/plain; charset=utf-8", Body: strings.Repeat("x", 1024)}}}
		}, nil},
		"members that say nothing": {func(u *catalog.Upstream) { u.Breaker, u.Cache = &catalog.Breaker{}, &catalog.Cache{} }, nil},
		"everything wrong": {func(u *catalog.Upstream) {
			*u = catalog.Upstream{URL: u.URL, MaxInFlight: 501, HedgeAfterMs: -1, Retries: &catalog.Retries{BudgetPercent: 101}, Breaker: &catalog.Breaker{FailurePercent: 101, MinimumCalls: -1, WindowSeconds: 301, OpenSeconds: 301},
				Cache: &catalog.Cache{MaxBytes: -1, DefaultTTLSeconds: -1, StaleIfErrorSeconds: -1}, Idempotency: "maybe", Fallback: &catalog.Fallback{URL: "ftp://x", Static: &catalog.StaticAnswer{Status: 199, Body: "x"}}}
		}, []string{"/upstream/max_in_flight", "/upstream/hedge_after_ms", "/upstream/retries/attempts", "/upstream/retries/budget_percent", "/upstream/breaker/failure_percent", "/upstream/breaker/minimum_calls",
			"/upstream/breaker/window_seconds", "/upstream/breaker/open_seconds", "/upstream/cache/max_bytes", "/upstream/cache/default_ttl_seconds", "/upstream/cache/stale_if_error_seconds",
			"/upstream/fallback/url", "/upstream/fallback/static/status", "/upstream/fallback/static/content_type", "/upstream/idempotency"}},
		"four retries":                           {func(u *catalog.Upstream) { u.Retries = &catalog.Retries{Attempts: 4} }, []string{"/upstream/retries/attempts"}},
		"a hedge at the timeout":                 {func(u *catalog.Upstream) { u.TimeoutMs, u.HedgeAfterMs = 500, 500 }, []string{"/upstream/hedge_after_ms"}},
		"a hedge just before it":                 {func(u *catalog.Upstream) { u.TimeoutMs, u.HedgeAfterMs = 500, 499 }, nil},
		"a hedge at the timeout that is not set": {func(u *catalog.Upstream) { u.HedgeAfterMs = catalog.DefaultTimeoutMs }, []string{"/upstream/hedge_after_ms"}},
		"a fallback that is none":                {func(u *catalog.Upstream) { u.Fallback = &catalog.Fallback{} }, []string{"/upstream/fallback"}},
		"a fallback to itself":                   {func(u *catalog.Upstream) { u.Fallback = &catalog.Fallback{URL: u.URL} }, []string{"/upstream/fallback/url"}},
		"a fallback with a credential":           {to("https://u:p@b.example"), []string{"/upstream/fallback/url"}},
		"a fallback with a query":                {to("https://b.example?x"), []string{"/upstream/fallback/url"}},
		"a fallback that is no URL":              {to("javascript:alert(1)"), []string{"/upstream/fallback/url"}},
		"a static answer without content":        {static(catalog.StaticAnswer{Status: 204}), nil},
		"content with a status that has none":    {static(catalog.StaticAnswer{Status: 204, ContentType: "text/plain", Body: "x"}), []string{body}},
		"and another one":                        {static(catalog.StaticAnswer{Status: 304, ContentType: "text/plain", Body: "x"}), []string{body}},
		"a body of 1025 bytes":                   {static(catalog.StaticAnswer{Status: 200, ContentType: "text/plain", Body: strings.Repeat("x", 1025)}), []string{body, body}},
		"a body of fewer characters":             {static(catalog.StaticAnswer{Status: 200, ContentType: "text/plain", Body: strings.Repeat("é", 513)}), []string{body}},
		"a body that is no text":                 {static(catalog.StaticAnswer{Status: 200, ContentType: "text/plain", Body: "\xff"}), []string{body}},
		"a content type that splits the header":  {static(catalog.StaticAnswer{Status: 200, ContentType: "text/plain\r\nset-cookie: x", Body: "x"}), []string{"/upstream/fallback/static/content_type"}},
		"a content type of another script":       {static(catalog.StaticAnswer{Status: 200, ContentType: `text/plain; x="é"`, Body: "x"}), []string{"/upstream/fallback/static/content_type"}},
		"a long content type":                    {static(catalog.StaticAnswer{Status: 200, ContentType: "text/" + strings.Repeat("x", 100)}), []string{"/upstream/fallback/static/content_type"}},
		"a body that is long in JSON":            {static(catalog.StaticAnswer{Status: 200, ContentType: "text/html", Body: strings.Repeat("<", 1024)}), []string{"/upstream"}},
		"two long URLs":                          {to("https://b.example/" + strings.Repeat("x", 1900)), []string{"/upstream"}},
	} {
		u := catalog.Upstream{URL: "https://a.example/x"}
		if name == "two long URLs" {
			u.URL = "https://a.example/" + strings.Repeat("x", 1900)
		}
		c.change(&u)
		v := catalog.Version{Version: "v1", Upstream: u, Validation: catalog.Validation{Request: "off", Response: "off"}}
		if diff := cmp.Diff(c.want, pointers(v.Validate())); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestNobodyCanTakeTheNameOfStrangers(t *testing.T) {
	for name, of := range map[string]resource{
		"a consumer": &catalog.Consumer{ID: catalog.Anonymous, Name: "A", Kind: catalog.Public},
		"an app":     &catalog.App{ID: catalog.Anonymous, Name: "A", Consumer: "acme"},
	} {
		if diff := cmp.Diff([]string{"/id"}, pointers(of.Validate())); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestScopesOfASubscriptionFitIntoADecision(t *testing.T) {
	s := catalog.Subscription{App: "shop", API: "orders", Plan: "gold", State: catalog.Active}
	for range 2 {
		for i := range 5 {
			s.Scopes = append(s.Scopes, strings.Repeat(string(rune('a'+i+len(s.Scopes))), 200))
		}
		want := []string(nil)
		if len(s.Scopes) > 5 {
			want = []string{"/scopes"}
		}
		if diff := cmp.Diff(want, pointers(s.Validate())); diff != "" {
			t.Errorf("%d scopes: %s", len(s.Scopes), diff)
		}
	}
}
