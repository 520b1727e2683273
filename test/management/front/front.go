// Package front stands where API Gateway and the authorizer stand, for tests of the management functions: it turns an HTTP
// request into the event that a function gets, with a decision about exactly that call, and its answer back.
package front

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/gatewayevent"
)

// Actors knows who presents which bearer token.
type Actors map[string]catalog.Actor

// Gateway is an HTTP server in front of functions.
type Gateway struct {
	Actors  Actors
	Route   func(path string) gatewayevent.Function // nil: there is no such route
	Now     func() time.Time
	Garble  func(decision.Call, map[string]any) // spoils the authorizer's context; nil: not at all
	counter atomic.Int64
}

// maxRequest is what API Gateway takes.
const maxRequest = 10 << 20

// ServeHTTP serves one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := g.Route(r.URL.Path)
	if f == nil {
		http.Error(w, `{"message":"Not Found"}`, http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, `{"message":"Request Entity Too Large"}`, http.StatusRequestEntityTooLarge)
		return
	}
	e := g.event(r, body)
	out, err := f(r.Context(), e)
	if err != nil {
		http.Error(w, `{"message":"Internal Server Error"}`, http.StatusInternalServerError)
		return
	}
	for name, value := range out.Headers {
		w.Header().Set(name, value)
	}
	answer := []byte(out.Body)
	if out.IsBase64Encoded {
		if answer, err = base64.StdEncoding.DecodeString(out.Body); err != nil {
			http.Error(w, `{"message":"Internal Server Error"}`, http.StatusInternalServerError)
			return
		}
	}
	w.WriteHeader(out.StatusCode)
	_, _ = w.Write(answer) // the caller has gone
}

func (g *Gateway) event(r *http.Request, body []byte) events.APIGatewayV2HTTPRequest {
	e := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: r.URL.EscapedPath(), RawQueryString: r.URL.RawQuery, Headers: map[string]string{}}
	for name, values := range r.Header {
		e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	e.Headers["host"] = r.Host
	if e.Body = string(body); !utf8.Valid(body) {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	e.RequestContext.RequestID = fmt.Sprintf("r-%d", g.counter.Add(1))
	e.RequestContext.HTTP.Method = r.Method
	e.RequestContext.HTTP.SourceIP = "192.0.2.1"
	d := decision.Decision{Call: gatewayevent.CallOf(decision.Management, e), At: g.Now()}
	switch token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); {
	case r.Header.Get("Authorization") == "":
		d.Refusal = &decision.Denial{Code: decision.CredentialMissing}
	case !ok || g.Actors[token].ID == "":
		d.Refusal = &decision.Denial{Code: decision.CredentialInvalid}
	default:
		actor := g.Actors[token]
		d.Admin = &actor
	}
	text, err := d.Encode()
	if err != nil {
		text = "garbled"
	}
	context := map[string]any{decision.ContextKey: text}
	if g.Garble != nil {
		g.Garble(d.Call, context)
	}
	e.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: context}
	return e
}

// ToKeys reports whether template.yaml routes the path to the keys function.
func ToKeys(path string) bool {
	path = strings.TrimPrefix(path, "/admin/v1/")
	if path == "admin-keys" || strings.HasPrefix(path, "admin-keys/") {
		return true
	}
	parts := strings.Split(path, "/")
	return len(parts) >= 3 && parts[0] == "apps" && parts[2] == "keys"
}
