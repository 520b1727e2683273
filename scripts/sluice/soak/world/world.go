// Package world makes what a soak calls: APIs whose upstreams are cached, retried, hedged, limited in number and asked once;
// apps under plans with all kinds of limits and all choices for an outage of the store; and callers without a credential. It
// changes plans, keys, subscriptions and contracts while they are in use, and reads what the platform has counted of them.
package world

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"sluice/scripts/sluice/client"
	"sluice/scripts/sluice/soak/backend"
)

type object = map[string]any

// Huge is a quota that is counted and never reached.
const Huge = 1_000_000_000

// The settings that lanes are held to.
const (
	Dear      = 3   // units that a call of the operation doDear costs
	Overdraft = 200 // calls that an instance may let pass in one outage, under an open plan
	AtOnce    = 3   // calls at once of the upstream that bears no more
	Rate      = 40  // calls a second under the plan with a tight rate …
	Burst     = 20  // … and at once
	Attempts  = 2   // retries of a read
	Budget    = 20  // retries and hedges for 100 calls
)

// Lane is one kind of caller, and what its account is held to.
type Lane struct {
	Name      string
	API       string
	Method    string
	Operation string // the first segment of the path
	Plan      object // of the app of that name; nil: a caller without a credential
	Address   string // to call from; "" is any
	Share     int
	Pace      time.Duration
	Behaviour backend.Behaviour

	Cost      int64
	Quota     int64 // units that may be admitted; Huge is never reached
	Overdraft int64 // units that may pass beyond it in each outage of the store
	Repeats   bool  // attempts may be repeated
	Changes   bool  // its plan, subscription and key change under load
}

// Anonymous is the app that callers without a credential count as.
const Anonymous = "anonymous"

// App is the app that the lane's calls count for.
func (l *Lane) App() string {
	if l.Plan == nil {
		return Anonymous
	}
	return l.Name
}

// Path is what is called, below the gateway.
func (l *Lane) Path() string { return "/" + l.API + "/v1/" + l.Operation + "/" + l.Name }

// endless is a rate that is counted and not reached.
func endless() object { return object{"requests": 1_000_000, "seconds": 1, "burst": 1_000_000} }

func perMonth(n int) object { return object{"requests": n, "period": "month"} }

func counted() object { return object{"rate": endless(), "quota": perMonth(Huge)} }

func with(o object, more object) object {
	for k, v := range more {
		o[k] = v
	}
	return o
}

