package authorize_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sluice/functions/authorizer/authorize"
	"sluice/policies"
	"sluice/shared/catalog"
	"sluice/shared/contract"
	"sluice/shared/credential"
	"sluice/shared/decision"
	"sluice/shared/gatewayevent"
	"sluice/shared/policy"
	"sluice/shared/problem"
	"sluice/shared/replica"
	"sluice/shared/telemetry"
)

// store is what the configuration is read from: a map with a feed, which can be taken away.
type store struct {
	mu      sync.Mutex
	items   map[catalog.Ref]any
	chunks  map[catalog.RevisionID][]byte
	entries []catalog.Entry
	reads   int
	fault   error
	panics  bool
}

func (s *store) asked() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.panics {
		panic("slk_thisWouldBeASecretInAPanicText000000000000")
	}
	return s.fault
}

func (s *store) Head(context.Context) (int64, error) {
	if err := s.asked(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.entries)), nil
}

func (s *store) Since(_ context.Context, seq int64) ([]catalog.Entry, error) {
	if err := s.asked(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries[seq:], nil
}

func load[T any](s *store, ref catalog.Ref) (T, error) {
	var v T
	if err := s.asked(); err != nil {
		return v, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	item, ok := s.items[ref]
	if !ok {
		return v, problem.New(problem.NotFound, "no such %s", ref.Kind)
	}
	if v, ok = item.(T); !ok {
		return v, fmt.Errorf("%s is a %T", ref, item)
	}
	return v, nil
}

func (s *store) Credential(_ context.Context, hash string) (catalog.Credential, error) {
	return load[catalog.Credential](s, catalog.CredentialRef(hash))
}

func (s *store) App(_ context.Context, id catalog.AppID) (catalog.App, error) {
	return load[catalog.App](s, (&catalog.App{ID: id}).Ref())
}

func (s *store) Consumer(_ context.Context, id catalog.ConsumerID) (catalog.Consumer, error) {
	return load[catalog.Consumer](s, (&catalog.Consumer{ID: id}).Ref())
}

func (s *store) Grant(_ context.Context, app catalog.AppID, api catalog.APIID) (catalog.Subscription, error) {
	return load[catalog.Subscription](s, catalog.GrantRef(app, api))
}

func (s *store) API(_ context.Context, id catalog.APIID) (catalog.API, error) {
	return load[catalog.API](s, (&catalog.API{ID: id}).Ref())
}

func (s *store) Version(_ context.Context, api catalog.APIID, v catalog.VersionID) (catalog.Version, error) {
	return load[catalog.Version](s, catalog.VersionRef(api, v))
}

func (s *store) Plan(_ context.Context, id catalog.PlanID) (catalog.Plan, error) {
	return load[catalog.Plan](s, (&catalog.Plan{ID: id}).Ref())
}

func (s *store) RevisionChunk(
	_ context.Context, _ catalog.APIID, _ catalog.VersionID, r catalog.RevisionID, _ string,
) ([]byte, error) {
	if err := s.asked(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	chunk, ok := s.chunks[r]
	if !ok {
		return nil, problem.New(problem.NotFound, "no such contract")
	}
	return chunk, nil
}

// world is an authorizer with a small catalogue: the partner acme's app shop calls the public API orders.
type world struct {
	testing.TB
	store *store
	at    time.Time
	log   bytes.Buffer
	auth  *authorize.Authorizer
	calls int

	key   credential.Secret // of shop
	admin credential.Secret
}

// operations is the contract of orders.
var operations = []contract.Operation{
	{ID: "listOrders", Method: "GET", Template: "/orders"},
	{ID: "createOrder", Method: "POST", Template: "/orders", Scopes: [][]string{{"orders.write"}}},
	{ID: "getOrder", Method: "GET", Template: "/orders/{id}", Scopes: [][]string{{"orders.read"}, {"orders.admin", "orders.all"}}},
	{ID: "deleteOrder", Method: "DELETE", Template: "/orders/{id}", Scopes: [][]string{{"orders.admin", "orders.all"}}},
	{ID: "root", Method: "GET", Template: "/"},
	{ID: "search", Method: "POST", Template: "/search", Scopes: [][]string{{"orders.read"}}},
	{ID: "searchBeta", Method: "POST", Template: "/search?beta=true", Scopes: [][]string{{"orders.read"}}},
}

// mint makes the secret for a name: the same name, the same secret.
func mint(t testing.TB, prefix credential.Prefix, name string) credential.Secret {
	t.Helper()
	var random bytes.Buffer
	for i := range 64 {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", name, i))
		random.Write(sum[:])
	}
	secret, err := credential.Mint(&random, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func newWorld(t testing.TB, policies ...authorize.Policy) *world {
	t.Helper()
	w := &world{TB: t, at: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
		store: &store{items: map[catalog.Ref]any{}, chunks: map[catalog.RevisionID][]byte{}},
		key:   mint(t, credential.KeyPrefix, "shop"), admin: mint(t, credential.AdminPrefix, "root")}
	index, err := contract.NewIndex(operations)
	if err != nil {
		t.Fatal(err)
	}
	if w.store.chunks["r1"], err = index.Encode(); err != nil {
		t.Fatal(err)
	}
	w.credential(w.key, catalog.Credential{Key: "key-1", App: "shop"})
	w.credential(w.admin, catalog.Credential{Key: "key-0", Admin: &catalog.Actor{ID: "key-0", Name: "root", Role: catalog.RolePlatformAdmin}})
	w.put(&catalog.App{ID: "shop", Consumer: "acme"})
	w.put(&catalog.Consumer{ID: "acme", Kind: catalog.Partner})
	w.put(&catalog.API{ID: "orders", Kind: catalog.REST, Audience: catalog.Public})
	w.put(w.version(catalog.Published))
	w.put(&catalog.Plan{ID: "gold", Scopes: []string{"orders.read", "orders.write", "orders.more"},
		Rate: &catalog.Rate{Requests: 100, Seconds: 60}, Quota: &catalog.Quota{Requests: 10_000, Period: catalog.Month}})
	w.put(w.subscription(catalog.Active))
	var decider authorize.Policy
	if len(policies) > 0 {
		decider = policies[0]
	} else {
		decider = access(t)
	}
	now := func() time.Time { return w.at }
	w.auth = authorize.New(authorize.Deps{View: viewOf(w.store, now), Policy: decider, Now: now,
		Log: telemetry.New(&w.log, slog.LevelDebug)})
	return w
}

func viewOf(s *store, now func() time.Time) authorize.View {
	v := replica.New(replica.Source{Feed: s, Callers: s, Products: s}, now, replica.Options{})
	return authorize.View{Freshness: v, Callers: v, Products: v, Terms: v}
}

// access is the real policy, compiled anew: tests may run side by side.
func access(t testing.TB) *policy.Engine {
	t.Helper()
	engine, err := policy.New(policies.Access(), "data.access.decision")
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

func (w *world) version(s catalog.State) *catalog.Version {
	return &catalog.Version{API: "orders", Version: "v1", State: s, Revision: "r1", Upstream: catalog.Upstream{URL: "https://orders.example"}}
}

func (w *world) subscription(s catalog.SubscriptionState) *catalog.Subscription {
	return &catalog.Subscription{ID: "sub-1", App: "shop", API: "orders", Plan: "gold", State: s, Scopes: []string{"orders.read", "orders.write"}}
}

// put makes one change: the item under every ref that the data plane reads it by, and its feed entry.
func (w *world) put(r catalog.Record) {
	var value any
	ref := r.Ref()
	switch v := r.(type) {
	case *catalog.App:
		value = *v
	case *catalog.Consumer:
		value = *v
	case *catalog.API:
		value = *v
	case *catalog.Version:
		value = *v
	case *catalog.Plan:
		value = *v
	case *catalog.Subscription:
		ref, value = catalog.GrantRef(v.App, v.API), *v
	default:
		w.Fatalf("put %T", r)
	}
	w.change(ref, value)
}

func (w *world) drop(ref catalog.Ref) { w.change(ref, nil) }

func (w *world) credential(s credential.Secret, c catalog.Credential) {
	w.change(catalog.CredentialRef(s.Hash()), c)
}

func (w *world) change(ref catalog.Ref, value any) {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if value == nil {
		delete(w.store.items, ref)
	} else {
		w.store.items[ref] = value
	}
	w.store.entries = append(w.store.entries, catalog.Entry{Seq: int64(len(w.store.entries) + 1), Touches: []catalog.Ref{ref}})
	w.at = w.at.Add(time.Second)
}

// event is a call of the gateway; headers come in pairs.
func (w *world) event(method, path string, headers ...string) events.APIGatewayV2CustomAuthorizerV2Request {
	w.calls++
	e := events.APIGatewayV2CustomAuthorizerV2Request{Version: "2.0", Type: "REQUEST", RouteKey: "$default", RawPath: path,
		Headers: map[string]string{"host": "api.example", "user-agent": "test"}}
	e.RequestContext.RequestID = fmt.Sprint("request-", w.calls)
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path, e.RequestContext.HTTP.SourceIP = method, path, "192.0.2.1"
	for i := 0; i+1 < len(headers); i += 2 {
		e.Headers[headers[i]] = headers[i+1]
	}
	return e
}

// asShop is a call with shop's key.
func (w *world) asShop(method, path string) events.APIGatewayV2CustomAuthorizerV2Request {
	return w.event(method, path, "x-api-key", w.key.Reveal())
}

// ask hands an event over and reads the decision as the function behind does; nil is a denial by the gateway itself.
func (w *world) ask(e events.APIGatewayV2CustomAuthorizerV2Request) *decision.Decision {
	w.Helper()
	out, err := w.auth.Handle(w.Context(), e)
	if err != nil {
		w.Fatalf("Handle: %v", err)
	}
	if !out.IsAuthorized {
		if len(out.Context) > 0 {
			w.Errorf("a flat denial has a context: %v", out.Context)
		}
		return nil
	}
	plane := decision.Gateway
	if e.RouteKey != "$default" {
		plane = decision.Management
	}
	d, err := decision.Verify(out.Context, behind(plane, e))
	if err != nil {
		w.Fatalf("the decision does not hold for its own call: %v", err)
	}
	return d
}

// behind names the call as the function behind the authorizer does.
func behind(plane decision.Plane, e events.APIGatewayV2CustomAuthorizerV2Request) decision.Call {
	return gatewayevent.CallOf(plane, events.APIGatewayV2HTTPRequest{RouteKey: e.RouteKey, RawPath: e.RawPath,
		RawQueryString: e.RawQueryString, Cookies: e.Cookies, Headers: e.Headers, RequestContext: e.RequestContext})
}

// code is the refusal of a decision, "allow" or "deny".
func code(d *decision.Decision) string {
	switch {
	case d == nil:
		return "deny"
	case d.Refusal == nil:
		return "allow"
	}
	return string(d.Refusal.Code)
}

func (w *world) wants(e events.APIGatewayV2CustomAuthorizerV2Request, want string) *decision.Decision {
	w.Helper()
	d := w.ask(e)
	if got := code(d); got != want {
		w.Errorf("%s %s: %s, want %s", e.RequestContext.HTTP.Method, e.RawPath, got, want)
	}
	return d
}
