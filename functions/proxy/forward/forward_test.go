package forward_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sluice/functions/proxy/forward"
	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/gatewayevent"
	"sluice/shared/problem"
)

func TestWithoutADecisionForExactlyThisCallNothingIsForwarded(t *testing.T) {
	cases := map[string]func(r *rig, e *events.APIGatewayV2HTTPRequest){
		"no authorizer":           func(_ *rig, e *events.APIGatewayV2HTTPRequest) { e.RequestContext.Authorizer = nil },
		"an authorizer of others": func(_ *rig, e *events.APIGatewayV2HTTPRequest) { e.RequestContext.Authorizer.Lambda = nil },
		"a context without one": func(_ *rig, e *events.APIGatewayV2HTTPRequest) {
			e.RequestContext.Authorizer.Lambda = map[string]any{"allow": true}
		},
		"a decision that is no text": func(_ *rig, e *events.APIGatewayV2HTTPRequest) {
			e.RequestContext.Authorizer.Lambda = map[string]any{decision.ContextKey: true}
		},
		"a garbled one": func(_ *rig, e *events.APIGatewayV2HTTPRequest) {
			e.RequestContext.Authorizer.Lambda = map[string]any{decision.ContextKey: `{"c":`}
		},
		"an empty one": func(_ *rig, e *events.APIGatewayV2HTTPRequest) {
			e.RequestContext.Authorizer.Lambda = map[string]any{decision.ContextKey: `{}`}
		},
		"another method":     func(_ *rig, e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "DELETE" },
		"another path":       func(_ *rig, e *events.APIGatewayV2HTTPRequest) { e.RawPath = "/orders/v1/orders/43" },
		"another credential": func(_ *rig, e *events.APIGatewayV2HTTPRequest) { e.Headers["x-api-key"] = "slk_of-somebody-else" },
		"of the other plane": func(r *rig, e *events.APIGatewayV2HTTPRequest) {
			replan(r, e, func(d *decision.Decision) { d.Call.Plane = decision.Management })
		},
		"without an app": func(r *rig, e *events.APIGatewayV2HTTPRequest) {
			replan(r, e, func(d *decision.Decision) { d.Caller.App = "" })
		},
		"without a subscription": func(r *rig, e *events.APIGatewayV2HTTPRequest) {
			replan(r, e, func(d *decision.Decision) { d.Caller.Subscription = "" })
		},
		"without a target": func(r *rig, e *events.APIGatewayV2HTTPRequest) {
			replan(r, e, func(d *decision.Decision) { d.Target = decision.Target{} })
		},
		"without an upstream": func(r *rig, e *events.APIGatewayV2HTTPRequest) {
			replan(r, e, func(d *decision.Decision) { d.Target.Upstream.URL = "" })
		},
		"with an odd upstream": func(r *rig, e *events.APIGatewayV2HTTPRequest) {
			replan(r, e, func(d *decision.Decision) { d.Target.Upstream.URL = "ftp://x/" })
		},
		"with an odd path": func(r *rig, e *events.APIGatewayV2HTTPRequest) {
			replan(r, e, func(d *decision.Decision) { d.Target.Path = "/a?b" })
		},
		"with a broken path": func(r *rig, e *events.APIGatewayV2HTTPRequest) {
			replan(r, e, func(d *decision.Decision) { d.Target.Path = "/%zz" })
		},
		"with a path elsewhere": func(r *rig, e *events.APIGatewayV2HTTPRequest) {
			replan(r, e, func(d *decision.Decision) { d.Target.Path = "@evil.example/" })
		},
		"with limits that cannot be kept": func(r *rig, e *events.APIGatewayV2HTTPRequest) {
			replan(r, e, func(d *decision.Decision) {
				d.Claims = []decision.Claim{{Counter: "s-1", Limits: []decision.Limit{{Kind: "odd"}}}}
			})
		},
		"with an unknown refusal": func(r *rig, e *events.APIGatewayV2HTTPRequest) {
			replan(r, e, func(d *decision.Decision) { d.Refusal = &decision.Denial{Code: "because"} })
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			r := start(t, nil)
			e := event(t, r.allow())
			change(r, &e)
			out := r.handle(e)
			doc := wantProblem(t, out, http.StatusInternalServerError, "internal")
			if r.calls() != 0 || r.limits.used() != 0 || doc["detail"] != nil {
				t.Errorf("%d calls reached the upstream, %d units were taken, detail %v", r.calls(), r.limits.used(), doc["detail"])
			}
		})
	}
}

