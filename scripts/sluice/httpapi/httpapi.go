// Package httpapi is an API Gateway HTTP API on net/http: it turns a request into an event with payload format 2.0, asks
// the route's Lambda authorizer, calls the route's function and writes its answer.
//
// What the service answers by itself is answered here with the same status, but as a problem (RFC 9457) with a request
// id. One thing is as bare as there: {"message":"Forbidden"} where an authorizer denies. It holds the service's limits
// too: 10 KB of request line and headers, 10 MB of body, 6 MB of event, 30 s.
package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sluice/shared/decision"
	"sluice/shared/problem"
)

// The limits of the service.
const (
	maxURIBytes    = 8 << 10
	maxHeaderBytes = 10 << 10
	maxBodyBytes   = 10 << 20
	maxEventBytes  = 6 << 20
	maxDrainBytes  = 64 << 20         // read and thrown away, so that a client that sends too much still sees the answer
	maxWait        = 30 * time.Second // for both functions of a call together
)

// Authorizer is a Lambda authorizer: payload 2.0, simple response, no cache.
type Authorizer func(context.Context, events.APIGatewayV2CustomAuthorizerV2Request) (events.APIGatewayV2CustomAuthorizerSimpleResponse, error)

// Integration is the function behind a route.
type Integration func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)

// Route leads to a function. Method may be "ANY"; Path "" is the route $default. Authorizer may be nil. An error of
// either function is answered with 500; problem errors keep their status, and a context's end is 503.
type Route struct {
	Method, Path string
	Authorizer   Authorizer
	Integration  Integration
	Timeout      time.Duration // of the integration; 30 s if it is longer or 0
}

// key writes the route as events do.
func (r *Route) key() string {
	if r.Path == "" {
		return "$default"
	}
	return r.Method + " " + r.Path
}

// API is one HTTP API.
type API struct {
	id     string
	port   string
	router *router
	now    func() time.Time
	failed func(requestID string, err error)
}

// New makes an HTTP API. Port is told to functions in x-forwarded-port; failed hears of each error of a function.
func New(id, port string, routes []Route, now func() time.Time, failed func(requestID string, err error)) *API {
	return &API{id: id, port: port, router: newRouter(routes), now: now, failed: failed}
}

// ServeHTTP serves one call: limits → route → event → authorizer → function → answer.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	requestID := newRequestID()
	w.Header()["Apigw-Requestid"] = []string{requestID}
	path, query, refused := admit(r)
	if refused != nil {
		drain(r)
		writeProblem(w, *refused, requestID)
		return
	}
	route, parameters := a.router.match(r.Method, path)
	if route == nil {
		drain(r)
		writeProblem(w, problem.Of(problem.New(problem.NotFound, "there is no such route"), requestID), requestID)
		return
	}
	body, err := readBody(r)
	if err != nil {
		drain(r)
		writeProblem(w, problem.Of(err, requestID), requestID)
		return
	}
	e := a.event(r, route, requestID, path, query, parameters)
	if setBody(&e, r, body); eventBytes(&e) > maxEventBytes {
		writeProblem(w, problem.Of(problem.New(problem.TooLarge, "the request is too large for a function: 6 MB"), requestID), requestID)
		return
	}
	// As in the cloud, a client that goes away does not end the functions' work.
	ctx, cancel := context.WithTimeout(context.Background(), maxWait)
	defer cancel()
	if route.Authorizer != nil && !a.authorize(ctx, w, &e, route) {
		return
	}
	if route.Timeout > 0 && route.Timeout < maxWait {
		ctx, cancel = context.WithTimeout(ctx, route.Timeout)
		defer cancel()
	}
	out, err := route.Integration(ctx, e)
	if err == nil {
		err = writeAnswer(w, r.Method, out)
	}
	if err != nil {
		a.fail(w, requestID, err)
	}
}

