package forward_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"sluice/functions/proxy/forward"
	"sluice/shared/decision"
	"sluice/shared/problem"
)

// echo is an upstream without a network. It panics if it is sent what net/http would refuse to write.
type echo struct{ t *testing.T }

func (u echo) RoundTrip(q *http.Request) (*http.Response, error) {
	wire := &strings.Builder{}
	if err := q.Clone(q.Context()).Write(wire); err != nil {
		u.t.Errorf("the request cannot be written: %v", err)
	}
	line, rest, _ := strings.Cut(wire.String(), "\r\n")
	if strings.Count(line, " ") != 2 || !strings.HasSuffix(line, " HTTP/1.1") {
		u.t.Errorf("request line %q", line)
	}
	head, _, _ := strings.Cut(rest, "\r\n\r\n")
	for field := range strings.SplitSeq(strings.ToLower(head), "\r\n") {
		name, value, _ := strings.Cut(field, ":")
		switch name = strings.ReplaceAll(name, "_", "-"); {
		case name == "x-sluice-app" && value != " acme-shop", name == "x-api-key", name == "authorization", name == "x-sluice-admin",
			strings.ContainsAny(field, "\r\n\x00"):
			u.t.Errorf("the upstream gets %q", field)
		}
	}
	w := httptest.NewRecorder()
	w.Header().Set("Location", q.Header.Get("X-Fuzz"))
	w.Header().Set("Set-Cookie", q.Header.Get("X-Fuzz"))
	_, _ = w.WriteString(q.Header.Get("X-Fuzz"))
	res := w.Result()
	res.Request = q
	return res, nil
}

// FuzzHandle: whatever the event, there is an answer; garbage from outside is told as a 4xx and never as a fault of ours; and
// what does reach the upstream is a sound request without a credential or a field in our name.
func FuzzHandle(f *testing.F) {
	f.Add("GET", "/orders/v1/orders/42", "a=1", "x-fuzz", "/base/x", "body", false, "a=1")
	f.Add("POST", "/orders/v1/%2e%2e", "a=b c", "X_Sluice_App", "root", "/w==", true, "")
	f.Add("TRACE", "//", "\r\n", "connection", "x-sluice-app, x-request-id", "%", true, "\x00")
	f.Add("get", "/", "", "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", "", false, "\r\n")
	f.Add("PUT", "/a", "", "x-fuzz", "http://[::1", "", false, "a=1; Path=/; Domain=x")
	f.Fuzz(func(t *testing.T, method, path, query, name, value, body string, coded bool, cookie string) {
		r := start(t, nil, func(d *forward.Deps) { d.Upstreams = over(echo{t}) })
		r.upstream.Close()
		out := r.handle(event(t, r.allow(), func(e *events.APIGatewayV2HTTPRequest) {
			e.RequestContext.HTTP.Method, e.RawPath, e.RawQueryString, e.Body, e.IsBase64Encoded = method, path, query, body, coded
			e.Headers[name] = value
			if cookie != "" {
				e.Cookies = []string{cookie}
			}
		}))
		switch {
		case out.StatusCode >= 500 && sound(method, path):
			t.Fatalf("%d %s", out.StatusCode, out.Body)
		case out.StatusCode != 200 && out.Headers["content-type"] != problem.MediaType:
			t.Fatalf("refused with %+v", out)
		}
	})
}

// sound reports whether a decision about the call survives being written as JSON: one that does not is about another call.
func sound(parts ...string) bool {
	for _, s := range parts {
		if strings.ToValidUTF8(s, "") != s {
			return false
		}
	}
	return true
}

// FuzzDecision: whatever the context says, nothing is forwarded unless it is a decision about this call.
func FuzzDecision(f *testing.F) {
	f.Add(`{}`)
	f.Add(`{"c":{"p":"gateway","i":"req-1","m":"GET","u":"/orders/v1/orders/42"},"at":"2026-11-23T12:00:00Z","t":{"a":"orders","p":"/x","u":{"url":"http://u"}},"w":{"a":"a","s":"s"}}`)
	f.Add(`{"c":{"p":"gateway","i":"req-1","m":"GET","u":"/orders/v1/orders/42"},"r":{"c":"rate_limited"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		r := start(t, nil, func(d *forward.Deps) { d.Upstreams = over(broken{}) })
		r.upstream.Close()
		e := event(t, nil)
		e.RequestContext.Authorizer = authorizer(map[string]any{decision.ContextKey: text})
		out := r.handle(e)
		if out.StatusCode < 400 || out.Headers["content-type"] != problem.MediaType {
			t.Fatalf("%q is answered with %+v", text, out)
		}
	})
}
