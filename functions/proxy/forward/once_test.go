package forward_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/limit/counter"
	"sluice/shared/problem"
)

// keyed makes a call a POST with an Idempotency-Key and a body.
func keyed(key, body string) func(*events.APIGatewayV2HTTPRequest) {
	return func(e *events.APIGatewayV2HTTPRequest) {
		e.RequestContext.HTTP.Method = http.MethodPost
		e.Headers["idempotency-key"], e.Body = key, body
	}
}

func TestACallWithAnIdempotencyKeyReachesTheUpstreamOnceAndIsChargedOnce(t *testing.T) {
	r := start(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Order", "42")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "made")
	})
	for i := range 3 {
		out := r.handle(event(t, r.allow(gold), keyed(`"k1"`, "one")))
		if out.StatusCode != 201 || out.Body != "made" || out.Headers["x-order"] != "42" || (out.Headers["idempotency-replayed"] == "true") != (i > 0) {
			t.Errorf("%d: %d %q %v", i, out.StatusCode, out.Body, out.Headers)
		}
	}
	wantProblem(t, r.handle(event(t, r.allow(gold), keyed(`"k1"`, "another"))), 422, "idempotency_mismatch")
	if r.calls() != 1 || r.limits.used() != 1 {
		t.Errorf("%d calls upstream, %d units", r.calls(), r.limits.used())
	}
}

func TestAKeyOfACallThatDidNotReachTheUpstreamIsFreeAgain(t *testing.T) {
	r := start(t, nil)
	for name, change := range map[string]func(*decision.Decision){
		"no-connection": func(d *decision.Decision) { d.Target.Upstream.URL = "http://127.0.0.1:1/" },
		"limits": func(d *decision.Decision) {
			d.Claims = []decision.Claim{{Counter: "used-up", Limits: []decision.Limit{{Kind: decision.QuotaLimit, Name: "q", Requests: 1, Period: catalog.Day}}}}
			r.limits.set("used-up", counter.State{Period: "2026-11-23", Used: 1})
		},
	} {
		if out := r.handle(event(t, r.allow(change), keyed(name, ""))); out.StatusCode < 400 {
			t.Fatalf("%s: %d", name, out.StatusCode)
		}
		if out := r.handle(event(t, r.allow(), keyed(name, ""))); out.StatusCode != 200 {
			t.Errorf("%s: the second try gives %d %s", name, out.StatusCode, out.Body)
		}
	}
}

func TestACallWithAKeyIsRefusedWhereNobodyCanRememberIt(t *testing.T) {
	r := start(t, nil)
	r.store.fault = errors.New("connection reset")
	out := r.handle(event(t, r.allow(), keyed("k1", "")))
	if out.StatusCode < 500 || r.calls() != 0 {
		t.Errorf("%d, %d calls upstream", out.StatusCode, r.calls())
	}
	if out := r.handle(event(t, r.allow())); out.StatusCode != 200 {
		t.Errorf("a call without a key: %d", out.StatusCode)
	}
}

func TestAFreshAnswerComesFromTheCacheAndIsChargedLikeAnyCall(t *testing.T) {
	r := start(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		_, _ = io.WriteString(w, "kept")
	})
	cached := func(d *decision.Decision) {
		d.Claims = []decision.Claim{{Counter: "sub-1", Limits: []decision.Limit{{Kind: decision.QuotaLimit, Name: "q", Requests: 10, Period: catalog.Day}}}}
		d.Target.Upstream.Cache = &catalog.Cache{StaleIfErrorSeconds: 600}
	}
	for range 3 {
		if out := r.get(cached); out.StatusCode != 200 || out.Body != "kept" {
			t.Fatalf("%d %q", out.StatusCode, out.Body)
		}
	}
	if r.calls() != 1 || r.limits.used() != 3 {
		t.Errorf("%d calls upstream, %d units", r.calls(), r.limits.used())
	}
	r.pass(2 * time.Minute)
	r.upstream.Close() // what is stale is better than nothing
	if out := r.get(cached); out.StatusCode != 200 || out.Body != "kept" || !strings.Contains(out.Headers["cache-status"], "stale") {
		t.Errorf("%d %q %v", out.StatusCode, out.Body, out.Headers)
	}
}

