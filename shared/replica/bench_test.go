package replica_test

import (
	"testing"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/replica"
)

// BenchmarkWarmDecision is what one call asks of the view once all is known.
func BenchmarkWarmDecision(b *testing.B) {
	s := newStore(newClock())
	s.items[catalog.CredentialRef("h")] = catalog.Credential{Key: "k", App: "a"}
	s.items[appRef("a")] = catalog.App{ID: "a"}
	s.items[catalog.Ref{Kind: catalog.KindConsumer, ID: "c"}] = catalog.Consumer{ID: "c"}
	s.items[catalog.GrantRef("a", "x")] = catalog.Subscription{ID: "s"}
	s.items[catalog.Ref{Kind: catalog.KindPlan, ID: "p"}] = catalog.Plan{ID: "p"}
	s.items[catalog.Ref{Kind: catalog.KindAPI, ID: "x"}] = catalog.API{ID: "x"}
	s.items[catalog.VersionRef("x", "v1")] = catalog.Version{API: "x"}
	v := replica.New(sourceOf(s), time.Now, replica.Options{})
	ctx := b.Context()
	all := func() error {
		if err := v.Fresh(ctx); err != nil {
			return err
		}
		var errs [7]error
		_, errs[0] = v.Credential(ctx, "h")
		_, errs[1] = v.App(ctx, "a")
		_, errs[2] = v.Consumer(ctx, "c")
		_, errs[3] = v.Grant(ctx, "a", "x")
		_, errs[4] = v.Plan(ctx, "p")
		_, errs[5] = v.API(ctx, "x")
		_, errs[6] = v.Version(ctx, "x", "v1")
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	}
	run := func(name string, f func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("fresh and seven getters", all)
	run("fresh", func() error { return v.Fresh(ctx) })
	run("credential", func() error { _, err := v.Credential(ctx, "h"); return err })
	run("grant", func() error { _, err := v.Grant(ctx, "a", "x"); return err })
}
