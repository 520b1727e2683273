package fold_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/functions/rollup/fold"
	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/usage"
	"sluice/test/engine"
)

// atNoon is a table whose clock stands where the records' clock does, so that nothing has expired.
func atNoon(t *testing.T) table {
	t.Helper()
	store, _ := engine.Table(t, dynamo.WithClock(later))
	return table{store, store, store}
}

func later() time.Time { return noon.Add(time.Minute) }

// TestTheTotalsAreTheLogOnTheRealTable is the body of TestTheTotalsAreTheLog on a real table.
func TestTheTotalsAreTheLogOnTheRealTable(t *testing.T) {
	store := atNoon(t)
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		if round++; round > 15 && !t.Failed() {
			return // enough for a table that takes a moment for each call; the search itself is the other test's
		}
		w := newWorld(t, store, fmt.Sprintf("e%d", round))
		t.Repeat(w.steps())
		w.settle()
	})
}

func TestRunsAtTheSameTimeCountEachRecordOnceOnTheRealTable(t *testing.T) {
	store := atNoon(t)
	atTheSameTime(t, store, "s", 120)
}

// TestTheLargestRecordsFitTheStore folds records with all the cells and all the counters that a Counter puts into one.
func TestTheLargestRecordsFitTheStore(t *testing.T) {
	store := atNoon(t)
	at := usage.Minute.Start(noon)
	for n := range 3 {
		largest := &usage.Record{At: at, Flushed: at}
		for i := range usage.MaxCells {
			cell := usage.Delta{Bucket: usage.Bucket{Step: usage.Minute, At: at, API: "orders", Version: "v1", Operation: "get",
				App: catalog.AppID(fmt.Sprintf("app-%d", i)), Consumer: "acme"}, Add: map[string]int64{usage.CountCalls: 1}}
			for l := range usage.MaxCounters - 1 {
				cell.Add[fmt.Sprintf("l%d", 295+l)] = 1 << 40
			}
			largest.Cells = append(largest.Cells, cell)
		}
		id := fmt.Sprintf("largest-%d", n)
		put(t, store, usage.Pending{ID: id, Shard: usage.Shard(id), Body: largest.Encode(), Expires: noon.Add(usage.PendingRetention)})
	}
	want(t, "records", 3, run(t, store).Records)
	want(t, "totals", all(3*usage.MaxCells), stored(t, store, "orders"))
}

// BenchmarkFold says what it costs to fold what 64 instances flush in 10 s: five records of twelve cells each.
func BenchmarkFold(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		calls, units := 0, 0.0
		store, _ := engine.Table(b, dynamo.WithClock(later), dynamo.WithObserver(func(_ string, read, write float64) { calls, units = calls+1, units+read+write }))
		for n := range 64 * 5 {
			counter := usage.NewCounter(func() string { return fmt.Sprintf("record-%d", n) }, 0)
			for i := range 12 {
				counter.Add(usage.Facts{At: noon, API: "orders", Version: "v1", Operation: fmt.Sprintf("op-%d", i), App: "shop", Forwarded: true, Status: 200})
			}
			for _, p := range counter.Drain(noon) {
				if err := store.PutUsage(b.Context(), p, p.Expires); err != nil {
					b.Fatal(err)
				}
			}
		}
		calls, units = 0, 0
		b.StartTimer()
		report, err := folder(store, b.Output()).Handle(b.Context(), fold.Event{})
		if err != nil || report.Records != 320 {
			b.Fatalf("%v, %+v", err, report)
		}
		b.ReportMetric(float64(calls), "storecalls")
		b.ReportMetric(units/320, "units/record")
	}
}
