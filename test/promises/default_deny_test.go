package promises_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"sluice/shared/decision"
	"sluice/test/platform"
)

// TestPromise1DefaultDeny: no call reaches an upstream without an allow decision for exactly that method, path, operation
// and credential.
func TestPromise1DefaultDeny(t *testing.T) {
	w := newWorld(t, 1)
	_, reader := w.key("shop")
	w.consumer("globex", "partner", "erp", "writer")
	_, writer := w.key("erp")
	w.Admin(201, "POST", "/consumers", m{"id": "crowd", "name": "crowd", "kind": "public"})
	w.Admin(201, "POST", "/apps", m{"id": "outsider", "name": "outsider", "consumer": "crowd"})
	_, outsider := w.key("outsider")
	w.settle()

	credentials := map[string]string{"none": "", "junk": "slk_junk", "cut": reader[:len(reader)-1], "altered": flip(reader),
		"an admin's": platform.AdminKey, "an outsider's": outsider, "a reader's": reader, "a writer's": writer}
	// What may pass is spelled out here, apart from the policy: everything else must not.
	allowed := map[string]bool{
		"a reader's GET /orders/v1/orders": true, "a reader's GET /orders/v1/orders/42": true,
		"a writer's GET /orders/v1/orders": true, "a writer's GET /orders/v1/orders/42": true,
		"a writer's POST /orders/v1/orders": true, "a writer's DELETE /orders/v1/orders/42": true,
		"a reader's HEAD /orders/v1/orders": true, "a writer's HEAD /orders/v1/orders": true, // RFC 9110: as GET
		"a reader's HEAD /orders/v1/orders/42": true, "a writer's HEAD /orders/v1/orders/42": true,
	}
	targets := []string{"/orders/v1/orders", "/orders/v1/orders/42", "/orders/v1/orders/", "/orders/v1/orders/42/x", "/orders/v1", "/orders",
		"/", "/orders/v2/orders", "/other/v1/orders", "/orders/v1//orders", "/orders/v1/orders/..", "/orders/v1/x/../orders",
		"/orders/v1/orders%2f42", "/orders/v1/orders/%2e%2e/orders", "/ORDERS/v1/orders", "/orders/V1/orders", "/orders/v1/orders/%00",
		"/orders%2fv1/orders", "//orders/v1/orders", "/orders/v1/orders\\42", "/orders/v1/ORDERS", "/admin/v1/teams", "/orders/v1/orders/%252e%252e"}
	for name, key := range credentials {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", ""} {
			for _, target := range targets {
				before := w.forwarded()
				out := w.call(0, method, target, key)
				passed, want := w.forwarded() > before, allowed[name+" "+method+" "+target]
				if passed != want || (out.Status < 400) != want || out.Status >= 500 {
					t.Errorf("%s %s %s: passed %v with %d %s, want passed %v", name, method, target, passed, out.Status, out.Body, want)
				}
			}
		}
		w.Clock.Advance(3600e9) // the guard against floods has forgotten, the daily quota of the writer has not
		if name == "a writer's" && w.forwarded() == 0 {
			t.Error("nothing passed at all")
		}
	}
}

// flip changes one character in the middle of a key.
func flip(key string) string {
	i := len(key) / 2
	c := byte('a')
	if key[i] == c {
		c = 'b'
	}
	return key[:i] + string(c) + key[i+1:]
}

func TestPromise1SurplusCredentialsDeny(t *testing.T) {
	w := newWorld(t, 1)
	_, key := w.key("shop")
	w.settle()
	for name, headers := range map[string]map[string]string{
		"the same key twice, as HTTP APIs join it": {"x-api-key": key + "," + key},
		"a key and a bearer":                       {"x-api-key": key, "authorization": "Bearer " + key},
		"a key and a basic credential":             {"x-api-key": key, "authorization": "Basic YTpi"},
		"a key with a space":                       {"x-api-key": key + " "},
		"a key as a basic credential":              {"authorization": "Basic " + key},
		"an empty bearer":                          {"authorization": "Bearer "},
	} {
		if out := w.Gateway(0, platform.Request{Method: "GET", Target: "/orders/v1/orders", Headers: headers}); out.Status != 400 && out.Status != 401 {
			t.Errorf("%s: %d %s", name, out.Status, out.Body)
		}
	}
	if out := w.call(0, "GET", "/orders/v1/orders?x-api-key="+key+"&api_key="+key, ""); out.Code() != string(decision.CredentialMissing) {
		t.Errorf("a key in the query: %d %s", out.Status, out.Body)
	}
	if n := w.forwarded(); n != 0 {
		t.Errorf("%d calls reached the upstream", n)
	}
}

