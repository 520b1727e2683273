package trial_test

import (
	"testing"
	"time"

	"sluice/scripts/sluice/bench/limits/trial"
	"sluice/test/engine"
)

func TestTheRealTakersKeepWhatIsPromisedOnARealTable(t *testing.T) {
	for name, o := range map[string]trial.Options{
		"nothing goes wrong":                 {Calls: 4_000, Seed: 1, Instances: 4, Clients: 64},
		"clocks are off":                     {Calls: 3_000, Seed: 2, Instances: 4, Clients: 64, Skew: 500 * time.Millisecond},
		"instances end in the middle":        {Calls: 3_000, Seed: 3, Instances: 4, Clients: 64, Ends: true},
		"requests and answers are lost, too": {Calls: 2_000, Seed: 4, Instances: 4, Clients: 64, Ends: true, Lost: 0.02, Quota: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			_, cfg := engine.Table(t)
			r, err := trial.Run(t.Context(), cfg, o)
			if err != nil {
				t.Fatal(err)
			}
			if r.Findings.Violations != 0 || r.Findings.Periods != r.Rounds {
				t.Errorf("%+v", r)
			}
			t.Logf("%d calls in %d rounds, %d admitted, %d failed, %d died, %d lost, worst use %.4f, %s", r.Calls, r.Rounds, r.Admitted,
				r.Failed, r.Died, r.LostCalls, r.Findings.WorstUse, r.Took)
		})
	}
}
