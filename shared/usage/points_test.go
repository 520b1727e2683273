package usage_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/usage"
)

// folded is what the store keeps after these calls.
func folded(t interface{ Fatalf(string, ...any) }, log ...usage.Facts) []usage.Delta {
	counter := usage.NewCounter(ids(), 0)
	for _, f := range log {
		counter.Add(f)
	}
	var all []usage.Delta
	for _, p := range counter.Drain(noon) {
		r, err := usage.Decode(p.Body)
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		all = append(all, r.Deltas()...)
	}
	return usage.Merge(all...)
}

var examples = []usage.Facts{
	call(),
	call(func(f *usage.Facts) { f.At, f.Status = noon.Add(30*time.Minute), 404 }),
	call(func(f *usage.Facts) { f.Version, f.Status = "v2", 502 }),
	call(func(f *usage.Facts) {
		f.Operation, f.Status, f.Refusal, f.Total, f.BytesOut = "putOrder", 504, decision.UpstreamTimeout, 3*time.Second, 0
	}),
	call(func(f *usage.Facts) {
		f.App, f.Consumer, f.Forwarded, f.Status, f.Refusal = "till", "bolt", false, 429, decision.QuotaExhausted
	}),
	call(func(f *usage.Facts) { f.At, f.App, f.Consumer = noon.Add(2*time.Hour), "till", "bolt" }),
}

// brief writes what tells points apart.
func brief(points []usage.Point) []string {
	var lines []string
	for _, p := range points {
		p50 := "-"
		if p.P50Ms != nil {
			p50 = fmt.Sprintf("%.0f", *p.P50Ms)
		}
		lines = append(lines, fmt.Sprintf("%s %q calls %d errors %d refused %d p50 %s in %d out %d",
			p.At.Format("02T15:04"), p.Group, p.Calls, p.Errors, p.Refused, p50, p.BytesIn, p.BytesOut))
	}
	return lines
}

