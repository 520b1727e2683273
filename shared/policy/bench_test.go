package policy_test

import (
	"testing"

	"sluice/policies"
	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/policy"
)

// good is a call with everything right.
func good() *policy.AccessInput {
	return &policy.AccessInput{
		Plane: decision.Gateway, Method: "GET", Path: "/orders/v1/orders/42",
		Credential:   &policy.CredentialFacts{Kind: policy.KindKey},
		Consumer:     &catalog.Consumer{ID: "acme", Kind: catalog.Partner},
		App:          &catalog.App{ID: "acme-shop", Consumer: "acme"},
		Scopes:       []string{"orders.read", "orders.write"},
		Subscription: &catalog.Subscription{App: "acme-shop", API: "orders", State: catalog.Active},
		API:          &catalog.API{ID: "orders", Audience: catalog.Partner, Kind: catalog.REST},
		Version:      &catalog.Version{API: "orders", Version: "v1", State: catalog.Published},
		Operation:    &policy.Operation{ID: "getOrder", Method: "GET", Template: "/orders/{id}", Scopes: [][]string{{"orders.read"}}},
	}
}

func engine(t testing.TB, modules map[string]string, entry string, options ...policy.Option) *policy.Engine {
	t.Helper()
	e, err := policy.New(modules, entry, options...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// access is the engine that production has: what all is tested with is what was compiled before.
func access(t testing.TB, options ...policy.Option) *policy.Engine {
	t.Helper()
	e, err := policy.LoadOnly(policies.Access(), policies.CompiledAccess(), "data.access.decision", options...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func decide(b *testing.B, e *policy.Engine, in policy.Input, want bool) {
	b.ReportAllocs()
	for b.Loop() {
		if v, err := e.Decide(b.Context(), in); err != nil || v.Allow != want {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkDecideAccess(b *testing.B) { decide(b, access(b, policy.WithoutMemo()), good(), true) }

func BenchmarkDecideAccessRefused(b *testing.B) {
	in := good()
	in.Scopes = nil
	decide(b, access(b, policy.WithoutMemo()), in, false)
}

func BenchmarkDecideAdmin(b *testing.B) {
	decide(b, engine(b, policies.Admin(), "data.admin.decision"), &policy.AdminInput{
		Actor:  catalog.Actor{ID: "key-1", Role: catalog.RoleTeamMember, Team: "sales"},
		Action: policy.Update, Resource: catalog.Ref{Kind: catalog.KindAPI, ID: "orders"}, Owner: "sales",
	}, true)
}

func BenchmarkNewAccess(b *testing.B) {
	modules := policies.Access()
	for b.Loop() {
		if _, err := policy.New(modules, "data.access.decision"); err != nil {
			b.Fatal(err)
		}
	}
}

// TestDecideAllocatesLittle keeps the hot path from growing unnoticed; the figure does not depend on the machine.
func TestDecideAllocatesLittle(t *testing.T) {
	e, in := access(t, policy.WithoutMemo()), good()
	if n := testing.AllocsPerRun(100, func() {
		if v, err := e.Decide(t.Context(), in); err != nil || !v.Allow {
			t.Fatal(v, err)
		}
	}); n > 270 {
		t.Errorf("an allow allocates %.0f times; 270 are enough", n)
	}
}
