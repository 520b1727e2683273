// Package platform runs the whole of Sluice inside a test: the same wiring as the functions' mains, on a real store
// engine, with a clock and a network that the test holds in its hands. Several instances of the authorizer and the proxy
// share one table, as they do in the cloud.
package platform

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"sluice/functions/authorizer/authorize"
	"sluice/functions/catalog/manage"
	"sluice/functions/keys/issue"
	"sluice/functions/proxy/forward"
	"sluice/functions/rollup/fold"
	"sluice/shared/catalog"
	"sluice/shared/credential"
	"sluice/shared/dynamo"
	"sluice/shared/gatewayevent"
	"sluice/shared/settings"
	"sluice/shared/telemetry"
	"sluice/test/engine"
)

// AdminKey is the platform admin's credential in every test.
const AdminKey = "sla_promises-are-what-users-buy-0000"

// Platform is a running Sluice.
type Platform struct {
	t       testing.TB
	Table   *dynamo.Table
	Clock   *Clock
	Network *Network // between the authorizers and proxies and the store
	Log     *Buffer  // everything that any function logged

	Authorizers []*authorize.Authorizer
	Proxies     []*forward.Proxy
	Catalog     gatewayevent.Function
	Keys        gatewayevent.Function
	Folder      *fold.Folder
	requests    atomic.Int64
}

// New starts a Sluice with n instances of the authorizer and of the proxy on a table of its own, in the engine of the run:
// see engine.Table.
func New(t testing.TB, instances int) *Platform {
	t.Helper()
	_, cfg := engine.Table(t)
	return On(t, cfg, instances)
}

// On starts a Sluice on a table that is there.
func On(t testing.TB, cfg settings.Table, instances int) *Platform {
	t.Helper()
	p := &Platform{t: t, Clock: NewClock(), Network: &Network{}, Log: &Buffer{}}
	p.Table = engine.Open(t, cfg)
	log := telemetry.New(p.Log, slog.LevelDebug)
	common := settings.Common{Table: cfg, Environment: "test"}
	for range instances {
		cut := engine.Open(t, cfg, dynamo.WithTransport(p.Network), dynamo.WithSleep(func(ctx context.Context, _ time.Duration) error { return ctx.Err() }))
		a, err := authorize.Wire(settings.Authorizer{Common: common, StaleMax: 5 * time.Minute}, cut, p.Clock.Now, log)
		must(t, err)
		x, err := forward.Wire(settings.Proxy{Common: common, Networks: settings.LoopbackToo, FlushAfter: 2 * time.Second}, cut, p.Clock.Now, log)
		must(t, err)
		p.Authorizers, p.Proxies = append(p.Authorizers, a), append(p.Proxies, x)
	}
	management := settings.Management{Common: common, Networks: settings.LoopbackToo}
	m, err := manage.Wire(management, p.Table, p.Clock.Now, log)
	must(t, err)
	k, err := issue.Wire(p.Table, p.Clock.Now, log)
	must(t, err)
	p.Catalog, p.Keys = gatewayevent.Handler(m, log), gatewayevent.Handler(k, log)
	p.Folder, err = fold.Wire(settings.Rollup{Common: common}, p.Table, p.Clock.Now, log)
	must(t, err)
	p.bootstrap()
	return p
}

// bootstrap makes the first admin key, as `sluice bootstrap` does.
func (p *Platform) bootstrap() {
	secret, _, err := credential.Parse(AdminKey)
	must(p.t, err)
	key := catalog.AdminKey{ID: "first", Name: "first", Role: catalog.RolePlatformAdmin, Prefix: secret.Prefix(), Hash: secret.Hash()}
	w := catalog.Write{Actor: catalog.Actor{ID: "system"}, Action: "admin-key.create", At: p.Clock.Now().UTC(), RequestID: "bootstrap"}
	must(p.t, dynamo.NewResources[catalog.AdminKey](p.Table).Create(p.t.Context(), w, &key))
}

