package fold_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sluice/functions/rollup/fold"
	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/problem"
	"sluice/shared/usage"
)

// world is some instances that count, a table, rollups that fold, and the log of what was called.
type world struct {
	t         *rapid.T
	store     table
	salt      string // before all ids and APIs, so that runs may share a table
	counters  []*usage.Counter
	handed    []usage.Pending // every record ever flushed
	log       map[string]int64
	next      int
	crashes   int
	duplicate int
}

// errCrash is a death: the run ends where it is.
var errCrash = errors.New("crashed")

func newWorld(t *rapid.T, store table, salt string) *world {
	w := &world{t: t, store: store, salt: salt, log: map[string]int64{}}
	for range rapid.IntRange(1, 3).Draw(t, "instances") {
		w.counters = append(w.counters, usage.NewCounter(w.newID, rapid.IntRange(2, 20).Draw(t, "most")))
	}
	return w
}

func (w *world) newID() string {
	w.next++
	return fmt.Sprintf("%s-%06d", w.salt, w.next)
}

func (w *world) api(n int) catalog.APIID { return catalog.APIID(fmt.Sprintf("%s-api-%d", w.salt, n)) }

// steps are what may happen, in any order.
func (w *world) steps() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"call":        w.call,
		"burst":       func(t *rapid.T) { w.call(t); w.call(t); w.call(t) },
		"flush":       w.flush,
		"flush again": w.flushAgain,
		"fold":        func(t *rapid.T) { w.fold(t, w.competed(t, 0)) },
		"crash":       func(t *rapid.T) { w.crash(t) },
	}
}

func (w *world) call(t *rapid.T) {
	api := rapid.IntRange(0, 2).Draw(t, "api")
	f := usage.Facts{API: w.api(api), Version: "v1", Operation: rapid.SampledFrom([]string{"get", "put"}).Draw(t, "operation"),
		App: catalog.AppID(rapid.SampledFrom([]string{"shop", "till"}).Draw(t, "app")), Consumer: "acme",
		At:        noon.Add(-time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 61}).Draw(t, "minutes ago")) * time.Minute),
		Forwarded: true, Status: 200, Total: time.Duration(rapid.IntRange(1, 1e9).Draw(t, "latency")), BytesIn: 7, BytesOut: 11}
	if rapid.IntRange(0, 3).Draw(t, "refused") == 0 {
		f.Forwarded, f.Status, f.Refusal = false, 429, decision.QuotaExhausted
		w.log[fmt.Sprintf("%d refused", api)]++
	} else {
		w.log[fmt.Sprintf("%d calls", api)]++
	}
	if rapid.IntRange(0, 3).Draw(t, "shadowed") == 0 {
		f.Shadows = []string{"basic-rate", "orders-api-quota"}
		if f.Forwarded {
			w.log[fmt.Sprintf("%d would be refused", api)]++
		}
	}
	rapid.SampledFrom(w.counters).Draw(t, "instance").Add(f)
}

// flush hands records to the store; some do not arrive, and some answers do not come back.
func (w *world) flush(t *rapid.T) {
	counter := rapid.SampledFrom(w.counters).Draw(t, "instance")
	for _, p := range counter.Drain(noon) {
		way := rapid.IntRange(0, 5).Draw(t, "way")
		if way == 0 {
			continue
		}
		w.put(p)
		if way > 1 {
			counter.Stored(p.ID)
		}
	}
}

func (w *world) put(p usage.Pending) {
	if err := w.store.PutUsage(w.t.Context(), p, p.Expires); err != nil {
		w.t.Fatalf("put: %v", err)
	}
	w.handed = append(w.handed, p)
}

// flushAgain repeats flushes from any time before, as an instance does that was frozen.
func (w *world) flushAgain(t *rapid.T) {
	if len(w.handed) == 0 {
		return
	}
	for range rapid.IntRange(1, 4).Draw(t, "copies") {
		w.put(rapid.SampledFrom(w.handed).Draw(t, "record"))
		w.duplicate++
	}
}

// competed is a store on which other runs, themselves competed, happen between any two calls of this one.
func (w *world) competed(t *rapid.T, depth int) faulty {
	return faulty{Store: w.store, before: func(string) error {
		if depth < 2 && rapid.IntRange(0, 9+20*depth).Draw(t, "competitor") == 0 {
			w.fold(t, w.competed(t, depth+1))
		}
		return nil
	}}
}

func (w *world) fold(t *rapid.T, store faulty) {
	if _, err := folder(store, io.Discard).Handle(t.Context(), fold.Event{}); err != nil {
		t.Fatalf("fold: %v", err)
	}
}

