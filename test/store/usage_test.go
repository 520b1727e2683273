package store_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/problem"
	"sluice/shared/usage"
)

var folds = []guarantee{
	{"a record waits until it is folded, and is then counted once", foldOnce},
	{"a record that is put again is one record", putTwice},
	{"a record that comes back after its fold is not counted again", putAfterFold},
	{"of two folders one folds", foldRace},
	{"a fold with one record that is gone adds nothing", foldAllOrNothing},
	{"an expired record is not folded", foldExpired},
	{"additions to one bucket are one, and more than fits is refused", foldBounds},
	{"windows are read by their start, with names of any kind", buckets},
	{"a dropped record is gone", dropRecord},
}

// calls is one addition of n calls.
func calls(n int64) usage.Delta {
	return usage.Delta{Add: map[string]int64{"calls": n, "s2xx": n, "none": 0}, Bucket: usage.Bucket{
		Step: usage.Hour, At: noon.Truncate(time.Hour),
		API: "orders", Version: "v1", Operation: "get#/a b", App: "shop", Consumer: "acme"}}
}

// folded fails unless the bucket of calls holds n.
func (b bench) folded(t *testing.T, n int64) {
	t.Helper()
	table := b.open(t, dynamo.WithClock(func() time.Time { return noon }))
	got, err := table.UsageBuckets(t.Context(), "orders", usage.Hour, noon.Truncate(time.Hour), noon)
	must(t, err, "buckets")
	expected := []usage.Delta{calls(n)}
	delete(expected[0].Add, "none")
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Error(diff)
	}
}

func foldOnce(t *testing.T, b bench) {
	table := b.open(t, dynamo.WithClock(func() time.Time { return noon }))
	for n := range 5 {
		p := usage.Pending{ID: fmt.Sprint("p", n), Shard: 3, Body: []byte{byte(n)}}
		must(t, table.PutUsage(t.Context(), p, noon.Add(time.Hour)), "put")
	}
	if some, err := table.PendingUsage(t.Context(), 3, 2); len(some) != 2 || err != nil {
		t.Errorf("%v, %v", some, err)
	}
	waiting, err := table.PendingUsage(t.Context(), 3, 100)
	if err != nil || len(waiting) != 5 || waiting[4].ID != "p4" || waiting[4].Shard != 3 ||
		!bytes.Equal(waiting[4].Body, []byte{4}) {
		t.Fatalf("%v, %v", waiting, err)
	}
	must(t, table.FoldUsage(t.Context(), waiting[:2], []usage.Delta{calls(2)}), "fold")
	must(t, table.FoldUsage(t.Context(), waiting[2:], []usage.Delta{calls(3)}), "fold the rest")
	b.folded(t, 5)
	if left, err := table.PendingUsage(t.Context(), 3, 100); len(left) != 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
	for id, done := range map[string]bool{"p0": true, "p4": true, "p5": false} {
		if got, err := table.Tombstoned(t.Context(), id); got != done || err != nil {
			t.Errorf("%s is tombstoned: %v, %v", id, got, err)
		}
	}
}

func putTwice(t *testing.T, b bench) {
	table := b.open(t)
	p, expires := usage.Pending{ID: "p", Body: []byte("first")}, time.Now().Add(time.Hour)
	must(t, table.PutUsage(t.Context(), p, expires), "put")
	p.Body = []byte("second")
	must(t, table.PutUsage(t.Context(), p, expires), "put again")
	if got, err := table.PendingUsage(t.Context(), 0, 10); err != nil || len(got) != 1 || string(got[0].Body) != "first" {
		t.Errorf("%v, %v", got, err)
	}
	want(t, problem.TooLarge, table.PutUsage(t.Context(), usage.Pending{ID: "big", Body: noise(400 << 10)}, expires), "put too much")
	plain(t, table.PutUsage(t.Context(), usage.Pending{ID: "x", Shard: usage.Shards}, expires), "put into a shard that is not read")
	plain(t, table.PutUsage(t.Context(), usage.Pending{}, expires), "put without id")
}

func putAfterFold(t *testing.T, b bench) {
	table := b.open(t)
	p, expires := usage.Pending{ID: "p"}, time.Now().Add(time.Hour)
	must(t, table.PutUsage(t.Context(), p, expires), "put")
	must(t, table.FoldUsage(t.Context(), []usage.Pending{p}, []usage.Delta{calls(1)}), "fold")
	must(t, table.PutUsage(t.Context(), p, expires), "put again")
	want(t, problem.Conflict, table.FoldUsage(t.Context(), []usage.Pending{p}, []usage.Delta{calls(1)}), "fold again")
	b.folded(t, 1)
}

func foldRace(t *testing.T, b bench) {
	one, other := b.open(t), b.open(t)
	for n := range 6 {
		p := usage.Pending{ID: fmt.Sprint("p", n)}
		must(t, one.PutUsage(t.Context(), p, time.Now().Add(time.Hour)), "put")
		errs := make([]error, 2)
		var both sync.WaitGroup
		both.Go(func() { errs[0] = one.FoldUsage(t.Context(), []usage.Pending{p}, []usage.Delta{calls(1)}) })
		both.Go(func() { errs[1] = other.FoldUsage(t.Context(), []usage.Pending{p}, []usage.Delta{calls(1)}) })
		both.Wait()
		exactlyOne(t, errs, problem.Conflict)
	}
	b.folded(t, 6)
}

