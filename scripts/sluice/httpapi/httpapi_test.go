package httpapi_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"sluice/scripts/sluice/httpapi"
	"sluice/shared/problem"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 5e6, time.FixedZone("", 3600))

// cloud is an HTTP API on a real socket whose function answers as the test says and whose events the test can look at.
type cloud struct {
	t      *testing.T
	addr   string
	events chan events.APIGatewayV2HTTPRequest
	asked  chan events.APIGatewayV2CustomAuthorizerV2Request
	failed chan error

	answer  events.APIGatewayV2HTTPResponse
	err     error
	verdict events.APIGatewayV2CustomAuthorizerSimpleResponse
	authErr error
}

func start(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{t: t, events: make(chan events.APIGatewayV2HTTPRequest, 1), failed: make(chan error, 1),
		asked:   make(chan events.APIGatewayV2CustomAuthorizerV2Request, 1),
		answer:  events.APIGatewayV2HTTPResponse{StatusCode: 200, Body: "ok"},
		verdict: events.APIGatewayV2CustomAuthorizerSimpleResponse{IsAuthorized: true, Context: map[string]any{"decision": "d"}}}
	function := func(_ context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		c.events <- e
		return c.answer, c.err
	}
	guard := func(_ context.Context, e events.APIGatewayV2CustomAuthorizerV2Request) (events.APIGatewayV2CustomAuthorizerSimpleResponse, error) {
		c.asked <- e
		return c.verdict, c.authErr
	}
	l, err := httpapi.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	api := httpapi.New("local", "8080", []httpapi.Route{
		{Method: "GET", Path: "/healthz", Integration: function},
		{Method: "ANY", Path: "/guarded/{proxy+}", Integration: function, Authorizer: guard},
		{Method: "GET", Path: "/things/{id}/parts/{part}", Integration: function},
		{Integration: function},
	}, func() time.Time { return noon }, func(_ string, err error) { c.failed <- err })
	server := httpapi.NewServer(api)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	c.addr = l.Addr().String()
	return c
}

// send writes raw bytes and reads one answer.
func (c *cloud) send(raw string) (*http.Response, string) {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.addr)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // a test's connection
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, raw) }() // a server that refuses may close early
	method, _, _ := strings.Cut(raw, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	defer res.Body.Close() //nolint:errcheck // a test's connection
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res, string(body)
}

func (c *cloud) event(raw string) events.APIGatewayV2HTTPRequest {
	c.t.Helper()
	res, body := c.send(raw)
	select {
	case e := <-c.events:
		return e
	default:
		c.t.Fatalf("no event; the answer is %s %s", res.Status, body)
		panic("not reached")
	}
}

func get(target string, headers ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: gw.example.com:8080\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

func post(target, contentType, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", target, contentType, len(body), body)
}

func TestARequestBecomesTheEventThatAnHTTPAPIMakes(t *testing.T) {
	c := start(t)
	e := c.event(get("/orders/v1/orders?b=2&a=x%20y&a=z", "User-Agent: t/1", "Accept: a/b", "accept: c/d", "X-Forwarded-For: 192.0.2.9",
		"Cookie: one=1; two=2", "Cookie: three=3", "X-Amzn-Trace-Id: Root=1-a"))
	id, _, _ := net.SplitHostPort(c.addr)
	want := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "$default", RawPath: "/orders/v1/orders", RawQueryString: "b=2&a=x%20y&a=z",
		Cookies: []string{"one=1", "two=2", "three=3"},
		Headers: map[string]string{"host": "gw.example.com:8080", "user-agent": "t/1", "accept": "a/b,c/d",
			"x-forwarded-for": "192.0.2.9, " + id, "x-forwarded-port": "8080", "x-forwarded-proto": "http", "x-amzn-trace-id": "Root=1-a"},
		QueryStringParameters: map[string]string{"b": "2", "a": "x y,z"},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: "$default", AccountID: "123456789012", Stage: "$default", RequestID: e.RequestContext.RequestID, APIID: "local",
			DomainName: "gw.example.com", DomainPrefix: "gw", Time: "23/Nov/2026:11:00:00 +0000", TimeEpoch: noon.UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: "GET", Path: "/orders/v1/orders", Protocol: "HTTP/1.1", SourceIP: id, UserAgent: "t/1"}},
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Error(diff)
	}
	if len(e.RequestContext.RequestID) != 16 {
		t.Errorf("request id %q", e.RequestContext.RequestID)
	}
}

