package upstream_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"sluice/functions/proxy/upstream"
	"sluice/shared/catalog"
)

// canned is an upstream without a network: what is left is our own work.
type canned struct{ body []byte }

func (u canned) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(u.body)),
		Body: io.NopCloser(bytes.NewReader(u.body))}, nil
}

// bare is what a call needs without this package: a bounded context, a round trip, and a body that is read.
func bare(ctx context.Context, transport http.RoundTripper, c *upstream.Call) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	res, err := transport.RoundTrip(c.Request.WithContext(ctx))
	if err != nil {
		return 0, err
	}
	body := make([]byte, res.ContentLength)
	if _, err := io.ReadFull(res.Body, body); err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// BenchmarkCall is a warm call. "bare" is the floor of the same run: what the others add to it is this package's own work.
func BenchmarkCall(b *testing.B) {
	transport := canned{bytes.Repeat([]byte("x"), 1024)}
	cases := []struct {
		name     string
		settings []change
	}{
		{"all off", nil},
		{"breaker", []change{breaker(catalog.Breaker{})}},
		{"breaker and retries", []change{breaker(catalog.Breaker{}), retries(2, 20)}},
		{"breaker, retries, slots, fallback", []change{breaker(catalog.Breaker{}), retries(2, 20), bounded(100),
			fallback(catalog.Fallback{URL: "http://b.example", Static: static})}},
		{"hedged as well", []change{breaker(catalog.Breaker{}), retries(2, 20), bounded(100), hedged(1000)}},
	}
	b.Run("bare", func(b *testing.B) {
		c := call(b)
		b.ReportAllocs()
		for b.Loop() {
			if status, err := bare(b.Context(), transport, c); err != nil || status != 200 {
				b.Fatal(status, err)
			}
		}
	})
	for _, bench := range cases {
		b.Run(bench.name, func(b *testing.B) {
			store := &shelf{held: map[string]time.Time{}, hints: map[string]time.Time{}}
			up := over(transport, func(d *upstream.Deps) { d.Slots, d.Hints = store, store })
			c := call(b, bench.settings...)
			b.ReportAllocs()
			for b.Loop() {
				if a, err := up.Call(b.Context(), c); err != nil || a.Status != 200 {
					b.Fatal(a.Status, err)
				}
			}
			b.ReportMetric(float64(store.ids["orders/v1/a.example"])/float64(b.N), "store-writes/op")
		})
	}
}
