package gatewayevent_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"sluice/shared/decision"
	"sluice/shared/gatewayevent"
	"sluice/shared/problem"
)

// seen is a request as the handler saw it.
type seen struct {
	Method, URI, Path, Query, Host, Remote, Body string
	Header                                       http.Header
}

func event(change func(*events.APIGatewayV2HTTPRequest)) events.APIGatewayV2HTTPRequest {
	e := events.APIGatewayV2HTTPRequest{Version: "2.0", RouteKey: "ANY /admin/v1/{proxy+}", RawPath: "/admin/v1/teams",
		Headers: map[string]string{"host": "management.example.com"}}
	e.RequestContext.RequestID = "r-1"
	e.RequestContext.HTTP.Method = "GET"
	e.RequestContext.HTTP.SourceIP = "192.0.2.7"
	if change != nil {
		change(&e)
	}
	return e
}

func call(t *testing.T, e events.APIGatewayV2HTTPRequest, h http.HandlerFunc) (events.APIGatewayV2HTTPResponse, *seen) {
	t.Helper()
	var got *seen
	f := gatewayevent.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = &seen{r.Method, r.RequestURI, r.URL.Path, r.URL.RawQuery, r.Host, r.RemoteAddr, string(body), r.Header}
		if h != nil {
			h(w, r)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}), slog.New(slog.NewTextHandler(io.Discard, nil)))
	out, err := f(t.Context(), e)
	if err != nil {
		t.Fatalf("the function must answer, not fail: %v", err)
	}
	return out, got
}

func TestTheGuardMendsWhatTheAdapterBreaks(t *testing.T) {
	cases := map[string]struct {
		change func(*events.APIGatewayV2HTTPRequest)
		check  func(*seen) bool
	}{
		"a header value with commas stays one value": {
			func(e *events.APIGatewayV2HTTPRequest) { e.Headers["if-match"] = `"a,b", "c"` },
			func(s *seen) bool { return len(s.Header["If-Match"]) == 1 && s.Header.Get("If-Match") == `"a,b", "c"` }},
		"a date stays one value": {
			func(e *events.APIGatewayV2HTTPRequest) { e.Headers["date"] = "Mon, 23 Nov 2026 19:00:00 GMT" },
			func(s *seen) bool { return s.Header.Get("Date") == "Mon, 23 Nov 2026 19:00:00 GMT" }},
		"a client cannot spoof the adapter's context headers": {
			func(e *events.APIGatewayV2HTTPRequest) {
				e.Headers["x-golambdaproxy-apigw-context"] = `{"accountId":"1"}`
				e.Headers["X-GoLambdaProxy-ApiGw-StageVars"] = `{}`
			},
			func(s *seen) bool { return len(s.Header) == 0 }},
		"an encoded question mark does not start a query": {
			func(e *events.APIGatewayV2HTTPRequest) { e.RawPath = "/admin/v1/teams/a%3Fadmin=1" },
			func(s *seen) bool { return s.Query == "" && s.Path == "/admin/v1/teams/a?admin=1" }},
		"a decoded question mark does not start a query": {
			func(e *events.APIGatewayV2HTTPRequest) { e.RawPath = "/admin/v1/teams/a?admin=1" },
			func(s *seen) bool { return s.Query == "" && s.Path == "/admin/v1/teams/a?admin=1" }},
		"a decoded hash does not cut the path": {
			func(e *events.APIGatewayV2HTTPRequest) { e.RawPath = "/admin/v1/teams/a#b" },
			func(s *seen) bool { return s.Path == "/admin/v1/teams/a#b" }},
		"the caller's address has a port, as net/http promises": {nil, func(s *seen) bool { return s.Remote == "192.0.2.7:0" }},
		"Host is the one that the client called":                {nil, func(s *seen) bool { return s.Host == "management.example.com" }},
		"a method keeps its case": {
			func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "get" },
			func(s *seen) bool { return s.Method == "get" }},
		"the query arrives as it was sent": {
			func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "b=2&a=%20x&a=y" },
			func(s *seen) bool { return s.Query == "b=2&a=%20x&a=y" }},
		"a binary body is decoded": {
			func(e *events.APIGatewayV2HTTPRequest) {
				e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte("\xff\x00a")), true
			},
			func(s *seen) bool { return s.Body == "\xff\x00a" }},
		"cookies arrive as one header": {
			func(e *events.APIGatewayV2HTTPRequest) { e.Cookies = []string{"a=1", "b=2"} },
			func(s *seen) bool { return s.Header.Get("Cookie") == "a=1; b=2" }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			out, got := call(t, event(c.change), nil)
			if got == nil || !c.check(got) {
				t.Errorf("the handler saw %+v, the client %+v", got, out)
			}
		})
	}
}

