package policy_test

import (
	"fmt"
	"slices"
	"testing"

	"sluice/shared/catalog"
	"sluice/shared/policy"
)

// The reference model: what policies/access shall decide, said a second time in Go and independently of it.

// refusals gives what a typed input is refused for, in order; none means that the call passes.
func refusals(in *policy.AccessInput) []string {
	var all []string
	add := func(when bool, code string) {
		if when && !slices.Contains(all, code) {
			all = append(all, code)
		}
	}
	cred := in.Credential
	add(cred == nil, "credential_missing")
	add(cred != nil && (cred.Kind != policy.KindKey || cred.Revoked), "credential_invalid")
	add(cred != nil && cred.Expired, "credential_expired")
	add(in.API == nil || in.Consumer == nil || !in.API.Audience.Admits(in.Consumer.Kind), "no_such_api")
	add(in.Version == nil || !in.Version.State.Served() && in.Version.State != catalog.Retired, "no_such_api")
	add(in.Version != nil && in.Version.State == catalog.Retired, "version_retired")
	add(in.Subscription == nil, "not_subscribed")
	add(in.Subscription != nil && in.Subscription.State != catalog.Active, "subscription_inactive")
	add(in.Operation == nil, "no_such_operation")
	add(in.Operation != nil && !held(in.Operation.Scopes, in.Scopes), "scope_missing")
	if len(all) == 0 {
		method := in.Operation.Method == in.Method || in.Method == "HEAD" && in.Operation.Method == "GET"
		add(in.Plane != "gateway" || !method || in.Method == "" || in.Path == "" || in.App == nil, "policy_refused")
	}
	return all
}

func held(alternatives [][]string, scopes []string) bool {
	for _, needed := range alternatives {
		if !slices.ContainsFunc(needed, func(s string) bool { return !slices.Contains(scopes, s) }) {
			return true
		}
	}
	return len(alternatives) == 0
}

// variants changes one aspect of a good call in every way that counts.
var variants = map[string][]func(*policy.AccessInput){
	"credential": {
		func(*policy.AccessInput) {},
		func(in *policy.AccessInput) { in.Credential = nil },
		func(in *policy.AccessInput) { in.Credential.Revoked = true },
		func(in *policy.AccessInput) { in.Credential.Expired = true },
		func(in *policy.AccessInput) { in.Credential.Revoked, in.Credential.Expired = true, true },
		func(in *policy.AccessInput) { in.Credential.Kind = policy.KindAdmin },
		func(in *policy.AccessInput) { in.Credential.Kind = "" },
	},
	"consumer": {
		func(in *policy.AccessInput) { in.Consumer.Kind = catalog.Internal },
		func(in *policy.AccessInput) { in.Consumer.Kind = catalog.Partner },
		func(in *policy.AccessInput) { in.Consumer.Kind = catalog.Public },
		func(in *policy.AccessInput) { in.Consumer.Kind = "" },
		func(in *policy.AccessInput) { in.Consumer = nil },
	},
	"api": {
		func(in *policy.AccessInput) { in.API.Audience = catalog.Internal },
		func(in *policy.AccessInput) { in.API.Audience = catalog.Partner },
		func(in *policy.AccessInput) { in.API.Audience = catalog.Public },
		func(in *policy.AccessInput) { in.API.Audience = "" },
		func(in *policy.AccessInput) { in.API = nil },
	},
	"version": {
		func(in *policy.AccessInput) { in.Version.State = catalog.Published },
		func(in *policy.AccessInput) { in.Version.State = catalog.Deprecated },
		func(in *policy.AccessInput) { in.Version.State = catalog.Draft },
		func(in *policy.AccessInput) { in.Version.State = catalog.InReview },
		func(in *policy.AccessInput) { in.Version.State = catalog.Retired },
		func(in *policy.AccessInput) { in.Version = nil },
	},
	"subscription": {
		func(*policy.AccessInput) {},
		func(in *policy.AccessInput) { in.Subscription.State = catalog.Requested },
		func(in *policy.AccessInput) { in.Subscription.State = catalog.Suspended },
		func(in *policy.AccessInput) { in.Subscription.State = catalog.Ended },
		func(in *policy.AccessInput) { in.Subscription = nil },
	},
	"operation": {
		func(*policy.AccessInput) {},
		func(in *policy.AccessInput) { in.Operation.Scopes = nil },
		func(in *policy.AccessInput) { in.Operation.Scopes, in.Scopes = [][]string{{}}, nil },
		func(in *policy.AccessInput) {
			in.Operation.Scopes = [][]string{{"admin"}, {"orders.read", "orders.write"}}
		},
		func(in *policy.AccessInput) { in.Operation.Scopes = [][]string{{"orders.read", "admin"}} },
		func(in *policy.AccessInput) { in.Scopes = nil },
		func(in *policy.AccessInput) { in.Operation = nil },
	},
	"call": {
		func(*policy.AccessInput) {},
		func(in *policy.AccessInput) { in.Method = "HEAD" },
		func(in *policy.AccessInput) { in.Method = "DELETE" },
		func(in *policy.AccessInput) { in.Plane = "management" },
		func(in *policy.AccessInput) { in.Path = "" },
		func(in *policy.AccessInput) { in.App = nil },
	},
}

