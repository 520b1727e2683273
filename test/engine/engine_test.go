package engine_test

import (
	"context"
	"testing"

	"sluice/test/engine"
)

func TestEachTestGetsATableOfItsOwn(t *testing.T) {
	a, cfgA := engine.Table(t)
	b, cfgB := engine.Table(t)
	if cfgA.Name == cfgB.Name || cfgA.Endpoint != cfgB.Endpoint {
		t.Fatalf("tables %q and %q in %s and %s", cfgA.Name, cfgB.Name, cfgA.Endpoint, cfgB.Endpoint)
	}
	for _, table := range []interface {
		Head(context.Context) (int64, error)
	}{a, b} {
		if head, err := table.Head(context.Background()); head != 0 || err != nil {
			t.Errorf("a fresh table has head %d, %v", head, err)
		}
	}
}

func TestATableOutlivesTheKillingOfItsEngine(t *testing.T) {
	disk := engine.OnDisk(t)
	engine.Open(t, disk.Settings())
	disk.Kill()
	disk.Restart()
	again := engine.Open(t, disk.Settings())
	if _, err := again.Head(context.Background()); err != nil {
		t.Fatal(err)
	}
}
