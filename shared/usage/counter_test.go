package usage_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/usage"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// ids gives id-1, id-2 ...
func ids() func() string {
	n := 0
	return func() string { n++; return fmt.Sprintf("id-%d", n) }
}

func call(change ...func(*usage.Facts)) usage.Facts {
	f := usage.Facts{At: noon, API: "orders", Version: "v1", Operation: "getOrder", App: "shop", Consumer: "acme",
		Forwarded: true, Status: 200, Total: 12 * time.Millisecond, Upstream: 10 * time.Millisecond, BytesIn: 100, BytesOut: 1000}
	for _, c := range change {
		c(&f)
	}
	return f
}

func anyCall(t *rapid.T) usage.Facts {
	f := usage.Facts{
		At:        noon.Add(time.Duration(rapid.IntRange(-90, 90).Draw(t, "minutes")) * time.Minute),
		API:       catalog.APIID(rapid.SampledFrom([]string{"orders", "stock", ""}).Draw(t, "api")),
		Version:   catalog.VersionID(rapid.SampledFrom([]string{"v1", "v2"}).Draw(t, "version")),
		Operation: rapid.SampledFrom([]string{"get", "GET /a#b", "put", strings.Repeat("x", 700), "\xff"}).Draw(t, "operation"),
		App:       catalog.AppID(rapid.SampledFrom([]string{"shop", "till", ""}).Draw(t, "app")),
		Forwarded: rapid.Bool().Draw(t, "forwarded"),
		Status:    rapid.SampledFrom([]int{0, 101, 200, 204, 302, 404, 500, 599}).Draw(t, "status"),
		Total:     latencies(1, 2*time.Hour).Draw(t, "total"),
		BytesIn:   rapid.Int64Range(0, 1<<30).Draw(t, "in"),
		BytesOut:  rapid.Int64Range(0, 1<<30).Draw(t, "out"),
	}
	if !f.Forwarded || rapid.IntRange(0, 5).Draw(t, "fails") == 0 {
		f.Refusal = rapid.SampledFrom(append(decision.Refusals(), "made_up")).Draw(t, "refusal")
	}
	f.Shadows = rapid.SampledFrom([][]string{nil, {"basic-rate"}, {"basic-rate", "orders-api-quota"}}).Draw(t, "shadows")
	f.Consumer = catalog.ConsumerID(map[catalog.AppID]string{"shop": "acme", "till": "bolt"}[f.App])
	return f
}

// totals adds up the minutes of records by counter, leaving latencies out: they are added up as "latencies".
func totals(t interface{ Fatalf(string, ...any) }, records []usage.Pending) map[string]int64 {
	all := map[string]int64{}
	for _, p := range records {
		r, err := usage.Decode(p.Body)
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		for _, c := range r.Cells {
			for name, n := range c.Add {
				if name[0] == 'l' {
					name = "latencies"
				}
				all[name] += n
			}
		}
	}
	return all
}

// logged is what totals must be for a log of calls, made independently of the Counter.
func logged(log []usage.Facts) map[string]int64 {
	all := map[string]int64{}
	add := func(name string, n int64) {
		if n != 0 {
			all[name] += n
		}
	}
	for _, f := range log {
		code := string(f.Refusal)
		if !f.Refusal.Known() {
			code = "internal"
		}
		if !f.Forwarded {
			add("refused", 1)
			add("r_"+code, 1)
			continue
		}
		if f.Refusal != "" {
			add("u_"+code, 1)
		}
		if f.Refusal != "" || f.Status >= 500 || f.Status == 0 {
			add("errors", 1)
		}
		status := f.Status
		if f.Refusal != "" {
			status = decision.Refusal(code).Status()
		}
		logShadows(f.Shadows, add)
		class := map[int]string{0: "s5xx", 1: "s2xx", 2: "s2xx", 3: "s3xx", 4: "s4xx", 5: "s5xx"}[status/100]
		add(class, 1)
		add("calls", 1)
		add("latencies", 1)
		add("bytes_in", f.BytesIn)
		add("bytes_out", f.BytesOut)
		add("time_us", f.Total.Microseconds())
		add("upstream_us", f.Upstream.Microseconds())
	}
	return all
}

