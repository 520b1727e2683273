package catalog_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sluice/shared/catalog"
	"sluice/shared/problem"
)

type resource interface{ Validate() error }

func pointers(err error) []string {
	var p *problem.Error
	if !errors.As(err, &p) {
		return nil
	}
	var out []string
	for _, f := range p.Faults {
		out = append(out, f.Pointer)
	}
	return out
}

func TestEveryFaultOfAResourceIsNamedAtItsPlace(t *testing.T) {
	long := strings.Repeat("x", 3000)
	cases := map[string]struct {
		of   resource
		want []string
	}{
		"a team in order": {&catalog.Team{ID: "core", Name: "Core", Contacts: []catalog.Contact{{Kind: "email", Value: "a@example.com"}}}, nil},
		"a team with everything wrong": {&catalog.Team{ID: "Core!", Name: " ", Contacts: []catalog.Contact{{Kind: "email", Value: "nobody"}, {}}},
			[]string{"/id", "/name", "/contacts/0/value", "/contacts/1/kind", "/contacts/1/value"}},
		"an API in order": {&catalog.API{ID: "orders", Name: "O", Team: "core", Kind: "rest", Audience: "partner", Sensitivity: "internal", Tags: []string{"a"}}, nil},
		"an API with everything wrong": {&catalog.API{ID: "admin", Name: "", Summary: long, Team: "X", Kind: "soap", Audience: "all", Sensitivity: "none", Tags: []string{"a", "a", "b c"}},
			[]string{"/id", "/name", "/summary", "/team", "/kind", "/audience", "/sensitivity", "/tags/1", "/tags/2"}},
		"a version in order": {&catalog.Version{Version: "v1", Upstream: catalog.Upstream{URL: "https://example.com/base"},
			Validation: catalog.Validation{Request: "report", Response: "report"}}, nil},
		"a version with everything wrong": {&catalog.Version{Version: "1", Upstream: catalog.Upstream{URL: "https://u:p@example.com/?q#f", TimeoutMs: -1, MaxRequestBytes: 1 << 30, MaxResponseBytes: -1},
			Validation: catalog.Validation{Request: "strip", Response: "enforce"}},
			[]string{"/version", "/upstream/url", "/upstream/url", "/upstream/timeout_ms", "/upstream/max_request_bytes", "/upstream/max_response_bytes", "/validation/request", "/validation/response"}},
		"a plan in order": {&catalog.Plan{ID: "gold", Name: "G", Approval: "manual", Rate: &catalog.Rate{Requests: 1, Seconds: 1}, Quota: &catalog.Quota{Requests: 1, Period: "day"}}, nil},
		"a plan with everything wrong": {&catalog.Plan{ID: "g", Name: "", Approval: "later", Rate: &catalog.Rate{Burst: -1}, Quota: &catalog.Quota{Period: "week"}, Scopes: []string{""}},
			[]string{"/id", "/name", "/approval", "/rate/requests", "/rate/seconds", "/rate/burst", "/quota/requests", "/quota/period", "/scopes/0"}},
		"a consumer of no kind":            {&catalog.Consumer{ID: "acme", Name: "A"}, []string{"/kind"}},
		"an app with text that is no text": {&catalog.App{ID: "shop", Name: "a\x00b\xff", Consumer: "acme"}, []string{"/name"}},
		"a subscription of nothing":        {&catalog.Subscription{State: "on"}, []string{"/app", "/api", "/plan", "/state"}},
		"a team member without a team":     {&catalog.AdminKey{Name: "x", Role: catalog.RoleTeamMember}, []string{"/team"}},
		"an auditor with a team":           {&catalog.AdminKey{Name: "x", Role: catalog.RoleAuditor, Team: "core"}, []string{"/team"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := c.of.Validate()
			if diff := cmp.Diff(c.want, pointers(err)); diff != "" || (err == nil) != (c.want == nil) {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestAnUpstreamMustBeAPlainHTTPAddress(t *testing.T) {
	for _, url := range []string{"", "example.com", "ftp://example.com", "file:///etc/passwd", "http://", "http:///x", "//example.com", "https://example.com?x=1", "https://example.com/#f", "https://u@example.com", "javascript:alert(1)", "http://exa mple.com"} {
		v := catalog.Version{Version: "v1", Upstream: catalog.Upstream{URL: url}, Validation: catalog.Validation{Request: "off", Response: "off"}}
		if !slices.Contains(pointers(v.Validate()), "/upstream/url") {
			t.Errorf("%q is taken", url)
		}
	}
}

func TestAnAudienceAdmitsItselfAndWhatIsInsideIt(t *testing.T) {
	in, pa, pu := catalog.Internal, catalog.Partner, catalog.Public
	for _, c := range []struct {
		api, consumer catalog.Audience
		want          bool
	}{{in, in, true}, {in, pa, false}, {in, pu, false}, {pa, in, true}, {pa, pa, true}, {pa, pu, false}, {pu, in, true}, {pu, pa, true}, {pu, pu, true}, {"", "", false}, {pu, "", false}, {"", in, false}} {
		if got := c.api.Admits(c.consumer); got != c.want {
			t.Errorf("%q admits %q: %v", c.api, c.consumer, got)
		}
	}
}

func TestASubscriptionTakesOnlyWhatThePlanAndTheAudienceOffer(t *testing.T) {
	plan := catalog.Plan{ID: "gold", Scopes: []string{"read"}}
	s := catalog.Subscription{App: "shop", API: "orders", Plan: "gold", Scopes: []string{"read", "write"}}
	err := catalog.ValidateSubscription(s, catalog.API{Audience: catalog.Internal}, plan, catalog.Consumer{Kind: catalog.Public})
	if diff := cmp.Diff([]string{"/api", "/scopes/1"}, pointers(err)); diff != "" {
		t.Error(diff)
	}
}

func TestADeprecationSaysByWhenAndWhereTo(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	past, later := now.Add(-time.Hour), now.AddDate(0, 6, 0)
	v := catalog.Version{Version: "v1", State: catalog.Published, Revision: "0f"}
	for name, c := range map[string]struct {
		t    catalog.Transition
		want []string
	}{
		"neither":            {catalog.Transition{}, []string{"/sunset", "/successor"}},
		"a date in the past": {catalog.Transition{Sunset: &past, Reason: "unused"}, []string{"/sunset"}},
		"itself":             {catalog.Transition{Sunset: &later, Successor: "v1"}, []string{"/successor"}},
		"a successor":        {catalog.Transition{Sunset: &later, Successor: "v2"}, nil},
		"a reason":           {catalog.Transition{Sunset: &later, Reason: "unused"}, nil},
	} {
		c.t.To = catalog.Deprecated
		got, err := c.t.Apply(v, now)
		if diff := cmp.Diff(c.want, pointers(err)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if err == nil && (got.State != catalog.Deprecated || got.Sunset != c.t.Sunset || !got.Deprecated.Equal(now)) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestNoPathThroughTheLifecycleServesWithoutAContractOrRetiresUnannounced(t *testing.T) {
	states := []catalog.State{catalog.Draft, catalog.InReview, catalog.Published, catalog.Deprecated, catalog.Retired, "made-up"}
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		v := catalog.Version{API: "a1", Version: "v1", State: catalog.Draft}
		if rapid.Bool().Draw(t, "contract") {
			v.Revision = "0f"
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			now = now.Add(time.Hour)
			tr := catalog.Transition{To: rapid.SampledFrom(states).Draw(t, "to")}
			if rapid.Bool().Draw(t, "complete") {
				sunset := now.AddDate(0, 1, 0)
				tr.Sunset, tr.Successor = &sunset, "v2"
			}
			before := v
			after, err := tr.Apply(v, now)
			if err != nil {
				if diff := cmp.Diff(before, after); diff != "" || !(problem.Is(err, problem.Conflict) || problem.Is(err, problem.Unprocessable)) {
					t.Fatalf("a refused transition changed the version or has no kind: %v %s", err, diff)
				}
				continue
			}
			v = after
			switch {
			case v.State.Served() && v.Revision == "":
				t.Fatal("served without a contract")
			case v.State == catalog.Retired && before.State != catalog.Deprecated:
				t.Fatalf("retired from %s", before.State)
			case v.State == catalog.Deprecated && (v.Sunset == nil || v.Deprecated == nil):
				t.Fatal("deprecated without dates")
			case v.State == catalog.Published && (v.Sunset != nil || v.Retired != nil || v.Successor != ""):
				t.Fatal("published with leftovers of a deprecation")
			}
		}
	})
}

func TestTheHashOfAKeyIsNeverWritten(t *testing.T) {
	for _, v := range []any{catalog.Key{Hash: "deadbeef"}, catalog.AdminKey{Hash: "deadbeef"}} {
		b, err := json.Marshal(v)
		if err != nil || strings.Contains(string(b), "deadbeef") {
			t.Errorf("%s %v", b, err)
		}
	}
}