// replan changes the decision in an event, and nothing else.
func replan(r *rig, e *events.APIGatewayV2HTTPRequest, change func(*decision.Decision)) {
	d := r.allow()
	d.Call = gatewayevent.CallOf(decision.Gateway, *e)
	change(d)
	text, err := d.Encode()
	if err != nil {
		r.t.Fatal(err)
	}
	e.RequestContext.Authorizer = authorizer(map[string]any{decision.ContextKey: text})
}

func TestEveryRefusalOfTheAuthorizerIsToldAsAProblem(t *testing.T) {
	for _, code := range decision.Refusals() {
		t.Run(string(code), func(t *testing.T) {
			r := start(t, nil)
			denial := &decision.Denial{Code: code, Detail: "what would fix it", Allow: []string{"GET", "POST"}, Link: "/orders/v2",
				Hints: map[string]string{"retry_after": "7"}}
			out := r.get(func(d *decision.Decision) { d.Refusal = denial })
			doc := wantProblem(t, out, code.Status(), string(code))
			if r.calls() != 0 || doc["detail"] != "what would fix it" || doc["fix"] == nil {
				t.Errorf("%d calls reached the upstream; %s", r.calls(), out.Body)
			}
			for name, statuses := range map[string][]int{"www-authenticate": {401}, "allow": {405}, "link": {410}, "retry-after": {429, 503}} {
				wanted := false
				for _, s := range statuses {
					wanted = wanted || s == out.StatusCode
				}
				if _, there := out.Headers[name]; there != wanted {
					t.Errorf("%s is there: %t, want %t (%v)", name, there, wanted, out.Headers)
				}
			}
		})
	}
}

func TestWhatTheHeadersOfARefusalSay(t *testing.T) {
	cases := map[string]struct {
		denial decision.Denial
		sent   map[string]string
		header string
		want   string
	}{
		"401 says how to authenticate": {decision.Denial{Code: decision.CredentialMissing}, nil,
			"www-authenticate", `ApiKey realm="sluice", Bearer realm="sluice"`},
		"401 says that a token was refused": {decision.Denial{Code: decision.CredentialInvalid}, map[string]string{"authorization": "Bearer x"},
			"www-authenticate", `ApiKey realm="sluice", Bearer realm="sluice", error="invalid_token"`},
		"405 lists the methods":      {decision.Denial{Code: decision.MethodNotAllowed, Allow: []string{"GET", "HEAD"}}, nil, "allow", "GET, HEAD"},
		"410 links to the successor": {decision.Denial{Code: decision.VersionRetired, Link: "/orders/v2"}, nil, "link", `</orders/v2>; rel="successor-version"`},
		"503 says when to try again": {decision.Denial{Code: decision.UpstreamUnavailable}, nil, "retry-after", "1"},
		"503 keeps to the denial":    {decision.Denial{Code: decision.UpstreamUnavailable, Hints: map[string]string{"retry_after": "30"}}, nil, "retry-after", "30"},
		"503 keeps to sense": {decision.Denial{Code: decision.UpstreamUnavailable, Hints: map[string]string{"retry_after": "soon\r\nx: y"}}, nil,
			"retry-after", "1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := start(t, nil)
			out := r.handle(event(t, r.allow(func(d *decision.Decision) { d.Refusal = &c.denial }), func(e *events.APIGatewayV2HTTPRequest) {
				for k, v := range c.sent {
					e.Headers[k] = v
				}
			}))
			if got := out.Headers[c.header]; got != c.want {
				t.Errorf("%s: %q, want %q", c.header, got, c.want)
			}
		})
	}
}

