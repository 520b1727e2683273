// Package store_test is the conformance suite of shared/dynamo: one body of guarantees, run against every engine. Whatever
// the store promises must hold on each, or the exception is stated here. There is none.
//
// dynoxide runs always; DynamoDB Local where it is installed (scripts/tools/dynamodb-local.sh).
package store_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/problem"
	"sluice/shared/settings"
	"sluice/test/engine"
)

func TestDynoxide(t *testing.T) { conform(t, engine.Dynoxide) }

func TestDynamoDBLocal(t *testing.T) { conform(t, engine.Local) }

// guarantee is one thing that the store promises.
type guarantee struct {
	promise string
	test    func(*testing.T, bench)
}

// conform holds an engine against all guarantees, each on a table of its own.
func conform(t *testing.T, settingsFor func(testing.TB) settings.Table) {
	settingsFor(t) // keeps the engine for the whole run
	for _, list := range [][]guarantee{resources, credentials, lists, feed, lost, partial, audit, replays, revisions, limits, folds, slots, held, hints} {
		for _, g := range list {
			t.Run(g.promise, func(t *testing.T) {
				cfg := settingsFor(t)
				engine.Open(t, cfg)
				g.test(t, bench{cfg})
			})
		}
	}
}

// bench is a table to test on.
type bench struct{ cfg settings.Table }

// open opens the table once more, as another instance would. Pauses between attempts take no time, and an engine on a busy
// machine is given time.
func (b bench) open(t testing.TB, options ...dynamo.Option) *dynamo.Table {
	t.Helper()
	table, err := dynamo.Open(b.cfg, append([]dynamo.Option{dynamo.WithSleep(yield), dynamo.WithTimeout(time.Minute)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func yield(ctx context.Context, _ time.Duration) error {
	runtime.Gosched()
	return ctx.Err()
}

// noon is when everything in these tests happens.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)

func by(action string) catalog.Write {
	return catalog.Write{
		Actor:     catalog.Actor{ID: "root", Name: "Root", Role: catalog.RolePlatformAdmin},
		RequestID: "req-1", Action: action, At: noon,
	}
}

// want fails unless err is of the kind.
func want(t testing.TB, kind problem.Kind, err error, doing string) {
	t.Helper()
	if !problem.Is(err, kind) {
		t.Fatalf("%s: got %v (kind %d), want kind %d", doing, err, problem.KindOf(err), kind)
	}
}

// must fails unless err is nil.
func must(t testing.TB, err error, doing string) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

// plain fails unless err is an error that no caller may be told.
func plain(t testing.TB, err error, doing string) {
	t.Helper()
	if err == nil || errors.As(err, new(*problem.Error)) {
		t.Fatalf("%s: got %v, want an internal error", doing, err)
	}
}

// world is a small catalog: one of each kind, each hanging on those before it.
type world struct {
	table         *dynamo.Table
	teams         *dynamo.Resources[catalog.Team, *catalog.Team]
	apis          *dynamo.Resources[catalog.API, *catalog.API]
	versions      *dynamo.Resources[catalog.Version, *catalog.Version]
	plans         *dynamo.Resources[catalog.Plan, *catalog.Plan]
	consumers     *dynamo.Resources[catalog.Consumer, *catalog.Consumer]
	apps          *dynamo.Resources[catalog.App, *catalog.App]
	subscriptions *dynamo.Resources[catalog.Subscription, *catalog.Subscription]
	keys          *dynamo.Resources[catalog.Key, *catalog.Key]
	adminKeys     *dynamo.Resources[catalog.AdminKey, *catalog.AdminKey]
}

func on(table *dynamo.Table) world {
	return world{
		table, dynamo.NewResources[catalog.Team](table), dynamo.NewResources[catalog.API](table),
		dynamo.NewResources[catalog.Version](table), dynamo.NewResources[catalog.Plan](table),
		dynamo.NewResources[catalog.Consumer](table), dynamo.NewResources[catalog.App](table),
		dynamo.NewResources[catalog.Subscription](table), dynamo.NewResources[catalog.Key](table),
		dynamo.NewResources[catalog.AdminKey](table),
	}
}

// fill creates one of each kind: team pay, API orders with v1, plan gold, consumer acme with app shop, its subscription s1
// and its key k1.
func (w world) fill(t testing.TB) {
	t.Helper()
	ctx := t.Context()
	must(t, w.teams.Create(ctx, by("team.create"), &catalog.Team{ID: "pay", Name: "Payments"}), "create team")
	must(t, w.apis.Create(ctx, by("api.create"), &catalog.API{ID: "orders", Name: "Orders", Team: "pay"}), "create api")
	must(t, w.versions.Create(ctx, by("version.create"),
		&catalog.Version{API: "orders", Version: "v1", Upstream: catalog.Upstream{URL: "https://up.example"}}), "create version")
	must(t, w.plans.Create(ctx, by("plan.create"), &catalog.Plan{ID: "gold", Name: "Gold"}), "create plan")
	must(t, w.consumers.Create(ctx, by("consumer.create"), &catalog.Consumer{ID: "acme", Name: "Acme"}), "create consumer")
	must(t, w.apps.Create(ctx, by("app.create"), &catalog.App{ID: "shop", Name: "Shop", Consumer: "acme"}), "create app")
	must(t, w.subscriptions.Create(ctx, by("subscription.create"),
		&catalog.Subscription{ID: "s1", App: "shop", API: "orders", Plan: "gold", State: catalog.Active}), "create subscription")
	must(t, w.keys.Create(ctx, by("key.issue"), &catalog.Key{ID: "k1", App: "shop", Prefix: "slk_1234", Hash: "hash-1"}), "create key")
}

// head gives the number of changes so far.
func (w world) head(t testing.TB) int64 {
	t.Helper()
	head, err := w.table.Head(t.Context())
	must(t, err, "read the head")
	return head
}

func team(id string) catalog.Ref { return catalog.Ref{Kind: catalog.KindTeam, ID: id} }

func newTeam(n int) *catalog.Team {
	return &catalog.Team{ID: catalog.TeamID(fmt.Sprintf("team-%03d", n)), Name: "Team"}
}
