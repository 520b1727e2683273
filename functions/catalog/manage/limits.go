package manage

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/sync/errgroup"

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
	filter := func(name, description string) resource.Param {
		p := resource.Param{Name: name, Schema: shape.Matching(description, catalog.SlugPattern)}
		p.Schema.Examples = []any{"orders"}
		return p
	}
	paging := resource.Paging()
	paging[0].Schema.Description = "How many subscriptions a page covers at most, each with an item for each of its limits; 50 if not given."
	return []resource.Operation{{ID: "listLimits", Method: http.MethodGet, Path: base + "/limits", Tag: "Report", Summary: "Read how much is left of the limits",
		Description: "The live counters of subscriptions, as the gateway sees them: of an app, of an API, or of an app's one subscription to an API. " +
			"At least one of `app` and `api` is required. A subscription whose plan sets no limit has no item. A team's member who asks by `app` alone " +
			"is shown the subscriptions to the APIs of its own team, so a page may be short, even empty: only an empty `next` is the end.",
		Query:  append([]resource.Param{filter("app", "Only those of this app."), filter("api", "Only those to this API.")}, paging...),
		Status: []int{http.StatusOK}, Answer: &resource.Answer{Name: "LimitPage", Schema: resource.PageSchema(limitSchema())}, Handle: m.listLimits}}
}

func limitSchema() *huma.Schema {
	return shape.Model{Name: "Limit", Summary: "How one limit of a subscription stands.",
		Example: map[string]any{"app": "acme-shop", "api": "orders", "subscription": "0b9f6c1e-8d3a-4c52-9a57-3f1d2e4b5a60", "plan": "basic", "name": "basic-quota",
			"kind": "quota", "limit": 100000, "used": 1200, "remaining": 98800, "resets": "2026-12-01T00:00:00Z"},
		Fields: []shape.Field{
			needed("app", shape.Matching("Whose limit it is.", catalog.SlugPattern)),
			needed("api", shape.Matching("For which API.", catalog.SlugPattern)),
			needed("subscription", shape.Matching("By which subscription.", shape.UUID)),
			needed("plan", shape.Matching("The plan that sets it.", catalog.SlugPattern)),
			needed("name", shape.Text("As in the RateLimit headers.", 0)),
			needed("kind", shape.OneOf("", decision.RateLimit, decision.QuotaLimit)),
			needed("limit", shape.Whole("Of a quota its calls per period, of a rate its burst.", 0, largest)),
			needed("used", shape.Whole("How much of it is taken now.", 0, largest)),
			needed("remaining", shape.Whole("How much could be taken at once.", 0, largest)),
			needed("resets", shape.Time("When it is whole again, if nobody calls."))}}.View()
}

// standing is how one limit of a subscription stands.
type standing struct {
	App          catalog.AppID          `json:"app"`
	API          catalog.APIID          `json:"api"`
	Subscription catalog.SubscriptionID `json:"subscription"`
	Plan         catalog.PlanID         `json:"plan"`
	Name         string                 `json:"name"`
	Kind         decision.LimitKind     `json:"kind"`
	Limit        int64                  `json:"limit"`
	Used         int64                  `json:"used"`
	Remaining    int64                  `json:"remaining"`
	Resets       time.Time              `json:"resets"`
}