func TestAnEventThatCannotBeServedIsAProblemAndNeverReachesTheHandler(t *testing.T) {
	for name, change := range map[string]func(*events.APIGatewayV2HTTPRequest){
		"dot segments":        func(e *events.APIGatewayV2HTTPRequest) { e.RawPath = "/admin/v1/../x" },
		"an encoded slash":    func(e *events.APIGatewayV2HTTPRequest) { e.RawPath = "/admin/v1/teams/a%2fb" },
		"an empty path":       func(e *events.APIGatewayV2HTTPRequest) { e.RawPath = "" },
		"a garbled method":    func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "GE T" },
		"no method":           func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "" },
		"a query with spaces": func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "a=b c" },
		"a garbled body":      func(e *events.APIGatewayV2HTTPRequest) { e.Body, e.IsBase64Encoded = "%%%", true },
	} {
		t.Run(name, func(t *testing.T) {
			out, got := call(t, event(change), nil)
			if got != nil {
				t.Errorf("the handler saw %+v", got)
			}
			wantProblem(t, out, http.StatusBadRequest, "invalid_request")
		})
	}
}

func TestAHandlerThatFailsGivesAProblemWithoutInsides(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"it panics":         func(http.ResponseWriter, *http.Request) { panic("slk_secret") },
		"it writes nothing": func(http.ResponseWriter, *http.Request) {},
	} {
		t.Run(name, func(t *testing.T) {
			out, _ := call(t, event(nil), h)
			wantProblem(t, out, http.StatusInternalServerError, "internal")
			if strings.Contains(out.Body, "slk_secret") {
				t.Errorf("the answer tells about the inside: %s", out.Body)
			}
		})
	}
}

func TestEveryAnswerNamesTheRequestAndWritesHeadersInLowerCase(t *testing.T) {
	out, _ := call(t, event(nil), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.Header().Set("Content-Type", "application/octet-stream")
		if _, err := w.Write([]byte{0xff, 0x00}); err != nil {
			t.Error(err)
		}
	})
	if out.Headers["etag"] != `"1"` || out.Headers["x-request-id"] != "r-1" || len(out.Cookies) != 2 || !out.IsBase64Encoded {
		t.Errorf("answer %+v", out)
	}
}

func TestThePlaneIsToldByTheRouteAndNotByThePath(t *testing.T) {
	for route, want := range map[string]decision.Plane{
		"$default": decision.Gateway, "ANY /{api}/{version}/{proxy+}": decision.Gateway, "": decision.Gateway,
		"GET /administration/x": decision.Gateway, "/admin/v1/x": decision.Gateway,
		"ANY /admin/v1/{proxy+}": decision.Management, "GET /admin/v1/openapi.json": decision.Management,
	} {
		if got := gatewayevent.PlaneOf(route); got != want {
			t.Errorf("%q is %s, want %s", route, got, want)
		}
	}
}

func TestAProblemWhoseExtrasCannotBeWrittenIsStillAProblem(t *testing.T) {
	out := gatewayevent.ProblemResponse(problem.Document{Type: "urn:x", Title: "t", Status: 500, Code: "internal",
		Extra: map[string]any{"bad": func() {}}}, map[string]string{"Retry-After": "3"})
	wantProblem(t, out, 500, "internal")
	if out.Headers["retry-after"] != "3" {
		t.Errorf("headers %v", out.Headers)
	}
}

// FuzzHandler: whatever the event, there is an answer, and what is refused is a problem.
func FuzzHandler(f *testing.F) {
	f.Add("/admin/v1/teams", "GET", "a=1", "body", false, "x-y", "z")
	f.Fuzz(func(t *testing.T, path, method, query, body string, encoded bool, name, value string) {
		out, got := call(t, event(func(e *events.APIGatewayV2HTTPRequest) {
			e.RawPath, e.RequestContext.HTTP.Method, e.RawQueryString, e.Body, e.IsBase64Encoded = path, method, query, body, encoded
			e.Headers[name] = value
		}), nil)
		if got == nil && (out.StatusCode != 400 || out.Headers["content-type"] != problem.MediaType) {
			t.Fatalf("refused with %+v", out)
		}
	})
}

func wantProblem(t *testing.T, out events.APIGatewayV2HTTPResponse, status int, code string) {
	t.Helper()
	var d map[string]any
	if err := json.NewDecoder(bytes.NewBufferString(out.Body)).Decode(&d); err != nil {
		t.Fatalf("%v in %q", err, out.Body)
	}
	if out.StatusCode != status || d["code"] != code || out.Headers["content-type"] != problem.MediaType {
		t.Errorf("answer %d %v %s, want %d %s", out.StatusCode, out.Headers, out.Body, status, code)
	}
}