func TestThePathArrivesAsItWasSent(t *testing.T) {
	c := start(t)
	for sent, want := range map[string]string{
		"/a%2fb/%2e%2e/c": "/a%2fb/%2e%2e/c", "/a/../b/./c": "/a/../b/./c", "//a//b/": "//a//b/", "/": "/", "/%F0%9F%8D%8A": "/%F0%9F%8D%8A",
		"/a;b=c,d": "/a;b=c,d", "/a%00b": "/a%00b", "/a\\b": "/a\\b", "http://elsewhere/a%2Fb?c": "/a%2Fb", "http://elsewhere": "/",
		"http://elsewhere?q": "/", "/http://x/y": "/http://x/y", "/a?b?c": "/a",
	} {
		if got := c.event(get(sent)); got.RawPath != want || got.RequestContext.HTTP.Path != want {
			t.Errorf("%s arrives as %s", sent, got.RawPath)
		}
	}
}

func TestABodyArrivesAsTextOrInBase64(t *testing.T) {
	c := start(t)
	for name, k := range map[string]struct {
		contentType, body string
		text              bool
	}{
		"JSON is text":                    {"application/json; charset=utf-8", `{"a":"ä"}`, true},
		"text is text":                    {"Text/Plain", "hello", true},
		"a form is not":                   {"application/x-www-form-urlencoded", "a=b", false},
		"what says nothing is not":        {"", "a", false},
		"bytes are not, whatever is said": {"application/json", "\xff\x00", false},
	} {
		t.Run(name, func(t *testing.T) {
			e := c.event(post("/x", k.contentType, k.body))
			got, err := e.Body, error(nil)
			if e.IsBase64Encoded {
				var b []byte
				b, err = base64.StdEncoding.DecodeString(e.Body)
				got = string(b)
			}
			if err != nil || got != k.body || e.IsBase64Encoded == k.text || e.Headers["content-length"] != fmt.Sprint(len(k.body)) {
				t.Errorf("body %q, base64 %t, headers %v, %v", e.Body, e.IsBase64Encoded, e.Headers, err)
			}
		})
	}
	e := c.event("POST /x HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
	if e.Body != "abcde" || e.Headers["content-length"] != "5" {
		t.Errorf("a chunked body arrives as %q %v", e.Body, e.Headers)
	}
	e = c.event("POST /x HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\na")
	if !e.IsBase64Encoded {
		t.Error("an encoded body arrives as text")
	}
}

func TestTheMostSpecificRouteTakesTheCall(t *testing.T) {
	c := start(t)
	for target, want := range map[string]string{
		"/healthz": "GET /healthz", "/healthz/": "$default", "/guarded": "$default", "/guarded/": "$default",
		"/things/1%2F2/parts/b": "GET /things/{id}/parts/{part}", "/things//parts/b": "$default", "/things/1/parts/b/c": "$default",
	} {
		if e := c.event(get(target)); e.RouteKey != want || e.RequestContext.RouteKey != want {
			t.Errorf("%s takes %s, want %s", target, e.RouteKey, want)
		}
	}
	if e := c.event("POST /healthz HTTP/1.1\r\nHost: h\r\n\r\n"); e.RouteKey != "$default" {
		t.Errorf("POST takes %s", e.RouteKey)
	}
	if e := c.event(get("/things/1%2F2/parts/b")); e.PathParameters["id"] != "1/2" || e.PathParameters["part"] != "b" {
		t.Errorf("parameters %v", e.PathParameters)
	}
}

func TestTheAuthorizerDecidesBeforeTheFunctionIsCalled(t *testing.T) {
	c := start(t)
	e := c.event(get("/guarded/a/b", "X-Api-Key: k"))
	asked := <-c.asked
	if asked.RawPath != "/guarded/a/b" || asked.Type != "REQUEST" || asked.Version != "2.0" || asked.Headers["x-api-key"] != "k" ||
		asked.RequestContext.RequestID != e.RequestContext.RequestID || asked.RouteKey != "ANY /guarded/{proxy+}" || len(asked.IdentitySource) != 0 {
		t.Errorf("the authorizer is asked %+v", asked)
	}
	if e.RequestContext.Authorizer == nil || e.RequestContext.Authorizer.Lambda["decision"] != "d" || e.PathParameters["proxy"] != "a/b" {
		t.Errorf("the function is told %+v", e.RequestContext.Authorizer)
	}
	if res, body := c.send(get("/healthz")); res.StatusCode != 200 || body != "ok" {
		t.Errorf("%s %s", res.Status, body)
	} else if e := <-c.events; e.RequestContext.Authorizer != nil {
		t.Error("a route without an authorizer has a context")
	}

	c.verdict = events.APIGatewayV2CustomAuthorizerSimpleResponse{Context: map[string]any{"decision": "d"}}
	if res, body := c.send(get("/guarded/a")); res.StatusCode != 403 || body != `{"message":"Forbidden"}` || res.Header.Get("x-request-id") == "" {
		t.Errorf("a denial is answered with %s %s", res.Status, body)
	}
	<-c.asked
	c.authErr = errors.New("secret inside")
	res, body := c.send(get("/guarded/a"))
	wantProblem(t, res, body, 500, "internal")
	<-c.asked
	if len(c.events) != 0 {
		t.Error("the function was called all the same")
	}
}

func wantProblem(t *testing.T, res *http.Response, body string, status int, code string) {
	t.Helper()
	var d struct {
		Status    int
		Code      string
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Errorf("%s %s: %v", res.Status, body, err)
	}
	if res.StatusCode != status || d.Status != status || d.Code != code || d.RequestID == "" || d.RequestID != res.Header.Get("X-Request-Id") ||
		res.Header.Get("Content-Type") != problem.MediaType || strings.Contains(body, "secret") {
		t.Errorf("%s %v %s, want %d %s", res.Status, res.Header, body, status, code)
	}
}

func TestWhatIsTooLargeOrGarbledIsAProblemAndReachesNobody(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	for name, k := range map[string]struct {
		raw    string
		status int
		code   string
	}{
		"a path of 9 KB":            {get("/" + strings.Repeat("a", 9<<10)), 414, "uri_too_long"},
		"headers of 11 KB":          {get("/", "X-A: "+strings.Repeat("a", 11<<10)), 431, "header_fields_too_large"},
		"headers of 200 KB":         {get("/", "X-A: "+strings.Repeat("a", 200<<10)), 431, "header_fields_too_large"},
		"a body of 20 MB":           {post("/", "text/plain", strings.Repeat(big, 20)), 413, "request_too_large"},
		"a chunked body over 10 MB": {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("100000\r\n"+big+"\r\n", 11) + "0\r\n\r\n", 413, "request_too_large"},
		"an event over 6 MB":        {post("/", "text/plain", strings.Repeat(big, 7)), 413, "request_too_large"},
		"5 MB that grow in base64":  {post("/", "image/png", strings.Repeat(big, 5)), 413, "request_too_large"},
		"a garbled escape":          {get("/%zz"), 400, "invalid_request"},
		"a control character":       {get("/a\x01b"), 400, "invalid_request"},
		"no host":                   {"GET / HTTP/1.1\r\n\r\n", 400, "invalid_request"},
		"two hosts":                 {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "invalid_request"},
		"two lengths":               {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "invalid_request"},
		"an unknown transfer":       {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400, "invalid_request"},
		"a garbled chunk":           {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "invalid_request"},
		"no path":                   {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_request"},
		"a tunnel":                  {"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400, "invalid_request"},
		"no HTTP":                   {"hello\r\n\r\n", 400, "invalid_request"},
		"a header without a colon":  {"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t)
			res, body := c.send(k.raw)
			wantProblem(t, res, body, k.status, k.code)
			if len(c.events) != 0 {
				t.Error("the function was called")
			}
		})
	}
}

func TestABodyJustInsideTheLimitsArrives(t *testing.T) {
	c := start(t)
	if e := c.event(post("/", "text/plain", strings.Repeat("x", 6<<20-11<<10))); len(e.Body) != 6<<20-11<<10 {
		t.Errorf("%d bytes arrive", len(e.Body))
	}
	if e := c.event(get("/", "X-A: "+strings.Repeat("a", 10<<10-200))); len(e.Headers["x-a"]) != 10<<10-200 {
		t.Errorf("%d bytes arrive", len(e.Headers["x-a"]))
	}
}

func TestAnAnswerIsWrittenAsTheFunctionGaveIt(t *testing.T) {
	c := start(t)
	c.answer = events.APIGatewayV2HTTPResponse{StatusCode: 201, Body: base64.StdEncoding.EncodeToString([]byte{0xff, 0}), IsBase64Encoded: true,
		Headers: map[string]string{"content-type": "image/x", "etag": `"1"`, "connection": "close", "transfer-encoding": "chunked", "content-length": "99", "x-split": "a\r\nb: c"},
		Cookies: []string{"a=1; Path=/", "b=2"}, MultiValueHeaders: map[string][]string{"x-multi": {"a"}}}
	res, body := c.send(get("/"))
	if res.StatusCode != 201 || body != "\xff\x00" || res.Header.Get("ETag") != `"1"` || res.ContentLength != 2 || len(res.TransferEncoding) != 0 ||
		len(res.Header["Set-Cookie"]) != 2 || res.Close || res.Header.Get("B") != "" || res.Header.Get("X-Multi") != "" {
		t.Errorf("%s %v %q", res.Status, res.Header, body)
	}
	<-c.events
	c.answer = events.APIGatewayV2HTTPResponse{StatusCode: 204}
	if res, body := c.send(get("/")); res.StatusCode != 204 || body != "" || res.Header.Get("Content-Type") != "" {
		t.Errorf("%s %v %q", res.Status, res.Header, body)
	}
	<-c.events
	c.answer = events.APIGatewayV2HTTPResponse{StatusCode: 200, Headers: map[string]string{"content-length": "42"}}
	if res, _ := c.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"); res.ContentLength != 42 {
		t.Errorf("HEAD says %d bytes", res.ContentLength)
	}
}

func TestAFunctionThatFailsIsAProblemWithoutItsInsides(t *testing.T) {
	for name, k := range map[string]struct {
		answer events.APIGatewayV2HTTPResponse
		err    error
		status int
		code   string
	}{
		"it crashed":            {err: errors.New("secret inside"), status: 500, code: "internal"},
		"it ran out of time":    {err: fmt.Errorf("secret: %w", context.DeadlineExceeded), status: 503, code: "unavailable"},
		"it says what it is":    {err: problem.New(problem.TooLarge, "too large"), status: 413, code: "request_too_large"},
		"it has no status":      {status: 500, code: "internal"},
		"its base64 is garbled": {answer: events.APIGatewayV2HTTPResponse{StatusCode: 200, Body: "%", IsBase64Encoded: true}, status: 500, code: "internal"},
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t)
			c.answer, c.err = k.answer, k.err
			res, body := c.send(get("/"))
			wantProblem(t, res, body, k.status, k.code)
			if len(c.failed) != 1 {
				t.Error("nobody was told")
			}
		})
	}
}

func TestOnlyLoopbackIsListenedOn(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:0", "127.0.0.1", ""} {
		if l, err := httpapi.Listen(t.Context(), address); err == nil {
			_ = l.Close()
			t.Errorf("%q is listened on", address)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "127.1.2.3:0", "localhost:0"} {
		l, err := httpapi.Listen(t.Context(), address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		_ = l.Close()
	}
}