func (m *manager) listLimits(ctx context.Context, call *resource.Call) (*resource.Reply, error) {
	all, err := m.permitLimits(ctx, call)
	if err != nil {
		return nil, err
	}
	page, err := m.counted(ctx, call)
	if err != nil {
		return nil, err
	}
	plans, err := m.plansOf(ctx, page.Items)
	if err != nil {
		return nil, err
	}
	found := make([][]standing, len(page.Items))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, s := range page.Items {
		group.Go(func() (err error) {
			if !all {
				if may, err := m.mayReadLimits(within, call, s.API); err != nil || !may {
					return err
				}
			}
			found[i], err = m.standings(within, call.Now(), s, decision.Named(string(s.Plan), catalog.Limits{Rate: plans[s.Plan].Rate, Quota: plans[s.Plan].Quota}))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return resource.PageOf(catalog.Page[standing]{Items: slices.Concat(found...), Next: page.Next}), nil
}

// permitLimits says whether the sender may ask, and whether it may see all that it asks for: if not, mayReadLimits tells
// which subscriptions it may.
func (m *manager) permitLimits(ctx context.Context, call *resource.Call) (all bool, err error) {
	api, byAPI := call.Query["api"]
	if _, byApp := call.Query["app"]; !byApp && !byAPI {
		return false, &problem.Error{Kind: problem.Unprocessable, Detail: "say whose limits, or for which API", Faults: []problem.Fault{
			{Pointer: "query:api", Detail: "is required without app"}, {Pointer: "query:app", Detail: "is required without api"}}}
	}
	if byAPI {
		owned, err := neighbour(ctx, m.APIs, catalog.KindAPI, api, "query:api")
		if err != nil {
			return false, err
		}
		return true, call.Permit(ctx, policy.Read, catalog.Ref{Kind: policy.KindLimits, ID: api}, owned.Team)
	}
	err = call.Permit(ctx, policy.Read, catalog.Ref{Kind: policy.KindLimits}, "")
	if !problem.Is(err, problem.Forbidden) {
		return true, err
	}
	return false, call.Permit(ctx, policy.Read, catalog.Ref{Kind: policy.KindLimits}, call.Actor.Team)
}

// mayReadLimits reports whether the sender may see limits for the API.
func (m *manager) mayReadLimits(ctx context.Context, call *resource.Call, api catalog.APIID) (bool, error) {
	owned, err := m.APIs.Get(ctx, catalog.Ref{Kind: catalog.KindAPI, ID: string(api)})
	if err != nil {
		return false, unlessGone(err)
	}
	err = call.Permit(ctx, policy.Read, catalog.Ref{Kind: policy.KindLimits, ID: string(api)}, owned.Team)
	if problem.Is(err, problem.Forbidden) {
		return false, nil
	}
	return err == nil, err
}

// counted gives the page of subscriptions whose limits are asked for.
func (m *manager) counted(ctx context.Context, call *resource.Call) (catalog.Page[catalog.Subscription], error) {
	var page catalog.Page[catalog.Subscription]
	query := catalog.Query{Kind: catalog.KindSubscription, Limit: call.Limit(), Cursor: call.Query["cursor"]}
	app, byApp := call.Query["app"]
	api, byAPI := call.Query["api"]
	if byApp {
		if _, err := neighbour(ctx, m.Apps, catalog.KindApp, app, "query:app"); err != nil {
			return page, err
		}
	}
	switch {
	case byApp && byAPI:
		if query.Cursor != "" {
			return page, &problem.Error{Kind: problem.Invalid, Detail: "the cursor is not one of this list",
				Faults: []problem.Fault{{Pointer: "query:cursor", Detail: "this list has only one page"}}}
		}
		grant, err := m.Counters.Grant(ctx, catalog.AppID(app), catalog.APIID(api))
		if problem.Is(err, problem.NotFound) {
			return page, nil
		}
		if err != nil {
			return page, fmt.Errorf("find subscription: %w", err)
		}
		page.Items = []catalog.Subscription{grant}
		return page, nil
	case byApp:
		query.Parent = &catalog.Ref{Kind: catalog.KindApp, ID: app}
	default:
		query.Parent = &catalog.Ref{Kind: catalog.KindAPI, ID: api}
	}
	page, err := m.Subscriptions.List(ctx, query)
	if err != nil {
		return page, fmt.Errorf("list subscriptions: %w", err)
	}
	return page, nil
}

// plansOf reads the plans of subscriptions, each once. One that is gone is left out: its last subscription has moved to
// another meanwhile.
func (m *manager) plansOf(ctx context.Context, subscriptions []catalog.Subscription) (map[catalog.PlanID]catalog.Plan, error) {
	plans := map[catalog.PlanID]catalog.Plan{}
	for _, s := range subscriptions {
		if _, ok := plans[s.Plan]; ok {
			continue
		}
		plan, err := m.Plans.Get(ctx, catalog.Ref{Kind: catalog.KindPlan, ID: string(s.Plan)})
		if err := unlessGone(err); err != nil {
			return nil, fmt.Errorf("find plan: %w", err)
		}
		plans[s.Plan] = plan
	}
	return plans, nil
}

// standings reads how the limits of a subscription stand.
func (m *manager) standings(ctx context.Context, now time.Time, s catalog.Subscription, limits []decision.Limit) ([]standing, error) {
	if len(limits) == 0 {
		return nil, nil
	}
	state, err := m.Counters.LimitState(ctx, string(s.ID))
	if err != nil {
		return nil, fmt.Errorf("read limits of %s: %w", s.ID, err)
	}
	_, verdict, err := limit.Plan(limits, state, now, 0)
	if err != nil {
		return nil, fmt.Errorf("read limits of %s: %w", s.ID, err)
	}
	standings := make([]standing, 0, len(verdict.Limits))
	for _, l := range verdict.Limits {
		most := int64(l.Limit.Requests)
		if l.Limit.Kind == decision.RateLimit {
			most = int64(l.Limit.Burst)
		}
		left := min(l.Remaining, most)
		standings = append(standings, standing{App: s.App, API: s.API, Subscription: s.ID, Plan: s.Plan, Name: l.Limit.Name, Kind: l.Limit.Kind,
			Limit: most, Used: most - left, Remaining: left, Resets: now.Add(l.Reset).Truncate(time.Millisecond)})
	}
	return standings, nil
}
