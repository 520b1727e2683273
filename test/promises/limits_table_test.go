package promises_test

import (
	"testing"
	"time"

	"sluice/scripts/sluice/bench/limits/trial"
	"sluice/test/engine"
)

// TestPromise3TheTakersAreExactOnARealTable: clocks that are off, instances that end in the middle, a network that loses
// requests and answers.
func TestPromise3TheTakersAreExactOnARealTable(t *testing.T) {
	_, cfg := engine.Table(t)
	r, err := trial.Run(t.Context(), cfg, trial.Options{Calls: 4_000, Seed: 3, Instances: 4, Clients: 64, Ends: true, Lost: 0.01, Skew: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.Findings.Over != 0 || r.Ended == 0 || r.Stopped == 0 || r.LostCalls == 0 {
		t.Errorf("%+v", r)
	}
}
