package scenario_test

import (
	"testing"

	"sluice/scripts/sluice/bench/limits/fleet"
	"sluice/scripts/sluice/bench/limits/scenario"
)

// A scenario in which nothing passes, or nothing is refused where it should be, shows nothing.
func TestEveryScenarioRunsAndNoneIsEmpty(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range scenario.All() {
		t.Run(s.Name, func(t *testing.T) {
			if got, known := scenario.Find(s.Name); !known || got.What != s.What || seen[s.Name] {
				t.Errorf("it is not found by its name: %+v", got)
			}
			seen[s.Name] = true
			r, err := fleet.Run(s.Config(3, 10_000))
			if err != nil || r.Calls != 10_000 || r.Admitted == 0 || r.Admitted+r.Refused+r.Failed+r.Died != r.Calls {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	if _, known := scenario.Find("no such thing"); known {
		t.Error("a scenario that is none is found")
	}
}

func TestASeedDrawsItsNumbersAndAnotherOneOthers(t *testing.T) {
	s, _ := scenario.Find("quota")
	n := func(seed uint64) int { return s.Config(seed, 1).Counters[0].Plans[0][0].Requests }
	small, large, same := false, false, true
	for seed := range uint64(200) {
		first := n(seed)
		same = same && first == n(seed)
		small, large = small || n(seed) < 10, large || n(seed) > 100_000_000
	}
	if !same || !small || !large {
		t.Errorf("quotas of all sizes should be drawn, the same ones each time: small %v, large %v, same %v", small, large, same)
	}
}
