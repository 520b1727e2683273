// Package replay_test hands every event in events/ to its function and holds the answer against the one beside it, and follows
// calls without a credential through all of them.
package replay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"sluice/functions/portal/present"
	"sluice/functions/rollup/fold"
	"sluice/shared/catalog"
	"sluice/shared/credential"
	"sluice/shared/dynamo"
	"sluice/shared/gatewayevent"
	"sluice/shared/settings"
	"sluice/test/platform"
)

const root = "../../events"

// The credentials that the events present.
const (
	appKey   = "slk_ZmjdudmsjnejZjsdrsZmjdudmsjnejZj0yWV21"
	adminKey = "sla_events-are-replayed-by-tests-0001"
)

// catalogue is a contract that anybody may read by, and some may write by.
const catalogue = `
openapi: 3.1.0
info: {title: Catalogue, version: "1"}
paths:
  /products:
    get: {operationId: listProducts, responses: {"200": {description: products}}}
    post: {operationId: addProduct, security: [{key: [products:write]}], responses: {"201": {description: added}}}
components: {securitySchemes: {key: {type: apiKey, in: header, name: x-api-key}}}
`

type m = map[string]any

// seed makes what the events speak of.
func seed(t *testing.T) *platform.Platform {
	t.Helper()
	p := platform.New(t, 1)
	p.Admin(201, "POST", "/teams", m{"id": "sales", "name": "Sales"})
	p.Admin(201, "POST", "/apis", m{"id": "orders", "name": "Orders", "team": "sales", "kind": "rest", "audience": "partner", "sensitivity": "internal"})
	p.Admin(201, "POST", "/apis/orders/versions", m{"version": "v1", "upstream": m{"url": "https://orders.example.com"}})
	p.Admin(201, "PUT", "/apis/orders/versions/v1/contract", platform.Orders)
	p.Admin(200, "POST", "/apis/orders/versions/v1/transitions", m{"to": "published"})
	p.Admin(201, "POST", "/plans", m{"id": "free", "name": "Free", "approval": "automatic", "rate": m{"requests": 5, "seconds": 60}})
	p.Admin(201, "POST", "/consumers", m{"id": "acme", "name": "Acme", "kind": "partner"})
	p.Admin(201, "POST", "/apps", m{"id": "shop", "name": "Shop", "consumer": "acme"})
	p.Admin(201, "POST", "/subscriptions", m{"app": "shop", "api": "orders", "plan": "free"})
	p.Admin(201, "POST", "/apis", m{"id": "catalogue", "name": "Catalogue", "team": "sales", "kind": "rest", "audience": "public", "sensitivity": "open",
		"anonymous":  m{"rate": m{"requests": 5, "seconds": 60}},
		"limits":     m{"quota": m{"requests": 100_000, "period": "month", "anchor_day": 15, "shadow": true}},
		"operations": m{"listProducts": m{"cost": 3, "limits": m{"rate": m{"requests": 50, "seconds": 1}}}}})
	p.Admin(201, "POST", "/apis/catalogue/versions", m{"version": "v1", "upstream": m{"url": "https://catalogue.example.com"}})
	p.Admin(201, "PUT", "/apis/catalogue/versions/v1/contract", catalogue)
	p.Admin(200, "POST", "/apis/catalogue/versions/v1/transitions", m{"to": "published"})
	w := catalog.Write{Actor: catalog.Actor{ID: "system"}, Action: "seed", At: p.Clock.Now().UTC()}
	key := catalog.Key{ID: "0190a0b0-0000-4000-8000-000000000001", App: "shop"}
	key.Hash, key.Prefix = parsed(t, appKey)
	if err := dynamo.NewResources[catalog.Key](p.Table).Create(t.Context(), w, &key); err != nil {
		t.Fatal(err)
	}
	admin := catalog.AdminKey{ID: "events", Name: "events", Role: catalog.RolePlatformAdmin}
	admin.Hash, admin.Prefix = parsed(t, adminKey)
	if err := dynamo.NewResources[catalog.AdminKey](p.Table).Create(t.Context(), w, &admin); err != nil {
		t.Fatal(err)
	}
	p.Clock.Advance(2e9)
	return p
}

