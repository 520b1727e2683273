package authorize_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sluice/shared/catalog"
	"sluice/shared/contract"
	"sluice/shared/decision"
)

// The gateway takes 8 KB from an authorizer.
const maxContext = 8 << 10

func full(char string, n int) string { return strings.Repeat(char, n)[:n] }

// large is a call with a key to an API of which everything is as long as it may be, of a path with so many bytes.
func large(t *testing.T, pathBytes int) (*world, string) {
	t.Helper()
	w := newWorld(t)
	slug := func(letter string) string { return full(letter, 63) }
	limits := catalog.Limits{Rate: &catalog.Rate{Requests: 1_000_000_000, Seconds: 86_400, Burst: 1_000_000_000, Shadow: true},
		Quota: &catalog.Quota{Requests: 1_000_000_000, Period: catalog.Month, AnchorDay: 31, Shadow: true}}
	operation := full("ä", catalog.MaxOperationID)
	plan := &catalog.Plan{ID: catalog.PlanID(slug("p")), Name: "P", Approval: catalog.Manual, Rate: limits.Rate, Quota: limits.Quota, Priority: catalog.NormalPriority,
		Operations: map[string]catalog.Limits{operation: limits}, Outage: catalog.OutageOpen, Overdraft: catalog.MaxOverdraft}
	api := &catalog.API{ID: catalog.APIID(slug("a")), Name: "A", Team: "sales", Kind: catalog.GraphQL, Audience: catalog.Public, Sensitivity: catalog.Open,
		Limits: &limits, Operations: map[string]catalog.OperationTraffic{operation: {Cost: catalog.MaxCost, Limits: &limits}}, Anonymous: &limits}
	version := &catalog.Version{API: api.ID, Version: catalog.VersionID(slug("v")), State: catalog.Deprecated, Revision: catalog.RevisionID(full("f", 64)),
		Validation: catalog.Validation{Request: "off", Response: "off"}, Successor: catalog.VersionID(slug("w")), Deprecated: &w.at, Sunset: &w.at,
		Upstream: catalog.Upstream{URL: "https://a.example/" + full("u", 600), TimeoutMs: 29_000, MaxRequestBytes: catalog.MaxBodyBytes, MaxResponseBytes: catalog.MaxBodyBytes,
			MaxInFlight: catalog.MaxInFlight, HedgeAfterMs: 28_999, Retries: &catalog.Retries{Attempts: 3, BudgetPercent: 100},
			Breaker: &catalog.Breaker{FailurePercent: 100, MinimumCalls: 10_000, WindowSeconds: 300, OpenSeconds: 300}, Idempotency: catalog.IdempotencyRequire,
			Cache:    &catalog.Cache{MaxBytes: catalog.MaxBodyBytes, DefaultTTLSeconds: catalog.MaxTTLSeconds, StaleIfErrorSeconds: catalog.MaxStaleSeconds},
			Fallback: &catalog.Fallback{URL: "https://b.example/", Static: &catalog.StaticAnswer{Status: 503, ContentType: "application/json", Body: full("s", catalog.MaxStaticBytes)}}}}
	for version.Validate() == nil { // fill it up to the last byte
		version.Upstream.Fallback.URL += "x"
	}
	version.Upstream.Fallback.URL = strings.TrimSuffix(version.Upstream.Fallback.URL, "x")
	subscription := &catalog.Subscription{ID: "0b9f6c1e-8d3a-4c52-9a57-3f1d2e4b5a60", App: catalog.AppID(slug("s")), API: api.ID, Plan: plan.ID, State: catalog.Active}
	for i := range 5 {
		subscription.Scopes = append(subscription.Scopes, full(string(rune('a'+i)), 200))
	}
	consumer := &catalog.Consumer{ID: catalog.ConsumerID(slug("c")), Name: "C", Kind: catalog.Partner}
	app := &catalog.App{ID: subscription.App, Name: "S", Consumer: consumer.ID}
	plan.Scopes = subscription.Scopes
	index, err := contract.NewIndex([]contract.Operation{{ID: operation, Method: "DELETE", Template: "/" + full("t", pathBytes-2*64-1)}})
	if err != nil {
		t.Fatal(err)
	}
	if w.store.chunks[version.Revision], err = index.Encode(); err != nil {
		t.Fatal(err)
	}
	next := *version
	next.Version, next.State = version.Successor, catalog.Published
	for _, r := range []interface {
		catalog.Record
		Validate() error
	}{plan, api, version, &next, consumer, app, subscription} {
		if err := r.Validate(); err != nil {
			t.Fatalf("%T: %+v", r, err)
		}
		w.put(r)
	}
	w.credential(w.key, catalog.Credential{Key: catalog.KeyID(subscription.ID), App: app.ID})
	return w, "/" + string(api.ID) + "/" + string(version.Version) + "/" + full("t", pathBytes-2*64-1)
}

