package forward_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/limit/counter"
	"sluice/shared/problem"
)

// Promise 5: what the quota has counted is what usage counts, whatever became of the calls.
func TestWhatTheQuotaCountsIsWhatUsageCounts(t *testing.T) {
	var n atomic.Int64
	r := start(t, func(w http.ResponseWriter, _ *http.Request) {
		switch n.Add(1) % 4 {
		case 0:
			panic(http.ErrAbortHandler)
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	for i := range 60 {
		d := r.allow(func(d *decision.Decision) {
			d.Claims = []decision.Claim{{Counter: "sub-1", Limits: []decision.Limit{{Kind: decision.QuotaLimit, Name: "q", Requests: 37, Period: catalog.Month}}}}
		})
		switch i % 5 {
		case 1:
			d.Refusal = &decision.Denial{Code: decision.ScopeMissing}
		case 2:
			d.Target.Upstream.URL = "http://127.0.0.1:1/"
		}
		r.pass(time.Second)
		r.handle(event(t, d))
		if i%3 == 0 {
			r.AfterResponse(t.Context())
		}
	}
	u := r.usage()
	if u["calls"] != 37 || r.limits.used() != 37 || u["refused"] != 23 || u["r_scope_missing"] != 12 || u["r_quota_exhausted"] != 11 {
		t.Errorf("the quota has counted %d, usage %v", r.limits.used(), u)
	}
	if u["s2xx"]+u["s3xx"]+u["s4xx"]+u["s5xx"] != 37 || u["u_upstream_failed"] == 0 {
		t.Errorf("usage %v", u)
	}
}

func TestUsageIsFlushedWhenDueAndKeptWhileTheStoreIsAway(t *testing.T) {
	r := start(t, nil)
	r.AfterResponse(t.Context())
	if r.outbox.len() != 0 {
		t.Fatal("nothing was counted, and something flushed")
	}
	r.get()
	r.AfterResponse(t.Context())
	if r.outbox.len() != 1 {
		t.Fatal("the first call after a pause is flushed at once")
	}
	r.get()
	r.pass(1900 * time.Millisecond)
	r.AfterResponse(t.Context())
	if r.outbox.len() != 1 {
		t.Fatal("flushed before it was due")
	}
	r.pass(100 * time.Millisecond)
	r.AfterResponse(t.Context())
	if r.outbox.len() != 2 {
		t.Fatal("not flushed when it was due")
	}
	r.outbox.fault = problem.New(problem.Unavailable, "away")
	r.get()
	r.pass(time.Minute)
	r.AfterResponse(t.Context())
	if !strings.Contains(r.log.String(), "flush usage") || r.Flush(t.Context()) == nil {
		t.Error("a flush that fails is not told")
	}
	r.outbox.fault = nil
	r.pass(3 * time.Second)
	r.AfterResponse(t.Context())
	if u := r.outbox.sum(t); u["calls"] != 3 {
		t.Errorf("after the store is back: %v", u)
	}
}

func TestARefusedCallOfNobodyKnownIsNotCounted(t *testing.T) {
	r := start(t, nil)
	r.get(func(d *decision.Decision) {
		d.Refusal, d.Caller, d.Target = &decision.Denial{Code: decision.CredentialInvalid}, decision.Caller{}, decision.Target{}
	})
	if u := r.usage(); len(u) != 0 {
		t.Errorf("counted %v", u)
	}
}

func TestTheLogHasOneLineACallAndNoSecret(t *testing.T) {
	r := start(t, nil)
	r.handle(event(t, r.allow(), func(e *events.APIGatewayV2HTTPRequest) {
		e.Headers["authorization"] = "Bearer tok-3n-abcdef"
		e.Headers["x-private"] = "private-value"
		e.Cookies = []string{"session=private-cookie"}
		e.RawQueryString, e.Body = "password=private-query", "private-body"
	}))
	lines := r.log.lines(t)
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, secret := range []string{"slk_caller", "tok-3n", "private", "orders/42", "127.0.0.1"} {
		if strings.Contains(r.log.String(), secret) {
			t.Errorf("the log has %q: %s", secret, r.log.String())
		}
	}
	for key, want := range map[string]any{"request_id": "req-1", "status": 200.0, "api": "orders", "version": "v1", "operation": "getOrder",
		"consumer": "acme", "app": "acme-shop", "bytes_in": 12.0, "bytes_out": 2.0} {
		if lines[0][key] != want {
			t.Errorf("%s is %v, want %v", key, lines[0][key], want)
		}
	}
}

func TestEndlessRefusalsDoNotFillTheLogAndAreAllCounted(t *testing.T) {
	r := start(t, nil)
	denied := func(d *decision.Decision) { d.Refusal = &decision.Denial{Code: decision.ScopeMissing} }
	for range 250 {
		r.get(denied)
	}
	r.get()
	r.pass(11 * time.Second)
	r.get(denied)
	lines := r.log.lines(t)
	if len(lines) != 102 || lines[101]["refusals_not_logged"] != 150.0 {
		t.Errorf("%d lines, the last one %v", len(lines), lines[len(lines)-1])
	}
	if u := r.usage(); u["refused"] != 251 || u["calls"] != 1 {
		t.Errorf("counted %v", u)
	}
}

func TestACallerWhoHasGoneEndsTheCallQuietly(t *testing.T) {
	arrived := make(chan struct{})
	r := start(t, func(_ http.ResponseWriter, q *http.Request) {
		close(arrived)
		<-q.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	out := r.handleWithin(ctx, event(t, r.allow(gold)))
	if out.StatusCode != 499 || out.Body != "" {
		t.Errorf("%+v", out)
	}
	if u := r.usage(); u["calls"] != 1 || r.limits.used() != 1 {
		t.Errorf("counted %v, taken %d", u, r.limits.used())
	}
	if strings.Contains(r.log.String(), "ERROR") {
		t.Error("that is not an error of ours")
	}
}

func TestLimitsSeeTheSubscriptionAndNotTheApp(t *testing.T) {
	r := start(t, nil)
	r.get(gold)
	if s := r.limits.states["sub-1"]; s == (counter.State{}) {
		t.Errorf("states %v", r.limits.states)
	}
}
