package forward_test

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"sluice/shared/decision"
)

type change = func(*events.APIGatewayV2HTTPRequest)

// headers sends these besides the usual ones.
func headers(pairs ...string) change {
	return func(e *events.APIGatewayV2HTTPRequest) {
		for i := 0; i < len(pairs); i += 2 {
			e.Headers[pairs[i]] = pairs[i+1]
		}
	}
}

func TestWhatTheUpstreamReceives(t *testing.T) {
	field := func(name string, want ...string) func(*http.Request, string) string {
		return func(q *http.Request, _ string) string { return cmp.Diff(want, q.Header.Values(name)) }
	}
	uri := func(want string) func(*http.Request, string) string {
		return func(q *http.Request, _ string) string { return cmp.Diff(want, q.RequestURI) }
	}
	target := func(path string) func(*decision.Decision) {
		return func(d *decision.Decision) { d.Target.Path = path }
	}
	at := func(suffix string) func(*decision.Decision) {
		return func(d *decision.Decision) {
			d.Target.Upstream.URL = strings.TrimSuffix(d.Target.Upstream.URL, "/base") + suffix
		}
	}
	cases := map[string]struct {
		event change
		plan  func(*decision.Decision)
		check func(q *http.Request, body string) string
	}{
		"the method as it is":            {func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "PURGE" }, nil, func(q *http.Request, _ string) string { return cmp.Diff("PURGE", q.Method) }},
		"the path below the upstream's":  {nil, nil, uri("/base/orders/42")},
		"no double slash":                {nil, at("/base/"), uri("/base/orders/42")},
		"an upstream without a path":     {nil, at(""), uri("/orders/42")},
		"an upstream with an odd path":   {nil, at("/b%20c/%2f"), uri("/b%20c/%2f/orders/42")},
		"the root":                       {nil, target("/"), uri("/base/")},
		"a trailing slash":               {nil, target("/orders/"), uri("/base/orders/")},
		"an encoded path as it is":       {nil, target("/a%20b/%3Fx%23/100%25/a:b@c;d=e,f"), uri("/base/a%20b/%3Fx%23/100%25/a:b@c;d=e,f")},
		"letters beyond ASCII":           {nil, target("/caf%C3%A9"), uri("/base/caf%C3%A9")},
		"the query exactly as it came":   {func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "b=2&a=%20x&a=y&;=&c" }, nil, uri("/base/orders/42?b=2&a=%20x&a=y&;=&c")},
		"the host of the upstream":       {nil, nil, func(q *http.Request, _ string) string { return cmp.Diff(true, strings.HasPrefix(q.Host, "127.0.0.1:")) }},
		"no API key":                     {nil, nil, field("X-Api-Key")},
		"no authorization":               {headers("authorization", "Bearer x"), nil, field("Authorization")},
		"who calls":                      {nil, nil, field("X-Sluice-App", "acme-shop")},
		"which consumer":                 {nil, nil, field("X-Sluice-Consumer", "acme")},
		"with which scopes":              {nil, nil, field("X-Sluice-Scopes", "orders:read orders:write")},
		"the scopes even if none":        {nil, func(d *decision.Decision) { d.Caller.Scopes = nil }, field("X-Sluice-Scopes", "")},
		"a scope that no field can hold": {nil, func(d *decision.Decision) { d.Caller.Scopes = []string{"a\r\nx: y"} }, field("X-Sluice-Scopes", "a??x: y")},
		"not what the caller says it is": {headers("x-sluice-app", "root", "X-Sluice-App", "root"), nil, field("X-Sluice-App", "acme-shop")},
		"no other field of ours":         {headers("x-sluice-admin", "1"), nil, field("X-Sluice-Admin")},
		"no spelling that a CGI takes for ours": {headers("x_sluice_app", "root", "x-sluice_app", "root"), nil, func(q *http.Request, _ string) string {
			return cmp.Diff([]string(nil), append(q.Header["X_sluice_app"], q.Header["X-Sluice_app"]...))
		}},
		"the request id":                      {headers("x-request-id", "mine"), nil, field("X-Request-Id", "req-1")},
		"the address that we saw":             {headers("x-forwarded-for", "10.0.0.1", "forwarded", "for=10.0.0.1", "x-real-ip", "10.0.0.1"), nil, field("X-Forwarded-For", "192.0.2.1")},
		"no address that others claim":        {headers("forwarded", "for=10.0.0.1"), nil, field("Forwarded")},
		"the host that was called":            {headers("x-forwarded-host", "evil.example"), nil, field("X-Forwarded-Host", "api.example.com")},
		"how it was called":                   {headers("x-forwarded-proto", "https"), nil, field("X-Forwarded-Proto", "https")},
		"not how it never was":                {headers("x-forwarded-proto", "gopher"), nil, field("X-Forwarded-Proto")},
		"no prefix that others claim":         {headers("x-forwarded-prefix", "/x"), nil, field("X-Forwarded-Prefix")},
		"no other method in disguise":         {headers("x-http-method-override", "DELETE"), nil, field("X-Http-Method-Override")},
		"no other path in disguise":           {headers("x-original-url", "/admin"), nil, field("X-Original-Url")},
		"nor rewritten":                       {headers("x-rewrite-url", "/admin"), nil, field("X-Rewrite-Url")},
		"our name in the chain":               {headers("via", "1.1 cdn"), nil, field("Via", "1.1 cdn", "1.1 sluice")},
		"the user agent":                      {headers("user-agent", "shop/1.0"), nil, field("User-Agent", "shop/1.0")},
		"no user agent of ours":               {nil, nil, field("User-Agent")},
		"what the caller accepts":             {headers("accept-encoding", "br, gzip"), nil, field("Accept-Encoding", "br, gzip")},
		"no encoding that it does not accept": {nil, nil, field("Accept-Encoding")},
		"values with commas as they are":      {headers("if-modified-since", "Mon, 23 Nov 2026 12:00:00 GMT"), nil, field("If-Modified-Since", "Mon, 23 Nov 2026 12:00:00 GMT")},
		"names in any case":                   {headers("X-Custom", "1"), nil, field("X-Custom", "1")},
		"nothing about the connection": {headers("connection", "keep-alive, x-custom, X-Other", "x-custom", "1", "x-other", "2", "keep-alive", "timeout=5"), nil, func(q *http.Request, _ string) string {
			return cmp.Diff([]string(nil), append(append(q.Header["X-Custom"], q.Header["X-Other"]...), append(q.Header["Keep-Alive"], q.Header["Connection"]...)...))
		}},
		"nothing for proxies": {headers("proxy-authorization", "Basic x", "proxy-connection", "close"), nil, field("Proxy-Authorization")},
		"both values of a name in two cases": {headers("x-custom", "1", "X-Custom", "2"), nil, func(q *http.Request, _ string) string {
			return cmp.Diff(2, len(q.Header["X-Custom"]))
		}},
		"no upgrade":                               {headers("connection", "upgrade", "upgrade", "websocket"), nil, field("Upgrade")},
		"a wish for secure links":                  {headers("upgrade-insecure-requests", "1"), nil, field("Upgrade-Insecure-Requests", "1")},
		"no trailers asked for":                    {headers("te", "trailers", "trailer", "x"), nil, field("Te")},
		"no expectation":                           {headers("expect", "100-continue"), nil, field("Expect")},
		"what we add, even if Connection lists it": {headers("connection", "x-sluice-app, x-request-id"), nil, field("X-Sluice-App", "acme-shop")},
		"cookies as one field": {func(e *events.APIGatewayV2HTTPRequest) {
			e.Cookies = []string{"a=1", "b=2"}
			e.Headers["cookie"] = "a=1;b=2"
		}, nil, field("Cookie", "a=1; b=2")},
		"a cookie field": {headers("cookie", "a=1"), nil, field("Cookie", "a=1")},
		"the body": {func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method, e.Body = "POST", "naïve" }, nil, func(q *http.Request, body string) string {
			return cmp.Diff("naïve", body) + cmp.Diff(int64(6), q.ContentLength)
		}},
		"a binary body": {func(e *events.APIGatewayV2HTTPRequest) {
			e.RequestContext.HTTP.Method, e.Body, e.IsBase64Encoded = "PUT", "/wABgA==", true
		}, nil, func(_ *http.Request, body string) string { return cmp.Diff("\xff\x00\x01\x80", body) }},
		"the length of an empty body": {func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "POST" }, headersPlan, func(q *http.Request, body string) string {
			return cmp.Diff("", body) + cmp.Diff([]string{"0"}, q.Header["Content-Length"]) + cmp.Diff([]string(nil), q.TransferEncoding)
		}},
		"not the length that the caller claims": {headers("content-length", "5", "transfer-encoding", "chunked"), nil, func(q *http.Request, _ string) string {
			return cmp.Diff(int64(0), q.ContentLength) + cmp.Diff([]string(nil), q.TransferEncoding)
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := start(t, nil)
			if c.event == nil {
				c.event = headers()
			}
			if c.plan == nil {
				c.plan = headersPlan
			}
			if out := r.handle(event(t, r.allow(c.plan), c.event)); out.StatusCode != 200 {
				t.Fatalf("answer %+v", out)
			}
			q, body := r.last()
			if diff := c.check(q, body); diff != "" {
				t.Errorf("the upstream got %s %s %v %q: %s", q.Method, q.RequestURI, q.Header, body, diff)
			}
		})
	}
}

