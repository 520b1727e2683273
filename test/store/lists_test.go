package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/problem"
)

var lists = []guarantee{
	{"a list is told page by page, in order, each once, and ends without an empty page", pages},
	{"resources that come while a list is paged disturb no other", pagesUnderInserts},
	{"a list holds what has just been created and not what has just been deleted", listIsFresh},
	{"children are listed below their parent only, by kind", children},
	{"a limit or cursor that is not ours is refused", badPages},
}

func pages(t *testing.T, b bench) {
	w := on(b.open(t))
	const total = 23
	for n := range total {
		must(t, w.teams.Create(t.Context(), by("team.create"), newTeam(total-1-n)), "create")
	}
	for limit, counts := range map[int][]int{
		0: {total}, 1: slices.Repeat([]int{1}, total), 10: {10, 10, 3}, 23: {23}, 22: {22, 1}, 100: {23},
	} {
		ids, got := walk(t, w, limit)
		if diff := cmp.Diff(counts, got); diff != "" {
			t.Errorf("limit %d: %s", limit, diff)
		}
		if len(ids) != total || !slices.IsSorted(ids) {
			t.Errorf("limit %d: %v", limit, ids)
		}
	}
}

// walk follows a list of all teams to its end.
func walk(t *testing.T, w world, limit int) (ids []string, counts []int) {
	t.Helper()
	cursor := ""
	for {
		page, err := w.teams.List(t.Context(), catalog.Query{Kind: catalog.KindTeam, Limit: limit, Cursor: cursor})
		must(t, err, "list")
		counts = append(counts, len(page.Items))
		for _, i := range page.Items {
			ids = append(ids, string(i.ID))
		}
		if cursor = page.Next; cursor == "" {
			return ids, counts
		}
	}
}

func pagesUnderInserts(t *testing.T, b bench) {
	w, writer := on(b.open(t)), on(b.open(t))
	for n := range 20 {
		must(t, w.teams.Create(t.Context(), by("team.create"), newTeam(2*n)), "create")
	}
	var all sync.WaitGroup
	all.Go(func() {
		for n := range 20 {
			if err := writer.teams.Create(t.Context(), by("team.create"), newTeam(2*n+1)); err != nil {
				t.Error(err)
			}
		}
	})
	for range 5 {
		ids, _ := walk(t, w, 3)
		if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
			t.Errorf("out of order or twice: %v", ids)
		}
		for n := range 20 {
			if id := string(newTeam(2 * n).ID); !slices.Contains(ids, id) {
				t.Errorf("%s was there all the time and is missing", id)
			}
		}
	}
	all.Wait()
	if ids, _ := walk(t, w, 7); len(ids) != 40 {
		t.Errorf("%d in the end", len(ids))
	}
}

func listIsFresh(t *testing.T, b bench) {
	w, other := on(b.open(t)), on(b.open(t))
	for n := range 5 {
		made := newTeam(n)
		must(t, w.teams.Create(t.Context(), by("team.create"), made), "create")
		if ids, _ := walk(t, other, 0); !slices.Equal(ids, []string{string(made.ID)}) {
			t.Errorf("after the create: %v", ids)
		}
		must(t, w.teams.Delete(t.Context(), by("team.delete"), made), "delete")
		page, err := other.teams.List(t.Context(), catalog.Query{})
		if empty, _ := json.Marshal(page.Items); err != nil || string(empty) != "[]" {
			t.Errorf("after the delete: %s, %v", empty, err)
		}
	}
}

func children(t *testing.T, b bench) {
	w := on(b.open(t))
	w.fill(t)
	api := catalog.Ref{Kind: catalog.KindAPI, ID: "orders"}
	versions, err := w.versions.List(t.Context(), catalog.Query{Parent: &api})
	if err != nil || len(versions.Items) != 1 || versions.Items[0].Version != "v1" || versions.Items[0].Rev != 1 {
		t.Errorf("versions of orders: %+v, %v", versions, err)
	}
	subscriptions, err := w.subscriptions.List(t.Context(), catalog.Query{Parent: &api})
	if err != nil || len(subscriptions.Items) != 1 || subscriptions.Items[0].ID != "s1" {
		t.Errorf("subscriptions to orders: %+v, %v", subscriptions, err)
	}
	apps, err := w.apps.List(t.Context(), catalog.Query{Parent: &api})
	if err != nil || len(apps.Items) != 0 {
		t.Errorf("apps below an API: %+v, %v", apps, err)
	}
}

