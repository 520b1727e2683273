package forward_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"sluice/functions/proxy/forward"
	"sluice/shared/catalog"
	"sluice/shared/decision"
)

// storable answers every call with what a cache keeps, and keeps nothing itself.
type storable struct{ canned }

func (u storable) RoundTrip(q *http.Request) (*http.Response, error) {
	a, err := u.canned.RoundTrip(q)
	a.Header = http.Header{"Cache-Control": {"public, max-age=600"}, "Content-Type": {"text/plain"}}
	return a, err
}

// TestNothingThatIsRememberedKeepsAWholeDecision: the names in a decision are parts of one text. What an instance remembers
// by them (upstreams, destinations, answers, counts, alerts) must be copies, or each would keep all of that text.
func TestNothingThatIsRememberedKeepsAWholeDecision(t *testing.T) {
	const calls, size = 200, 64 << 10
	r := start(t, nil, func(d *forward.Deps) { d.Upstreams = over(storable{canned{[]byte("ok")}}) })
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc) // #nosec G115 -- far less than that
	}
	call := func(n int) {
		out := r.get(func(d *decision.Decision) {
			d.Target.API, d.Target.Version = catalog.APIID(fmt.Sprint("api-", n)), catalog.VersionID(fmt.Sprint("v", n))
			d.Target.Upstream = catalog.Upstream{URL: fmt.Sprintf("http://upstream-%d.example/base", n), Cache: &catalog.Cache{}, Breaker: &catalog.Breaker{}}
			d.Claims = []decision.Claim{{Counter: fmt.Sprint("sub-", n), Outage: catalog.OutageOpen, Limits: []decision.Limit{
				{Kind: decision.RateLimit, Name: fmt.Sprint("rate-", n), Requests: 100, Seconds: 1, Burst: 100},
				{Kind: decision.QuotaLimit, Name: fmt.Sprint("quota-", n), Requests: 100, Period: catalog.Day}}}}
			d.Caller.Scopes = []string{strings.Repeat("x", size)}
		})
		if out.StatusCode != 200 {
			t.Fatal(out)
		}
	}
	call(0)
	before := heap()
	for n := range calls {
		call(n)
	}
	if kept := heap() - before; kept > calls*size/8 {
		t.Errorf("%d bytes are kept of each of %d decisions of %d", kept/calls, calls, size)
	}
	runtime.KeepAlive(r)
}
