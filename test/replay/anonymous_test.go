package replay_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"sluice/test/platform"
)

// TestACallWithoutACredentialGoesAllTheWay follows calls through authorizer, proxy, rollup and reports.
func TestACallWithoutACredentialGoesAllTheWay(t *testing.T) {
	var seen []http.Header
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header)
		_, _ = w.Write([]byte(`[]`)) // the test reads what arrives
	}))
	defer shop.Close()
	p := seed(t)
	p.Admin(200, "PATCH", "/apis/catalogue/versions/v1", m{"upstream": m{"url": shop.URL}})
	p.Clock.Advance(2e9)
	call := func(source string, headers map[string]string) platform.Response {
		return p.Gateway(0, platform.Request{Method: "GET", Target: "/catalogue/v1/products", Source: source, Headers: headers})
	}
	var got []string
	for _, source := range []string{"192.0.2.1", "192.0.2.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"} { // 5 a minute, each call costs 3
		r := call(source, nil)
		got = append(got, fmt.Sprint(r.Status, r.Code()))
		if r.Headers["ratelimit"] == "" || r.Status == http.StatusTooManyRequests && r.Headers["retry-after"] == "" {
			t.Errorf("%s is not told of its limits: %v", source, r.Headers)
		}
	}
	if want := "[200 429rate_limited 200 429rate_limited 200]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if r := call("192.0.2.9", map[string]string{"x-api-key": "slk_junk"}); r.Code() != "credential_invalid" {
		t.Errorf("a bad key: %d %s", r.Status, r.Body)
	}
	if len(seen) != 3 || seen[0].Get("x-sluice-app") != "anonymous" || seen[0].Get("x-sluice-consumer") != "anonymous" {
		t.Errorf("the upstream saw %v", seen)
	}
	for _, item := range p.Admin(200, "GET", "/limits?api=catalogue", nil).JSON()["items"].([]any) {
		l, _ := item.(map[string]any)
		if l["name"] == "catalogue-api-quota" && (l["used"] != 9.0 || l["shadow"] != true) {
			t.Errorf("the API's quota: %v", l)
		}
	}
	if err := p.Proxies[0].Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Clock.Advance(120e9)
	p.Rollup()
	calls := 0.0
	for _, point := range p.Admin(200, "GET", "/usage?api=catalogue&app=anonymous", nil).JSON()["points"].([]any) {
		at, _ := point.(map[string]any)
		n, _ := at["calls"].(float64)
		calls += n
	}
	if calls != 3 {
		t.Errorf("the app anonymous used it %v times, want 3", calls)
	}
}