func parsed(t *testing.T, key string) (hash, prefix string) {
	t.Helper()
	s, _, err := credential.Parse(key)
	if err != nil {
		t.Fatal(err)
	}
	return s.Hash(), s.Prefix()
}

// functions is what each folder of events is handed to.
func functions(t *testing.T, p *platform.Platform) map[string]func([]byte) (any, error) {
	portal, err := present.Wire(settings.Portal{Common: settings.Common{}, GatewayURL: "https://gateway.example.com"}, p.Table, p.Clock.Now, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]func([]byte) (any, error){
		"authorizer": invoke(t.Context(), p.Authorizers[0].Handle),
		"proxy":      invoke(t.Context(), p.Proxies[0].Handle),
		"catalog":    invoke(t.Context(), p.Catalog),
		"keys":       invoke(t.Context(), p.Keys),
		"portal":     invoke(t.Context(), gatewayevent.Handler(portal, slog.New(slog.NewTextHandler(io.Discard, nil)))),
		"rollup":     invoke[fold.Event, fold.Report](t.Context(), p.Folder.Handle),
	}
}

func invoke[E, A any](ctx context.Context, f func(context.Context, E) (A, error)) func([]byte) (any, error) {
	return func(b []byte) (any, error) {
		var e E
		if err := json.Unmarshal(b, &e); err != nil {
			return nil, err
		}
		return f(ctx, e)
	}
}

func TestEveryEventGivesTheAnswerBesideIt(t *testing.T) {
	p := seed(t)
	run := functions(t, p)
	files, err := filepath.Glob(root + "/*/*.json")
	if err != nil || len(files) < 2*len(run) {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".want.json") {
			if _, err := os.Stat(strings.TrimSuffix(file, ".want.json") + ".json"); err != nil {
				t.Errorf("%s answers no event", file)
			}
			continue
		}
		function := filepath.Base(filepath.Dir(file))
		t.Run(function+"/"+strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			f, ok := run[function]
			if !ok {
				t.Fatalf("there is no function %s", function)
			}
			out, err := f(read(t, file))
			if err != nil {
				t.Fatal(err)
			}
			var want any
			if err := json.Unmarshal(read(t, strings.TrimSuffix(file, ".json")+".want.json"), &want); err != nil {
				t.Fatal(err)
			}
			if fault := compare("", want, open(t, out)); fault != "" {
				t.Error(fault)
			}
		})
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file) // #nosec G304 -- a file of the repository
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// open gives an answer as JSON values, with the documents that lie in it as text laid open: bodies and decisions.
func open(t *testing.T, out any) any {
	t.Helper()
	switch a := out.(type) {
	case events.APIGatewayV2HTTPResponse:
		var body any
		if json.Unmarshal([]byte(a.Body), &body) != nil {
			body = a.Body
		}
		return plain(t, m{"statusCode": a.StatusCode, "headers": a.Headers, "body": body})
	case events.APIGatewayV2CustomAuthorizerSimpleResponse:
		var d any
		if s, ok := a.Context["decision"].(string); ok && json.Unmarshal([]byte(s), &d) != nil {
			t.Fatalf("decision %q", s)
		}
		return plain(t, m{"isAuthorized": a.IsAuthorized, "context": m{"decision": d}})
	}
	return plain(t, out)
}

func plain(t *testing.T, v any) (out any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// compare says where got lacks something of want: objects may have more members, lists may not.
func compare(at string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is %v, want an object", at, got)
		}
		for k, v := range w {
			if fault := compare(at+"/"+k, v, g[k]); fault != "" {
				return fault
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s is %v, want %v", at, got, want)
		}
		for i, v := range w {
			if fault := compare(fmt.Sprintf("%s/%d", at, i), v, g[i]); fault != "" {
				return fault
			}
		}
	default:
		if want != got {
			return fmt.Sprintf("%s is %v, want %v", at, got, want)
		}
	}
	return ""
}
