package gatewayevent

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/textproto"
	"runtime/debug"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"

	"sluice/shared/problem"
)

// Function is what a function behind an HTTP API does with an event.
type Function func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)

type requestKey struct{}

// RequestFrom gives the event that a handler behind Handler is serving, as it came: authorizer context, request id and
// the path as the client wrote it.
func RequestFrom(ctx context.Context) (events.APIGatewayV2HTTPRequest, bool) {
	e, ok := ctx.Value(requestKey{}).(events.APIGatewayV2HTTPRequest)
	return e, ok
}

// Handler runs an http.Handler behind a Lambda function, through the adapter of aws-lambda-go-api-proxy and a guard for
// what that adapter gets wrong: it splits every header value on commas, upper-cases methods, lets decoded "?" and "#"
// change the path, replaces Host, leaves RemoteAddr without a port, knows headers by which a client can spoof its
// context, and answers 504 in plain text when it cannot convert an event or nothing was written.
func Handler(h http.Handler, log *slog.Logger) Function {
	adapter := httpadapter.NewV2(guard(h))
	return func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (out events.APIGatewayV2HTTPResponse, err error) {
		id := e.RequestContext.RequestID
		defer func() {
			if p := recover(); p != nil {
				log.ErrorContext(ctx, "panic", "request_id", id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				out, err = ProblemResponse(problem.Of(nil, id), nil), nil
			}
		}()
		plain, refused := admit(e)
		if refused != nil {
			return ProblemResponse(problem.Of(refused, id), nil), nil
		}
		out, err = adapter.ProxyWithContext(context.WithValue(ctx, requestKey{}, e), plain)
		if err != nil {
			log.ErrorContext(ctx, "adapter", "request_id", id, "error", err)
			return ProblemResponse(problem.Of(err, id), nil), nil
		}
		return lowerCase(out, id), nil
	}
}

// admit checks the event and makes the one that the adapter may see: a canonical path, no headers at all.
func admit(e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPRequest, error) {
	path, err := ParsePath(e.RawPath)
	if err != nil {
		return e, err
	}
	if !isToken(e.RequestContext.HTTP.Method) {
		return e, problem.New(problem.Invalid, "the method is not valid")
	}
	for _, c := range []byte(e.RawQueryString) {
		if c <= ' ' || c == 0x7f || c == '#' {
			return e, problem.New(problem.Invalid, "the query has a character that must be percent-encoded")
		}
	}
	if e.IsBase64Encoded {
		if _, err := base64.StdEncoding.DecodeString(e.Body); err != nil {
			return e, problem.New(problem.Invalid, "the body cannot be decoded")
		}
	}
	e.RawPath = path.Encoded
	e.RequestContext.DomainName = "management"
	e.Headers, e.Cookies, e.QueryStringParameters = nil, nil, nil
	return e, nil
}

// guard gives the handler the headers as the client sent them.
func guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e, ok := RequestFrom(r.Context())
		if !ok { // only Handler calls the adapter, and it puts the event there
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		r.Method = e.RequestContext.HTTP.Method
		r.Header = make(http.Header, len(e.Headers)+1)
		for name, value := range e.Headers {
			key := textproto.CanonicalMIMEHeaderKey(name)
			if strings.HasPrefix(key, "X-Golambdaproxy-") {
				continue
			}
			r.Header[key] = append(r.Header[key], value)
		}
		if len(e.Cookies) > 0 {
			r.Header["Cookie"] = []string{strings.Join(e.Cookies, "; ")}
		}
		r.Host = r.Header.Get("Host")
		r.Header.Del("Host")
		r.RemoteAddr = net.JoinHostPort(e.RequestContext.HTTP.SourceIP, "0")
		r.RequestURI = r.URL.RequestURI()
		s := &sink{ResponseWriter: w}
		h.ServeHTTP(s, r)
		if !s.written {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
}

// sink notices whether anything was written.
type sink struct {
	http.ResponseWriter
	written bool
}

func (s *sink) WriteHeader(status int) {
	s.written = true
	s.ResponseWriter.WriteHeader(status)
}

func (s *sink) Write(b []byte) (int, error) {
	s.written = true
	return s.ResponseWriter.Write(b)
}

// lowerCase writes header names as HTTP APIs do, and fills in what every answer has.
func lowerCase(out events.APIGatewayV2HTTPResponse, id string) events.APIGatewayV2HTTPResponse {
	h := make(map[string]string, len(out.Headers)+1)
	for k, v := range out.Headers {
		h[strings.ToLower(k)] = v
	}
	if id != "" {
		h["x-request-id"] = id
	}
	out.Headers = h
	if out.StatusCode == http.StatusInternalServerError && out.Body == "" {
		return ProblemResponse(problem.Of(nil, id), nil)
	}
	return out
}

// isToken reports whether s is an RFC 9110 token, which a method must be.
func isToken(s string) bool {
	if s == "" || len(s) > 40 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return true
}