// TestAccessDecidesAsTheModelOnEveryCombination walks the cross product of the variants: all but those of the call in full,
// and those of the call with every combination of the aspects that could hide them.
func TestAccessDecidesAsTheModelOnEveryCombination(t *testing.T) {
	e := access(t)
	for i, credential := range variants["credential"] {
		for _, aspects := range [][]string{
			{"consumer", "api", "version", "subscription", "operation"}, {"call", "operation", "consumer", "api"},
		} {
			t.Run(fmt.Sprintf("credential %d with %v", i, aspects), func(t *testing.T) {
				t.Parallel()
				allowed, decided, met := 0, 0, 0
				walk(aspects, []func(*policy.AccessInput){credential}, func(changes []func(*policy.AccessInput)) {
					if met++; met%stride != 0 {
						return
					}
					in := good()
					for _, change := range changes {
						change(in)
					}
					want := refusals(in)
					got, err := e.Decide(t.Context(), in)
					if err != nil || got.Allow != (len(want) == 0) || !slices.Equal(got.Reasons, want) {
						t.Fatalf("%+v\ngot %+v, %v\nwant %v", in, got, err, want)
					}
					decided++
					if got.Allow {
						allowed++
					}
				})
				if i == 0 && (allowed == 0 || allowed == decided) {
					t.Errorf("%d of %d calls passed: the combinations prove nothing", allowed, decided)
				}
			})
		}
	}
}

// walk calls do with each combination of one change per aspect.
func walk(aspects []string, chosen []func(*policy.AccessInput), do func([]func(*policy.AccessInput))) {
	if len(aspects) == 0 {
		do(chosen)
		return
	}
	for _, v := range variants[aspects[0]] {
		walk(aspects[1:], append(slices.Clip(chosen), v), do)
	}
}

// TestFactsThatDoNotBelongTogetherAreRefused mixes up what a faulty cache could mix up.
func TestFactsThatDoNotBelongTogetherAreRefused(t *testing.T) {
	e := access(t)
	for name, change := range map[string]func(*policy.AccessInput){
		"the subscription of another app":         func(in *policy.AccessInput) { in.Subscription.App = "other" },
		"the subscription to another API":         func(in *policy.AccessInput) { in.Subscription.API = "other" },
		"the version of another API":              func(in *policy.AccessInput) { in.Version.API = "other" },
		"the app of another consumer":             func(in *policy.AccessInput) { in.App.Consumer = "other" },
		"the operation of another method":         func(in *policy.AccessInput) { in.Operation.Method = "DELETE" },
		"an operation without an id":              func(in *policy.AccessInput) { in.Operation.ID = "" },
		"an operation without a template":         func(in *policy.AccessInput) { in.Operation.Template = "" },
		"a version without a name":                func(in *policy.AccessInput) { in.Version.Version = "" },
		"an API without a kind":                   func(in *policy.AccessInput) { in.API.Kind = "" },
		"a method that nobody knows":              func(in *policy.AccessInput) { in.Method, in.Operation.Method = "BREW", "BREW" },
		"a consumer without an id, and its app":   func(in *policy.AccessInput) { in.Consumer.ID, in.App.Consumer = "", "" },
		"an app without an id, subscribed":        func(in *policy.AccessInput) { in.App.ID, in.Subscription.App = "", "" },
		"an API without an id in all its places":  func(in *policy.AccessInput) { in.API.ID, in.Version.API, in.Subscription.API = "", "", "" },
		"DELETE served by the operation for HEAD": func(in *policy.AccessInput) { in.Method, in.Operation.Method = "DELETE", "HEAD" },
	} {
		t.Run(name, func(t *testing.T) {
			in := good()
			change(in)
			got, err := e.Decide(t.Context(), in)
			if err != nil || got.Allow || !slices.Equal(got.Reasons, []string{"policy_refused"}) {
				t.Errorf("got %+v, %v; want policy_refused", got, err)
			}
		})
	}
}
