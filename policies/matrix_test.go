package policies_test

import (
	"strings"
	"testing"

	"sluice/policies"
	"sluice/shared/catalog"
	"sluice/shared/policy"
)

// adminGrid is who may do what: platform-admin / team-member / auditor. "yes" for the resources of any team, "own" for those
// of its own team only, "-" for none.
const adminGrid = `
kind          read         create       update       delete       transition   issue
team          yes/yes/yes  yes/-/-      yes/own/-    yes/-/-      yes/-/-      yes/-/-
api           yes/yes/yes  yes/own/-    yes/own/-    yes/own/-    yes/-/-      yes/-/-
version       yes/yes/yes  yes/own/-    yes/own/-    yes/own/-    yes/own/-    yes/-/-
contract      yes/yes/yes  yes/own/-    yes/own/-    yes/own/-    yes/-/-      yes/-/-
plan          yes/yes/yes  yes/-/-      yes/-/-      yes/-/-      yes/-/-      yes/-/-
consumer      yes/yes/yes  yes/yes/-    yes/yes/-    yes/-/-      yes/-/-      yes/-/-
app           yes/yes/yes  yes/yes/-    yes/yes/-    yes/-/-      yes/-/-      yes/-/-
subscription  yes/yes/yes  yes/own/-    yes/own/-    yes/own/-    yes/own/-    yes/-/-
grant         yes/-/yes    yes/-/-      yes/-/-      yes/-/-      yes/-/-      yes/-/-
key           yes/yes/yes  yes/yes/-    yes/-/-      yes/yes/-    yes/-/-      yes/yes/-
credential    yes/-/yes    yes/-/-      yes/-/-      yes/-/-      yes/-/-      yes/-/-
admin-key     yes/-/yes    yes/-/-      yes/-/-      yes/-/-      yes/-/-      yes/-/-
findings      yes/own/yes  yes/-/-      yes/own/-    yes/-/-      yes/-/-      yes/-/-
audit         yes/own/yes  -/-/-        -/-/-        -/-/-        -/-/-        -/-/-
usage         yes/own/yes  -/-/-        -/-/-        -/-/-        -/-/-        -/-/-
limits        yes/own/yes  -/-/-        -/-/-        -/-/-        -/-/-        -/-/-
unknown       -/-/-        -/-/-        -/-/-        -/-/-        -/-/-        -/-/-
`

var kinds = []catalog.Kind{catalog.KindTeam, catalog.KindAPI, catalog.KindVersion, policy.KindContract, catalog.KindPlan,
	catalog.KindConsumer, catalog.KindApp, catalog.KindSubscription, catalog.KindGrant, catalog.KindKey, catalog.KindCredential,
	catalog.KindAdminKey, policy.KindFindings, policy.KindAudit, policy.KindUsage, policy.KindLimits}

func TestAdminMatrix(t *testing.T) {
	engine, err := policy.New(policies.Admin(), "data.admin.decision")
	if err != nil {
		t.Fatal(err)
	}
	roles := []catalog.Role{catalog.RolePlatformAdmin, catalog.RoleTeamMember, catalog.RoleAuditor}
	rows := strings.Split(strings.TrimSpace(adminGrid), "\n")
	actions := strings.Fields(rows[0])[1:]
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		cells := strings.Fields(row)
		seen[cells[0]] = true
		for i, cell := range cells[1:] {
			for j, may := range strings.Split(cell, "/") {
				for _, owner := range []catalog.TeamID{"sales", "billing", ""} {
					check(t, engine, roles[j], policy.Action(actions[i]), catalog.Kind(cells[0]), owner,
						may == "yes" || may == "own" && owner == "sales")
				}
			}
		}
	}
	for _, k := range kinds {
		if !seen[string(k)] {
			t.Errorf("the grid lacks kind %s", k)
		}
	}
}

func check(t *testing.T, e *policy.Engine, role catalog.Role, action policy.Action, kind catalog.Kind, owner catalog.TeamID, want bool) {
	t.Helper()
	actor := catalog.Actor{ID: "key-1", Role: role}
	if role == catalog.RoleTeamMember {
		actor.Team = "sales"
	}
	in := policy.AdminInput{Actor: actor, Action: action, Resource: catalog.Ref{Kind: kind, ID: "x"}, Owner: owner}
	got, err := e.Decide(t.Context(), &in)
	if err != nil {
		t.Fatalf("%s %s %s of %q: %v", role, action, kind, owner, err)
	}
	if got.Allow != want {
		t.Errorf("%s %s %s of %q: allow %t, want %t", role, action, kind, owner, got.Allow, want)
	}
	if !got.Allow && (len(got.Reasons) != 1 || got.Reasons[0] != "forbidden") {
		t.Errorf("%s %s %s of %q: reasons %v, want forbidden", role, action, kind, owner, got.Reasons)
	}
}

func TestAdminsThatAreNotWhatTheySayAreForbidden(t *testing.T) {
	engine, err := policy.New(policies.Admin(), "data.admin.decision")
	if err != nil {
		t.Fatal(err)
	}
	api := catalog.Ref{Kind: catalog.KindAPI, ID: "orders"}
	for name, in := range map[string]policy.AdminInput{
		"nobody":                             {Action: policy.Read, Resource: api},
		"an actor without an id":             {Actor: catalog.Actor{Role: catalog.RolePlatformAdmin}, Action: policy.Read, Resource: api},
		"an actor without a role":            {Actor: catalog.Actor{ID: "k"}, Action: policy.Read, Resource: api},
		"a role that is only spelt alike":    {Actor: catalog.Actor{ID: "k", Role: "Platform-Admin"}, Action: policy.Read, Resource: api},
		"an action that nobody knows":        {Actor: catalog.Actor{ID: "k", Role: catalog.RolePlatformAdmin}, Action: "purge", Resource: api},
		"no action":                          {Actor: catalog.Actor{ID: "k", Role: catalog.RolePlatformAdmin}, Resource: api},
		"a member of no team, on no team's":  {Actor: catalog.Actor{ID: "k", Role: catalog.RoleTeamMember}, Action: policy.Update, Resource: api},
		"a team in another role is no owner": {Actor: catalog.Actor{ID: "k", Role: catalog.RoleAuditor, Team: "sales"}, Action: policy.Update, Resource: api, Owner: "sales"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := engine.Decide(t.Context(), &in)
			if err != nil || got.Allow {
				t.Errorf("got %+v, %v; want a denial", got, err)
			}
		})
	}
}
