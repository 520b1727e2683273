// Package demo fills an empty platform with something to try: the API of a small shop with its backend, three consumers
// who may do different things with it, and the curl lines that show it.
//
// Everything is made through the Management API, as an admin would. What is there already stays as it is, so that a
// restart changes nothing but the backend's address, and what a user has changed remains changed.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"

	"sluice/scripts/sluice/bootstrap"
	"sluice/scripts/sluice/client"
	"sluice/scripts/sluice/demo/upstream"
)

// FileName is the file in the data folder that keeps the demo's keys.
const FileName = "demo.json"

type object = map[string]any

// thing is a resource of the demo: where it is, where its kind is made, and what it is made of.
type thing struct {
	path, collection string
	body             object
}

// apps are the demo's apps, with the plan that each takes.
var apps = [3]struct{ id, name, consumer, consumerName, kind, plan string }{
	{"storefront", "Shop front", "web-team", "Web team", "internal", "internal"},
	{"acme-erp", "Purchasing", "acme", "ACME Ltd", "partner", "gold"},
	{"prototype", "Prototype", "jane-doe", "Jane Doe", "public", "free"},
}

func things(upstreamURL string) []thing {
	list := []thing{
		{"/teams/commerce", "/teams", object{"id": "commerce", "name": "Commerce",
			"contacts": []object{{"kind": "email", "value": "commerce@sluice.example"}, {"kind": "chat", "value": "#commerce"}}}},
		{"/apis/orders", "/apis", object{"id": "orders", "name": "Orders", "summary": "Orders of a small shop, and the products in them.",
			"team": "commerce", "kind": "rest", "audience": "public", "sensitivity": "internal", "tags": []string{"shop", "demo"},
			"anonymous": object{"rate": object{"requests": 5, "seconds": 10, "burst": 5}}}},
		{"/apis/orders/versions/v1", "/apis/orders/versions", object{"version": "v1", "upstream": object{"url": upstreamURL, "timeout_ms": 5000}}},
		{"/plans/free", "/plans", object{"id": "free", "name": "Free: read, 5 calls in 10 s, 1,000 a day", "approval": "automatic",
			"rate": object{"requests": 5, "seconds": 10, "burst": 5}, "quota": object{"requests": 1000, "period": "day"},
			"scopes": []string{"orders:read"}, "priority": "low", "on_store_outage": "closed"}},
		{"/plans/gold", "/plans", object{"id": "gold", "name": "Gold: read and write, 50 calls a second, a million a month", "approval": "manual",
			"rate": object{"requests": 50, "seconds": 1, "burst": 100}, "quota": object{"requests": 1_000_000, "period": "month"},
			"scopes": []string{"orders:read", "orders:write"}, "priority": "high", "on_store_outage": "open", "overdraft": 1000}},
		{"/plans/internal", "/plans", object{"id": "internal", "name": "Internal: everything, 200 calls a second", "approval": "automatic",
			"rate": object{"requests": 200, "seconds": 1, "burst": 400}, "scopes": []string{"orders:read", "orders:write", "orders:report"},
			"on_store_outage": "lease"}},
	}
	for _, a := range apps {
		list = append(list,
			thing{"/consumers/" + a.consumer, "/consumers", object{"id": a.consumer, "name": a.consumerName, "kind": a.kind,
				"contacts": []object{{"kind": "email", "value": "api@" + a.consumer + ".example"}}}},
			thing{"/apps/" + a.id, "/apps", object{"id": a.id, "name": a.name, "consumer": a.consumer}})
	}
	return list
}

// Key is an app's key that the demo made.
type Key struct {
	ID  string `json:"id"`
	Key string `json:"key"`
}

// Keys are the demo's keys by app.
type Keys map[string]Key

// Seed makes what is missing. The upstream's address is that of this run. The file keeps the keys, since nobody can read
// them back; a key that is lost, revoked or expired is replaced. Fresh says that one was: on the first run above all.
func Seed(ctx context.Context, c *client.Client, upstreamURL, file string) (keys Keys, fresh bool, err error) {
	for _, t := range things(upstreamURL) {
		if err := ensure(ctx, c, t); err != nil {
			return nil, false, fmt.Errorf("make the demo: %w", err)
		}
	}
	if err := publish(ctx, c, upstreamURL); err != nil {
		return nil, false, fmt.Errorf("publish the demo's API: %w", err)
	}
	for _, a := range apps {
		if err := subscribe(ctx, c, a.id, a.plan); err != nil {
			return nil, false, fmt.Errorf("subscribe %s: %w", a.id, err)
		}
	}
	if keys, fresh, err = issue(ctx, c, file); err != nil {
		return nil, false, fmt.Errorf("issue the demo's keys: %w", err)
	}
	return keys, fresh, nil
}

