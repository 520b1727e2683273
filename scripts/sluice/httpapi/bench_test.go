package httpapi_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sluice/scripts/sluice/httpapi"
)

// sink takes an answer and keeps nothing.
type sink struct{ h http.Header }

func (s sink) Header() http.Header               { return s.h }
func (s sink) Write(b []byte) (int, error)       { return len(b), nil }
func (s sink) WriteString(b string) (int, error) { return len(b), nil }
func (s sink) WriteHeader(int)                   {}

var _ io.StringWriter = sink{}

// BenchmarkCall is what turning a call into events and an answer back costs, with functions that do nothing.
func BenchmarkCall(b *testing.B) {
	body := strings.Repeat("x", 1024)
	function := func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		return events.APIGatewayV2HTTPResponse{StatusCode: 200, Body: body, Headers: map[string]string{
			"content-type": "application/json", "x-request-id": "r-1", "ratelimit": `"gold-rate";r=9;t=1`, "ratelimit-policy": `"gold-rate";q=10;w=1`,
		}}, nil
	}
	verdict := events.APIGatewayV2CustomAuthorizerSimpleResponse{IsAuthorized: true, Context: map[string]any{"decision": "d"}}
	guard := func(context.Context, events.APIGatewayV2CustomAuthorizerV2Request) (events.APIGatewayV2CustomAuthorizerSimpleResponse, error) {
		return verdict, nil
	}
	api := httpapi.New("local", "8080", []httpapi.Route{{Integration: function, Authorizer: guard}}, time.Now, func(string, error) {})
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/orders/v1/orders/42", http.NoBody)
	r.RequestURI = "/orders/v1/orders/42"
	for name, value := range map[string]string{"X-Api-Key": strings.Repeat("k", 40), "User-Agent": "bench", "Accept": "application/json"} {
		r.Header.Set(name, value)
	}
	s := sink{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(s.h)
		api.ServeHTTP(s, r)
	}
	if s.h.Get("Content-Length") != "1024" {
		b.Fatal(s.h)
	}
}