func TestACallWithoutACredentialPassesWhereItWasDecidedSo(t *testing.T) {
	r := start(t, nil)
	nobody := func(d *decision.Decision) {
		d.Caller = decision.Caller{Consumer: catalog.Anonymous, App: catalog.Anonymous}
	}
	if out := r.get(nobody); out.StatusCode != 200 {
		t.Errorf("%d %s", out.StatusCode, out.Body)
	}
	if out := r.get(func(d *decision.Decision) { d.Caller.Subscription = "" }); out.StatusCode != 500 {
		t.Errorf("a caller without a subscription: %d", out.StatusCode)
	}
}

func TestAQuotaThatComesToAPartOfItsNumberIsKeptAndLoggedOnce(t *testing.T) {
	r := start(t, nil)
	for range 4 {
		r.get(func(d *decision.Decision) {
			d.Claims = []decision.Claim{{Counter: "sub-1", Limits: []decision.Limit{{Kind: decision.QuotaLimit, Name: "q", Requests: 4, Period: catalog.Day}}}}
		})
		r.AfterResponse(t.Context())
	}
	for _, percent := range []int{50, 100} {
		if !r.store.alerts[catalog.LimitAlert{Counter: "sub-1", Limit: "q", Period: "2026-11-23", Percent: percent}] {
			t.Errorf("%d %% is not kept: %v", percent, r.store.alerts)
		}
	}
	if n := strings.Count(r.log.String(), "limit alert"); n != 3 { // 80 % with the last
		t.Errorf("%d alerts are logged", n)
	}
}

func TestAnAlertThatIsDueInAnOutageIsKeptAfterIt(t *testing.T) {
	due := func(r *rig) {
		r.store.fault = problem.New(problem.Unavailable, "down")
		for range 2 {
			r.get(func(d *decision.Decision) {
				d.Claims = []decision.Claim{{Counter: "sub-1", Limits: []decision.Limit{{Kind: decision.QuotaLimit, Name: "q", Requests: 4, Period: catalog.Day}}}}
			})
			r.AfterResponse(t.Context())
		}
		r.store.fault = nil
	}
	half := catalog.LimitAlert{Counter: "sub-1", Limit: "q", Period: "2026-11-23", Percent: 50}
	t.Run("with one of the next answers", func(t *testing.T) {
		r := start(t, nil)
		due(r)
		r.pass(time.Second)
		r.AfterResponse(t.Context())
		if !r.store.alerts[half] {
			t.Errorf("it is lost: %v", r.store.alerts)
		}
	})
	t.Run("and when the instance ends", func(t *testing.T) {
		r := start(t, nil)
		due(r)
		if err := r.Close(t.Context()); err != nil || !r.store.alerts[half] {
			t.Errorf("it is lost: %v %v", r.store.alerts, err)
		}
	})
}

func TestALimitInTheShadowIsLoggedAndNotToldToTheCaller(t *testing.T) {
	r := start(t, nil)
	for range 3 {
		out := r.get(func(d *decision.Decision) {
			d.Claims = []decision.Claim{{Counter: "sub-1", Limits: []decision.Limit{{Kind: decision.QuotaLimit, Name: "soon", Requests: 2, Period: catalog.Day, Shadow: true}}}}
		})
		if out.StatusCode != 200 || out.Headers["ratelimit"] != "" {
			t.Errorf("%d %v", out.StatusCode, out.Headers)
		}
	}
	if n := strings.Count(r.log.String(), `"would_refuse":"soon"`); n != 1 {
		t.Errorf("%d lines tell what would have been refused:\n%s", n, r.log)
	}
	if u := r.usage(); u["calls"] != 3 || u["would_refuse"] != 1 || u["w_soon"] != 1 {
		t.Errorf("usage has %v", u)
	}
}