// Request is one HTTP request, as a client sends it.
type Request struct {
	Method  string
	Target  string // path and query, as sent
	Headers map[string]string
	Body    string
	Source  string // address of the caller; 192.0.2.1 unless told
}

// Response is one HTTP answer, as a client gets it. Header names are in lower case.
type Response struct {
	Status  int
	Headers map[string]string
	Body    []byte
}

// JSON reads the body, which must be an object.
func (r Response) JSON() map[string]any {
	var m map[string]any
	if json.Unmarshal(r.Body, &m) != nil {
		return nil
	}
	return m
}

// Code is the code of a problem, "" if the answer is none.
func (r Response) Code() string {
	code, _ := r.JSON()["code"].(string)
	return code
}

// Gateway makes a call through one instance of the authorizer and one of the proxy.
func (p *Platform) Gateway(instance int, r Request) Response {
	return p.route(p.t.Context(), "$default", p.Authorizers[instance], p.Proxies[instance].Handle, r)
}

// Management makes a call to the Management API, as the template routes it.
func (p *Platform) Management(r Request) Response {
	path, _, _ := strings.Cut(r.Target, "?")
	route, function := "ANY /admin/v1/{proxy+}", p.Catalog
	parts := strings.Split(strings.TrimPrefix(path, "/admin/v1/"), "/")
	if parts[0] == "admin-keys" || (len(parts) >= 3 && parts[0] == "apps" && parts[2] == "keys") {
		route, function = "ANY /admin/v1/apps/{app}/keys", p.Keys
	}
	return p.route(p.t.Context(), route, p.Authorizers[0], function, r)
}

// Admin makes a management call as the platform admin and wants the status.
func (p *Platform) Admin(want int, method, path string, body any) Response {
	p.t.Helper()
	out, err := p.AsAdmin(method, path, body)
	must(p.t, err)
	if out.Status != want {
		p.t.Fatalf("%s %s: %d %s, want %d", method, path, out.Status, out.Body, want)
	}
	return out
}

// AsAdmin makes a management call as the platform admin. A body that is a string is YAML, any other is sent as JSON.
func (p *Platform) AsAdmin(method, path string, body any) (Response, error) {
	r := Request{Method: method, Target: "/admin/v1" + path, Headers: map[string]string{"authorization": "Bearer " + AdminKey}}
	switch b := body.(type) {
	case nil:
	case string:
		r.Body, r.Headers["content-type"] = b, "application/yaml"
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return Response{}, err
		}
		r.Body, r.Headers["content-type"] = string(encoded), "application/json"
	}
	return p.Management(r), nil
}

// Busy prepares for more calls than memory could keep the log of: from now on the clock is the machine's, and neither what
// is logged nor what the store is asked is kept.
func (p *Platform) Busy() {
	p.Clock.Run()
	p.Log.shutUp()
	p.Network.asked.shutUp()
}

// Rollup folds what has been flushed.
func (p *Platform) Rollup() {
	p.t.Helper()
	_, err := p.Folder.Handle(p.t.Context(), fold.Event{})
	must(p.t, err)
}

// route is what an HTTP API does: the authorizer first, then the function with the authorizer's context.
func (p *Platform) route(ctx context.Context, key string, a *authorize.Authorizer, f gatewayevent.Function, r Request) Response {
	e := p.event(key, r)
	verdict, err := a.Handle(ctx, AuthorizerEvent(e))
	must(p.t, err)
	if !verdict.IsAuthorized {
		return Response{Status: http.StatusForbidden, Body: []byte(`{"message":"Forbidden"}`)}
	}
	e.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: verdict.Context}
	return p.Invoke(ctx, f, e)
}