func TestWhatIsDrainedIsTheLogHoweverSmallTheCounter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counter := usage.NewCounter(ids(), rapid.IntRange(1, 30).Draw(t, "most"))
		var log []usage.Facts
		stored := map[string]usage.Pending{}
		for step := range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 7).Draw(t, "what") {
			default:
				f := anyCall(t)
				log = append(log, f)
				counter.Add(f)
			case 0: // a flush, of which some records arrive, and of those some answers
				for _, p := range counter.Drain(noon.Add(time.Duration(step) * time.Second)) {
					if before, again := stored[p.ID]; again && !cmp.Equal(before, p) {
						t.Fatalf("record %s has changed", p.ID)
					}
					if rapid.Bool().Draw(t, "arrives") {
						stored[p.ID] = p
						if rapid.Bool().Draw(t, "answer") {
							counter.Stored(p.ID)
						}
					}
				}
			}
		}
		for range 2 { // a full backlog is drained first
			for _, p := range counter.Drain(noon) {
				stored[p.ID] = p
				counter.Stored(p.ID)
			}
		}
		if left := counter.Drain(noon); len(left) != 0 {
			t.Fatalf("%d records are left", len(left))
		}
		var all []usage.Pending
		for _, p := range stored {
			all = append(all, p)
		}
		if diff := cmp.Diff(logged(log), totals(t, all)); diff != "" {
			t.Fatalf("log and records differ (-log +records):\n%s", diff)
		}
	})
}

func TestARecordKeepsItsIDUntilItIsStored(t *testing.T) {
	counter := usage.NewCounter(ids(), 0)
	counter.Add(call())
	first := counter.Drain(noon)
	counter.Add(call())
	second := counter.Drain(noon.Add(time.Hour))
	if len(first) != 1 || len(second) != 2 || !cmp.Equal(first[0], second[0]) {
		t.Fatalf("first %v, second %v", first, second)
	}
	if want := noon.Add(usage.PendingRetention); !second[0].Expires.Equal(want) {
		t.Errorf("it expires %v after a retry, want %v as at first", second[0].Expires, want)
	}
	counter.Stored(first[0].ID)
	if third := counter.Drain(noon); len(third) != 1 || third[0].ID != second[1].ID {
		t.Errorf("after it is stored: %v", third)
	}
}

func TestRecordsKeepTheBoundsThatAFoldRestsOn(t *testing.T) {
	counter := usage.NewCounter(ids(), 0)
	for i := range 600 { // one cell with every latency there is, many others, two minutes
		counter.Add(call(func(f *usage.Facts) { f.Total = time.Duration(float64(time.Microsecond) * pow(1.0409, i)) }))
		counter.Add(call(func(f *usage.Facts) {
			f.Operation, f.At = fmt.Sprintf("op-%d", i), noon.Add(time.Duration(i%2)*time.Minute)
		}))
	}
	records := counter.Drain(noon)
	for _, p := range records {
		r, err := usage.Decode(p.Body)
		if err != nil {
			t.Fatal(err)
		}
		deltas := r.Deltas()
		if len(r.Cells) > usage.MaxCells || len(deltas) != 4*len(r.Cells) || 2+len(deltas) > 100 {
			t.Errorf("a record has %d cells and adds to %d buckets", len(r.Cells), len(deltas))
		}
		for _, d := range deltas {
			if len(d.Add) > usage.MaxCounters {
				t.Errorf("a bucket gets %d counters", len(d.Add))
			}
		}
		if p.Shard != usage.Shard(p.ID) || p.Shard < 0 || p.Shard >= usage.Shards {
			t.Errorf("record %s is in shard %d", p.ID, p.Shard)
		}
	}
	if got := totals(t, records); got["calls"] != 1200 || got["latencies"] != 1200 {
		t.Errorf("totals %v", got)
	}
}

func TestAFullCounterAsksForAFlushAndKeepsCounting(t *testing.T) {
	counter := usage.NewCounter(ids(), 10)
	asked := 0
	for i := range 1000 {
		if counter.Add(call(func(f *usage.Facts) { f.Operation = fmt.Sprintf("op-%d", i) })) {
			asked++
			if i < 9 {
				t.Errorf("it asks for a flush at cell %d", i)
			}
		}
	}
	if asked == 0 {
		t.Error("it never asked for a flush")
	}
	records := counter.Drain(noon)
	cells, others := 0, int64(0)
	for _, p := range records {
		r, err := usage.Decode(p.Body)
		if err != nil {
			t.Fatal(err)
		}
		cells += len(r.Cells)
		for _, c := range r.Cells {
			if c.Bucket.Operation == usage.OtherOperations {
				others += c.Add["calls"]
			}
		}
	}
	if cells != 21 || others != 980 || totals(t, records)["calls"] != 1000 {
		t.Errorf("%d cells, %d calls of other operations, %d calls", cells, others, totals(t, records)["calls"])
	}
}

