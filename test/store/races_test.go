package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"sluice/shared/catalog"
	"sluice/shared/problem"
)

func createRace(t *testing.T, b bench) {
	const contenders = 16
	errs := make([]error, contenders)
	var all sync.WaitGroup
	tables := []world{on(b.open(t)), on(b.open(t)), on(b.open(t)), on(b.open(t))}
	for n := range contenders {
		all.Go(func() {
			errs[n] = tables[n%4].teams.Create(t.Context(), by("team.create"), &catalog.Team{ID: "pay", Name: fmt.Sprint(n)})
		})
	}
	all.Wait()
	winner := exactlyOne(t, errs, problem.Conflict)
	got, err := tables[0].teams.Get(t.Context(), team("pay"))
	if err != nil || got.Name != fmt.Sprint(winner) || tables[0].head(t) != 1 {
		t.Errorf("the winner is %d, stored is %+v, %v; head %d", winner, got, err, tables[0].head(t))
	}
}

// exactlyOne fails unless one error is nil and all others are of the kind; it gives the one.
func exactlyOne(t *testing.T, errs []error, kind problem.Kind) (winner int) {
	t.Helper()
	winners := 0
	for n, err := range errs {
		switch {
		case err == nil:
			winners, winner = winners+1, n
		case !problem.Is(err, kind):
			t.Errorf("contender %d: %v", n, err)
		}
	}
	if winners != 1 {
		t.Fatalf("%d winners", winners)
	}
	return winner
}

func replaceRace(t *testing.T, b bench) {
	w := on(b.open(t))
	first := catalog.Team{ID: "pay", Name: "First"}
	must(t, w.teams.Create(t.Context(), by("team.create"), &first), "create")
	const contenders = 64
	errs := make([]error, contenders)
	var all sync.WaitGroup
	tables := []world{w, on(b.open(t)), on(b.open(t)), on(b.open(t))}
	for n := range contenders {
		all.Go(func() {
			mine := first
			mine.Name = fmt.Sprint(n)
			errs[n] = tables[n%4].teams.Replace(t.Context(), by("team.update"), first, &mine)
		})
	}
	all.Wait()
	winner := exactlyOne(t, errs, problem.PreconditionFailed)
	got, err := w.teams.Get(t.Context(), team("pay"))
	if err != nil || got.Name != fmt.Sprint(winner) || got.Rev != 2 {
		t.Errorf("the winner is %d, stored is %+v, %v", winner, got, err)
	}
}

func orphanRace(t *testing.T, b bench) {
	one, other := on(b.open(t)), on(b.open(t))
	for n := range 8 {
		parent := newTeam(n)
		must(t, one.teams.Create(t.Context(), by("team.create"), parent), "create")
		var all sync.WaitGroup
		var deleted, created error
		all.Go(func() { deleted = one.teams.Delete(t.Context(), by("team.delete"), parent) })
		all.Go(func() {
			created = other.apis.Create(t.Context(), by("api.create"), &catalog.API{ID: catalog.APIID(parent.ID), Team: parent.ID})
		})
		all.Wait()
		_, parentErr := one.teams.Get(t.Context(), team(string(parent.ID)))
		_, childErr := one.table.API(t.Context(), catalog.APIID(parent.ID))
		switch {
		case deleted == nil && problem.Is(created, problem.Unprocessable):
			want(t, problem.NotFound, parentErr, "the deleted parent")
			want(t, problem.NotFound, childErr, "the refused child")
		case created == nil && problem.Is(deleted, problem.Conflict):
			must(t, parentErr, "the kept parent")
			must(t, childErr, "the created child")
		default:
			t.Fatalf("delete: %v, create: %v", deleted, created)
		}
	}
}

func countRace(t *testing.T, b bench) {
	w := on(b.open(t))
	must(t, w.teams.Create(t.Context(), by("team.create"), &catalog.Team{ID: "pay"}), "create")
	tables := []world{w, on(b.open(t)), on(b.open(t))}
	var kept atomic.Int64
	var all sync.WaitGroup
	for n, w := range tables {
		all.Go(func() {
			for i := range 6 {
				api := &catalog.API{ID: catalog.APIID(fmt.Sprintf("api-%d-%d", n, i)), Team: "pay"}
				if err := w.apis.Create(t.Context(), by("api.create"), api); err != nil {
					t.Error(err)
				} else if i%2 == 0 {
					kept.Add(1)
				} else if err := w.apis.Delete(t.Context(), by("api.delete"), api); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := number(b.stored(t, "team#pay", "self"), "children"); got != fmt.Sprint(kept.Load()) || got != "9" {
		t.Errorf("%s children are counted, %d are there", got, kept.Load())
	}
}
