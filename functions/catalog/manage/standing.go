package manage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/functions/catalog/describe"
	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/limit"
	"sluice/shared/limit/counter"
	"sluice/shared/resource/shape"
)

// counted is one counter to be told of: of a subscription, or of an API over all consumers.
type counted struct {
	decision.Claim
	api          catalog.APIID
	operation    string                // "" where all operations count together
	subscription *catalog.Subscription // nil where all consumers count together
}

// countersOf gives those of a subscription as a whole.
func countersOf(s *catalog.Subscription, plan *catalog.Plan) []counted {
	return countersFrom(s, s.API, nil, func(string) []decision.Claim {
		return decision.ClaimsOf(&catalog.Plan{ID: s.Plan, Rate: plan.Rate, Quota: plan.Quota}, s.ID, &catalog.API{ID: s.API}, "")
	})
}

// countersOfCalls gives all that any call of a subscription can take of.
func countersOfCalls(s *catalog.Subscription, plan *catalog.Plan, api *catalog.API) []counted {
	operations := maps.Collect(maps.All(plan.Operations))
	for id := range api.Operations {
		operations[id] = catalog.Limits{}
	}
	return countersFrom(s, api.ID, slices.Sorted(maps.Keys(operations)), func(operation string) []decision.Claim {
		return decision.ClaimsOf(plan, s.ID, api, operation)
	})
}

// countersOfAPI gives those that all consumers share.
func countersOfAPI(api *catalog.API) []counted {
	return countersFrom(nil, api.ID, slices.Sorted(maps.Keys(api.Operations)), func(operation string) []decision.Claim {
		return decision.APIClaims(api, operation)
	})
}

// countersFrom gathers each counter once out of the claims of calls: of one to no operation in particular first.
func countersFrom(s *catalog.Subscription, api catalog.APIID, operations []string, claims func(operation string) []decision.Claim) []counted {
	var all []counted
	seen := map[string]bool{}
	for _, operation := range append([]string{""}, operations...) {
		for _, claim := range claims(operation) {
			if seen[claim.Counter] {
				continue
			}
			seen[claim.Counter] = true
			c := counted{Claim: claim, api: api, operation: operation, subscription: s}
			if claim.Counter == decision.APICounter(api) || claim.Counter == decision.OperationCounter(api, operation) {
				c.subscription = nil
			}
			all = append(all, c)
		}
	}
	return all
}

// counts says whose calls to what a limit counts.
type counts struct {
	App          catalog.AppID          `json:"app,omitempty"`
	API          catalog.APIID          `json:"api"`
	Operation    string                 `json:"operation,omitempty"`
	Subscription catalog.SubscriptionID `json:"subscription,omitempty"`
	Plan         catalog.PlanID         `json:"plan,omitempty"`
	Counter      string                 `json:"counter"`
}

// standing is how one limit stands.
type standing struct {
	counts
	Name      string             `json:"name"`
	Kind      decision.LimitKind `json:"kind"`
	Requests  int                `json:"requests,omitempty"`
	Seconds   int                `json:"seconds,omitempty"`
	Period    catalog.Period     `json:"period,omitempty"`
	Shadow    bool               `json:"shadow"`
	Limit     int64              `json:"limit"`
	Used      int64              `json:"used"`
	Remaining int64              `json:"remaining"`
	Leased    *int64             `json:"leased,omitempty"`
	Resets    time.Time          `json:"resets"`
	Alerts    []crossing         `json:"alerts"`
}

// crossing is one alert.
type crossing struct {
	Percent int       `json:"percent"`
	At      time.Time `json:"at"`
}

// mostCounted is more units than any counter comes to.
const mostCounted = 1_000_000_000_000