func headersPlan(*decision.Decision) {}

func TestACallThatCannotBeSentOnAsItIsIsRefused(t *testing.T) {
	cases := map[string]change{
		"a header with a line break":   headers("x-a", "1\r\nx-sluice-app: root"),
		"a header with a bare newline": headers("x-a", "1\nb"),
		"a header with NUL":            headers("x-a", "1\x00"),
		"a name with a space":          headers("x a", "1"),
		"a name with a line break":     headers("x-a\r\nx-b", "1"),
		"an empty name":                headers("", "1"),
		"a cookie with a line break":   func(e *events.APIGatewayV2HTTPRequest) { e.Cookies = []string{"a=1\r\nx: y"} },
		"a query with a line break":    func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "a=1\r\nx: y" },
		"a query with a space":         func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "a=1 HTTP/1.1" },
		"a query with a fragment":      func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "a=1#b" },
		"a query that is not ASCII":    func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "a=\xff" },
		"a method with a space":        func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "GET /x" },
		"no method":                    func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "" },
		"an endless method":            func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = strings.Repeat("A", 41) },
		"CONNECT":                      func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "CONNECT" },
		"trace":                        func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "trace" },
		"a body that is not base64":    func(e *events.APIGatewayV2HTTPRequest) { e.Body, e.IsBase64Encoded = "a-b", true },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			r := start(t, nil)
			doc := wantProblem(t, r.handle(event(t, r.allow(), change)), 400, "invalid_request")
			if r.calls() != 0 || doc["errors"] == nil {
				t.Errorf("%d calls reached the upstream; %v", r.calls(), doc)
			}
		})
	}
}