// carried hands a call over and gives what the gateway must carry, and what it says.
func carried(w *world, path string) (string, string) {
	e := w.asShop("DELETE", path)
	out, err := w.auth.Handle(w.Context(), e)
	if err != nil {
		w.Fatal(err)
	}
	text, _ := out.Context[decision.ContextKey].(string)
	return text, code(w.ask(e))
}

func TestTheLargestDecisionFitsIntoTheGatewaysContext(t *testing.T) {
	w, path := large(t, 512)
	text, got := carried(w, path)
	if got != "allow" || len(text) > maxContext {
		t.Errorf("%s, %d bytes: shrink a bound in shared/catalog", got, len(text))
	}
	var d decision.Decision
	if err := json.Unmarshal([]byte(text), &d); err != nil || len(d.Claims) != 4 || len(d.Caller.Scopes) != 5 || d.Notice == nil || d.Cost != 1000 {
		t.Errorf("it is not the largest: %v %s", err, text)
	}
	if len(text) < maxContext*9/10 {
		t.Errorf("it has %d bytes only: the bounds could be wider", len(text))
	}
}

func TestADecisionThatDoesNotFitIsRefused(t *testing.T) {
	w, path := large(t, 3000)
	if _, got := carried(w, path); got != "uri_too_long" {
		t.Errorf("a long path: %s", got)
	}
	w, path = large(t, 512)
	s := catalog.Subscription{ID: "s", App: catalog.AppID(full("s", 63)), API: catalog.APIID(full("a", 63)), Plan: catalog.PlanID(full("p", 63)), State: catalog.Active}
	plan := catalog.Plan{ID: s.Plan}
	for i := range 50 { // stored before there was a bound
		s.Scopes = append(s.Scopes, full(string(rune('!'+i)), 200))
	}
	plan.Scopes = s.Scopes
	w.put(&s)
	w.put(&plan)
	if _, got := carried(w, path); got != "internal" || !strings.Contains(w.log.String(), "write the decision: it has") {
		t.Errorf("long scopes: %s", got)
	}
}

func TestARefusalFitsWhateverTheCallerSends(t *testing.T) {
	w, _ := large(t, 512)
	tail := func(prefix, char string) string { return prefix + full(char, 8<<10-len(prefix)) }
	below := "/" + full("a", 63) + "/" + full("v", 63) + "/"
	shop := func(path string) *decision.Decision { return w.ask(w.asShop("DELETE", path)) }
	for guarantee, c := range map[string]struct {
		ask  func(path string) *decision.Decision
		path string
		want string
	}{
		"without a credential":                        {func(path string) *decision.Decision { return w.ask(w.event("DELETE", path)) }, tail(below, "x"), "no_such_operation"},
		"of an API that is not there":                 {shop, tail("/nothing/v1/", "x"), "no_such_api"},
		"of an operation":                             {shop, tail(below, "x"), "no_such_operation"},
		"of what JSON writes longest":                 {shop, tail(below, "<"), "no_such_operation"},
		"of a path that is none":                      {shop, tail(below+"../", "\x01"), "invalid_request"},
		"of one that is too long":                     {shop, tail(below, "x") + "x", "uri_too_long"},
		"of one just short enough to travel as it is": {shop, "/" + full("\u2028", 507), "no_such_api"},
	} {
		t.Run(guarantee, func(t *testing.T) {
			d := c.ask(c.path)
			text, err := d.Encode()
			if err != nil || len(text) > maxContext/2 || code(d) != c.want {
				t.Errorf("%s, %d bytes, %v", code(d), len(text), err)
			}
		})
	}
	t.Run("of one that is too long for the API only", func(t *testing.T) {
		w, path := large(t, 3000)
		text, got := carried(w, path)
		if got != "uri_too_long" || len(text) > maxContext/4 {
			t.Errorf("%s, %d bytes", got, len(text))
		}
	})
}