func badPages(t *testing.T, b bench) {
	w := on(b.open(t))
	for n := range 3 {
		must(t, w.teams.Create(t.Context(), by("team.create"), newTeam(n)), "create")
	}
	page, err := w.teams.List(t.Context(), catalog.Query{Limit: 1})
	must(t, err, "list")
	for _, limit := range []int{-1, 101, 1 << 30} {
		_, err := w.teams.List(t.Context(), catalog.Query{Limit: limit})
		want(t, problem.Invalid, err, fmt.Sprint("limit ", limit))
	}
	for _, cursor := range []string{
		"x", "====", "AAAA", "AAAAAAAA", page.Next[1:], page.Next + "A", strings.Repeat("A", 5000), "\x00",
	} {
		_, err := w.teams.List(t.Context(), catalog.Query{Cursor: cursor})
		want(t, problem.Invalid, err, "cursor "+cursor)
	}
	_, err = w.apis.List(t.Context(), catalog.Query{Cursor: page.Next})
	want(t, problem.Invalid, err, "the cursor of another list")
	_, err = w.table.Audit(t.Context(), dynamo.AuditQuery{Cursor: page.Next})
	want(t, problem.Invalid, err, "the cursor of another list")
}

var audit = []guarantee{
	{"each change is in the history, newest first, with what was before and after", history},
	{"the history of one resource holds that one only, page by page", historyOfOne},
	{"numbers of old documents come back as they were written", historyIsExact},
}

func history(t *testing.T, b bench) {
	w := on(b.open(t))
	first := catalog.Team{ID: "pay", Name: "First"}
	must(t, w.teams.Create(t.Context(), by("team.create"), &first), "create")
	second := first
	second.Name = "Second"
	must(t, w.teams.Replace(t.Context(), by("team.update"), first, &second), "replace")
	must(t, w.teams.Delete(t.Context(), by("team.delete"), &second), "delete")
	page, err := w.table.Audit(t.Context(), dynamo.AuditQuery{})
	must(t, err, "audit")
	type brief struct{ Action, Before, After string }
	var got []brief
	for _, e := range page.Items {
		if e.ID == "" || !e.At.Equal(noon) || e.Actor != by("").Actor || e.RequestID != "req-1" || e.Resource != team("pay") {
			t.Errorf("entry %+v", e)
		}
		got = append(got, brief{e.Action, name(t, e.Before), name(t, e.After)})
	}
	expected := []brief{{"team.delete", "Second", ""}, {"team.update", "First", "Second"}, {"team.create", "", "First"}}
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Error(diff)
	}
}

// name reads the name in a document of the history; "" if there is none.
func name(t *testing.T, doc any) string {
	t.Helper()
	if doc == nil {
		return ""
	}
	var named struct{ Name string }
	must(t, json.Unmarshal(raw(doc), &named), "decode")
	return named.Name
}

// raw is a document of the history as it was stored.
func raw(doc any) json.RawMessage {
	b, _ := doc.(json.RawMessage)
	return b
}

func historyOfOne(t *testing.T, b bench) {
	w := on(b.open(t))
	v := catalog.Team{ID: "pay"}
	must(t, w.teams.Create(t.Context(), by("1"), &v), "create")
	for n := range 4 {
		must(t, w.teams.Create(t.Context(), by("other"), newTeam(n)), "create another")
		before := v
		must(t, w.teams.Replace(t.Context(), by(fmt.Sprint(n+2)), before, &v), "replace")
	}
	pay, cursor, actions := team("pay"), "", []string{}
	for {
		page, err := w.table.Audit(t.Context(), dynamo.AuditQuery{Resource: &pay, Limit: 2, Cursor: cursor})
		must(t, err, "audit")
		for _, e := range page.Items {
			actions = append(actions, e.Action)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"5", "4", "3", "2", "1"}, actions); diff != "" {
		t.Error(diff)
	}
}