func limitModel() shape.Model {
	return shape.Model{Name: "Limit", Summary: "How one limit stands: of a subscription, or without `app`, `subscription` and `plan` of an API over all consumers.", Detail: func() (map[string]any, []shape.Field) {
		return map[string]any{"app": "acme-shop", "api": "orders", "subscription": "0b9f6c1e-8d3a-4c52-9a57-3f1d2e4b5a60", "plan": "basic",
				"counter": "0b9f6c1e-8d3a-4c52-9a57-3f1d2e4b5a60", "name": "basic-quota", "kind": "quota", "period": "month", "shadow": false,
				"limit": 100000, "used": 51200, "remaining": 48800, "leased": 20, "resets": "2026-12-01T00:00:00Z",
				"alerts": []any{map[string]any{"percent": 50, "at": "2026-11-20T08:00:00Z"}}},
			[]shape.Field{
				shape.Optional("app", shape.Matching("Whose limit it is.", catalog.SlugPattern)),
				shape.Needed("api", shape.Matching("For which API.", catalog.SlugPattern)),
				shape.Optional("operation", shape.Text("For which operation; without it, for all of them together.", 0)),
				shape.Optional("subscription", shape.Matching("By which subscription.", shape.UUID)),
				shape.Optional("plan", shape.Matching("The plan that sets it.", catalog.SlugPattern)),
				shape.Needed("counter", shape.Text("What it is counted on; one rate and one quota can share it.", 0)),
				shape.Needed("name", shape.Text("As in the RateLimit headers.", 0)),
				shape.Needed("kind", shape.OneOf("", decision.RateLimit, decision.QuotaLimit)),
				shape.Optional("requests", shape.Whole("Of a rate: so many units …", 1, describe.Largest)),
				shape.Optional("seconds", shape.Whole("… flow back in so many seconds.", 1, 86_400)),
				shape.Optional("period", shape.OneOf("Of a quota: per what.", catalog.Day, catalog.Month)),
				shape.Needed("shadow", shape.Boolean("It refuses nothing: it counts, and reports what it would have refused.")),
				shape.Needed("limit", shape.Whole("Of a quota its units per period, of a rate its burst.", 0, describe.Largest)),
				shape.Needed("used", shape.Whole("How much of it is taken now; of a quota in the shadow, or after an outage of the store, that may be more than all.", 0, mostCounted)),
				shape.Needed("remaining", shape.Whole("How much could be taken at once.", 0, describe.Largest)),
				shape.Optional("leased", shape.Whole("Of a quota: those of the used units that are not known to be spent, on lease to an instance or lost with one.", 0, mostCounted)),
				shape.Needed("resets", shape.Time("When it is whole again, if nobody calls.")),
				shape.Needed("alerts", shape.List("Of a quota: when it came to which parts of its units in this period, the latest first.",
					shape.Object("One of them.", shape.Needed("percent", shape.Whole("The part.", 0, 999)), shape.Needed("at", shape.Time("When."))), 0))}
	}}
}

// standings reads how the limits of counters stand.
func (m *manager) standings(ctx context.Context, now time.Time, counters []counted) ([]standing, error) {
	found := make([][]standing, len(counters))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range counters {
		group.Go(func() (err error) {
			if found[i], err = m.standing(within, now, &counters[i]); err != nil {
				return fmt.Errorf("read limits of %s: %w", counters[i].Counter, err)
			}
			return nil
		})
	}
	err := group.Wait()
	return slices.Concat(found...), err
}

// standing reads how the limits of one counter stand.
func (m *manager) standing(ctx context.Context, now time.Time, c *counted) ([]standing, error) {
	state, err := m.Counters.LimitState(ctx, c.Counter)
	if err != nil {
		return nil, err
	}
	_, verdict, err := limit.Plan(c.Limits, state, now, 0)
	if err != nil {
		return nil, err
	}
	all := make([]standing, 0, len(verdict.Limits))
	for _, l := range verdict.Limits {
		s := c.stands(l, now)
		if l.Limit.Kind == decision.QuotaLimit {
			if err := m.quota(ctx, &s, state); err != nil {
				return nil, err
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// stands tells what the arithmetic of limits does.
func (c *counted) stands(l limit.Standing, now time.Time) standing {
	s := standing{counts: counts{API: c.api, Operation: c.operation, Counter: c.Counter}, Name: l.Limit.Name, Kind: l.Limit.Kind, Shadow: l.Limit.Shadow,
		Resets: now.Add(l.Reset).Truncate(time.Millisecond), Alerts: []crossing{}}
	if of := c.subscription; of != nil {
		s.App, s.Subscription, s.Plan = of.App, of.ID, of.Plan
	}
	s.Limit = int64(l.Limit.Requests)
	if l.Limit.Kind == decision.RateLimit {
		s.Limit, s.Requests, s.Seconds = int64(l.Limit.Burst), l.Limit.Requests, l.Limit.Seconds
	} else {
		s.Period = l.Limit.Period
	}
	s.Remaining = min(l.Remaining, s.Limit)
	s.Used = s.Limit - s.Remaining
	return s
}

// quota adds what only the counter's state tells. That is about the period we are in if it explains what is used: what is
// left of an earlier one is none of it.
func (m *manager) quota(ctx context.Context, s *standing, state counter.State) error {
	s.Leased = new(int64)
	if s.Remaining > 0 && s.Used != state.Used || state.Used == 0 {
		return nil
	}
	s.Used = max(s.Used, state.Used)
	*s.Leased = min(max(0, state.Risk), s.Used)
	alerts, err := m.Counters.Alerts(ctx, s.Counter)
	if err != nil {
		return fmt.Errorf("read alerts: %w", err)
	}
	for _, a := range alerts {
		if a.Period == state.Period {
			s.Alerts = append(s.Alerts, crossing{Percent: a.Percent, At: a.At})
		}
	}
	return nil
}