// Invoke hands an event to a function and reads its answer.
func (p *Platform) Invoke(ctx context.Context, f gatewayevent.Function, e events.APIGatewayV2HTTPRequest) Response {
	out, err := f(ctx, e)
	must(p.t, err)
	body := []byte(out.Body)
	if out.IsBase64Encoded {
		body, err = base64.StdEncoding.DecodeString(out.Body)
		must(p.t, err)
	}
	return Response{Status: out.StatusCode, Headers: out.Headers, Body: body}
}

// event is the payload 2.0 event of a request.
func (p *Platform) event(key string, r Request) events.APIGatewayV2HTTPRequest {
	path, query, _ := strings.Cut(r.Target, "?")
	source := r.Source
	if source == "" {
		source = "192.0.2.1"
	}
	e := events.APIGatewayV2HTTPRequest{Version: "2.0", RouteKey: key, RawPath: path, RawQueryString: query, Headers: maps.Clone(r.Headers), Body: r.Body}
	if e.Headers == nil {
		e.Headers = map[string]string{}
	}
	if !utf8.ValidString(r.Body) {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(r.Body)), true
	}
	e.RequestContext.RouteKey, e.RequestContext.Stage = key, "$default"
	e.RequestContext.RequestID = fmt.Sprintf("request-%d", p.requests.Add(1))
	e.RequestContext.HTTP = events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: r.Method, Path: path, Protocol: "HTTP/1.1", SourceIP: source}
	return e
}

// AuthorizerEvent is what the authorizer is asked about a call.
func AuthorizerEvent(e events.APIGatewayV2HTTPRequest) events.APIGatewayV2CustomAuthorizerV2Request {
	return events.APIGatewayV2CustomAuthorizerV2Request{Version: "2.0", Type: "REQUEST", RouteKey: e.RouteKey, RawPath: e.RawPath,
		RawQueryString: e.RawQueryString, Cookies: e.Cookies, Headers: e.Headers, RequestContext: e.RequestContext}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Clock is a clock that moves only when told, until it is told to run.
type Clock struct {
	mu   sync.Mutex
	now  time.Time
	runs bool
}

// NewClock starts at the present, so that the engine's own idea of time agrees.
func NewClock() *Clock { return &Clock{now: time.Now().UTC().Round(0)} }

// Now is the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.runs {
		return time.Now()
	}
	return c.now
}

// Run makes it the machine's clock from now on.
func (c *Clock) Run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs = true
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Network is a network that can be cut. It counts and keeps what passes.
type Network struct {
	down  atomic.Bool
	Calls atomic.Int64
	asked Buffer

	mu     sync.Mutex
	failed []time.Time
}

// Cut takes the store away, or brings it back.
func (n *Network) Cut(down bool) { n.down.Store(down) }

// Asked is the body of every request that was sent, one after the other.
func (n *Network) Asked() []string { return strings.Split(n.asked.String(), "\n") }

// RoundTrip sends a request, unless the network is cut.
func (n *Network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.Calls.Add(1)
	body, err := io.ReadAll(r.Body)
	if closed := r.Body.Close(); err == nil {
		err = closed
	}
	if err == nil {
		_, err = n.asked.Write(append(bytes.Clone(body), '\n'))
	}
	if err != nil {
		return nil, err
	}
	if n.down.Load() {
		return nil, fmt.Errorf("the network is cut")
	}
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	res, err := http.DefaultTransport.RoundTrip(again)
	if err != nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.failed = append(n.failed, time.Now())
	}
	return res, err
}

// Failed tells when requests failed although the network was not cut: the engine did not answer in time. On a busy machine
// that happens, and is an outage like any other.
func (n *Network) Failed() []time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.failed)
}

// Buffer keeps what is written to it, safely for concurrent use.
type Buffer struct {
	mu   sync.Mutex
	b    bytes.Buffer
	shut bool
}

// Write keeps p.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shut {
		return len(p), nil
	}
	return b.b.Write(p)
}

// shutUp keeps nothing more.
func (b *Buffer) shutUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shut = true
}

// String is what was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