// gold is a plan with a rate of 2 per 10 s and a quota of 3 a day.
func gold(d *decision.Decision) {
	d.Claims = []decision.Claim{{Counter: "sub-1", Limits: []decision.Limit{
		{Kind: decision.RateLimit, Name: "gold-rate", Requests: 2, Seconds: 10, Burst: 2},
		{Kind: decision.QuotaLimit, Name: "gold-quota", Requests: 3, Period: catalog.Day},
	}}}
}

func TestLimitsAreTakenToldAndEnforced(t *testing.T) {
	r := start(t, nil)
	const policy = `"gold-rate";q=2;w=10, "gold-quota";q=3;w=86400`
	steps := []struct {
		pause             time.Duration
		status            int
		code, state, wait string
		violated          int
	}{
		{0, 200, "", `"gold-rate";r=1;t=5, "gold-quota";r=2;t=43200`, "", 0},
		{0, 200, "", `"gold-rate";r=0;t=5, "gold-quota";r=1;t=43200`, "", 0},
		{0, 429, "rate_limited", `"gold-rate";r=0;t=5, "gold-quota";r=1;t=43200`, "5", 1},
		{1100 * time.Millisecond, 429, "rate_limited", `"gold-rate";r=0;t=4, "gold-quota";r=1;t=43199`, "4", 1},
		{3900 * time.Millisecond, 200, "", `"gold-rate";r=0;t=5, "gold-quota";r=0;t=43195`, "", 0},
		{5 * time.Second, 429, "quota_exhausted", `"gold-rate";r=1;t=5, "gold-quota";r=0;t=43190`, "43190", 1},
		{0, 429, "quota_exhausted", `"gold-rate";r=1;t=5, "gold-quota";r=0;t=43190`, "43190", 1},
		{12 * time.Hour, 200, "", `"gold-rate";r=1;t=5, "gold-quota";r=2;t=43190`, "", 0},
	}
	forwarded := 0
	for i, s := range steps {
		if i == len(steps)-1 {
			s.state = `"gold-rate";r=1;t=5, "gold-quota";r=2;t=86390`
		}
		r.pass(s.pause)
		out := r.get(gold)
		if out.StatusCode != s.status || out.Headers["ratelimit"] != s.state || out.Headers["ratelimit-policy"] != policy || out.Headers["retry-after"] != s.wait {
			t.Fatalf("call %d: %d %v, want %d %s %s", i, out.StatusCode, out.Headers, s.status, s.state, s.wait)
		}
		if s.status == 200 {
			forwarded++
			continue
		}
		doc := wantProblem(t, out, 429, s.code)
		kind, _ := doc["type"].(string)
		if v, _ := doc["violated-policies"].([]any); len(v) != s.violated || !strings.HasSuffix(kind, "#quota-exceeded") {
			t.Errorf("call %d: %s", i, out.Body)
		}
	}
	if r.calls() != forwarded {
		t.Errorf("%d calls reached the upstream, %d were admitted", r.calls(), forwarded)
	}
}

func TestARefusedCallCostsNoQuota(t *testing.T) {
	cases := map[string]struct {
		status int
		change func(*events.APIGatewayV2HTTPRequest)
		plan   func(*decision.Decision)
	}{
		"refused by the authorizer": {403, nil, func(d *decision.Decision) { d.Refusal = &decision.Denial{Code: decision.ScopeMissing} }},
		"too large": {413, func(e *events.APIGatewayV2HTTPRequest) { e.Body = strings.Repeat("x", 11) },
			func(d *decision.Decision) { d.Target.Upstream.MaxRequestBytes = 10 }},
		"a garbled body":  {400, func(e *events.APIGatewayV2HTTPRequest) { e.Body, e.IsBase64Encoded = "%", true }, nil},
		"a garbled query": {400, func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "a b" }, nil},
		"a garbled field": {400, func(e *events.APIGatewayV2HTTPRequest) { e.Headers["x"] = "a\nb" }, nil},
		"a bad method":    {400, func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "TRACE" }, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := start(t, nil)
			d := r.allow(gold)
			if c.plan != nil {
				c.plan(d)
			}
			change := c.change
			if change == nil {
				change = func(*events.APIGatewayV2HTTPRequest) {}
			}
			out := r.handle(event(t, d, change))
			if out.StatusCode != c.status || r.limits.used() != 0 || r.calls() != 0 {
				t.Errorf("status %d, %d units taken, %d calls upstream", out.StatusCode, r.limits.used(), r.calls())
			}
			if u := r.usage(); u["calls"] != 0 || u["refused"] != 1 {
				t.Errorf("counted as %v", u)
			}
		})
	}
}

