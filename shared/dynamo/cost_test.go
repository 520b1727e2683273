package dynamo_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/limit/counter"
	"sluice/shared/usage"
	"sluice/test/engine"
)

// cost is what the calls made for one operation consumed.
type cost struct {
	Calls       int
	Read, Write float64
}

func TestCostsAreThoseOfTheTableInThePackageComment(t *testing.T) {
	spent := map[string]cost{}
	table, _ := engine.Table(t, dynamo.WithObserver(func(op string, r, w float64) {
		c := spent[op]
		spent[op] = cost{c.Calls + 1, c.Read + r, c.Write + w}
	}))
	w, ctx := catalog.Write{At: time.Now()}, t.Context()
	key := catalog.AdminKey{ID: "k1", Hash: "h"}
	sub := catalog.Subscription{ID: "s1", App: "shop", API: "orders", Plan: "gold"}
	for _, err := range []error{
		dynamo.NewResources[catalog.AdminKey](table).Create(ctx, w, &key),
		dynamo.NewResources[catalog.Team](table).Create(ctx, w, &catalog.Team{ID: "pay"}),
		dynamo.NewResources[catalog.API](table).Create(ctx, w, &catalog.API{ID: "orders", Team: "pay"}),
		dynamo.NewResources[catalog.Plan](table).Create(ctx, w, &catalog.Plan{ID: "gold"}),
		dynamo.NewResources[catalog.Consumer](table).Create(ctx, w, &catalog.Consumer{ID: "acme"}),
		dynamo.NewResources[catalog.App](table).Create(ctx, w, &catalog.App{ID: "shop", Consumer: "acme"}),
		dynamo.NewResources[catalog.Subscription](table).Create(ctx, w, &sub),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	clear(spent)
	reset := counter.Step{Expires: time.Now(), QuotaReset: &counter.QuotaReset{Period: "2026-11"}}
	hour, alert := time.Now().Add(time.Hour), catalog.LimitAlert{Counter: "s1", Limit: "quota", Period: "2026-11", Percent: 80}
	p := usage.Pending{ID: "p", Body: make([]byte, 2500)}
	for n, call := range []func() error{
		func() error { _, err := table.Credential(ctx, "h"); return err },
		func() error { _, err := table.Grant(ctx, "shop", "orders"); return err },
		func() error { _, err := table.API(ctx, "orders"); return err },
		func() error { _, err := table.Head(ctx); return err },
		func() error { _, err := table.Since(ctx, 7); return err },
		func() error { _, _, err := table.ApplyLimit(ctx, "s1", reset); return err },
		func() error { _, _, err := table.ApplyLimit(ctx, "s1", reset); return err }, // refused
		func() error { _, err := table.LimitState(ctx, "s1"); return err },
		func() error { return table.PutUsage(ctx, p, time.Now().Add(time.Hour)) },
		func() error { _, err := table.Hint(ctx, "up"); return err },
		func() error { return table.PutHint(ctx, "up", hour) },
		func() error { _, err := table.TakeSlot(ctx, "up", "a", 9, hour); return err }, // the item is new
		func() error { _, err := table.TakeSlot(ctx, "up", "b", 9, hour); return err },
		func() error { return table.FreeSlot(ctx, "up", "a") },
		func() error { _, _, err := table.ClaimCall(ctx, "c", "ann", "f", hour, hour); return err },
		func() error { return table.FinishCall(ctx, "c", "ann", p.Body, hour) },
		func() error { return table.AbandonCall(ctx, "d", "ann") }, // refused
		func() error { _, err := table.PutAlert(ctx, alert, hour); return err },
		func() error { _, err := table.Alerts(ctx, "s1"); return err },
		func() error {
			_, err := dynamo.NewResources[catalog.Team](table).List(ctx, catalog.Query{})
			return err
		},
	} {
		if err := call(); err != nil {
			t.Fatalf("call %d: %v", n, err)
		}
	}
	want := map[string]cost{
		"credential": {1, 1, 0}, "grant": {2, 2, 0}, "api": {1, 1, 0}, "head": {1, 1, 0}, "since": {1, 1, 0},
		"apply limit": {2, 0, 2}, "limit state": {1, 1, 0}, "put usage": {1, 0, 3}, "list team": {2, 2, 0},
		"hint": {1, 0.5, 0}, "put hint": {1, 0, 1}, "take slot": {3, 0, 3}, "free slot": {1, 0, 1}, "claim call": {1, 0, 1},
		"finish call": {1, 0, 3}, "abandon call": {1, 0, 1}, "put alert": {1, 0, 1}, "alerts": {1, 1, 0},
	}
	if diff := cmp.Diff(want, spent); diff != "" {
		t.Error(diff)
	}
}

func TestACounterOf64InstancesIsWrittenWithOneUnit(t *testing.T) {
	last := 0.0
	table, _ := engine.Table(t, dynamo.WithObserver(func(_ string, _, writes float64) { last = writes }))
	id := "0b9f6c1e-8d3a-4c52-9a57-3f1d2e4b5a60"
	period := &counter.QuotaReset{Period: "2026-11-23", Units: 1 << 40, Risk: 1 << 30, Ahead: &counter.Ahead{Of: "2026-11-24", Units: 1 << 40, Fresh: true}}
	for place := range counter.Own {
		names := counter.NamesOf(fmt.Sprint(place))
		s := counter.Step{ID: names.Next(time.Now()), Place: place, Expires: time.Now(), RateSet: &counter.RateSet{To: time.Now().UnixNano(), Below: math.MaxInt64}}
		if place == 0 {
			s.QuotaReset = period
		}
		if _, applied, err := table.ApplyLimit(t.Context(), id, s); err != nil || !applied {
			t.Fatal(applied, err)
		}
	}
	if last != 1 {
		t.Errorf("the last write consumed %v units", last)
	}
}
