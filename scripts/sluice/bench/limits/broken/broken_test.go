package broken_test

import (
	"testing"

	"sluice/scripts/sluice/bench/limits/audit"
	"sluice/scripts/sluice/bench/limits/broken"
	"sluice/scripts/sluice/bench/limits/fleet"
	"sluice/scripts/sluice/bench/limits/scenario"
)

// runs makes some runs of a scenario and joins what was found.
func runs(t *testing.T, name string, change func(fleet.Parts) fleet.Parts) audit.Findings {
	t.Helper()
	s, known := scenario.Find(name)
	if !known {
		t.Fatalf("there is no scenario %q", name)
	}
	all := fleet.Nothing()
	for seed := uint64(1); seed <= 5; seed++ {
		c := s.Config(seed, 20_000)
		c.Parts = change(c.Parts)
		r, err := fleet.Run(c)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		all.Join(r)
	}
	return all.Findings
}

// A check that finds nothing says something only if it finds what is there.
func TestTheAuditSeesEachWayToBreakTheProtocol(t *testing.T) {
	for _, b := range broken.All() {
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			found := runs(t, b.Scenario, b.Do)
			sound := runs(t, b.Scenario, func(p fleet.Parts) fleet.Parts { return p })
			t.Logf("%s: %d against %q, where the sound protocol has %d", b.What, found.Against[b.Rule], b.Rule, sound.Against[b.Rule])
			if found.Against[b.Rule] == 0 {
				t.Errorf("%s: nothing was found against %q", b.What, b.Rule)
			}
			if sound.Over != 0 || sound.Against[b.Rule] >= found.Against[b.Rule] {
				t.Errorf("the sound protocol has %d over-admissions and %d against %q: %v", sound.Over, sound.Against[b.Rule], b.Rule, sound.First)
			}
		})
	}
}

func TestEveryWayIsFoundByItsNameAndNoOther(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range broken.All() {
		if got, known := broken.Find(b.Name); !known || got.What != b.What || seen[b.Name] {
			t.Errorf("%s: %+v, %v", b.Name, got, known)
		}
		seen[b.Name] = true
	}
	if _, known := broken.Find("no such way"); known || len(seen) < 5 {
		t.Errorf("%d ways, and one that is none", len(seen))
	}
}
