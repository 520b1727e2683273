package cache_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/functions/proxy/cache"
	"sluice/shared/catalog"
	"sluice/shared/decision"
)

func asked(path string) *cache.Request {
	return &cache.Request{Method: http.MethodGet, Query: "limit=10", Caller: decision.Caller{App: "shop", Scopes: []string{"orders:read", "orders:write"}},
		Header: map[string]string{"accept": "application/json", "accept-encoding": "gzip, br", "user-agent": "client/1", "x-api-key": "secret", "host": "api.example"},
		Target: decision.Target{API: "orders", Version: "v1", Revision: "0f0e", Path: path, Upstream: catalog.Upstream{URL: "http://up.example", Cache: &catalog.Cache{}}}}
}

func told(body []byte) cache.Answer {
	return cache.Answer{Status: 200, Body: body, Header: http.Header{"Content-Type": {"application/json"}, "Etag": {`"1"`}, "Vary": {"Accept-Encoding"},
		"Cache-Control": {"max-age=60"}, "Date": {noon.Format(http.TimeFormat)}}}
}

func kept(tb testing.TB, c *cache.Cache, path string, body []byte) {
	v := c.Look(tb.Context(), asked(path))
	if _, err := v.Finish(told(body)); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkHit answers a call from the cache, out of 10,000 answers.
func BenchmarkHit(b *testing.B) {
	c := cache.New(64<<20, func() time.Time { return noon })
	for i := range 10_000 {
		kept(b, c, fmt.Sprintf("/orders/%d", i), []byte(strings.Repeat("x", 1000)))
	}
	r := asked("/orders/4711")
	b.ReportAllocs()
	for b.Loop() {
		v := c.Look(b.Context(), r)
		if v.Answer == nil {
			b.Fatal("it is not there")
		}
		v.Leave()
	}
}

// BenchmarkMissAndKeep asks the upstream and keeps its answer, where another makes room.
func BenchmarkMissAndKeep(b *testing.B) {
	c := cache.New(1<<20, func() time.Time { return noon })
	body := []byte(strings.Repeat("x", 1000))
	paths := make([]string, 10_000)
	for i := range paths {
		paths[i] = fmt.Sprintf("/orders/%d", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		kept(b, c, paths[i%len(paths)], body)
	}
}

// BenchmarkOff is what a call passes where nothing is kept.
func BenchmarkOff(b *testing.B) {
	c := cache.New(1<<20, func() time.Time { return noon })
	r := asked("/orders/1")
	r.Target.Upstream.Cache = nil
	a := told(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Look(b.Context(), r).Finish(a); err != nil {
			b.Fatal(err)
		}
	}
}
