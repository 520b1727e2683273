package promises_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sluice/test/platform"
)

// TestPromise9EveryRefusalExplainsItself: problem+json with a stable type, a code of the closed list, what would fix it and
// a request id, with the headers that belong to it.
func TestPromise9EveryRefusalExplainsItself(t *testing.T) {
	w := newWorld(t, 1)
	_, key := w.key("shop")
	expired := w.Admin(201, "POST", "/apps/shop/keys", m{"expires": w.Clock.Now().Add(time.Minute)}).JSON()["key"].(string)
	w.consumer("globex", "partner", "erp", "writer")
	_, writer := w.key("erp")
	w.Admin(201, "POST", "/plans", m{"id": "slow", "name": "Slow", "approval": "automatic", "rate": m{"requests": 1, "seconds": 60}})
	w.consumer("initech", "partner", "tps", "slow")
	_, slow := w.key("tps")
	w.Admin(201, "POST", "/plans", m{"id": "asked", "name": "Asked", "approval": "manual"})
	w.consumer("umbrella", "partner", "hive", "asked")
	_, waiting := w.key("hive")
	w.Admin(201, "POST", "/consumers", m{"id": "hooli", "name": "Hooli", "kind": "partner"})
	w.Admin(201, "POST", "/apps", m{"id": "nucleus", "name": "Nucleus", "consumer": "hooli"})
	_, stranger := w.key("nucleus")
	w.troubled(t)
	w.Clock.Advance(2 * time.Minute)
	for range 6 {
		w.call(0, "GET", "/orders/v1/orders", writer)
	}
	w.call(0, "GET", "/orders/v1/orders", slow)

	long := strings.Repeat("a", 9000)
	cases := map[string]struct {
		request platform.Request
		status  int
		code    string
		header  string // that must be there
	}{
		"a path trick":                {req("GET", "/orders/v1/../x", key), 400, "invalid_request", ""},
		"two credentials":             {req("GET", "/orders/v1/orders", key+","+key), 400, "ambiguous_credentials", ""},
		"no credential":               {req("GET", "/orders/v1/orders", ""), 401, "credential_missing", "www-authenticate"},
		"a wrong credential":          {req("GET", "/orders/v1/orders", flip(key)), 401, "credential_invalid", "www-authenticate"},
		"an expired credential":       {req("GET", "/orders/v1/orders", expired), 401, "credential_expired", "www-authenticate"},
		"no subscription":             {req("GET", "/orders/v1/orders", stranger), 403, "not_subscribed", ""},
		"a subscription that waits":   {req("GET", "/orders/v1/orders", waiting), 403, "subscription_inactive", ""},
		"no scope":                    {req("POST", "/orders/v1/orders", key), 403, "scope_missing", ""},
		"no such API":                 {req("GET", "/nothing/v1/x", key), 404, "no_such_api", ""},
		"no such version":             {req("GET", "/orders/v9/orders", key), 404, "no_such_api", ""},
		"no such operation":           {req("GET", "/orders/v1/nothing", key), 404, "no_such_operation", ""},
		"no such method":              {req("PATCH", "/orders/v1/orders", key), 405, "method_not_allowed", "allow"},
		"a long path":                 {req("GET", "/orders/v1/"+long, key), 414, "uri_too_long", ""},
		"a long query":                {req("GET", "/orders/v1/orders?q="+long, key), 414, "uri_too_long", ""},
		"large headers":               {withHeader(req("GET", "/orders/v1/orders", key), "x-large", strings.Repeat(long, 3)), 431, "header_fields_too_large", ""},
		"a large body":                {withBody(req("POST", "/troubled/v1/large", key), strings.Repeat("a", 2000)), 413, "request_too_large", ""},
		"a retired version":           {req("GET", "/troubled/v0/x", key), 410, "version_retired", "link"},
		"beyond the rate":             {req("GET", "/orders/v1/orders", slow), 429, "rate_limited", "retry-after"},
		"beyond the quota":            {req("GET", "/orders/v1/orders", writer), 429, "quota_exhausted", "retry-after"},
		"an upstream that is gone":    {req("GET", "/gone/v1/x", key), 502, "upstream_failed", ""},
		"an upstream that hangs up":   {req("GET", "/troubled/v1/reset", key), 502, "upstream_failed", ""},
		"an upstream that is slow":    {req("GET", "/troubled/v1/slow", key), 504, "upstream_timeout", ""},
		"an answer that is too large": {req("GET", "/troubled/v1/huge", key), 502, "upstream_failed", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			out := w.Gateway(0, c.request)
			wantProblem(t, out, c.status, c.code)
			if c.header != "" && out.Headers[c.header] == "" {
				t.Errorf("no %s in %v", c.header, out.Headers)
			}
			if c.status == 429 && (out.Headers["ratelimit"] == "" || out.Headers["ratelimit-policy"] == "" || out.JSON()["violated-policies"] == nil) {
				t.Errorf("a limit that does not name itself: %v %s", out.Headers, out.Body)
			}
			for _, inside := range []string{"127.0.0.1", "localhost", "dial", "EOF", "goroutine", "dynamo", "secret-backend", ".go:"} {
				if strings.Contains(string(out.Body), inside) {
					t.Errorf("the answer tells of the inside: %s", out.Body)
				}
			}
		})
	}
	for _, out := range []platform.Response{w.call(0, "GET", "/orders/v1/orders", key)} {
		if out.Status != 200 || out.Headers["ratelimit"] == "" || out.Headers["ratelimit-policy"] == "" || out.Headers["x-request-id"] == "" || out.Headers["server"] != "" {
			t.Errorf("an allowed call: %d %v", out.Status, out.Headers)
		}
	}
}