func TestRequestBodiesHaveALimit(t *testing.T) {
	r := start(t, nil)
	small := func(d *decision.Decision) { d.Target.Upstream.MaxRequestBytes = 10 }
	post := func(body string, coded bool) change {
		return func(e *events.APIGatewayV2HTTPRequest) {
			e.RequestContext.HTTP.Method, e.Body, e.IsBase64Encoded = "POST", body, coded
		}
	}
	for body, status := range map[string]int{"0123456789": 200, "0123456789a": 413} {
		if out := r.handle(event(t, r.allow(small), post(body, false))); out.StatusCode != status {
			t.Errorf("%d bytes: %d", len(body), out.StatusCode)
		}
	}
	for body, status := range map[string]int{"MDEyMzQ1Njc4OQ==": 200, "MDEyMzQ1Njc4OWE=": 413, "MDEyMzQ1Njc4OWFi": 413, strings.Repeat("A", 1<<16): 413} {
		out := r.handle(event(t, r.allow(small), post(body, true)))
		if out.StatusCode != status {
			t.Errorf("%.20s: %d", body, out.StatusCode)
		}
		if status == 413 && !strings.Contains(out.Body, "10 bytes") {
			t.Errorf("the limit is not told: %s", out.Body)
		}
	}
	if out := r.handle(event(t, r.allow(), post(strings.Repeat("a", 1<<20+1), false))); out.StatusCode != 413 {
		t.Errorf("over the limit that holds where none is set: %d", out.StatusCode)
	}
}