func historyIsExact(t *testing.T, b bench) {
	const doc = `{"id":"e1","at":"2026-11-23T12:00:00Z","actor":{"id":"a","role":"auditor"},"action":"x",` +
		`"resource":{"kind":"plan","id":"p"},"before":null,"after":{"requests":9007199254740993},"request_id":"r"}`
	i := rawKey("audit", fmt.Sprintf("%020d", 1))
	i["doc"] = map[string]any{"S": doc}
	b.raw(t, "PutItem", map[string]any{"Item": i})
	page, err := b.open(t).Audit(t.Context(), dynamo.AuditQuery{})
	if err != nil || len(page.Items) != 1 || page.Items[0].Before != nil ||
		string(raw(page.Items[0].After)) != `{"requests":9007199254740993}` {
		t.Errorf("%+v, %v", page, err)
	}
}

var replays = []guarantee{
	{"an answer is remembered with the change, until it expires", remembers},
	{"a second change with the same answer to remember is in flight, and not made", replayTwice},
	{"of concurrent changes with one answer to remember exactly one is made", replayRace},
}

func replay() *catalog.Replay {
	return &catalog.Replay{ID: "i1", Fingerprint: "f", Status: 201, Location: "/x", ETag: `"1"`, Body: []byte(`{"id":"pay"}`),
		Expires: noon.AddDate(0, 0, 1)}
}

func with(r *catalog.Replay) catalog.Write {
	w := by("team.create")
	w.Replay = r
	return w
}

func remembers(t *testing.T, b bench) {
	now := noon
	w := on(b.open(t, dynamo.WithClock(func() time.Time { return now })))
	if got, err := w.table.Replayed(t.Context(), "i1"); got != nil || err != nil {
		t.Fatalf("before: %+v, %v", got, err)
	}
	must(t, w.teams.Create(t.Context(), with(replay()), &catalog.Team{ID: "pay"}), "create")
	got, err := w.table.Replayed(t.Context(), "i1")
	if diff := cmp.Diff(replay(), got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	now = noon.AddDate(0, 0, 2)
	if got, err := w.table.Replayed(t.Context(), "i1"); got != nil || err != nil {
		t.Errorf("after it expired: %+v, %v", got, err)
	}
	later := with(replay())
	later.At, later.Replay.Expires = now, now.AddDate(0, 0, 1)
	must(t, w.teams.Create(t.Context(), later, &catalog.Team{ID: "ops"}), "create where the answer has expired")
}

func replayTwice(t *testing.T, b bench) {
	w := on(b.open(t))
	must(t, w.teams.Create(t.Context(), with(replay()), &catalog.Team{ID: "pay"}), "create")
	want(t, problem.InFlight, w.teams.Create(t.Context(), with(replay()), &catalog.Team{ID: "ops"}), "create another")
	want(t, problem.InFlight, w.teams.Create(t.Context(), with(replay()), &catalog.Team{ID: "pay"}), "create the same")
	_, err := w.teams.Get(t.Context(), team("ops"))
	want(t, problem.NotFound, err, "the second team")
}

func replayRace(t *testing.T, b bench) {
	errs := make([]error, 12)
	tables := []world{on(b.open(t)), on(b.open(t)), on(b.open(t))}
	var all sync.WaitGroup
	for n := range errs {
		all.Go(func() { errs[n] = tables[n%3].teams.Create(t.Context(), with(replay()), newTeam(n)) })
	}
	all.Wait()
	winner := exactlyOne(t, errs, problem.InFlight)
	if ids, _ := walk(t, tables[0], 0); !slices.Equal(ids, []string{string(newTeam(winner).ID)}) {
		t.Errorf("created %v, the winner is %d", ids, winner)
	}
}
