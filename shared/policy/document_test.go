package policy_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"sluice/shared/catalog"
	"sluice/shared/policy"
)

const goodJSON = `{
	"call": {"plane": "gateway", "method": "GET", "path": "/orders/v1/orders/42"},
	"credential": {"present": true, "kind": "key", "revoked": false, "expired": false},
	"caller": {"consumer": {"id": "acme", "kind": "partner"}, "app": {"id": "shop", "consumer": "acme"}, "scopes": {"read": true}},
	"subscription": {"app": "shop", "api": "orders", "state": "active"},
	"api": {"id": "orders", "audience": "partner", "kind": "rest"},
	"version": {"api": "orders", "version": "v1", "state": "published"},
	"operation": {"id": "getOrder", "method": "GET", "template": "/orders/{id}", "scopes": [{"read": true}]}
}`

// right is the reference model for inputs of any shape: whether everything is there, of the right type, and right.
func right(input any) bool {
	in, ok := exactly(input, "call", "credential", "caller", "subscription", "api", "version", "operation")
	if !ok {
		return false
	}
	call, ok1 := exactly(in["call"], "plane", "method", "path")
	cred, ok2 := exactly(in["credential"], "present", "kind", "revoked", "expired")
	caller, ok3 := exactly(in["caller"], "consumer", "app", "scopes")
	consumer, ok4 := exactly(caller["consumer"], "id", "kind")
	app, ok5 := exactly(caller["app"], "id", "consumer")
	sub, ok6 := exactly(in["subscription"], "app", "api", "state")
	api, ok7 := exactly(in["api"], "id", "audience", "kind")
	version, ok8 := exactly(in["version"], "api", "version", "state")
	op, ok9 := exactly(in["operation"], "id", "method", "template", "scopes")
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6 && ok7 && ok8 && ok9) {
		return false
	}
	for _, text := range []any{call["method"], consumer["id"], app["id"], api["id"], api["kind"], version["version"],
		op["id"], op["method"], op["template"]} {
		if s, ok := text.(string); !ok || s == "" {
			return false
		}
	}
	audience, _ := api["audience"].(string)
	kind, _ := consumer["kind"].(string)
	return catalog.Audience(audience).Admits(catalog.Audience(kind)) &&
		call["plane"] == "gateway" && cred["present"] == true && cred["kind"] == "key" && cred["revoked"] == false && cred["expired"] == false &&
		sub["state"] == "active" && (version["state"] == "published" || version["state"] == "deprecated") &&
		sub["app"] == app["id"] && app["consumer"] == consumer["id"] && sub["api"] == api["id"] && version["api"] == api["id"] &&
		serves(op["method"], call["method"]) && someHeld(op["scopes"], caller["scopes"])
}

func exactly(v any, keys ...string) (map[string]any, bool) {
	m, ok := v.(map[string]any)
	if !ok || len(m) != len(keys) {
		return nil, false
	}
	for _, k := range keys {
		if _, there := m[k]; !there {
			return nil, false
		}
	}
	return m, true
}

func serves(served, method any) bool {
	known := slices.Contains([]any{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}, method)
	return known && (served == method || served == "GET" && method == "HEAD")
}

func someHeld(alternatives, scopes any) bool {
	list, ok1 := alternatives.([]any)
	held, ok2 := scopes.(map[string]any)
	if !ok1 || !ok2 {
		return false
	}
	return slices.ContainsFunc(list, func(needed any) bool {
		m, ok := needed.(map[string]any)
		for k, v := range m {
			got, there := held[k]
			ok = ok && there && fmt.Sprint(got) == fmt.Sprint(v) && fmt.Sprintf("%T", got) == fmt.Sprintf("%T", v)
		}
		return ok
	})
}

// garbage is what a field is replaced by.
var garbage = []any{nil, true, false, 0.0, 1.0, "", "x", "key", "active", "published", "GET", "orders", "partner",
	[]any{}, []any{"GET"}, []any{map[string]any{}}, map[string]any{}, map[string]any{"read": true}, map[string]any{"x": map[string]any{}}}