// Lanes are all kinds of callers. tight is the quota of those that use one up.
func Lanes(tight int) []*Lane {
	const post, get = http.MethodPost, http.MethodGet
	lanes := []*Lane{
		{Name: "wide", API: "soak", Method: post, Operation: "things", Share: 8, Plan: counted()},
		{Name: "dear", API: "soak", Method: post, Operation: "dear", Share: 2, Cost: Dear, Plan: with(counted(), object{"on_store_outage": "closed"})},
		{Name: "open", API: "soak", Method: post, Operation: "things", Share: 2, Overdraft: Overdraft,
			Plan: with(counted(), object{"on_store_outage": "open", "overdraft": Overdraft})},
		{Name: "spare", API: "soak", Method: post, Operation: "things", Share: 1, Quota: int64(tight), Overdraft: Overdraft,
			Plan: object{"rate": endless(), "quota": perMonth(tight), "on_store_outage": "open", "overdraft": Overdraft}},
		{Name: "tight", API: "soak", Method: post, Operation: "things", Share: 2, Quota: int64(tight),
			Plan: object{"rate": endless(), "quota": perMonth(tight)}},
		{Name: "shadow", API: "soak", Method: post, Operation: "things", Share: 1,
			Plan: object{"rate": endless(), "quota": object{"requests": 100, "period": "month", "shadow": true}}},
		{Name: "paced", API: "soak", Method: post, Operation: "things", Share: 1, Behaviour: backend.Behaviour{Rate: Rate},
			Plan: object{"rate": object{"requests": Rate, "seconds": 1, "burst": Burst}, "quota": perMonth(Huge), "on_store_outage": "closed"}},
		{Name: changing, API: "soak", Method: post, Operation: "things", Share: 2, Changes: true, Plan: counted()},
		{Name: "cache-a", API: "soak-cache", Method: get, Operation: "things", Share: 2, Repeats: true,
			Behaviour: backend.Behaviour{Cached: true}, Plan: counted()},
		{Name: "cache-b", API: "soak-cache", Method: get, Operation: "things", Share: 2, Repeats: true,
			Behaviour: backend.Behaviour{Cached: true}, Plan: counted()},
		{Name: "reads", API: "soak-reads", Method: get, Operation: "things", Share: 3, Repeats: true, Plan: counted()},
		{Name: "once", API: "soak-once", Method: post, Operation: "things", Share: 2, Pace: 60 * time.Millisecond,
			Behaviour: backend.Behaviour{Keyed: true}, Plan: counted()},
		{Name: "slots", API: "soak-slots", Method: post, Operation: "things", Share: 4,
			Behaviour: backend.Behaviour{Slow: 4 * time.Millisecond}, Plan: counted()},
		{Name: "public-a", API: "soak-public", Method: get, Operation: "things", Share: 1, Address: "127.0.0.2", Quota: int64(tight), Repeats: true},
		{Name: "public-b", API: "soak-public", Method: get, Operation: "things", Share: 1, Address: "127.0.0.3", Quota: int64(tight), Repeats: true},
	}
	for _, l := range lanes {
		l.Cost = max(l.Cost, 1)
		if l.Quota == 0 {
			l.Quota = Huge
		}
	}
	return lanes
}

// api is an API of the soak.
type api struct {
	id       string
	resource object // besides its id, name and team
	upstream object // besides its URL
}

func apis(tight int) []api {
	return []api{
		{id: "soak", resource: object{"limits": object{"quota": perMonth(Huge)}, "operations": object{"doDear": object{"cost": Dear}}}},
		{id: "soak-cache", upstream: object{"cache": object{"stale_if_error_seconds": 10}, "retries": object{"attempts": 1, "budget_percent": Budget}}},
		{id: "soak-reads", upstream: object{"hedge_after_ms": 40, "retries": object{"attempts": Attempts, "budget_percent": Budget},
			"breaker":  object{"failure_percent": 50, "minimum_calls": 20, "window_seconds": 2, "open_seconds": 1},
			"fallback": object{"static": object{"status": 200, "content_type": "application/json", "body": `{"later":true}`}}}},
		{id: "soak-once", upstream: object{"idempotency": "require"}},
		{id: "soak-slots", upstream: object{"max_in_flight": AtOnce}},
		{id: "soak-public", resource: object{"sensitivity": "open", "anonymous": object{"rate": endless(), "quota": perMonth(tight)}}},
	}
}

// World is what was made.
type World struct {
	client *client.Client
	lanes  []*Lane
	keys   map[string]key    // by app
	subs   map[string]string // subscription ids by app
	turn   int               // of the changes
}

// key is an app's key.
type key struct{ ID, Key string }

