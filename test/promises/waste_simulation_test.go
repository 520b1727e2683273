package promises_test

import (
	"testing"

	"sluice/scripts/sluice/bench/limits/audit"
	"sluice/scripts/sluice/bench/limits/fleet"
	"sluice/scripts/sluice/bench/limits/scenario"
)

// TestPromise4AConsumerThatKeepsAskingGetsItsQuota: in every period whose last call the quota refused, 99 % of it had been
// admitted, whatever instances died with leases in hand. As used count, too, calls that died between their write and their
// way on, and calls within the skew of a boundary, which both periods are charged for.
func TestPromise4AConsumerThatKeepsAskingGetsItsQuota(t *testing.T) {
	report, err := simulated()
	if err != nil {
		t.Fatal(err)
	}
	f := &report.Total.Findings
	if f.Against[audit.Waste] != 0 {
		t.Errorf("%d periods of %d: %v", f.Against[audit.Waste], f.Periods, report.Check())
	}
	if f.Periods < 500 {
		t.Errorf("only %d quotas were used up", f.Periods)
	}
	t.Logf("%d quotas used up, the worst to %.2f %%", f.Periods, 100*f.WorstUse)
}

// TestPromise4ARefusedCallCostsNothing: where nothing is lost, all of a quota passes, to the last unit, however many calls
// another limit refused meanwhile.
func TestPromise4ARefusedCallCostsNothing(t *testing.T) {
	s, known := scenario.Find("exact")
	if !known {
		t.Fatal("no such scenario")
	}
	all := fleet.Nothing()
	for seed := range uint64(10) {
		r, err := fleet.Run(s.Config(seed, 10_000))
		if err != nil {
			t.Fatal(err)
		}
		all.Join(r)
	}
	if f := &all.Findings; f.Violations != 0 || f.WorstRawUse != 1 || f.Periods < 20 || all.Refused < all.Admitted {
		t.Errorf("%+v", f)
	}
}