// crash is a run that dies before or after one of its store calls, so that nobody learns what that call did.
func (w *world) crash(t *rapid.T) {
	left := rapid.IntRange(0, 40).Draw(t, "calls until the crash")
	dies := func(string) error {
		if left--; left < 0 {
			return problem.Wrap(errCrash, problem.Unavailable, "crashed")
		}
		return nil
	}
	store := faulty{Store: w.store}
	if rapid.Bool().Draw(t, "before the call works") {
		store.before = dies
	} else {
		store.after = dies
	}
	_, err := folder(store, io.Discard).Handle(t.Context(), fold.Event{})
	if err == nil && left < 0 {
		t.Fatal("a run that crashed reports success")
	}
	w.crashes++
}

// settle flushes and folds everything, and holds the totals against the log.
func (w *world) settle() {
	for _, counter := range w.counters {
		for range 2 {
			for _, p := range counter.Drain(noon) {
				w.put(p)
				counter.Stored(p.ID)
			}
		}
	}
	report, err := folder(w.store, io.Discard).Handle(w.t.Context(), fold.Event{})
	if err != nil || report.Remaining != 0 || report.Poisoned != 0 {
		w.t.Fatalf("the last run: %v, %+v", err, report)
	}
	for _, step := range usage.Steps() {
		totals := map[string]int64{}
		for n := range 3 {
			var calls, latencies, refused, refusals, bytes, would, limits int64
			deltas, err := w.store.UsageBuckets(w.t.Context(), w.api(n), step, noon.AddDate(0, -1, -noon.Day()), noon.AddDate(0, 1, 0))
			if err != nil {
				w.t.Fatalf("read: %v", err)
			}
			for _, d := range deltas {
				for name, count := range d.Add {
					switch {
					case name == usage.CountCalls:
						calls += count
					case name == usage.CountRefused:
						refused += count
					case name == "r_quota_exhausted":
						refusals += count
					case name == usage.CountWouldRefuse:
						would += count
					case strings.HasPrefix(name, "w_"):
						limits += count
					case name == usage.CountBytesOut:
						bytes += count
					case name[0] == 'l':
						latencies += count
					}
				}
			}
			if calls != latencies || refused != refusals || bytes != 11*calls || limits != 2*would {
				w.t.Fatalf("%s: %d calls, %d latencies, %d bytes; %d refused, %d by code; %d would be, %d by limit",
					step, calls, latencies, bytes, refused, refusals, would, limits)
			}
			for name, count := range map[string]int64{"calls": calls, "refused": refused, "would be refused": would} {
				if count > 0 {
					totals[fmt.Sprintf("%d %s", n, name)] = count
				}
			}
		}
		if diff := cmp.Diff(w.log, totals); diff != "" {
			w.t.Fatalf("%s: log and totals differ (-log +totals):\n%s", step, diff)
		}
	}
}

// TestTheTotalsAreTheLog is promise 5 for the way from the counters to the buckets: whatever is lost on the way, comes twice,
// dies or competes, the totals are those of the log, in every step.
func TestTheTotalsAreTheLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := newMemory()
		w := newWorld(t, store.table(), "m")
		t.Repeat(w.steps())
		w.settle()
		if store.beyond > 0 {
			t.Fatalf("%d transactions were larger than a store takes", store.beyond)
		}
	})
}

func TestRunsAtTheSameTimeCountEachRecordOnce(t *testing.T) {
	atTheSameTime(t, newMemory().table(), "c", 400)
}

func atTheSameTime(t *testing.T, store table, salt string, records int) {
	t.Helper()
	api := catalog.APIID(salt + "-orders")
	for i := range records {
		put(t, store, record(fmt.Sprintf("%s-%d", salt, i), api, noon, 1))
	}
	var runs sync.WaitGroup
	reports := make([]fold.Report, 4)
	for n := range reports {
		runs.Go(func() {
			for range 3 { // what a conflict leaves is for the next run
				report, err := folder(store, io.Discard).Handle(t.Context(), fold.Event{})
				if err != nil && !problem.Is(err, problem.Unavailable) && !problem.Is(err, problem.Throttled) {
					t.Errorf("fold: %v", err)
				}
				reports[n].Records += report.Records
			}
		})
	}
	runs.Wait()
	last := run(t, store).Records
	for _, r := range reports {
		last += r.Records
	}
	want(t, "records that the reports claim", records, last)
	want(t, "totals", all(int64(records)), stored(t, store, api))
}