// Make makes all of it, on a platform that is empty. upstream is the URL of what the APIs stand before.
func Make(ctx context.Context, c *client.Client, upstream string, lanes []*Lane, tight int) (*World, error) {
	w := &World{client: c, lanes: lanes, keys: map[string]key{}, subs: map[string]string{}}
	contacts := []object{{"kind": "email", "value": "soak@sluice.example"}}
	if err := w.post(ctx, "/teams", object{"id": "soak", "name": "Soak", "contacts": contacts}, nil); err != nil {
		return nil, err
	}
	for _, a := range apis(tight) {
		if err := w.publish(ctx, a, upstream); err != nil {
			return nil, err
		}
	}
	if err := w.post(ctx, "/consumers", object{"id": "soak", "name": "Soak", "kind": "partner", "contacts": contacts}, nil); err != nil {
		return nil, err
	}
	for _, l := range lanes {
		if err := w.enrol(ctx, l); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *World) post(ctx context.Context, path string, in, out any) error {
	if _, err := w.client.Call(ctx, http.MethodPost, path, "", in, out); err != nil {
		return fmt.Errorf("furnish %s: %w", path, err)
	}
	return nil
}

// publish makes an API with one published version.
func (w *World) publish(ctx context.Context, a api, upstream string) error {
	resource := with(object{"id": a.id, "name": a.id, "team": "soak", "kind": "rest", "audience": "public", "sensitivity": "internal"}, a.resource)
	version := object{"version": "v1", "upstream": with(object{"url": upstream, "timeout_ms": 5000}, a.upstream)}
	if err := w.post(ctx, "/apis", resource, nil); err != nil {
		return err
	}
	if err := w.post(ctx, "/apis/"+a.id+"/versions", version, nil); err != nil {
		return err
	}
	if _, err := w.client.Call(ctx, http.MethodPut, contractPath(a.id), "", contract(a.id, 0), nil); err != nil {
		return fmt.Errorf("furnish the contract of %s: %w", a.id, err)
	}
	return w.post(ctx, "/apis/"+a.id+"/versions/v1/transitions", object{"to": "published"}, nil)
}

// enrol makes the lane's app with its plan, subscription and key. Who has no credential needs none.
func (w *World) enrol(ctx context.Context, l *Lane) error {
	if l.Plan == nil {
		return nil
	}
	var subscription struct{ ID string }
	var issued key
	plan := with(object{"id": l.Name, "name": l.Name, "approval": "automatic", "scopes": []string{"things:use"}}, l.Plan)
	for _, step := range []struct {
		path    string
		in, out any
	}{
		{"/plans", plan, nil},
		{"/apps", object{"id": l.Name, "name": l.Name, "consumer": "soak"}, nil},
		{"/subscriptions", object{"app": l.Name, "api": l.API, "plan": l.Name}, &subscription},
		{"/apps/" + l.Name + "/keys", object{}, &issued},
	} {
		if err := w.post(ctx, step.path, step.in, step.out); err != nil {
			return err
		}
	}
	w.keys[l.Name], w.subs[l.Name] = issued, subscription.ID
	if l.Name != changing {
		return nil
	}
	return w.post(ctx, "/plans", with(plan, object{"id": otherPlan, "name": otherPlan}), nil)
}

// Key is the key that the app's calls should have now; "" for none.
func (w *World) Key(app string) string { return w.keys[app].Key }

func contractPath(api string) string { return "/apis/" + api + "/versions/v1/contract" }

// contract is an edition of an API's contract; editions differ in their title only.
func contract(api string, edition int) client.Content {
	security := `"security":[{"apiKey":["things:use"]}],`
	if api == "soak-public" {
		security = ""
	}
	text := fmt.Sprintf(`{"openapi":"3.1.0","info":{"title":"Soak, edition %d","version":"1.0.0"},%s
"components":{"securitySchemes":{"apiKey":{"type":"apiKey","in":"header","name":"x-api-key"}}},
"paths":{"/things/{lane}":{"parameters":[{"name":"lane","in":"path","required":true,"schema":{"type":"string"}}],
  "get":{"operationId":"getThing","responses":{"200":{"description":"Here."}}},
  "post":{"operationId":"doThing","responses":{"200":{"description":"Done."}}}},
 "/dear/{lane}":{"parameters":[{"name":"lane","in":"path","required":true,"schema":{"type":"string"}}],
  "post":{"operationId":"doDear","responses":{"200":{"description":"Done."}}}}}}`, edition, security)
	return client.Content{Type: "application/json", Bytes: []byte(text)}
}
