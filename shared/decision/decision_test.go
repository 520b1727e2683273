package decision_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

var call = decision.Call{Plane: decision.Gateway, RequestID: "r-1", Method: "GET", Path: "/orders/v1/orders/42", Credential: "digest"}

func allow() decision.Decision {
	sunset := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	return decision.Decision{Call: call, At: time.Date(2026, 11, 23, 19, 0, 0, 0, time.UTC),
		Caller: decision.Caller{Consumer: "acme", App: "shop", Key: "k-1", Subscription: "s-1", Plan: "gold", Scopes: []string{"a", "b"}},
		Target: decision.Target{API: "orders", Version: "v1", Revision: "0f", Operation: "getOrder", Route: "/orders/{id}", Path: "/orders/42",
			Upstream: catalog.Upstream{URL: "https://example.com", TimeoutMs: 3}},
		Claims: []decision.Claim{{Counter: "s-1", Outage: catalog.OutageOpen, Overdraft: 3, Limits: []decision.Limit{{Kind: decision.RateLimit, Name: "gold-rate", Requests: 5, Seconds: 1, Burst: 5},
			{Kind: decision.QuotaLimit, Name: "gold-quota", Requests: 100, Period: catalog.Month, AnchorDay: 3, Shadow: true}}}}, Cost: 2,
		Notice: &decision.Notice{Deprecated: sunset.AddDate(0, -1, 0), Sunset: &sunset, Successor: "/orders/v2"},
	}
}

func carry(t *testing.T, d decision.Decision) map[string]any {
	t.Helper()
	s, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{decision.ContextKey: s}
}

func TestADecisionArrivesAsItWasMade(t *testing.T) {
	refusal := decision.Decision{Call: call, At: time.Unix(1, 0).UTC(), Refusal: &decision.Denial{Code: decision.ScopeMissing,
		Detail: "needs \"x\"", Allow: []string{"GET"}, Hints: map[string]string{"missing_scopes": "x"}}}
	for name, d := range map[string]decision.Decision{"an allow": allow(), "a refusal": refusal} {
		got, err := decision.Verify(carry(t, d), call)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&d, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if got.Allowed() == (d.Refusal != nil) {
			t.Errorf("%s: allowed is %v", name, got.Allowed())
		}
	}
}

func TestADecisionIsGoodForExactlyItsOwnCall(t *testing.T) {
	context := carry(t, allow())
	for name, change := range map[string]func(*decision.Call){
		"another method":     func(c *decision.Call) { c.Method = "DELETE" },
		"another path":       func(c *decision.Call) { c.Path = "/orders/v1/orders/43" },
		"another credential": func(c *decision.Call) { c.Credential = "other" },
		"no credential":      func(c *decision.Call) { c.Credential = "" },
		"another plane":      func(c *decision.Call) { c.Plane = decision.Management },
	} {
		want := call
		change(&want)
		if d, err := decision.Verify(context, want); err == nil {
			t.Errorf("%s passes with %+v", name, d)
		}
	}
}

func TestWithoutAReadableDecisionNothingPasses(t *testing.T) {
	empty := carry(t, decision.Decision{Call: call})
	for name, context := range map[string]map[string]any{
		"no context": nil, "an empty one": {}, "no text": {decision.ContextKey: 1}, "an empty text": {decision.ContextKey: ""},
		"garbage": {decision.ContextKey: "}{"}, "another type": {decision.ContextKey: `[]`}, "null": {decision.ContextKey: "null"},
		"an empty object": {decision.ContextKey: "{}"}, "one without a time": empty,
	} {
		if d, err := decision.Verify(context, call); err == nil {
			t.Errorf("%s passes with %+v", name, d)
		}
	}
}

func TestEveryRefusalExplainsItself(t *testing.T) {
	seen := map[decision.Refusal]bool{}
	for _, r := range decision.Refusals() {
		if seen[r] || !r.Known() {
			t.Errorf("%s is listed twice or has no face", r)
		}
		seen[r] = true
		doc := (&decision.Denial{Code: r}).Document("r-1")
		if doc.Title == "" || doc.Extra["fix"] == "" || doc.RequestID != "r-1" || doc.Code != string(r) || doc.Status != r.Status() || !strings.Contains(doc.Type, ":") {
			t.Errorf("%s: %+v", r, doc)
		}
	}
	if doc := (&decision.Denial{Code: "made_up"}).Document("r"); doc.Status != http.StatusInternalServerError || doc.Code != "internal" {
		t.Errorf("a code that is not on the list gives %+v", doc)
	}
}

// FuzzVerify: whatever arrives, only an intact decision about this call passes.
func FuzzVerify(f *testing.F) {
	d := allow()
	s, err := d.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s)
	f.Add(`{"c":{"p":"gateway","i":"r-1","m":"GET","u":"/orders/v1/orders/42","k":"digest"},"at":"2026-11-23T19:00:00Z"}`)
	for _, twist := range twists {
		f.Add(strings.Replace(s, twist.old, twist.new, 1))
	}
	f.Fuzz(func(t *testing.T, s string) {
		agree(t, s)
		d, err := decision.Verify(map[string]any{decision.ContextKey: s}, call)
		if d != nil {
			d.Call.RequestID = call.RequestID // which does not bind
		}
		if err == nil && (d.Call != call || (d.Allowed() && d.At.IsZero())) {
			t.Fatalf("%q passes as %+v", s, d)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	d := allow()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Encode(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	d := allow()
	s, err := d.Encode()
	if err != nil {
		b.Fatal(err)
	}
	context := map[string]any{decision.ContextKey: s}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decision.Verify(context, call); err != nil {
			b.Fatal(err)
		}
	}
}