// mutations gives every way to damage one place of the document: remove it, replace it, or put something beside it.
func mutations(doc map[string]any) []func(map[string]any) {
	var all []func(map[string]any)
	var visit func(path []string, at map[string]any)
	visit = func(path []string, at map[string]any) {
		all = append(all, in(path, func(m map[string]any) { m["surplus"] = true }))
		for _, key := range slices.Sorted(maps.Keys(at)) {
			all = append(all, in(path, func(m map[string]any) { delete(m, key) }))
			for _, g := range garbage {
				all = append(all, in(path, func(m map[string]any) { m[key] = g }))
			}
			if inner, ok := at[key].(map[string]any); ok {
				visit(append(slices.Clip(path), key), inner)
			}
		}
	}
	visit(nil, doc)
	return all
}

// in applies a change to the object at the path, if there still is one.
func in(path []string, change func(map[string]any)) func(map[string]any) {
	return func(doc map[string]any) {
		for _, key := range path {
			inner, ok := doc[key].(map[string]any)
			if !ok {
				return
			}
			doc[key] = maps.Clone(inner) // garbage is shared between documents
			doc = doc[key].(map[string]any)
		}
		change(doc)
	}
}

func document(t testing.TB, text string) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestAccessAllowsOnlyWhatIsRightInEveryField damages one place, and then two at a time.
func TestAccessAllowsOnlyWhatIsRightInEveryField(t *testing.T) {
	e := access(t)
	all := mutations(document(t, goodJSON))
	checkDocument(t, e, document(t, goodJSON))
	for _, first := range all {
		doc := document(t, goodJSON)
		first(doc)
		checkDocument(t, e, doc)
	}
	step := 29 * stride // one pair in 29, others for each first, so that together they meet every pair of places
	if testing.Short() {
		step = 401 * stride
	}
	for i, first := range all {
		for j := i % step; j < len(all); j += step {
			doc := document(t, goodJSON)
			first(doc)
			all[j](doc)
			checkDocument(t, e, doc)
		}
	}
	t.Logf("%d damages", len(all))
}

func checkDocument(t *testing.T, e *policy.Engine, doc map[string]any) {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	input, err := policy.ParseDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	want := right(doc)
	got, err := e.Decide(t.Context(), input)
	if got.Allow != want || want && err != nil || err == nil && got.Allow != (len(got.Reasons) == 0) {
		t.Fatalf("%s\ngot %+v, %v; want allow %t", text, got, err, want)
	}
}

// TestScopesMustBeObjectsEvenWhereListsWouldAgree damages two places at once so that they fit each other again.
func TestScopesMustBeObjectsEvenWhereListsWouldAgree(t *testing.T) {
	e := access(t)
	for _, alternatives := range []any{[]any{[]any{"read"}}, []any{[]any{}}, map[string]any{"0": map[string]any{}}} {
		for _, held := range []any{[]any{"read"}, []any{}, map[string]any{}} {
			doc := document(t, goodJSON)
			doc["operation"].(map[string]any)["scopes"] = alternatives
			doc["caller"].(map[string]any)["scopes"] = held
			checkDocument(t, e, doc)
		}
	}
}

// FuzzAccess holds any JSON against the model.
func FuzzAccess(f *testing.F) {
	for _, seed := range []string{goodJSON, `{}`, `null`, `[]`, `"x"`, `{"call":{}}`, `{"credential":{"present":true}}`, `[[[[]]]]`, `1e999`} {
		f.Add([]byte(seed))
	}
	e := access(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		input, err := policy.ParseDocument(text)
		if err != nil {
			return
		}
		got, err := e.Decide(t.Context(), input)
		if !got.Allow {
			return
		}
		var doc any
		if json.Unmarshal(text, &doc) != nil || err != nil || !right(doc) {
			t.Errorf("%s passes: %v", text, err)
		}
	})
}
