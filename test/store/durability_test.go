package store_test

import (
	"fmt"
	"sync"
	"testing"

	"sluice/shared/catalog"
	"sluice/shared/problem"
	"sluice/test/engine"
)

// An engine is killed in the middle of writes, several times. Each change that was answered must be there afterwards, whole;
// one that was not answered is there whole or not at all, and the feed has no gap.
func TestChangesOutliveTheKillingOfTheEngine(t *testing.T) {
	disk := engine.OnDisk(t)
	b := bench{disk.Settings()}
	engine.Open(t, b.cfg)
	acknowledged := map[catalog.TeamID]bool{}
	next := 0
	for round := range 3 {
		var mu sync.Mutex
		var all sync.WaitGroup
		enough := make(chan struct{}, 1000)
		for range 3 {
			w := on(b.open(t))
			all.Go(func() {
				for {
					mu.Lock()
					made := newTeam(next)
					next++
					mu.Unlock()
					err := w.teams.Create(t.Context(), by("team.create"), made)
					if problem.Is(err, problem.Unavailable) {
						return
					}
					if err != nil {
						t.Errorf("%s: %v", made.ID, err)
						return
					}
					mu.Lock()
					acknowledged[made.ID] = true
					mu.Unlock()
					enough <- struct{}{}
				}
			})
		}
		for range 20 + 7*round {
			<-enough
		}
		disk.Kill()
		all.Wait()
		disk.Restart()
		checkWhole(t, b, acknowledged)
	}
}

// checkWhole compares what is there with what was acknowledged, and resources with feed, list and history.
func checkWhole(t *testing.T, b bench, acknowledged map[catalog.TeamID]bool) {
	t.Helper()
	w := on(b.open(t))
	ids, _ := walk(t, w, 100)
	there := map[string]bool{}
	for _, id := range ids {
		there[id] = true
	}
	for id := range acknowledged {
		if !there[string(id)] {
			t.Errorf("%s was acknowledged and is gone", id)
		}
	}
	entries, err := w.table.Since(t.Context(), 0)
	must(t, err, "since")
	if len(entries) != len(ids) {
		t.Errorf("%d entries for %d resources", len(entries), len(ids))
	}
	for n, e := range entries {
		if e.Seq != int64(n+1) || !there[e.Touches[0].ID] {
			t.Errorf("entry %+v at %d", e, n)
		}
		if b.stored(t, "audit", fmt.Sprintf("%020d", e.Seq)) == nil {
			t.Errorf("change %d is not in the history", e.Seq)
		}
	}
	t.Logf("%d acknowledged, %d there", len(acknowledged), len(ids))
}

// Two processes that start at once both find the table usable.
func TestEnsureTableRaces(t *testing.T) {
	b := bench{engine.Dynoxide(t)}
	errs := make([]error, 8)
	var all sync.WaitGroup
	for n := range errs {
		table := b.open(t)
		all.Go(func() { errs[n] = table.EnsureTable(t.Context()) })
	}
	all.Wait()
	for _, err := range errs {
		must(t, err, "ensure")
	}
	must(t, b.open(t).EnsureTable(t.Context()), "ensure again")
	ttl := fmt.Sprint(b.raw(t, "DescribeTimeToLive", map[string]any{}))
	if ttl != "map[TimeToLiveDescription:map[AttributeName:expires_at TimeToLiveStatus:ENABLED]]" {
		t.Errorf("TTL is %s", ttl)
	}
}
