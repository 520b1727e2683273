package promises_test

import (
	"testing"
	"time"

	"sluice/scripts/sluice/bench/limits/trial"
	"sluice/test/engine"
)

// TestPromise4TheTakersWasteNothingOnARealTable, whatever instances end with leases in hand.
func TestPromise4TheTakersWasteNothingOnARealTable(t *testing.T) {
	_, cfg := engine.Table(t)
	r, err := trial.Run(t.Context(), cfg, trial.Options{Calls: 4_000, Seed: 5, Instances: 4, Clients: 64, Ends: true, Skew: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.Findings.Violations != 0 || r.Findings.Periods != r.Rounds || r.Ended == 0 {
		t.Errorf("%+v", r)
	}
	t.Logf("%d quotas used up, the worst to %.2f %%; %d instances ended", r.Findings.Periods, 100*r.Findings.WorstUse, r.Ended)
}
