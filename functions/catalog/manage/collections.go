package manage

import (
	"context"

	"sluice/functions/catalog/describe"
	"sluice/shared/catalog"
	"sluice/shared/resource"
	"sluice/shared/resource/shape"
)

// The resources that are little more than their fields.

func (m *manager) teams() resource.Collection[catalog.Team, *catalog.Team] {
	return resource.Collection[catalog.Team, *catalog.Team]{
		Model: describe.Team(), Kind: catalog.KindTeam, Noun: "team", Path: base + "/teams/{team}", Store: m.Teams,
		Identify: named(catalog.KindTeam, "team"),
		Location: func(t catalog.Team) string { return base + resource.ItemPath("teams", string(t.ID)) },
		Owner:    func(_ context.Context, t catalog.Team) (catalog.TeamID, error) { return t.ID, nil },
	}
}

func (m *manager) apis() resource.Collection[catalog.API, *catalog.API] {
	return resource.Collection[catalog.API, *catalog.API]{
		Model: describe.API(), Kind: catalog.KindAPI, Noun: "api", Path: base + "/apis/{api}", Store: m.APIs,
		Identify: named(catalog.KindAPI, "api"),
		Location: func(a catalog.API) string { return base + resource.ItemPath("apis", string(a.ID)) },
		Filters:  []resource.Param{{Name: "team", Schema: shape.Matching("Only those of this team.", catalog.SlugPattern)}},
		Select:   under(map[string]catalog.Kind{"team": catalog.KindTeam}),
		Owner:    func(_ context.Context, a catalog.API) (catalog.TeamID, error) { return a.Team, nil },
		Judge: func(ctx context.Context, before, after *catalog.API) error {
			if before != nil && before.Team == after.Team {
				return nil
			}
			_, err := neighbour(ctx, m.Teams, catalog.KindTeam, string(after.Team), "/team")
			return err
		},
	}
}

func (m *manager) plans() resource.Collection[catalog.Plan, *catalog.Plan] {
	return resource.Collection[catalog.Plan, *catalog.Plan]{
		Model: describe.Plan(), Kind: catalog.KindPlan, Noun: "plan", Path: base + "/plans/{plan}", Store: m.Plans,
		Identify: named(catalog.KindPlan, "plan"),
		Location: func(p catalog.Plan) string { return base + resource.ItemPath("plans", string(p.ID)) },
	}
}

func (m *manager) consumers() resource.Collection[catalog.Consumer, *catalog.Consumer] {
	return resource.Collection[catalog.Consumer, *catalog.Consumer]{
		Model: describe.Consumer(), Kind: catalog.KindConsumer, Noun: "consumer", Path: base + "/consumers/{consumer}", Store: m.Consumers,
		Identify: named(catalog.KindConsumer, "consumer"),
		Location: func(c catalog.Consumer) string { return base + resource.ItemPath("consumers", string(c.ID)) },
	}
}

func (m *manager) apps() resource.Collection[catalog.App, *catalog.App] {
	return resource.Collection[catalog.App, *catalog.App]{
		Model: describe.App(), Kind: catalog.KindApp, Noun: "app", Path: base + "/apps/{app}", Store: m.Apps,
		Identify: named(catalog.KindApp, "app"),
		Location: func(a catalog.App) string { return base + resource.ItemPath("apps", string(a.ID)) },
		Filters:  []resource.Param{{Name: "consumer", Schema: shape.Matching("Only those of this consumer.", catalog.SlugPattern)}},
		Select:   under(map[string]catalog.Kind{"consumer": catalog.KindConsumer}),
		Judge: func(ctx context.Context, before, after *catalog.App) error {
			if before != nil {
				return nil
			}
			_, err := neighbour(ctx, m.Consumers, catalog.KindConsumer, string(after.Consumer), "/consumer")
			return err
		},
	}
}