// ensure makes a resource that is not there.
func ensure(ctx context.Context, c *client.Client, t thing) error {
	_, err := c.Call(ctx, http.MethodGet, t.path, "", nil, nil)
	if !client.Is(err, http.StatusNotFound) {
		return err
	}
	_, err = c.Call(ctx, http.MethodPost, t.collection, "", t.body, nil)
	if client.Is(err, http.StatusConflict) {
		return nil // made in between
	}
	return err
}

// publish gives the version its contract and publishes it, unless that has been done, and points it to the upstream.
func publish(ctx context.Context, c *client.Client, upstreamURL string) error {
	const path = "/apis/orders/versions/v1"
	var v struct {
		State, Revision string
		Upstream        struct{ URL string }
	}
	etag, err := c.Call(ctx, http.MethodGet, path, "", nil, &v)
	if err != nil {
		return err
	}
	if own, err := url.Parse(v.Upstream.URL); err == nil && own.Hostname() == "127.0.0.1" && v.Upstream.URL != upstreamURL {
		if _, err := c.Call(ctx, http.MethodPatch, path, etag, object{"upstream": object{"url": upstreamURL, "timeout_ms": 5000}}, nil); err != nil {
			return err
		}
	}
	if v.Revision == "" {
		if _, err := c.Call(ctx, http.MethodPut, path+"/contract", "", client.Content{Type: "application/yaml", Bytes: upstream.Contract()}, nil); err != nil {
			return err
		}
	}
	if v.State == "draft" {
		_, err = c.Call(ctx, http.MethodPost, path+"/transitions", "", object{"to": "published"}, nil)
	}
	return err
}

// subscribe subscribes the app, and approves what waits for an approval.
func subscribe(ctx context.Context, c *client.Client, app, plan string) error {
	type subscription struct{ ID, API, State string }
	var page struct{ Items []subscription }
	if _, err := c.Call(ctx, http.MethodGet, "/subscriptions?limit=100&app="+app, "", nil, &page); err != nil {
		return err
	}
	var s subscription
	for _, item := range page.Items {
		if item.API == "orders" {
			s = item
		}
	}
	if s.ID == "" {
		if _, err := c.Call(ctx, http.MethodPost, "/subscriptions", "", object{"app": app, "api": "orders", "plan": plan}, &s); err != nil {
			return err
		}
	}
	if s.State != "requested" {
		return nil
	}
	etag, err := c.Call(ctx, http.MethodGet, "/subscriptions/"+s.ID, "", nil, nil)
	if err == nil {
		_, err = c.Call(ctx, http.MethodPatch, "/subscriptions/"+s.ID, etag, object{"state": "active"}, nil)
	}
	return err
}

// issue gives each app a key that works, and says whether one is new.
func issue(ctx context.Context, c *client.Client, file string) (Keys, bool, error) {
	keys := Keys{}
	kept, err := os.ReadFile(file) // #nosec G304 -- in the data folder
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}
	if err == nil && json.Unmarshal(kept, &keys) != nil {
		keys = Keys{} // garbled: new ones
	}
	fresh := false
	for _, a := range apps {
		works, err := usable(ctx, c, a.id, keys[a.id])
		if err != nil {
			return nil, false, err
		}
		if works {
			continue
		}
		var k Key
		if _, err := c.Call(ctx, http.MethodPost, "/apps/"+a.id+"/keys", "", object{}, &k); err != nil {
			return nil, false, err
		}
		keys[a.id], fresh = k, true
	}
	if !fresh {
		return keys, false, nil
	}
	b, err := json.MarshalIndent(keys, "", "  ")
	if err != nil {
		return nil, false, err
	}
	return keys, true, bootstrap.WriteSecret(file, append(b, '\n'))
}

// usable reports whether the platform still knows the key and lets it pass.
func usable(ctx context.Context, c *client.Client, app string, k Key) (bool, error) {
	if k.ID == "" || k.Key == "" {
		return false, nil
	}
	var state struct{ Revoked, Expires *string }
	_, err := c.Call(ctx, http.MethodGet, "/apps/"+app+"/keys/"+url.PathEscape(k.ID), "", nil, &state)
	if client.Is(err, http.StatusNotFound) {
		return false, nil
	}
	return err == nil && state.Revoked == nil && state.Expires == nil, err
}