func TestPoints(t *testing.T) {
	day, hour := usage.Day.Start(noon), usage.Hour.Start(noon)
	for promise, c := range map[string]struct {
		step     usage.Step
		from, to time.Time
		by       usage.Group
		filter   usage.Filter
		want     []string
	}{
		"without groups there is one point for each window in which something was counted": {usage.Hour, day, day.Add(24 * time.Hour), usage.GroupNone, usage.Filter{}, []string{
			`23T12:00 "" calls 4 errors 2 refused 1 p50 12 in 400 out 3000`,
			`23T14:00 "" calls 1 errors 0 refused 0 p50 12 in 100 out 1000`}},
		"a window belongs to a span if it begins in it": {usage.Hour, hour.Add(1), hour.Add(2 * time.Hour), usage.GroupNone, usage.Filter{}, nil},
		"the start of a span belongs to it":             {usage.Hour, hour.Add(2 * time.Hour), hour.Add(3 * time.Hour), usage.GroupNone, usage.Filter{}, []string{`23T14:00 "" calls 1 errors 0 refused 0 p50 12 in 100 out 1000`}},
		"versions are told apart with their API":        {usage.Day, day, noon, usage.GroupVersion, usage.Filter{}, []string{`23T00:00 "orders/v1" calls 4 errors 1 refused 1 p50 12 in 400 out 3000`, `23T00:00 "orders/v2" calls 1 errors 1 refused 0 p50 12 in 100 out 1000`}},
		"apps are told apart, and a refused call is not a call": {usage.Hour, hour, hour.Add(time.Hour), usage.GroupApp, usage.Filter{}, []string{
			`23T12:00 "shop" calls 4 errors 2 refused 0 p50 12 in 400 out 3000`, `23T12:00 "till" calls 0 errors 0 refused 1 p50 - in 0 out 0`}},
		"consumers are told apart":  {usage.Month, usage.Month.Start(noon), noon, usage.GroupConsumer, usage.Filter{API: "orders"}, []string{`01T00:00 "acme" calls 4 errors 2 refused 0 p50 12 in 400 out 3000`, `01T00:00 "bolt" calls 1 errors 0 refused 1 p50 12 in 100 out 1000`}},
		"operations are told apart": {usage.Day, day, noon, usage.GroupOperation, usage.Filter{Version: "v1", App: "shop"}, []string{`23T00:00 "getOrder" calls 2 errors 0 refused 0 p50 12 in 200 out 2000`, `23T00:00 "putOrder" calls 1 errors 1 refused 0 p50 2963 in 100 out 0`}},
		"APIs are told apart":       {usage.Day, day, noon, usage.GroupAPI, usage.Filter{Operation: "putOrder"}, []string{`23T00:00 "orders" calls 1 errors 1 refused 0 p50 2963 in 100 out 0`}},
		"a group by status is what the callers received": {usage.Day, day, noon, usage.GroupStatus, usage.Filter{}, []string{
			`23T00:00 "2xx" calls 2 errors 0 refused 0 p50 - in 0 out 0`, `23T00:00 "4xx" calls 1 errors 0 refused 1 p50 - in 0 out 0`,
			`23T00:00 "5xx" calls 2 errors 2 refused 0 p50 - in 0 out 0`}},
		"a filter that nothing matches gives nothing": {usage.Day, day, noon, usage.GroupNone, usage.Filter{Consumer: "nobody"}, nil},
	} {
		t.Run(promise, func(t *testing.T) {
			got := usage.Points(folded(t, examples...), c.step, c.from, c.to, c.by, c.filter)
			if diff := cmp.Diff(c.want, brief(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEveryStepAndEveryGroupAddUpToTheLog(t *testing.T) {
	groups := []usage.Group{usage.GroupNone, usage.GroupAPI, usage.GroupVersion, usage.GroupOperation, usage.GroupApp,
		usage.GroupConsumer, usage.GroupStatus}
	rapid.Check(t, func(t *rapid.T) {
		log := rapid.SliceOfN(rapid.Custom(anyCall), 1, 40).Draw(t, "log")
		deltas, want := folded(t, log...), logged(log)
		for _, step := range usage.Steps() {
			for _, by := range groups {
				var calls, errors, refused int64
				for _, p := range usage.Points(deltas, step, noon.AddDate(0, -2, 0), noon.AddDate(0, 2, 0), by, usage.Filter{}) {
					calls, errors, refused = calls+p.Calls, errors+p.Errors, refused+p.Refused
				}
				if calls != want["calls"] || errors != want["errors"] || refused != want["refused"] {
					t.Fatalf("by %q and %s: %d calls, %d errors, %d refused; the log has %v", by, step, calls, errors, refused, want)
				}
			}
		}
	})
}

func TestAnAppThatMovesIsCountedForItsLatestConsumer(t *testing.T) {
	merged := folded(t, call(), call(func(f *usage.Facts) { f.Consumer = "bolt" }))
	if len(merged) != 4 || merged[0].Bucket.Consumer != "bolt" || merged[0].Add["calls"] != 2 {
		t.Errorf("in one record: %v", merged)
	}
	moved := folded(t, call(func(f *usage.Facts) { f.Consumer = "bolt" }))
	if merged := usage.Merge(append(folded(t, call()), moved...)...); len(merged) != 4 || merged[3].Bucket.Consumer != "bolt" {
		t.Errorf("in two records: %v", merged)
	}
}

func TestMergingLeavesWhatItIsGiven(t *testing.T) {
	a := folded(t, call())
	usage.Merge(append(a, a...)...)
	if diff := cmp.Diff(folded(t, call()), a); diff != "" {
		t.Error(diff)
	}
}

func TestAPointIsWrittenAsTheInterfaceSays(t *testing.T) {
	points := usage.Points(folded(t, examples[4]), usage.Day, usage.Day.Start(noon), noon, usage.GroupNone, usage.Filter{})
	got, err := json.Marshal(points)
	want := `[{"at":"2026-11-23T00:00:00Z","group":"","calls":0,"errors":0,"refused":1,"p50_ms":null,"p90_ms":null,"p99_ms":null,"bytes_in":0,"bytes_out":0,"would_refuse":0}]`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}

// BenchmarkPoints reads 30 days of one API with 1,000 apps: 1/100 of the largest query that is promised.
func BenchmarkPoints(b *testing.B) {
	var deltas []usage.Delta
	for d := range 30 {
		for app := range 1000 {
			add := map[string]int64{"calls": 1000, "s2xx": 1000, "bytes_in": 1e6, "bytes_out": 1e7, "time_us": 1e7}
			for l := range 60 {
				add[fmt.Sprintf("l%d", 180+l)] = 17
			}
			deltas = append(deltas, usage.Delta{Add: add, Bucket: usage.Bucket{Step: usage.Day, At: usage.Day.Start(noon).AddDate(0, 0, -d),
				API: "orders", Version: "v1", Operation: "getOrder", App: catalog.AppID(fmt.Sprintf("app-%d", app))}})
		}
	}
	for _, by := range []usage.Group{usage.GroupNone, usage.GroupApp} {
		b.Run("by "+string(by), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				usage.Points(deltas, usage.Day, noon.AddDate(0, 0, -31), noon, by, usage.Filter{})
			}
		})
	}
}
