package fold_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/functions/rollup/fold"
	"sluice/shared/catalog"
	"sluice/shared/problem"
	"sluice/shared/usage"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func folder(store fold.Store, log io.Writer) *fold.Folder {
	return fold.New(fold.Deps{Store: store, Now: later, Log: slog.New(slog.NewTextHandler(log, nil))})
}

// run is one run that must work.
func run(t *testing.T, store fold.Store) fold.Report {
	t.Helper()
	report, err := folder(store, io.Discard).Handle(t.Context(), fold.Event{})
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	return report
}

// record is a record of one cell with so many calls.
func record(id string, api catalog.APIID, at time.Time, calls int) usage.Pending {
	counter := usage.NewCounter(func() string { return id }, 0)
	for range calls {
		counter.Add(usage.Facts{At: at, API: api, Version: "v1", Operation: "get", App: "shop", Consumer: "acme", Forwarded: true, Status: 200,
			Total: 10 * time.Millisecond})
	}
	return counter.Drain(at.Add(2 * time.Second))[0]
}

func put(t *testing.T, store table, records ...usage.Pending) {
	t.Helper()
	for _, p := range records {
		if err := store.PutUsage(t.Context(), p, p.Expires); err != nil {
			t.Fatal(err)
		}
	}
}

// stored sums the calls of an API in each step, over two months around noon.
func stored(t *testing.T, store table, api catalog.APIID) map[usage.Step]int64 {
	t.Helper()
	sums := map[usage.Step]int64{}
	for _, step := range usage.Steps() {
		deltas, err := store.UsageBuckets(t.Context(), api, step, noon.AddDate(0, -1, -noon.Day()), noon.AddDate(0, 1, 0))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range deltas {
			sums[step] += d.Add[usage.CountCalls]
		}
	}
	return sums
}

func all(calls int64) map[usage.Step]int64 {
	return map[usage.Step]int64{usage.Minute: calls, usage.Hour: calls, usage.Day: calls, usage.Month: calls}
}

