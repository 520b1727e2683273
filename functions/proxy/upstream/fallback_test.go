package upstream_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/functions/proxy/upstream"
	"sluice/shared/catalog"
)

// pair is two upstreams, told apart by their hosts.
type pair struct {
	mu    sync.Mutex
	a, b  *stage
	toldB string // what the second one was asked for
}

func (p *pair) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.URL.Host == "b.example" {
		p.mu.Lock()
		p.toldB = q.Method + " " + q.Host + q.URL.RequestURI()
		p.mu.Unlock()
		return p.b.RoundTrip(q)
	}
	return p.a.RoundTrip(q)
}

func fallback(f catalog.Fallback) change {
	return func(c *upstream.Call) { c.Settings.Fallback = &f }
}

var static = &catalog.StaticAnswer{Status: 200, ContentType: "application/json", Body: `{"orders":[]}`}

// both asks an upstream, and then for its fallback.
func both(ctx context.Context, up *upstream.Client, c *upstream.Call) (upstream.Answer, error) {
	a, err := up.Call(ctx, c)
	if err != nil || a.Broken() {
		return up.Fallback(ctx, c, a, err)
	}
	return a, err
}

func TestWhoAnswersWhenTheUpstreamDoesNot(t *testing.T) {
	alternative := catalog.Fallback{URL: "http://b.example/alt/"}
	all := catalog.Fallback{URL: alternative.URL, Static: static}
	post, keyed := method(http.MethodPost), header("idempotency-key", "1")
	open := breaker(catalog.Breaker{MinimumCalls: 1})
	cases := map[string]struct {
		a, b     line
		settings []change
		opened   bool // the breaker, before
		status   int
		from     upstream.Source
		kind     upstream.Kind
	}{
		"the upstream, while it is well":                      {line{status: 500}, line{status: 200}, []change{fallback(all)}, false, 500, upstream.FromUpstream, ""},
		"nobody else, without a fallback":                     {line{status: 503}, line{status: 200}, nil, false, 503, upstream.FromUpstream, ""},
		"the alternative, after a 503":                        {line{status: 503}, line{status: 201}, []change{fallback(all)}, false, 201, upstream.FromAlternative, ""},
		"the alternative, after an error":                     {line{err: errReset}, line{status: 201}, []change{fallback(all)}, false, 201, upstream.FromAlternative, ""},
		"the alternative, after a timeout":                    {line{after: time.Minute}, line{status: 201}, []change{fallback(all)}, false, 201, upstream.FromAlternative, ""},
		"the alternative, when the breaker is open":           {line{status: 503}, line{status: 201}, []change{fallback(all), open}, true, 201, upstream.FromAlternative, ""},
		"the static answer, if the alternative fails too":     {line{status: 503}, line{err: errReset}, []change{fallback(all)}, false, 200, upstream.FromStatic, ""},
		"the static answer, if the alternative is broken too": {line{err: errReset}, line{status: 503}, []change{fallback(all)}, false, 200, upstream.FromStatic, ""},
		"a broken alternative, rather than nobody":            {line{err: errReset}, line{status: 503}, []change{fallback(alternative)}, false, 503, upstream.FromAlternative, ""},
		"the upstream's own 503, if both have one":            {line{status: 503}, line{status: 502}, []change{fallback(alternative)}, false, 503, upstream.FromUpstream, ""},
		"nobody, if both fail":                                {line{err: errReset}, line{err: errReset}, []change{fallback(alternative)}, false, 0, "", upstream.Failed},
		"static: a POST that was sent is not sent elsewhere":  {line{err: errReset}, line{status: 201}, []change{fallback(all), post}, false, 200, upstream.FromStatic, ""},
		"static: nor is a GET with an Idempotency-Key":        {line{status: 503}, line{status: 201}, []change{fallback(all), keyed}, false, 200, upstream.FromStatic, ""},
		"nobody: a POST that was sent is not sent elsewhere":  {line{err: errReset}, line{status: 201}, []change{fallback(alternative), post}, false, 0, "", upstream.Failed},
		"the alternative, for a POST that was not sent":       {line{status: 503}, line{status: 201}, []change{fallback(all), post, open}, true, 201, upstream.FromAlternative, ""},
		"the alternative, once, for a POST with a key":        {line{status: 503}, line{status: 201}, []change{fallback(all), post, keyed, open}, true, 201, upstream.FromAlternative, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pair{a: &stage{lines: []line{c.a}}, b: &stage{lines: []line{c.b}}}
				up := over(p)
				if c.opened {
					up.Call(t.Context(), call(t, c.settings...)) //nolint:errcheck // it opens the breaker
				}
				a, err := both(t.Context(), up, call(t, c.settings...))
				var e *upstream.Error
				if c.kind != "" && (!errors.As(err, &e) || e.Kind != c.kind) || c.kind == "" && err != nil {
					t.Fatal(err)
				}
				if a.Status != c.status || a.Source != c.from {
					t.Errorf("%d from %q", a.Status, a.Source)
				}
				if c.from == upstream.FromAlternative && !strings.HasSuffix(p.toldB, " b.example/alt/orders/42?x=1") {
					t.Errorf("the alternative was asked for %q", p.toldB)
				}
				if p.b.sent() > 1 {
					t.Errorf("the alternative was asked %d times", p.b.sent())
				}
			})
		})
	}
}

