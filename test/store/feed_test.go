package store_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
)

var feed = []guarantee{
	{"an untouched table has no changes", feedEmpty},
	{"each change is one entry that names what it touches", feedEntries},
	{"writers in several processes leave no gap, and a follower sees each change once and in order", feedRace},
	{"a change that was answered is seen by who asks next", feedFresh},
	{"a reader whose next entry was swept is told so", feedSwept},
	{"a reader from the future of a restored table is told so", feedRestored},
	{"a gap between entries is told, never passed over", feedHole},
	{"a long absence is caught up with in one call", feedLong},
}

func feedEmpty(t *testing.T, b bench) {
	w := on(b.open(t))
	entries, err := w.table.Since(t.Context(), 0)
	if len(entries) != 0 || err != nil || w.head(t) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

func feedEntries(t *testing.T, b bench) {
	w := on(b.open(t))
	w.fill(t)
	entries, err := w.table.Since(t.Context(), 0)
	must(t, err, "since")
	if int64(len(entries)) != w.head(t) || len(entries) != 8 {
		t.Fatalf("%d entries, head %d", len(entries), w.head(t))
	}
	touched := []catalog.Ref{}
	for n, e := range entries {
		if e.Seq != int64(n+1) || !e.At.Equal(noon) {
			t.Errorf("entry %d is %+v", n, e)
		}
		touched = append(touched, e.Touches...)
	}
	for _, ref := range []catalog.Ref{
		team("pay"), catalog.VersionRef("orders", "v1"), catalog.GrantRef("shop", "orders"), catalog.CredentialRef("hash-1"),
	} {
		if !slices.Contains(touched, ref) {
			t.Errorf("%s is not touched", ref)
		}
	}
	if later, err := w.table.Since(t.Context(), 8); len(later) != 0 || err != nil {
		t.Errorf("behind the head: %v, %v", later, err)
	}
	if last, err := w.table.Since(t.Context(), 7); len(last) != 1 || last[0].Seq != 8 || err != nil {
		t.Errorf("the last: %v, %v", last, err)
	}
}

func feedRace(t *testing.T, b bench) {
	const writers, each = 4, 15
	var all sync.WaitGroup
	for n := range writers {
		w := on(b.open(t))
		all.Go(func() {
			for i := range each {
				if err := w.teams.Create(t.Context(), by("team.create"), newTeam(n*each+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	follower, seen, last := b.open(t), map[catalog.Ref]int64{}, int64(0)
	for finished := false; ; {
		entries, err := follower.Since(t.Context(), last)
		must(t, err, "since")
		for _, e := range entries {
			if last++; e.Seq != last || len(e.Touches) != 1 || seen[e.Touches[0]] != 0 {
				t.Fatalf("entry %+v after %d", e, last-1)
			}
			seen[e.Touches[0]] = e.Seq
		}
		if finished {
			break
		}
		select {
		case <-done:
			finished = true // and once more
		default:
		}
	}
	if head := on(follower).head(t); head != writers*each || last != head || len(seen) != writers*each {
		t.Errorf("head %d, followed to %d, saw %d", head, last, len(seen))
	}
}

func feedFresh(t *testing.T, b bench) {
	w, reader := on(b.open(t)), b.open(t)
	for n := range 20 {
		must(t, w.teams.Create(t.Context(), by("team.create"), newTeam(n)), "create")
		if entries, err := reader.Since(t.Context(), int64(n)); len(entries) != 1 || err != nil {
			t.Fatalf("after change %d: %v, %v", n+1, entries, err)
		}
	}
}

func feedSwept(t *testing.T, b bench) {
	w := on(b.open(t))
	for n := range 4 {
		must(t, w.teams.Create(t.Context(), by("team.create"), newTeam(n)), "create")
	}
	for n := 1; n <= 2; n++ {
		b.sweep(t, "feed", fmt.Sprintf("e#%020d", n))
	}
	for _, seq := range []int64{0, 1, -1} {
		if _, err := w.table.Since(t.Context(), seq); !errors.Is(err, dynamo.ErrFeedGap) {
			t.Errorf("since %d: %v", seq, err)
		}
	}
	if entries, err := w.table.Since(t.Context(), 2); len(entries) != 2 || err != nil {
		t.Errorf("since 2: %v, %v", entries, err)
	}
	for n := 3; n <= 4; n++ {
		b.sweep(t, "feed", fmt.Sprintf("e#%020d", n))
	}
	if _, err := w.table.Since(t.Context(), 2); !errors.Is(err, dynamo.ErrFeedGap) {
		t.Errorf("all swept: %v", err)
	}
	if entries, err := w.table.Since(t.Context(), 4); len(entries) != 0 || err != nil {
		t.Errorf("at the head: %v, %v", entries, err)
	}
}

func feedRestored(t *testing.T, b bench) {
	w := on(b.open(t))
	must(t, w.teams.Create(t.Context(), by("team.create"), newTeam(1)), "create")
	if _, err := w.table.Since(t.Context(), 7); !errors.Is(err, dynamo.ErrFeedGap) {
		t.Errorf("%v", err)
	}
}

func feedHole(t *testing.T, b bench) {
	w := on(b.open(t))
	for n := range 5 {
		must(t, w.teams.Create(t.Context(), by("team.create"), newTeam(n)), "create")
	}
	b.sweep(t, "feed", fmt.Sprintf("e#%020d", 3))
	if entries, err := w.table.Since(t.Context(), 0); !errors.Is(err, dynamo.ErrFeedGap) {
		t.Errorf("%v, %v", entries, err)
	}
}

// feedLong stores entries by hand, since that many changes would take a while.
func feedLong(t *testing.T, b bench) {
	const total = 400
	for start := 1; start <= total; start += 25 {
		var puts []any
		for n := start; n < start+25; n++ {
			i := rawKey("feed", fmt.Sprintf("e#%020d", n))
			doc := fmt.Sprintf(`{"seq":%d,"at":"2026-11-23T12:00:00Z","touches":[{"kind":"team","id":"%05000d"}]}`, n, n)
			i["doc"] = map[string]any{"S": doc}
			puts = append(puts, map[string]any{"PutRequest": map[string]any{"Item": i}})
		}
		b.batch(t, puts)
	}
	head := rawKey("feed", "head")
	head["seq"] = map[string]any{"N": fmt.Sprint(total)}
	b.raw(t, "PutItem", map[string]any{"Item": head})
	entries, err := b.open(t).Since(t.Context(), 0) // 2 MB: more than one answer of the API holds
	if err != nil || len(entries) != total || entries[total-1].Seq != total {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}