func foldAllOrNothing(t *testing.T, b bench) {
	table := b.open(t)
	p := usage.Pending{ID: "p"}
	must(t, table.PutUsage(t.Context(), p, time.Now().Add(time.Hour)), "put")
	want(t, problem.Conflict, table.FoldUsage(t.Context(), []usage.Pending{p, {ID: "gone"}}, []usage.Delta{calls(2)}), "fold")
	if got, err := table.PendingUsage(t.Context(), 0, 10); err != nil || len(got) != 1 {
		t.Errorf("waiting: %v, %v", got, err)
	}
	must(t, table.FoldUsage(t.Context(), []usage.Pending{p}, []usage.Delta{calls(1)}), "fold the one")
	b.folded(t, 1)
}

func foldExpired(t *testing.T, b bench) {
	table := b.open(t, dynamo.WithClock(func() time.Time { return noon }))
	must(t, table.PutUsage(t.Context(), usage.Pending{ID: "old"}, noon.Add(-time.Second)), "put")
	must(t, table.PutUsage(t.Context(), usage.Pending{ID: "young"}, noon.Add(time.Minute)), "put")
	if got, err := table.PendingUsage(t.Context(), 0, 1); err != nil || len(got) != 1 || got[0].ID != "young" {
		t.Errorf("%v, %v", got, err)
	}
}

func foldBounds(t *testing.T, b bench) {
	table := b.open(t)
	var records []usage.Pending
	var add []usage.Delta
	for n := range 40 {
		p := usage.Pending{ID: fmt.Sprint("p", n)}
		must(t, table.PutUsage(t.Context(), p, time.Now().Add(time.Hour)), "put")
		records, add = append(records, p), append(add, calls(1))
	}
	must(t, table.FoldUsage(t.Context(), records, add), "fold 40 additions to one bucket")
	b.folded(t, 40)
	add = nil
	for n := range dynamo.FoldItems - 1 {
		d := calls(1)
		d.Bucket.App = catalog.AppID(fmt.Sprint("app-", n))
		add = append(add, d)
	}
	want(t, problem.TooLarge, table.FoldUsage(t.Context(), []usage.Pending{{ID: "x"}}, add), "fold too much")
	plain(t, table.FoldUsage(t.Context(), nil, add[:1]), "fold nothing")
}

func buckets(t *testing.T, b bench) {
	table := b.open(t, dynamo.WithClock(func() time.Time { return noon }))
	must(t, table.PutUsage(t.Context(), usage.Pending{ID: "p"}, noon.Add(time.Hour)), "put")
	day := noon.Truncate(24 * time.Hour)
	var add []usage.Delta
	for n, operation := range []string{"", "#", "a#b#c", strings.Repeat("long", 500), strings.Repeat("long", 500) + "er"} {
		for h := range 3 {
			d := calls(int64(100*n + h + 1))
			d.Bucket.At, d.Bucket.Operation = day.Add(time.Duration(h)*time.Hour), operation
			add = append(add, d)
		}
	}
	must(t, table.FoldUsage(t.Context(), []usage.Pending{{ID: "p"}}, add), "fold")
	got, err := table.UsageBuckets(t.Context(), "orders", usage.Hour, day.Add(time.Hour), day.Add(2*time.Hour))
	must(t, err, "buckets")
	operations := map[string]int64{}
	for _, d := range got {
		if !d.Bucket.At.Equal(day.Add(time.Hour)) || d.Bucket.Version != "v1" || d.Bucket.App != "shop" || d.Bucket.Consumer != "acme" {
			t.Errorf("bucket %+v", d.Bucket)
		}
		operations[d.Bucket.Operation] = d.Add["calls"]
	}
	if len(got) != 5 || len(operations) != 5 || operations["a#b#c"] != 202 || operations[""] != 2 || operations["#"] != 102 {
		t.Errorf("%d buckets: %v", len(got), operations)
	}
	for name, span := range map[string][2]time.Duration{
		"before": {-time.Hour, 0}, "after": {3 * time.Hour, 5 * time.Hour}, "backwards": {2 * time.Hour, 0}, "empty": {0, 0},
		"between": {time.Second, time.Hour},
	} {
		got, err := table.UsageBuckets(t.Context(), "orders", usage.Hour, day.Add(span[0]), day.Add(span[1]))
		if len(got) != 0 || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	old := b.open(t, dynamo.WithClock(func() time.Time { return noon.AddDate(0, 3, 0) }))
	if got, err := old.UsageBuckets(t.Context(), "orders", usage.Hour, day, noon); len(got) != 0 || err != nil {
		t.Errorf("hours after three months: %v, %v", got, err)
	}
}

func dropRecord(t *testing.T, b bench) {
	table := b.open(t)
	p := usage.Pending{ID: "p", Shard: 1}
	must(t, table.PutUsage(t.Context(), p, time.Now().Add(time.Hour)), "put")
	must(t, table.DropUsage(t.Context(), p), "drop")
	must(t, table.DropUsage(t.Context(), p), "drop again")
	if got, err := table.PendingUsage(t.Context(), 1, 10); len(got) != 0 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}