func TestALimitThatCannotBeCheckedLetsNobodyThrough(t *testing.T) {
	for name, fault := range map[string]error{
		"the store does not answer":    problem.New(problem.Unavailable, "the store at 10.1.2.3 is away"),
		"the store answers with noise": errors.New("dial tcp 10.1.2.3:8000: refused"),
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, nil)
			r.limits.fault = fault
			out := r.get(gold)
			wantProblem(t, out, 503, "upstream_unavailable")
			if out.Headers["retry-after"] != "1" || r.calls() != 0 || strings.Contains(out.Body, "10.1.2.3") {
				t.Errorf("%d calls upstream; %v %s", r.calls(), out.Headers, out.Body)
			}
			if !strings.Contains(r.log.String(), "10.1.2.3") || !strings.Contains(r.log.String(), `"level":"ERROR"`) {
				t.Error("the log does not tell why")
			}
		})
	}
}

func TestNoticeOfTheVersionsEnd(t *testing.T) {
	sunset := time.Date(2027, 3, 1, 0, 0, 0, 0, time.FixedZone("CET", 3600))
	deprecated := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	r := start(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</orders?page=2>; rel=next")
		w.Header().Set("Deprecation", "@1")
		w.WriteHeader(http.StatusTeapot)
	})
	out := r.get(func(d *decision.Decision) {
		d.Notice = &decision.Notice{Deprecated: deprecated, Sunset: &sunset, Successor: "/orders/v2"}
	})
	for name, want := range map[string]string{"deprecation": "@1793491200", "sunset": "Sun, 28 Feb 2027 23:00:00 GMT",
		"link": `</orders?page=2>; rel=next, </orders/v2>; rel="successor-version"`} {
		if got := out.Headers[name]; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	out = r.get(func(d *decision.Decision) { d.Notice = &decision.Notice{Deprecated: deprecated} })
	if out.Headers["sunset"] != "" || out.Headers["deprecation"] == "" || out.Headers["link"] != "</orders?page=2>; rel=next" {
		t.Errorf("a notice without a date: %v", out.Headers)
	}
	if out = r.get(); out.Headers["deprecation"] != "@1" {
		t.Errorf("what the upstream says of itself stays: %v", out.Headers)
	}
}

func TestHealthNeedsNoDecision(t *testing.T) {
	r := start(t, nil)
	out := r.handle(event(t, nil, func(e *events.APIGatewayV2HTTPRequest) { e.RouteKey, e.RawPath = "GET /healthz", "/healthz" }))
	if out.StatusCode != 200 || out.Body != `{"status":"ok"}` || out.Headers["content-type"] != "application/json" || out.Headers["x-request-id"] != "req-1" {
		t.Errorf("%+v", out)
	}
	out = r.handle(event(t, nil, func(e *events.APIGatewayV2HTTPRequest) { e.RawPath = "/healthz" }))
	wantProblem(t, out, 500, "internal")
}

func TestAPanicIsAProblemAndCounts(t *testing.T) {
	r := start(t, nil, func(d *forward.Deps) { d.Upstreams = over(broken{}) })
	out := r.get(gold)
	wantProblem(t, out, 500, "internal")
	if strings.Contains(out.Body, "secret") || !strings.Contains(r.log.String(), "forward_test.go") {
		t.Errorf("told the caller %s", out.Body)
	}
	if u := r.usage(); u["calls"] != 1 || u["u_internal"] != 1 || u["errors"] != 1 || r.limits.used() != 1 {
		t.Errorf("counted as %v with %d taken", u, r.limits.used())
	}
}

// broken is a transport that panics.
type broken struct{}

func (broken) RoundTrip(*http.Request) (*http.Response, error) { panic("secret of the inside") }
