package bench

import (
	"context"
	"fmt"
	"net/http"

	"sluice/scripts/sluice/client"
	"sluice/scripts/sluice/launch"
)

type object = map[string]any

// path is what is called, behind the gateway's prefix; the floor has none.
const (
	path   = "/things/42"
	prefix = "/bench/v1"
)

const contract = `{"openapi":"3.1.0","info":{"title":"Bench","version":"1.0.0"},
"security":[{"apiKey":["things:read"]}],
"components":{"securitySchemes":{"apiKey":{"type":"apiKey","in":"header","name":"x-api-key"}}},
"paths":{
 "/things":{"get":{"operationId":"listThings","responses":{"200":{"description":"Things."}}}},
 "/things/{id}":{"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}],
  "get":{"operationId":"readThing","responses":{"200":{"description":"A thing."}}},
  "delete":{"operationId":"removeThing","security":[{"apiKey":["things:write"]}],"responses":{"204":{"description":"Gone."}}}}}}`

// furnish makes an API before the upstream, with everything a call is judged by: key, scope, rate and quota, all of them
// too large to be reached. It gives the keys of two apps: one for the crowd, one that is used alone.
func furnish(ctx context.Context, g launch.Cloud, upstreamURL string) (crowd, alone string, err error) {
	c := client.New(g.Management(), g.Key)
	version := "/apis/bench/versions/v1"
	for _, step := range []struct {
		method, path string
		body         any
	}{
		{http.MethodPost, "/teams", object{"id": "bench", "name": "Bench", "contacts": []object{{"kind": "email", "value": "bench@sluice.example"}}}},
		{http.MethodPost, "/apis", object{"id": "bench", "name": "Bench", "team": "bench", "kind": "rest", "audience": "public", "sensitivity": "internal"}},
		{http.MethodPost, "/apis/bench/versions", object{"version": "v1", "upstream": object{"url": upstreamURL, "timeout_ms": 5000}}},
		{http.MethodPut, version + "/contract", client.Content{Type: "application/json", Bytes: []byte(contract)}},
		{http.MethodPost, version + "/transitions", object{"to": "published"}},
		{http.MethodPost, "/plans", object{"id": "bench", "name": "Bench", "approval": "automatic", "scopes": []string{"things:read"},
			"rate": object{"requests": 1_000_000, "seconds": 1, "burst": 1_000_000}, "quota": object{"requests": 1_000_000_000, "period": "month"}}},
		{http.MethodPost, "/consumers", object{"id": "bench", "name": "Bench", "kind": "partner", "contacts": []object{{"kind": "email", "value": "bench@sluice.example"}}}},
	} {
		if _, err := c.Call(ctx, step.method, step.path, "", step.body, nil); err != nil {
			return "", "", fmt.Errorf("set the benchmark's API up: %w", err)
		}
	}
	if crowd, err = subscriber(ctx, c, "crowd"); err != nil {
		return "", "", err
	}
	alone, err = subscriber(ctx, c, "alone")
	return crowd, alone, err
}

// subscriber makes an app with a subscription and gives its key.
func subscriber(ctx context.Context, c *client.Client, app string) (string, error) {
	var key struct{ Key string }
	for _, step := range []struct {
		path string
		body object
		out  any
	}{
		{"/apps", object{"id": app, "name": app, "consumer": "bench"}, nil},
		{"/subscriptions", object{"app": app, "api": "bench", "plan": "bench"}, nil},
		{"/apps/" + app + "/keys", object{}, &key},
	} {
		if _, err := c.Call(ctx, http.MethodPost, step.path, "", step.body, step.out); err != nil {
			return "", fmt.Errorf("make the benchmark's app %s: %w", app, err)
		}
	}
	return key.Key, nil
}