func TestPromise1TheProxyRefusesAnEventWithoutItsOwnDecision(t *testing.T) {
	w := newWorld(t, 1)
	_, key := w.key("shop")
	w.settle()
	e := events.APIGatewayV2HTTPRequest{Version: "2.0", RouteKey: "$default", RawPath: "/orders/v1/orders", Headers: map[string]string{"x-api-key": key}}
	e.RequestContext.RequestID, e.RequestContext.HTTP.Method, e.RequestContext.HTTP.SourceIP = "one", "GET", "192.0.2.1"
	verdict, err := w.Authorizers[0].Handle(t.Context(), platform.AuthorizerEvent(e))
	if err != nil || !verdict.IsAuthorized {
		t.Fatal(verdict, err)
	}
	good, _ := verdict.Context[decision.ContextKey].(string)
	for name, change := range map[string]func(*events.APIGatewayV2HTTPRequest, map[string]any){
		"no context at all":              func(e *events.APIGatewayV2HTTPRequest, _ map[string]any) { e.RequestContext.Authorizer = nil },
		"an empty context":               func(_ *events.APIGatewayV2HTTPRequest, c map[string]any) { delete(c, decision.ContextKey) },
		"a garbled decision":             func(_ *events.APIGatewayV2HTTPRequest, c map[string]any) { c[decision.ContextKey] = good[:len(good)/2] },
		"a decision that is no text":     func(_ *events.APIGatewayV2HTTPRequest, c map[string]any) { c[decision.ContextKey] = m{"c": m{}} },
		"an empty decision":              func(_ *events.APIGatewayV2HTTPRequest, c map[string]any) { c[decision.ContextKey] = "{}" },
		"the decision of another caller": func(e *events.APIGatewayV2HTTPRequest, _ map[string]any) { e.Headers["x-api-key"] = flip(key) },
		"the decision of nobody":         func(e *events.APIGatewayV2HTTPRequest, _ map[string]any) { delete(e.Headers, "x-api-key") },
		"the decision of another method": func(e *events.APIGatewayV2HTTPRequest, _ map[string]any) { e.RequestContext.HTTP.Method = "DELETE" },
		"the decision of another path":   func(e *events.APIGatewayV2HTTPRequest, _ map[string]any) { e.RawPath = "/orders/v1/orders/42" },
		"a decision in a header": func(e *events.APIGatewayV2HTTPRequest, c map[string]any) {
			delete(c, decision.ContextKey)
			e.Headers["decision"] = good
		},
		"the decision of the other plane": func(_ *events.APIGatewayV2HTTPRequest, c map[string]any) {
			c[decision.ContextKey] = strings.Replace(good, `"p":"gateway"`, `"p":"management"`, 1)
		},
	} {
		forged := e
		forged.Headers = map[string]string{"x-api-key": key}
		context := map[string]any{decision.ContextKey: good}
		forged.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: context}
		change(&forged, context)
		if out := w.Invoke(t.Context(), w.Proxies[0].Handle, forged); out.Status != 500 || out.Code() != "internal" {
			t.Errorf("%s: %d %s", name, out.Status, out.Body)
		}
	}
	if n := w.forwarded(); n != 0 {
		t.Fatalf("%d forged calls reached the upstream", n)
	}
	e.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: verdict.Context}
	if out := w.Invoke(t.Context(), w.Proxies[0].Handle, e); out.Status != 200 || w.forwarded() != 1 {
		t.Errorf("the true decision: %d %s", out.Status, out.Body)
	}
}
