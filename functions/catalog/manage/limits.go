package manage

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/limit"
	"sluice/shared/policy"
	"sluice/shared/problem"
	"sluice/shared/resource"
	"sluice/shared/resource/shape"
)

// Counters reads what subscriptions have used of their limits; *dynamo.Table does.
type Counters interface {
	Grant(ctx context.Context, app catalog.AppID, api catalog.APIID) (catalog.Subscription, error)
	LimitState(ctx context.Context, id string) (limit.State, error)
}

func (m *manager) limits() []resource.Operation {
	needed := func(name, description string) resource.Param {
		return resource.Param{Name: name, Needed: true, Schema: shape.Matching(description, catalog.SlugPattern)}
	}
	return []resource.Operation{{ID: "readLimits", Method: http.MethodGet, Path: base + "/limits", Tag: "Report", Summary: "Read how much is left of an app's limits",
		Description: "The live counters of the app's subscription to the API, as the gateway sees them. Empty if the plan sets no limit.",
		Query:       []resource.Param{needed("app", "Whose limits."), needed("api", "For which API.")}, Status: []int{http.StatusOK},
		Answer: &resource.Answer{Name: "Limits", Schema: limitsModel().View()}, Fails: []problem.Kind{problem.NotFound}, Handle: m.readLimits}}
}

func limitsModel() shape.Model {
	return shape.Model{Name: "Limits", Summary: "The limits of a subscription and how they stand.",
		Example: map[string]any{"subscription": "0b9f6c1e-8d3a-4c52-9a57-3f1d2e4b5a60", "limits": []any{map[string]any{"name": "basic-quota",
			"kind": "quota", "limit": 100000, "used": 1200, "remaining": 98800, "resets": "2026-12-01T00:00:00Z"}}},
		Fields: []shape.Field{
			{Name: "subscription", Always: true, Schema: shape.Matching("Which subscription it is.", shape.UUID)},
			{Name: "limits", Always: true, Schema: shape.List("", shape.Object("One limit.",
				needed("name", shape.Text("As in the RateLimit headers.", 0)),
				needed("kind", shape.OneOf("", decision.RateLimit, decision.QuotaLimit)),
				needed("limit", shape.Whole("Of a quota its calls per period, of a rate its burst.", 0, largest)),
				needed("used", shape.Whole("How much of it is taken now.", 0, largest)),
				needed("remaining", shape.Whole("How much could be taken at once.", 0, largest)),
				needed("resets", shape.Time("When it is whole again, if nobody calls."))), 0)}}}
}

// standing is how one limit stands.
type standing struct {
	Name      string             `json:"name"`
	Kind      decision.LimitKind `json:"kind"`
	Limit     int64              `json:"limit"`
	Used      int64              `json:"used"`
	Remaining int64              `json:"remaining"`
	Resets    time.Time          `json:"resets"`
}

func (m *manager) readLimits(ctx context.Context, call *resource.Call) (*resource.Reply, error) {
	app, api := catalog.AppID(call.Query["app"]), call.Query["api"]
	owned, err := neighbour(ctx, m.APIs, catalog.KindAPI, api, "query:api")
	if err != nil {
		return nil, err
	}
	if err := call.Permit(ctx, policy.Read, catalog.Ref{Kind: policy.KindLimits, ID: api}, owned.Team); err != nil {
		return nil, err
	}
	grant, err := m.Counters.Grant(ctx, app, owned.ID)
	if problem.Is(err, problem.NotFound) {
		return nil, problem.New(problem.NotFound, "the app has no subscription to the API")
	}
	if err != nil {
		return nil, fmt.Errorf("find subscription: %w", err)
	}
	plan, err := m.Plans.Get(ctx, catalog.Ref{Kind: catalog.KindPlan, ID: string(grant.Plan)})
	if err != nil {
		return nil, fmt.Errorf("find plan: %w", err)
	}
	state, err := m.Counters.LimitState(ctx, string(grant.ID))
	if err != nil {
		return nil, fmt.Errorf("read limits: %w", err)
	}
	now := call.Now()
	_, verdict, err := limit.Plan(decision.LimitsOf(plan), state, now, 0)
	if err != nil {
		return nil, fmt.Errorf("read limits: %w", err)
	}
	standings := make([]standing, 0, len(verdict.Limits))
	for _, s := range verdict.Limits {
		most := int64(s.Limit.Requests)
		if s.Limit.Kind == decision.RateLimit {
			most = int64(s.Limit.Burst)
		}
		left := min(s.Remaining, most)
		standings = append(standings, standing{s.Limit.Name, s.Limit.Kind, most, most - left, left, now.Add(s.Reset).Truncate(time.Millisecond)})
	}
	return &resource.Reply{Status: http.StatusOK, Body: struct {
		Subscription catalog.SubscriptionID `json:"subscription"`
		Limits       []standing             `json:"limits"`
	}{grant.ID, standings}}, nil
}