func req(method, target, key string) platform.Request {
	r := platform.Request{Method: method, Target: target, Headers: map[string]string{}}
	if key != "" {
		r.Headers["x-api-key"] = key
	}
	return r
}

func withHeader(r platform.Request, name, value string) platform.Request {
	r.Headers[name] = value
	return r
}

func withBody(r platform.Request, body string) platform.Request {
	r.Body = body
	return r
}

// troubled publishes APIs whose upstreams fail in every way, for app "shop".
func (w *world) troubled(t *testing.T) {
	t.Helper()
	release := make(chan struct{})
	bad := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/reset":
			if conn, _, err := rw.(http.Hijacker).Hijack(); err == nil {
				_ = conn.Close() // hanging up is the point
			}
		case "/slow":
			select {
			case <-release:
			case <-r.Context().Done():
			}
		default:
			_, _ = rw.Write(make([]byte, 5000)) // cut off on purpose
		}
	}))
	t.Cleanup(func() { close(release); bad.Close() })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	paths := "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n"
	for _, p := range []string{"x", "reset", "slow", "huge"} {
		paths += "  /" + p + ": {get: {responses: {'200': {description: d}}}}\n"
	}
	paths += "  /large: {post: {responses: {'200': {description: d}}}}\n"
	for api, url := range map[string]string{"troubled": bad.URL, "gone": gone} {
		w.Admin(201, "POST", "/apis", m{"id": api, "name": api, "team": "sales", "kind": "rest", "audience": "partner", "sensitivity": "open"})
		for _, v := range []string{"v0", "v1"} {
			w.Admin(201, "POST", "/apis/"+api+"/versions", m{"version": v, "upstream": m{"url": url, "timeout_ms": 300, "max_request_bytes": 1000, "max_response_bytes": 1000}})
			w.Admin(201, "PUT", "/apis/"+api+"/versions/"+v+"/contract", paths)
			w.Admin(200, "POST", "/apis/"+api+"/versions/"+v+"/transitions", m{"to": "published"})
		}
		w.Admin(200, "POST", "/apis/"+api+"/versions/v0/transitions", m{"to": "deprecated", "sunset": w.Clock.Now().AddDate(0, 1, 0), "successor": "v1"})
		w.Admin(200, "POST", "/apis/"+api+"/versions/v0/transitions", m{"to": "retired"})
		w.Admin(201, "POST", "/subscriptions", m{"app": "shop", "api": api, "plan": "free"})
	}
}

// TestPromise9WhatACallerMayNotSeeAnswersAsIfItWereNotThere, to the byte, but for the request id.
func TestPromise9WhatACallerMayNotSeeAnswersAsIfItWereNotThere(t *testing.T) {
	w := newWorld(t, 1)
	_, key := w.key("shop")
	w.Admin(201, "POST", "/apis", m{"id": "payroll", "name": "Payroll", "team": "sales", "kind": "rest", "audience": "internal", "sensitivity": "restricted"})
	for _, v := range []string{"v1", "v2"} {
		w.Admin(201, "POST", "/apis/payroll/versions", m{"version": v, "upstream": m{"url": w.upstream.URL}})
		w.Admin(201, "PUT", "/apis/payroll/versions/"+v+"/contract", platform.Orders)
	}
	w.Admin(200, "POST", "/apis/payroll/versions/v1/transitions", m{"to": "published"})
	w.Admin(201, "POST", "/apis/orders/versions", m{"version": "v2", "upstream": m{"url": w.upstream.URL}})
	w.settle()
	body := func(target string) string {
		out := w.call(0, "GET", target, key)
		if out.Status != 404 {
			t.Errorf("%s: %d %s", target, out.Status, out.Body)
		}
		return strings.ReplaceAll(string(out.Body), out.Headers["x-request-id"], "id")
	}
	absent := body("/nothing/v1/orders")
	for name, target := range map[string]string{"an API for others": "/payroll/v1/orders", "its draft": "/payroll/v2/orders",
		"a draft of an API that it uses": "/orders/v2/orders", "a version that is not there": "/orders/v3/orders"} {
		if got := body(target); got != absent {
			t.Errorf("%s answers\n%s, what is not there\n%s", name, got, absent)
		}
	}
}