// authorize asks the route's authorizer. False says that the call has been answered.
func (a *API) authorize(ctx context.Context, w http.ResponseWriter, e *events.APIGatewayV2HTTPRequest, route *Route) bool {
	verdict, err := route.Authorizer(ctx, events.APIGatewayV2CustomAuthorizerV2Request{
		Version: "2.0", Type: "REQUEST", RouteArn: a.arn(e), RouteKey: e.RouteKey, RawPath: e.RawPath, RawQueryString: e.RawQueryString,
		Cookies: e.Cookies, Headers: e.Headers, QueryStringParameters: e.QueryStringParameters, RequestContext: e.RequestContext,
		PathParameters: e.PathParameters,
	})
	if err != nil {
		a.fail(w, e.RequestContext.RequestID, err)
		return false
	}
	if !verdict.IsAuthorized {
		h := w.Header()
		h["Content-Type"], h["X-Request-Id"] = []string{"application/json"}, []string{e.RequestContext.RequestID}
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"message":"Forbidden"}`) // a client that is gone needs no answer
		return false
	}
	e.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: verdict.Context}
	return true
}

func (a *API) arn(e *events.APIGatewayV2HTTPRequest) string {
	return "arn:aws:execute-api:us-east-1:123456789012:" + a.id + "/$default/" + e.RequestContext.HTTP.Method + e.RawPath
}

// fail answers where a function did not.
func (a *API) fail(w http.ResponseWriter, requestID string, err error) {
	a.failed(requestID, err)
	var told *problem.Error
	if !errors.As(err, &told) && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		err = problem.Wrap(err, problem.Unavailable, "the function did not answer in time")
	}
	writeProblem(w, problem.Of(err, requestID), requestID)
}

// admit holds the request line and the headers against the limits, and gives path and query as they were sent.
func admit(r *http.Request) (path, query string, refused *problem.Document) {
	line := len(r.Method) + len(r.RequestURI) + len(" HTTP/1.1") + 1
	if line > maxURIBytes {
		return "", "", refusal(decision.URITooLong)
	}
	for name, values := range r.Header {
		for _, v := range values {
			line += len(name) + len(v) + 4
		}
	}
	if line > maxHeaderBytes {
		return "", "", refusal(decision.HeadersTooLarge)
	}
	target := r.RequestURI
	if _, rest, absolute := strings.Cut(target, "://"); absolute && target[0] != '/' {
		if at := strings.IndexAny(rest, "/?"); at < 0 {
			target = "/"
		} else if target = rest[at:]; target[0] == '?' {
			target = "/" + target
		}
	}
	if !strings.HasPrefix(target, "/") {
		d := problem.Of(problem.New(problem.Invalid, "the request must name a path"), "")
		return "", "", &d
	}
	path, query, _ = strings.Cut(target, "?")
	return path, query, nil
}

func refusal(code decision.Refusal) *problem.Document {
	d := (&decision.Denial{Code: code}).Document("")
	return &d
}

// readBody reads the body, up to what the service takes.
func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength == 0 || r.Body == http.NoBody {
		return nil, nil
	}
	if r.ContentLength > maxBodyBytes {
		return nil, problem.New(problem.TooLarge, "the body is larger than 10 MB")
	}
	if r.ContentLength > 0 {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, problem.Wrap(err, problem.Invalid, "the body is shorter than Content-Length says")
		}
		return body, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBodyBytes+1))
	if err != nil {
		return nil, problem.Wrap(err, problem.Invalid, "the body cannot be read")
	}
	if len(body) > maxBodyBytes {
		return nil, problem.New(problem.TooLarge, "the body is larger than 10 MB")
	}
	return body, nil
}

// drain reads what a client insists on sending, unless it waits for a word of ours before it sends.
func drain(r *http.Request) {
	if r.ContentLength != 0 && r.Header.Get("Expect") == "" {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxDrainBytes)) // what cannot be read need not be
	}
}

func writeProblem(w http.ResponseWriter, d problem.Document, requestID string) {
	d.RequestID = requestID
	body, err := json.Marshal(d)
	if err != nil { // an Extra that cannot be written
		d.Extra = nil
		body, _ = json.Marshal(d) // strings and numbers always can
	}
	h := w.Header()
	h["Content-Type"], h["X-Request-Id"] = []string{problem.MediaType}, []string{requestID}
	h["Cache-Control"], h["Content-Length"] = []string{"no-store"}, []string{strconv.Itoa(len(body))}
	w.WriteHeader(d.Status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}
