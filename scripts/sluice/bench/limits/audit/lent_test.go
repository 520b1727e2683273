package audit_test

import (
	"testing"
	"time"

	"sluice/scripts/sluice/bench/limits/audit"
	"sluice/shared/catalog"
	"sluice/shared/decision"
)

// An outage lends units of its period, and what the store counts in the end is what was admitted.
func TestWhatIsLentMayPassAndMustBeCounted(t *testing.T) {
	for name, c := range map[string]struct {
		admitted    int
		lent, used  int64
		over, wrong int64
	}{
		"nothing is lent":          {11, 0, 11, 1, 0},
		"as much as is lent":       {14, 4, 14, 0, 0},
		"more than is lent":        {15, 4, 15, 1, 0},
		"some are never counted":   {12, 4, 10, 0, 1},
		"some are counted in vain": {12, 4, 13, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			a := audit.New(rules)
			counter := a.Counter("sub")
			terms, err := a.Terms([]decision.Limit{quota(10, catalog.Day, 0)})
			if err != nil {
				t.Fatal(err)
			}
			at := midnight.Add(6 * time.Hour).UnixNano()
			a.Lend(at, counter, terms, c.lent)
			for n := range c.admitted {
				a.Add(audit.Entry{At: at, Call: uint64(n), Cost: 1, Counter: counter, Terms: terms, Fate: audit.Admitted}) // #nosec G115 -- it counts up
			}
			a.Settle(at, counter, terms, c.used)
			found := a.Finish(at)
			if found.Over != c.over || found.Against[audit.Settled] != c.wrong {
				t.Errorf("%d over, %d against the store's count: %v", found.Over, found.Against[audit.Settled], found.First)
			}
		})
	}
}
