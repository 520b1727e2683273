package manage

import (
	"context"
	"fmt"
	"slices"

	"sluice/functions/catalog/describe"
	"sluice/shared/catalog"
	"sluice/shared/problem"
	"sluice/shared/resource"
	"sluice/shared/resource/shape"
)

func (m *manager) subscriptions() resource.Collection[catalog.Subscription, *catalog.Subscription] {
	return resource.Collection[catalog.Subscription, *catalog.Subscription]{
		Model: describe.Subscription(), Kind: catalog.KindSubscription, Noun: "subscription", Path: base + "/subscriptions/{id}",
		Store: m.Subscriptions, Identify: named(catalog.KindSubscription, "id"),
		Location: func(s catalog.Subscription) string { return base + resource.ItemPath("subscriptions", string(s.ID)) },
		Filters: []resource.Param{
			{Name: "app", Schema: shape.Matching("Only those of this app.", catalog.SlugPattern)},
			{Name: "api", Schema: shape.Matching("Only those to this API.", catalog.SlugPattern)},
			{Name: "plan", Schema: shape.Matching("Only those under this plan.", catalog.SlugPattern)}},
		Select: under(map[string]catalog.Kind{"app": catalog.KindApp, "api": catalog.KindAPI, "plan": catalog.KindPlan}),
		Fill: func(_ *resource.Call, s *catalog.Subscription) {
			if s.ID == "" {
				s.ID = catalog.SubscriptionID(m.NewID())
			}
		},
		Owner: func(ctx context.Context, s catalog.Subscription) (catalog.TeamID, error) {
			api, err := neighbour(ctx, m.APIs, catalog.KindAPI, string(s.API), "/api")
			return api.Team, err
		},
		Judge: m.judgeSubscription,
	}
}

// judgeSubscription completes a subscription and looks at its neighbours.
func (m *manager) judgeSubscription(ctx context.Context, before, after *catalog.Subscription) error {
	app, err := neighbour(ctx, m.Apps, catalog.KindApp, string(after.App), "/app")
	if err != nil {
		return err
	}
	consumer, err := neighbour(ctx, m.Consumers, catalog.KindConsumer, string(app.Consumer), "/app")
	if err != nil {
		return err
	}
	api, err := neighbour(ctx, m.APIs, catalog.KindAPI, string(after.API), "/api")
	if err != nil {
		return err
	}
	plan, err := neighbour(ctx, m.Plans, catalog.KindPlan, string(after.Plan), "/plan")
	if err != nil {
		return err
	}
	if after.Scopes == nil && (before == nil || len(before.Scopes) > 0) {
		after.Scopes = slices.Clone(plan.Scopes)
	}
	if err := judgeState(before, after, plan.Approval); err != nil {
		return err
	}
	if before != nil && before.Plan == after.Plan && slices.Equal(before.Scopes, after.Scopes) {
		return nil // whoever ends or suspends it must not be stopped by a plan or an audience that has changed since
	}
	return catalog.ValidateSubscription(*after, api, plan, consumer)
}

// judgeState gives a new subscription its state, and says which step of an existing one is not open.
func judgeState(before, after *catalog.Subscription, approval catalog.Approval) error {
	if before == nil {
		first := catalog.Requested
		if approval == catalog.Automatic {
			first = catalog.Active
		}
		if after.State != "" && after.State != first {
			return fault("/state", fmt.Sprintf("a new subscription to a plan with %s approval is %s", approval, first))
		}
		after.State = first
		return nil
	}
	if after.State == "" {
		return fault("/state", "cannot be removed")
	}
	if before.State == catalog.Ended {
		return problem.New(problem.Conflict, "the subscription has ended, for good; make a new one")
	}
	if before.State != after.State && !slices.Contains(stepsFrom(before.State), after.State) {
		return problem.New(problem.Conflict, "a subscription that is %s cannot become %s", before.State, after.State)
	}
	return nil
}

// stepsFrom lists the states that may follow.
func stepsFrom(s catalog.SubscriptionState) []catalog.SubscriptionState {
	switch s {
	case catalog.Requested:
		return []catalog.SubscriptionState{catalog.Active, catalog.Ended}
	case catalog.Active:
		return []catalog.SubscriptionState{catalog.Suspended, catalog.Ended}
	case catalog.Suspended:
		return []catalog.SubscriptionState{catalog.Active, catalog.Ended}
	case catalog.Ended:
	}
	return nil
}