func TestAnUnreachableStoreLeavesABoundedBacklog(t *testing.T) {
	counter := usage.NewCounter(ids(), 0)
	for i := range 1000 {
		counter.Add(call())
		counter.Drain(noon.Add(time.Duration(i) * time.Second))
	}
	backlog := counter.Drain(noon)
	if len(backlog) > 64 {
		t.Errorf("%d records wait", len(backlog))
	}
	for _, p := range backlog {
		counter.Stored(p.ID)
	}
	if got := totals(t, append(backlog, counter.Drain(noon)...))["calls"]; got != 1000 {
		t.Errorf("%d calls of 1000", got)
	}
}

func TestCallsAndFlushesAtOnceLoseNothing(t *testing.T) {
	var mu sync.Mutex
	next := ids()
	counter := usage.NewCounter(func() string { mu.Lock(); defer mu.Unlock(); return next() }, 50)
	stored := map[string]usage.Pending{}
	flush := func() {
		for _, p := range counter.Drain(noon) {
			mu.Lock()
			stored[p.ID] = p
			mu.Unlock()
			counter.Stored(p.ID)
		}
	}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 500 {
				if counter.Add(call(func(f *usage.Facts) { f.Operation = fmt.Sprint(i%70, worker%2) })) || i%100 == 0 {
					flush()
				}
			}
		})
	}
	all.Wait()
	flush()
	var records []usage.Pending
	for _, p := range stored {
		records = append(records, p)
	}
	if got := totals(t, records)["calls"]; got != 4000 {
		t.Errorf("%d calls of 4000", got)
	}
}

func TestAFlushWhileAnotherIsBeingPackedMissesNothing(t *testing.T) {
	second := make(chan []usage.Pending, 1)
	var counter *usage.Counter
	next := ids()
	counter = usage.NewCounter(func() string {
		go func() { second <- counter.Drain(noon) }() // a SIGTERM while the ticker's flush is at work
		for range 1000 {
			runtime.Gosched()
		}
		return next()
	}, 0)
	counter.Add(call())
	first := counter.Drain(noon)
	if diff := cmp.Diff(first, <-second); diff != "" || len(first) != 1 {
		t.Errorf("the second flush is not the first:\n%s", diff)
	}
}

func TestNamesThatNoStoreTakesAreShortenedAndStayApart(t *testing.T) {
	counter := usage.NewCounter(ids(), 0)
	long := strings.Repeat("é", 600)
	for _, op := range []string{long + "a", long + "b", "\xff\xfe", "\xff\xfd"} {
		counter.Add(call(func(f *usage.Facts) { f.Operation = op }))
	}
	counter.Add(call(func(f *usage.Facts) { f.At = time.Time{}; f.App = catalog.AppID(long); f.BytesIn = -5 }))
	seen := map[string]bool{}
	for _, p := range counter.Drain(noon) {
		r, err := usage.Decode(p.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range r.Cells {
			seen[c.Bucket.Operation+"|"+string(c.Bucket.App)] = true
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d different names of 5", len(seen))
	}
}

func TestShardsAreUsedEvenly(t *testing.T) {
	var count [usage.Shards]int
	for i := range 16000 {
		count[usage.Shard(fmt.Sprintf("01890a5d-ac96-774b-bcce-%012x", i))]++
	}
	for shard, n := range count {
		if n < 800 || n > 1200 {
			t.Errorf("shard %d got %d of 16000", shard, n)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	for name, operations := range map[string]int{"one cell": 1, "100 cells": 100} {
		b.Run(name, func(b *testing.B) {
			counter := usage.NewCounter(ids(), 0)
			facts := make([]usage.Facts, 997)
			for i := range facts {
				facts[i] = call(func(f *usage.Facts) {
					f.Operation = fmt.Sprintf("getOrder%d", i%operations)
					f.Total = time.Duration(1+i) * 50 * time.Microsecond
				})
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				counter.Add(facts[i%len(facts)])
				i++
			}
		})
	}
}

// BenchmarkFlush drains 100 calls after each interval and says how large their records are.
func BenchmarkFlush(b *testing.B) {
	for name, operations := range map[string]int{"100 calls of one cell": 1, "100 calls of 20 cells": 20, "100 calls of 100 cells": 100} {
		b.Run(name, func(b *testing.B) {
			counter := usage.NewCounter(ids(), 0)
			b.ReportAllocs()
			bytes, records := 0, 0
			for b.Loop() {
				for i := range 100 {
					counter.Add(call(func(f *usage.Facts) {
						f.Operation = fmt.Sprintf("operation-%d", i%operations)
						f.Total = time.Duration(5+i) * time.Millisecond
					}))
				}
				for _, p := range counter.Drain(noon) {
					bytes += len(p.Body)
					records++
					counter.Stored(p.ID)
				}
			}
			b.ReportMetric(float64(bytes)/float64(b.N), "bytes/flush")
			b.ReportMetric(float64(records)/float64(b.N), "records/flush")
		})
	}
}