func want(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestRecordsOfTheSameBucketsShareATransaction(t *testing.T) {
	store := newMemory()
	for i := range 480 {
		put(t, store.table(), record(fmt.Sprintf("r%03d", i), "orders", noon, 2))
	}
	want(t, "report", fold.Report{Records: 480, Calls: 960, Buckets: 40, LagSeconds: 58}, run(t, store))
	want(t, "totals", all(960), stored(t, store.table(), "orders"))
	want(t, "transactions", 10, store.folds) // 48 records and 4 buckets are 100 items
	want(t, "items of the largest", 100, store.largest)
}

func TestNoBucketGetsMoreCountersThanAnExpressionTakes(t *testing.T) {
	store := newMemory()
	for n := range 3 {
		spread := &usage.Record{At: noon, Flushed: noon, Cells: []usage.Delta{{Add: map[string]int64{usage.CountCalls: 1},
			Bucket: usage.Bucket{Step: usage.Minute, At: noon, API: "orders", Version: "v1", Operation: "get", App: "shop"}}}}
		for l := range 150 {
			spread.Cells[0].Add[fmt.Sprintf("l%d", 150*n+l)] = 1
		}
		id := fmt.Sprintf("r%d", n)
		put(t, store.table(), usage.Pending{ID: id, Shard: usage.Shard(id), Body: spread.Encode()})
	}
	want(t, "records", 3, run(t, store).Records)
	want(t, "transactions", 3, store.folds)
	want(t, "transactions that no store takes", 0, store.beyond)
}

func TestMoreThanAPageIsFoldedInOneRun(t *testing.T) {
	store := newMemory()
	for i := range 3000 {
		put(t, store.table(), record(fmt.Sprintf("r%04d", i), "orders", noon.Add(time.Duration(i%3)*time.Hour), 1))
	}
	want(t, "records", 3000, run(t, store).Records)
	want(t, "totals", all(3000), stored(t, store.table(), "orders"))
}

func TestNothingWaitingIsNothingToDo(t *testing.T) {
	want(t, "report", fold.Report{}, run(t, newMemory()))
}

func TestALateRecordIsFoldedIntoItsOwnMinute(t *testing.T) {
	store := newMemory()
	put(t, store.table(), record("now", "orders", noon, 1))
	run(t, store)
	put(t, store.table(), record("late", "orders", noon.Add(-time.Hour), 5))
	run(t, store)
	deltas, _ := store.UsageBuckets(t.Context(), "orders", usage.Minute, noon.Add(-time.Hour), noon)
	if len(deltas) != 1 || !deltas[0].Bucket.At.Equal(noon.Add(-time.Hour)) || deltas[0].Add[usage.CountCalls] != 5 {
		t.Errorf("got %v", deltas)
	}
}

func TestAFlushThatComesAgainAfterItsFoldIsDropped(t *testing.T) {
	store := newMemory()
	first, second := record("first", "orders", noon, 3), record("second", "orders", noon, 4)
	put(t, store.table(), first)
	run(t, store)
	put(t, store.table(), first, second, first)
	want(t, "report", fold.Report{Records: 1, Calls: 4, Duplicates: 1, Buckets: 4, LagSeconds: 58}, run(t, store))
	want(t, "totals", all(7), stored(t, store.table(), "orders"))
	want(t, "waiting", 0, len(store.pending))
}

func TestARecordThatCannotBeReadKeepsNobodyWaitingAndStays(t *testing.T) {
	store, log := newMemory(), &bytes.Buffer{}
	for i := range 200 { // more than a page, before all others, in one shard
		store.pending[fmt.Sprintf("a%03d", i)] = usage.Pending{ID: fmt.Sprintf("a%03d", i), Shard: usage.Shard("good"), Body: []byte("from the future")}
	}
	put(t, store.table(), record("good", "orders", noon, 3))
	report, err := folder(store, log).Handle(t.Context(), fold.Event{})
	want(t, "report", fold.Report{Records: 1, Calls: 3, Poisoned: 200, Buckets: 4, LagSeconds: 58}, report)
	if err != nil || len(store.pending) != 200 || !strings.Contains(log.String(), "record=a007") {
		t.Errorf("error %v, %d records stay", err, len(store.pending))
	}
}

func TestAShardFullOfUnreadableRecordsBlocksNoOtherShard(t *testing.T) {
	store := newMemory()
	for i := range 3000 {
		store.pending[fmt.Sprintf("a%04d", i)] = usage.Pending{ID: fmt.Sprintf("a%04d", i), Shard: 0, Body: []byte{9}}
	}
	for i := range 100 {
		put(t, store.table(), record(fmt.Sprintf("r%03d", i), "orders", noon, 1))
	}
	report, err := folder(store, io.Discard).Handle(t.Context(), fold.Event{})
	blocked := 0
	for _, p := range store.pending {
		if p.ID[0] == 'r' && p.Shard == 0 {
			blocked++
		}
	}
	if err == nil || report.Records != 100-blocked || blocked > 20 {
		t.Errorf("error %v, %d folded, %d blocked", err, report.Records, blocked)
	}
}

func TestARecordThatTheStoreRefusesIsSetAsideAndTheOthersAreFolded(t *testing.T) {
	store := newMemory()
	for i := range 40 {
		put(t, store.table(), record(fmt.Sprintf("r%02d", i), "orders", noon, 1))
	}
	store.refuse["r17"], store.refuse["r31"] = true, true
	report := run(t, store)
	if report.Records != 38 || report.Poisoned != 2 || report.Remaining != 0 {
		t.Errorf("got %+v", report)
	}
	want(t, "totals", all(38), stored(t, store.table(), "orders"))
}

func TestAStoreThatRefusesEverythingIsAnErrorAndNotPoison(t *testing.T) {
	store := newMemory()
	for i := range 200 {
		put(t, store.table(), record(fmt.Sprintf("r%03d", i), "orders", noon, 1))
		store.refuse[fmt.Sprintf("r%03d", i)] = true
	}
	report, err := folder(store, io.Discard).Handle(t.Context(), fold.Event{})
	if err == nil || report.Records != 0 || report.Poisoned > 8 || report.Remaining != 200-report.Poisoned {
		t.Errorf("error %v, %+v", err, report)
	}
}

func TestARecordAlwaysInConflictIsLeftToTheNextRun(t *testing.T) {
	store := newMemory()
	for i := range 40 {
		put(t, store.table(), record(fmt.Sprintf("r%02d", i), "orders", noon, 1))
	}
	store.stuck["r17"] = true
	report := run(t, store)
	if report.Records != 39 || report.Remaining != 1 {
		t.Errorf("got %+v", report)
	}
	store.stuck["r17"] = false
	want(t, "records of the next run", 1, run(t, store).Records)
	want(t, "totals", all(40), stored(t, store.table(), "orders"))
}

func TestACompetitorThatFoldsFirstIsNotCountedTwice(t *testing.T) {
	store := newMemory()
	for i := range 300 {
		put(t, store.table(), record(fmt.Sprintf("r%03d", i), "orders", noon, 1))
	}
	var other fold.Report
	mine := run(t, faulty{Store: store, before: func(op string) error {
		if op == "fold" && other.Records == 0 {
			other = run(t, store)
		}
		return nil
	}})
	if other.Records != 300 || mine.Records != 0 || mine.Duplicates != 300 || mine.Remaining != 0 {
		t.Errorf("mine %+v, other %+v", mine, other)
	}
	want(t, "totals", all(300), stored(t, store.table(), "orders"))
}

func TestAPartitionThatFailsKeepsTheOthersGoing(t *testing.T) {
	away := problem.New(problem.Unavailable, "throttled")
	for promise, c := range map[string]struct {
		op            string
		fail          int // which call of op
		least, within int // records folded
	}{
		"a shard that cannot be read is left to the next run":     {"pending", 3, 60, 99},
		"a transaction that is throttled is left to the next run": {"fold", 1, 50, 99},
	} {
		t.Run(promise, func(t *testing.T) {
			store := newMemory()
			for i := range 100 {
				put(t, store.table(), record(fmt.Sprintf("r%03d", i), "orders", noon, 1))
			}
			n := 0
			report, err := folder(faulty{Store: store, before: func(op string) error {
				if op == c.op {
					n++
					if n == c.fail {
						return away
					}
				}
				return nil
			}}, io.Discard).Handle(t.Context(), fold.Event{})
			if !problem.Is(err, problem.Unavailable) || report.Records < c.least || report.Records > c.within {
				t.Errorf("error %v, %+v", err, report)
			}
			run(t, store)
			want(t, "totals after the next run", all(100), stored(t, store.table(), "orders"))
		})
	}
}

func TestAStoreThatIsAwayEndsTheRunSoon(t *testing.T) {
	n := 0
	_, err := folder(faulty{Store: newMemory(), before: func(string) error {
		n++
		return problem.New(problem.Unavailable, "away")
	}}, io.Discard).Handle(t.Context(), fold.Event{})
	if !problem.Is(err, problem.Unavailable) || n > 4 {
		t.Errorf("error %v after %d calls", err, n)
	}
}

func TestAnOutageIsTwoLinesHoweverManyRunsItFails(t *testing.T) {
	var log bytes.Buffer
	store := newMemory()
	put(t, store.table(), record("r1", "orders", noon, 1))
	var away error
	f := folder(faulty{Store: store, before: func(string) error { return away }}, &log)
	for n := range 20 {
		away = nil
		if n >= 5 && n < 15 {
			away = problem.New(problem.Unavailable, "away")
		}
		if _, err := f.Handle(t.Context(), fold.Event{}); (err != nil) != (away != nil) || err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("run %d: %v", n, err)
		}
	}
	if errs, again := strings.Count(log.String(), "not folded"), strings.Count(log.String(), "folded again"); errs != 1 || again != 1 {
		t.Errorf("%d lines of an outage, %d of its end:\n%s", errs, again, &log)
	}
}

func TestARunStopsBeforeItsTimeIsUpAndSaysWhatRemains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		for i := range 640 {
			put(t, store.table(), record(fmt.Sprintf("r%03d", i), catalog.APIID(fmt.Sprintf("api-%d", i)), noon, 1))
		}
		slow := faulty{Store: store, before: func(string) error { time.Sleep(time.Second); return nil }}
		ctx, stop := context.WithTimeout(t.Context(), 55*time.Second)
		defer stop()
		began := time.Now()
		report, err := folder(slow, io.Discard).Handle(ctx, fold.Event{})
		if err != nil || ctx.Err() != nil || time.Since(began) > 46*time.Second {
			t.Errorf("error %v after %v", err, time.Since(began))
		}
		if report.Records == 0 || report.Remaining == 0 || report.Records+report.Remaining != 640 {
			t.Errorf("got %+v", report)
		}
		want(t, "records of the next run", report.Remaining, run(t, store).Records)
	})
}