func TestTraceContextIsContinuedOrStarted(t *testing.T) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
	form := regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$`)
	cases := map[string]struct {
		sent      string
		continues bool
	}{
		"a valid one is continued":               {parent, true},
		"a later version is continued":           {"01-" + parent[3:] + "-more", true},
		"none":                                   {"", false},
		"upper case is not valid":                {strings.ToUpper(parent), false},
		"a null trace is not valid":              {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", false},
		"a null parent is not valid":             {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false},
		"version ff is not valid":                {"ff" + parent[2:], false},
		"a version 00 with more is not valid":    {parent + "-more", false},
		"a longer version without a dash":        {"01" + parent[2:] + "more", false},
		"two of them are not valid":              {parent + "," + parent, false},
		"one that is cut is not valid":           {parent[:54], false},
		"one with a letter too many":             {"00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", false},
		"one with dashes elsewhere is not valid": {strings.ReplaceAll(parent, "-", "_"), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := start(t, nil)
			change := headers("tracestate", "vendor=1")
			if c.sent != "" {
				change = headers("tracestate", "vendor=1", "traceparent", c.sent)
			}
			r.handle(event(t, r.allow(), change))
			q, _ := r.last()
			got := q.Header.Get("Traceparent")
			if !form.MatchString(got) || got[36:52] == "00f067aa0ba902b7" {
				t.Fatalf("traceparent %q", got)
			}
			continued := got[3:35] == "4bf92f3577b34da6a3ce929d0e0e4736"
			if continued != c.continues || (q.Header.Get("Tracestate") != "") != c.continues {
				t.Errorf("traceparent %q, tracestate %q", got, q.Header.Get("Tracestate"))
			}
			if flags := got[53:]; c.continues && flags != "00" || !c.continues && flags != "01" {
				t.Errorf("flags %s", flags)
			}
		})
	}
}

func TestWhatTheCallerGetsOfTheUpstreamsHead(t *testing.T) {
	cases := map[string]struct {
		name string
		sent []string
		want string // "" for nothing
	}{
		"its own fields":                        {"X-Custom", []string{"1"}, "1"},
		"repeated fields joined":                {"X-Custom", []string{"1", "2"}, "1, 2"},
		"the media type":                        {"Content-Type", []string{"text/plain; charset=utf-8"}, "text/plain; charset=utf-8"},
		"not its software":                      {"Server", []string{"apache/2.4 (internal-host)"}, ""},
		"nor its framework":                     {"X-Powered-By", []string{"PHP/5"}, ""},
		"nor its proxies":                       {"Via", []string{"1.1 internal-lb"}, ""},
		"nor another way to it":                 {"Alt-Svc", []string{`h3="origin.internal:443"`}, ""},
		"nothing for the whole gateway":         {"Strict-Transport-Security", []string{"max-age=1; includeSubDomains"}, ""},
		"nothing in our name":                   {"X-Sluice-App", []string{"x"}, ""},
		"nothing about the connection":          {"Keep-Alive", []string{"timeout=5"}, ""},
		"nothing for proxies":                   {"Proxy-Authenticate", []string{"Basic"}, ""},
		"not its own request id":                {"X-Request-Id", []string{"theirs"}, "req-1"},
		"its own authentication":                {"Www-Authenticate", []string{`Digest realm="x"`, `Basic realm="y"`}, `Digest realm="x", Basic realm="y"`},
		"its own patience":                      {"Retry-After", []string{"120"}, "120"},
		"bytes that are no text are replaced":   {"X-Custom", []string{"caf\xe9"}, "caf?"},
		"a reference to itself":                 {"Location", []string{"http://UPSTREAM/base/orders/43?a=b#c"}, "/orders/v1/orders/43?a=b#c"},
		"a reference to itself by another name": {"Location", []string{"https://127.0.0.1/base/orders/43"}, "/orders/v1/orders/43"},
		"a reference to its root":               {"Location", []string{"/base"}, "/orders/v1"},
		"a reference by path":                   {"Location", []string{"/base/a%20b"}, "/orders/v1/a%20b"},
		"a relative reference":                  {"Location", []string{"43"}, "43"},
		"a reference to another site":           {"Location", []string{"https://login.example.com/x"}, "https://login.example.com/x"},
		"a reference beside its path":           {"Location", []string{"/based/x"}, ""},
		"a reference outside its path":          {"Location", []string{"/elsewhere"}, ""},
		"a reference to its network":            {"Location", []string{"http://10.1.2.3/x"}, ""},
		"a reference to its neighbour":          {"Location", []string{"http://db/x"}, ""},
		"a reference to its own name":           {"Location", []string{"http://orders.svc.internal/x"}, ""},
		"a reference with a secret":             {"Location", []string{"https://user:pass@login.example.com/x"}, ""},
		"a reference that is none":              {"Location", []string{"http://[::1"}, ""},
		"a reference without a place":           {"Location", []string{"mailto:a@b"}, ""},
		"where the content is":                  {"Content-Location", []string{"/base/orders/43.json"}, "/orders/v1/orders/43.json"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var own string
			r := start(t, func(w http.ResponseWriter, _ *http.Request) {
				for _, v := range c.sent {
					w.Header().Add(c.name, strings.ReplaceAll(v, "UPSTREAM", own))
				}
				w.WriteHeader(http.StatusFound)
			})
			own = strings.TrimPrefix(r.upstream.URL, "http://")
			out := r.get()
			if got := out.Headers[strings.ToLower(c.name)]; out.StatusCode != 302 || got != c.want {
				t.Errorf("%d %q, want %q", out.StatusCode, got, c.want)
			}
			for _, name := range []string{"server", "date", "content-length", "connection", "transfer-encoding"} {
				if v, there := out.Headers[name]; there {
					t.Errorf("%s: %s", name, v)
				}
			}
		})
	}
}

func TestFieldsThatConnectionListsStayHere(t *testing.T) {
	upstream := raw(t, "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nX-End: 1\r\nContent-Length: 0\r\n\r\n")
	out := start(t, nil).get(func(d *decision.Decision) { d.Target.Upstream.URL = upstream })
	if out.StatusCode != 200 || out.Headers["x-hop"] != "" || out.Headers["x-end"] != "1" {
		t.Errorf("%+v", out)
	}
}

func TestCookiesAreBoundToTheVersion(t *testing.T) {
	r := start(t, func(w http.ResponseWriter, _ *http.Request) {
		for _, c := range []string{"a=1", "b=2; Path=/; HttpOnly", "c=3; Domain=orders.internal; path=/base/x; Secure", "__Host-d=4; Path=/; Secure", "e=5;path=/other"} {
			w.Header().Add("Set-Cookie", c)
		}
	})
	want := []string{"a=1", "b=2; Path=/orders/v1/; HttpOnly", "c=3; Path=/orders/v1/x; Secure", "__Host-d=4; Path=/; Secure", "e=5; Path=/orders/v1/"}
	out := r.get()
	if diff := cmp.Diff(want, out.Cookies); diff != "" || out.Headers["set-cookie"] != "" {
		t.Error(diff, out.Headers)
	}
}

func TestBodiesArriveByteForByte(t *testing.T) {
	image := append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{0xff, 0x00}, 500)...)
	cases := map[string]struct {
		body   []byte
		header []string
		coded  bool
	}{
		"text":                                 {[]byte("naïve ✓"), []string{"Content-Type", "text/plain"}, false},
		"JSON":                                 {[]byte(`{"a":"b"}`), []string{"Content-Type", "application/json"}, false},
		"text of an unknown type":              {[]byte("a"), []string{"Content-Type", "application/x-unknown"}, false},
		"an image":                             {image, []string{"Content-Type", "image/png"}, true},
		"text in another charset":              {[]byte("caf\xe9"), []string{"Content-Type", "text/plain; charset=latin1"}, true},
		"a coded body that happens to be text": {[]byte("pretend"), []string{"Content-Encoding", "gzip", "Content-Type", "text/plain"}, true},
		"nothing":                              {nil, nil, false},
		"a large text":                         {bytes.Repeat([]byte(`{"key":"value","n":1}`), 100_000), []string{"Content-Type", "application/json"}, false},
		"a large text that is mostly escapes":  {bytes.Repeat([]byte("\"\\\x01"), 1<<20), []string{"Content-Type", "text/plain"}, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(w http.ResponseWriter, _ *http.Request) {
				for i := 0; i < len(c.header); i += 2 {
					w.Header().Set(c.header[i], c.header[i+1])
				}
				_, _ = w.Write(c.body)
			})
			out := r.get()
			got := []byte(out.Body)
			if out.IsBase64Encoded {
				got = decode(t, out.Body)
			}
			if out.StatusCode != 200 || out.IsBase64Encoded != c.coded || !bytes.Equal(got, c.body) {
				t.Errorf("%d, base64 %t, %d bytes of %d", out.StatusCode, out.IsBase64Encoded, len(got), len(c.body))
			}
			if len(c.header) > 0 && out.Headers[strings.ToLower(c.header[0])] != c.header[1] {
				t.Errorf("%v", out.Headers)
			}
		})
	}
}

func TestAnswersWithoutABody(t *testing.T) {
	for _, status := range []int{204, 304} {
		r := start(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("ETag", `"1"`); w.WriteHeader(status) })
		if out := r.get(); out.StatusCode != status || out.Body != "" || out.Headers["etag"] != `"1"` {
			t.Errorf("%+v", out)
		}
	}
	r := start(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "100000000") })
	out := r.handle(event(t, r.allow(), func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = http.MethodHead }))
	if out.StatusCode != 200 || out.Body != "" {
		t.Errorf("HEAD: %+v", out)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	r := start(t, func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, "/base/elsewhere", http.StatusTemporaryRedirect)
	})
	if out := r.get(); out.StatusCode != 307 || out.Headers["location"] != "/orders/v1/elsewhere" || r.calls() != 1 {
		t.Errorf("%d calls: %+v", r.calls(), out)
	}
}

func TestTheErrorsOfTheUpstreamAreItsOwn(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 409, 418, 429, 500, 502, 503, 504, 599} {
		r := start(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = io.WriteString(w, "mine") })
		if out := r.get(gold); out.StatusCode != status || out.Body != "mine" || out.Headers["ratelimit"] == "" {
			t.Errorf("%+v", out)
		}
	}
}
