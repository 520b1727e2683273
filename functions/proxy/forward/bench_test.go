package forward_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sluice/functions/proxy/forward"
	"sluice/functions/proxy/replay"
	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/limit"
	"sluice/shared/limit/counter"
	"sluice/shared/limit/taker"
	"sluice/shared/telemetry"
	"sluice/shared/usage"
)

// canned is an upstream without a network: what is left is our own work.
type canned struct{ body []byte }

func (u canned) RoundTrip(q *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Proto: "HTTP/1.1", Request: q, ContentLength: int64(len(u.body)),
		Header: http.Header{"Content-Type": {"application/json"}, "Content-Length": {"1024"}, "Date": {"x"}, "Etag": {`"1"`}},
		Body:   io.NopCloser(bytes.NewReader(u.body))}, nil
}

// warm makes a Proxy with a large plan, and a typical event.
func warm(b *testing.B, upstreams http.RoundTripper, url string) (*forward.Proxy, events.APIGatewayV2HTTPRequest) {
	b.Helper()
	p := forward.New(forward.Deps{
		Limits:    taker.New(&shelf{states: map[string]counter.State{}}, time.Now, limit.Options{Instance: "i1"}),
		Upstreams: over(upstreams), Replays: replay.New(&notebook{}, time.Now, nil),
		Counter: usage.NewCounter(func() string { return "0" }, 0), Outbox: &outbox{}, FlushAfter: time.Hour, Now: time.Now,
		Log: telemetry.New(io.Discard, nil),
	})
	d := &decision.Decision{
		Caller: decision.Caller{Consumer: "acme", App: "acme-shop", Key: "k-1", Subscription: "sub-1", Plan: "gold", Scopes: []string{"orders:read"}},
		Target: decision.Target{API: "orders", Version: "v1", Revision: catalog.RevisionID(strings.Repeat("ab", 32)), Operation: "getOrder",
			Route: "/orders/{id}", Path: "/orders/42", Upstream: catalog.Upstream{URL: url, TimeoutMs: 5000}},
		Claims: []decision.Claim{{Counter: "sub-1", Limits: []decision.Limit{{Kind: decision.RateLimit, Name: "gold-rate", Requests: 10_000_000, Seconds: 1, Burst: 10_000_000},
			{Kind: decision.QuotaLimit, Name: "gold-quota", Requests: 1_000_000_000, Period: catalog.Month}}}},
		At: noon,
	}
	return p, event(b, d, headers("accept", "application/json", "user-agent", "shop/1.0", "x-forwarded-for", "192.0.2.1", "x-forwarded-proto", "https",
		"x-forwarded-port", "443", "accept-encoding", "gzip, br", "x-amzn-trace-id", "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e", "content-length", "0"),
		func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "expand=lines" })
}

func drive(b *testing.B, p *forward.Proxy, e events.APIGatewayV2HTTPRequest) {
	b.Helper()
	b.ReportAllocs()
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if out, err := p.Handle(b.Context(), e); err != nil || out.StatusCode != 200 {
			b.Fatal(out, err)
		}
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		b.Fatal(err)
	}
	cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(cpu)/1000/float64(b.N), "cpu-µs/op")
}

// BenchmarkHandle is a warm call. "own work" has no network; "over loopback" has net/http's client and also the test server, so
// "client alone" tells what a bare client takes of that.
func BenchmarkHandle(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 1024)
	b.Run("own work", func(b *testing.B) {
		p, e := warm(b, canned{body}, "http://upstream.example/base")
		drive(b, p, e)
	})
	upstream := start(b, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}).upstream
	b.Run("over loopback", func(b *testing.B) {
		p, e := warm(b, loopback(b), upstream.URL+"/base")
		drive(b, p, e)
	})
	b.Run("client and server alone", func(b *testing.B) {
		t := loopback(b)
		b.ReportAllocs()
		for b.Loop() {
			q, err := http.NewRequestWithContext(b.Context(), http.MethodGet, upstream.URL+"/base", http.NoBody)
			if err != nil {
				b.Fatal(err)
			}
			res, err := t.RoundTrip(q)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	})
	b.Run("refused by the authorizer", func(b *testing.B) {
		r := start(b, nil)
		e := event(b, r.allow(func(d *decision.Decision) { d.Refusal = &decision.Denial{Code: decision.ScopeMissing} }))
		b.ReportAllocs()
		for b.Loop() {
			if out, err := r.Handle(b.Context(), e); err != nil || out.StatusCode != 403 {
				b.Fatal(out, err)
			}
		}
	})
}
