package promises_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

// The decision of one call as releases have written it. Authorizer and proxy are replaced one after the other, so each must
// make the same of the other's words, or refuse them. Whoever changes how a decision travels adds a line here, and keeps these.
const (
	bound    = `{"c":{"p":"gateway","i":"r-1","m":"GET","u":"/orders/v1/orders","k":"digest"},`
	caller   = `"w":{"c":"acme","a":"shop","k":"k-1","s":"s-1","p":"free"},"t":{"a":"orders","v":"v1","o":"listOrders","t":"/orders","p":"/orders","u":{"url":"https://orders.example.com"}},`
	decided  = `"at":"2026-11-24T00:00:00Z"}`
	claims   = `"l":[{"i":"s-1","l":[{"k":"rate","n":"free-rate","q":5,"s":60,"b":5},{"k":"quota","n":"free-quota","q":100,"p":"month"}],"o":"open","d":7}],"x":3,`
	bare     = `"l":[{"k":"rate","n":"free-rate","q":5,"s":60,"b":5},{"k":"quota","n":"free-quota","q":100,"p":"month"}],` // before there were counters
	new4kind = `"l":[{"i":"s-1","l":[{"k":"concurrency","n":"free-concurrency","q":5}]}],`
)

// TestPromise12ADecisionOfAnotherReleaseIsUnderstoodOrRefused, and never taken for something else.
func TestPromise12ADecisionOfAnotherReleaseIsUnderstoodOrRefused(t *testing.T) {
	call := decision.Call{Plane: decision.Gateway, RequestID: "r-2", Method: "GET", Path: "/orders/v1/orders", Credential: "digest"}
	want := decision.Decision{Call: call, Caller: decision.Caller{Consumer: "acme", App: "shop", Key: "k-1", Subscription: "s-1", Plan: "free"},
		Target: decision.Target{API: "orders", Version: "v1", Operation: "listOrders", Route: "/orders", Path: "/orders",
			Upstream: catalog.Upstream{URL: "https://orders.example.com"}},
		Claims: []decision.Claim{{Counter: "s-1", Outage: catalog.OutageOpen, Overdraft: 7, Limits: []decision.Limit{
			{Kind: decision.RateLimit, Name: "free-rate", Requests: 5, Seconds: 60, Burst: 5},
			{Kind: decision.QuotaLimit, Name: "free-quota", Requests: 100, Period: catalog.Month}}}},
		Cost: 3, At: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)}
	want.Call.RequestID = "r-1"
	if s, err := want.Encode(); err != nil || s != bound+caller+claims+decided {
		t.Errorf("this release writes\n%s, %v\nand not\n%s", s, err, bound+caller+claims+decided)
	}
	unlimited := want
	unlimited.Claims, unlimited.Cost = nil, 0
	for name, c := range map[string]struct {
		text string
		want *decision.Decision // nil: refused
	}{
		"as it is written":                        {bound + caller + claims + decided, &want},
		"without limits":                          {bound + caller + decided, &unlimited},
		"with members that are not known yet":     {bound + caller + claims + `"z":{"new":[1]},` + decided, &want},
		"with limits of no counter":               {bound + caller + bare + decided, nil},
		"with a sort of limit that is not known":  {bound + caller + new4kind + decided, nil},
		"with a claim of nothing":                 {bound + caller + `"l":[{"i":"s-1","l":[]}],` + decided, nil},
		"bound to a request and no credential":    {strings.Replace(bound, `,"k":"digest"`, "", 1) + caller + claims + decided, nil},
		"in a form that is not JSON":              {"\x02" + bound + caller + claims + decided, nil},
		"with a number where there was an object": {bound + caller + `"l":2,` + decided, nil},
	} {
		got, err := decision.Verify(map[string]any{decision.ContextKey: c.text}, call)
		if (err == nil) != (c.want != nil) || c.want != nil && !cmp.Equal(c.want, got) {
			t.Errorf("%s: %v\n%s", name, err, cmp.Diff(c.want, got))
		}
	}
}