func TestTheStaticAnswerIsWhatItIsSetTo(t *testing.T) {
	for m, body := range map[string]string{http.MethodGet: static.Body, http.MethodPost: static.Body, http.MethodHead: ""} {
		a, err := both(t.Context(), over(&stage{lines: []line{{err: errReset}}}), call(t, method(m), fallback(catalog.Fallback{Static: static})))
		want := upstream.Answer{Status: 200, Source: upstream.FromStatic, Header: http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}}}
		if body != "" {
			want.Body = []byte(body)
		}
		if diff := cmp.Diff(want, a); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", m, err, diff)
		}
	}
}

func TestTheAlternativeHasItsOwnBreakerSlotsAndAPartOfTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &shelf{held: map[string]time.Time{}, hints: map[string]time.Time{}}
		p := &pair{a: &stage{lines: []line{{after: time.Minute}}}, b: &stage{lines: []line{{after: time.Minute}}}}
		up := over(p, func(d *upstream.Deps) { d.Slots, d.Hints = store, store })
		settings := []change{fallback(catalog.Fallback{URL: "http://b.example/alt"}), breaker(catalog.Breaker{MinimumCalls: 1}), bounded(9)}
		ctx, cancel := context.WithTimeout(t.Context(), 8500*time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := both(ctx, up, call(t, settings...)); err == nil || time.Since(began) != 8*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if got := p.b.got[0].Header.Get(upstream.TimeoutField); got != "3000" {
			t.Errorf("the alternative was told of %s ms", got)
		}
		for _, id := range []string{"orders/v1/a.example", "orders/v1/b.example/alternative"} {
			if store.ids[id] != 1 || !store.hints[id].After(time.Now()) {
				t.Errorf("%s: %v, %v", id, store.ids, store.hints)
			}
		}
		if _, err := both(t.Context(), up, call(t, settings...)); err == nil || p.a.sent() != 1 || p.b.sent() != 1 {
			t.Error("an open breaker let a call pass")
		}
	})
}

func TestWhetherACallWasSentIsToldOfBothUpstreams(t *testing.T) {
	p := &pair{a: &stage{lines: []line{{status: 503}}}, b: &stage{lines: []line{{err: errReset}}}}
	up, settings := over(p), []change{method(http.MethodPost), breaker(catalog.Breaker{MinimumCalls: 1}), fallback(catalog.Fallback{URL: "http://b.example"})}
	want(t, up, 503, settings...)
	_, err := both(t.Context(), up, call(t, settings...))
	var e *upstream.Error
	if !errors.As(err, &e) || e.Kind != upstream.Unavailable || !e.Sent || p.b.sent() != 1 {
		t.Errorf("%v", err)
	}
}

func TestACallerWhoIsGoneGetsNoFallback(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := &pair{a: &stage{lines: []line{{status: 200}}}, b: &stage{lines: []line{{status: 200}}}}
	_, err := both(ctx, over(p), call(t, fallback(catalog.Fallback{URL: "http://b.example", Static: static})))
	var e *upstream.Error
	if !errors.As(err, &e) || e.Kind != upstream.Gone || p.b.sent() != 0 {
		t.Errorf("%v", err)
	}
}

func TestAnAlternativeThatCannotBeCalledIsPassedOver(t *testing.T) {
	for _, at := range []string{"ftp://b.example", "http://", "http://u:p@b.example", "http://b.example?x", "http://b.example#x", "::", "http://[::1"} {
		p := &pair{a: &stage{lines: []line{{status: 503}}}, b: &stage{lines: []line{{status: 200}}}}
		a, err := both(t.Context(), over(p), call(t, fallback(catalog.Fallback{URL: at, Static: static})))
		if err != nil || a.Source != upstream.FromStatic || p.b.sent() != 0 {
			t.Errorf("%s: %q, %v", at, a.Source, err)
		}
	}
}

func TestThePathOfAnAlternativeStaysEncoded(t *testing.T) {
	p := &pair{a: &stage{lines: []line{{status: 503}}}, b: &stage{lines: []line{{status: 200}}}}
	_, err := both(t.Context(), over(p), call(t, fallback(catalog.Fallback{URL: "http://b.example/x%2Fy/"}), func(c *upstream.Call) { c.Path = "/a%2Fb/%20" }))
	if err != nil || p.toldB != "GET b.example/x%2Fy/a%2Fb/%20?x=1" {
		t.Errorf("%q, %v", p.toldB, err)
	}
}
