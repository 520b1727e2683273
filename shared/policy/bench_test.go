package policy_test

import (
	"testing"

	"sluice/policies"
	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/policy"
)

func good() *policy.AccessInput {
	return &policy.AccessInput{
		Plane: decision.Gateway, Method: "GET", Path: "/orders/v1/orders/42",
		Credential:   &policy.CredentialFacts{Kind: policy.KindKey},
		Consumer:     &catalog.Consumer{ID: "acme", Kind: catalog.Partner},
		App:          &catalog.App{ID: "acme-shop", Consumer: "acme"},
		Scopes:       []string{"orders.read", "orders.write"},
		Subscription: &catalog.Subscription{App: "acme-shop", API: "orders", State: catalog.Active},
		API:          &catalog.API{ID: "orders", Audience: catalog.Public, Kind: catalog.REST},
		Version:      &catalog.Version{API: "orders", Version: "v1", State: catalog.Published},
		Operation:    &policy.Operation{ID: "getOrder", Method: "GET", Template: "/orders/{id}", Scopes: [][]string{{"orders.read"}}},
	}
}

func engine(t testing.TB, modules map[string]string, entry string) *policy.Engine {
	t.Helper()
	e, err := policy.New(modules, entry)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func BenchmarkDecideAccess(b *testing.B) {
	e := engine(b, policies.Access(), "data.access.decision")
	in := good()
	b.ReportAllocs()
	for b.Loop() {
		v, err := e.Decide(b.Context(), in)
		if err != nil || !v.Allow {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkNewAccess(b *testing.B) {
	modules := policies.Access()
	for b.Loop() {
		if _, err := policy.New(modules, "data.access.decision"); err != nil {
			b.Fatal(err)
		}
	}
}
