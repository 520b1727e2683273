package store_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/limit"
	"sluice/shared/problem"
	"sluice/shared/usage"
)

var revisions = []guarantee{
	{"a chunk of any size comes back as it was", chunkSizes},
	{"putting a revision again changes nothing, a newer compiler's replaces it whole", chunkAgain},
	{"a revision of one version is not that of another", chunkApart},
	{"a damaged chunk is an error, never a wrong contract", chunkDamaged},
}

// noise makes bytes that nothing compresses.
func noise(n int) []byte {
	b := make([]byte, 0, n+sha256.Size)
	for i := 0; len(b) < n; i++ {
		sum := sha256.Sum256(fmt.Append(nil, i))
		b = append(b, sum[:]...)
	}
	return b[:n]
}

func chunkSizes(t *testing.T, b bench) {
	table := b.open(t)
	chunks := map[string][]byte{"nil": nil}
	for _, n := range []int{0, 1, 380 << 10, 380<<10 + 1, 389 << 10, 390 << 10, 400 << 10, 5 << 20} {
		chunks[fmt.Sprint("size-", n)] = noise(n)
	}
	must(t, table.PutRevision(t.Context(), "orders", "v1", "r1", chunks), "put")
	for name, chunk := range chunks {
		got, err := table.RevisionChunk(t.Context(), "orders", "v1", "r1", name)
		if err != nil || !bytes.Equal(got, chunk) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	err := table.PutRevision(t.Context(), "orders", "v1", "r1", map[string][]byte{strings.Repeat("x", 2000): nil})
	want(t, problem.Invalid, err, "a chunk with an impossible name")
}

func chunkAgain(t *testing.T, b bench) {
	table := b.open(t)
	first := map[string][]byte{"index": noise(1 << 20), "source": []byte("s")}
	must(t, table.PutRevision(t.Context(), "orders", "v1", "r1", first), "put")
	before := b.everything(t)
	must(t, table.PutRevision(t.Context(), "orders", "v1", "r1", first), "put again")
	if b.everything(t) != before {
		t.Error("the repetition changed something")
	}
	second := noise(1<<20 + 1)[1:]
	must(t, table.PutRevision(t.Context(), "orders", "v1", "r1", map[string][]byte{"index": second}), "put the newer")
	if got, err := table.RevisionChunk(t.Context(), "orders", "v1", "r1", "index"); err != nil || !bytes.Equal(got, second) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func chunkApart(t *testing.T, b bench) {
	table := b.open(t)
	must(t, table.PutRevision(t.Context(), "orders", "v1", "r1", map[string][]byte{"index": []byte("x")}), "put")
	for _, at := range [][4]string{{"orders", "v2", "r1", "index"}, {"order", "v1", "r1", "index"}, {"orders", "v1", "r2", "index"}, {"orders", "v1", "r1", "inde"}} {
		_, err := table.RevisionChunk(t.Context(), catalog.APIID(at[0]), catalog.VersionID(at[1]), catalog.RevisionID(at[2]), at[3])
		want(t, problem.NotFound, err, fmt.Sprint(at))
	}
}

func chunkDamaged(t *testing.T, b bench) {
	table := b.open(t)
	big := noise(800 << 10)
	must(t, table.PutRevision(t.Context(), "orders", "v1", "r1", map[string][]byte{"index": big}), "put")
	b.sweep(t, "revision#orders/v1#r1", fmt.Sprintf("index#%x#0001", sha256.Sum256(big)))
	_, err := table.RevisionChunk(t.Context(), "orders", "v1", "r1", "index")
	plain(t, err, "read")
}

var limits = []guarantee{
	{"each condition of a step holds or the state stays as it is and is told", stepConditions},
	{"a step that asks for two changes of one limit, or has no time, is refused", badSteps},
	{"a state that was never set is zero, and one past its time is told as it is", limitState},
	{"concurrent steps of several instances are all counted, and none beyond the most", stepRace},
}

func stepConditions(t *testing.T, b bench) {
	type change func(*limit.Step)
	advance := func(by, min, max int64) change {
		return func(s *limit.Step) { s.RateAdvance = &limit.RateAdvance{By: by, Min: min, Max: max} }
	}
	set := func(to, below int64) change {
		return func(s *limit.Step) { s.RateSet = &limit.RateSet{To: to, Below: below} }
	}
	add := func(p string, units, most int64) change {
		return func(s *limit.Step) { s.QuotaAdd = &limit.QuotaAdd{Period: p, Units: units, Most: most} }
	}
	reset := func(p string, units int64) change {
		return func(s *limit.Step) { s.QuotaReset = &limit.QuotaReset{Period: p, Units: units} }
	}
	const huge = math.MaxInt64 - 1
	for name, c := range map[string]struct {
		from []change // steps that make the state
		step []change
		then limit.State
		ok   bool
	}{
		"nothing asked, nothing there":        {nil, nil, limit.State{}, true},
		"advance where nothing is":            {nil, []change{advance(1, 0, 10)}, limit.State{}, false},
		"add where nothing is":                {nil, []change{add("2026-11", 1, 10)}, limit.State{}, false},
		"set where nothing is":                {nil, []change{set(5, 0)}, limit.State{TAT: 5}, true},
		"reset where nothing is":              {nil, []change{reset("2026-11", 3)}, limit.State{Period: "2026-11", Used: 3}, true},
		"both where nothing is":               {nil, []change{set(5, 0), reset("2026-11", 3)}, limit.State{TAT: 5, Period: "2026-11", Used: 3}, true},
		"advance at the lower bound":          {[]change{set(5, 0)}, []change{advance(2, 5, 9)}, limit.State{TAT: 7}, true},
		"advance at the upper bound":          {[]change{set(5, 0)}, []change{advance(2, 1, 5)}, limit.State{TAT: 7}, true},
		"advance below the lower bound":       {[]change{set(5, 0)}, []change{advance(2, 6, 9)}, limit.State{TAT: 5}, false},
		"advance above the upper bound":       {[]change{set(5, 0)}, []change{advance(2, 1, 4)}, limit.State{TAT: 5}, false},
		"set above":                           {[]change{set(5, 0)}, []change{set(9, 6)}, limit.State{TAT: 9}, true},
		"set at the bound":                    {[]change{set(5, 0)}, []change{set(9, 5)}, limit.State{TAT: 5}, false},
		"add at the most":                     {[]change{reset("2026-11", 3)}, []change{add("2026-11", 2, 3)}, limit.State{Period: "2026-11", Used: 5}, true},
		"add beyond the most":                 {[]change{reset("2026-11", 3)}, []change{add("2026-11", 2, 2)}, limit.State{Period: "2026-11", Used: 3}, false},
		"add in another period":               {[]change{reset("2026-11", 3)}, []change{add("2026-12", 2, 9)}, limit.State{Period: "2026-11", Used: 3}, false},
		"reset to a later period":             {[]change{reset("2026-11", 3)}, []change{reset("2026-12", 1)}, limit.State{Period: "2026-12", Used: 1}, true},
		"reset to the same period":            {[]change{reset("2026-11", 3)}, []change{reset("2026-11", 1)}, limit.State{Period: "2026-11", Used: 3}, false},
		"reset to an earlier period":          {[]change{reset("2026-11", 3)}, []change{reset("2026-10", 1)}, limit.State{Period: "2026-11", Used: 3}, false},
		"rate refused leaves the quota alone": {[]change{set(5, 0), reset("2026-11", 3)}, []change{advance(1, 6, 9), add("2026-11", 1, 9)}, limit.State{TAT: 5, Period: "2026-11", Used: 3}, false},
		"quota refused leaves the rate alone": {[]change{set(5, 0), reset("2026-11", 3)}, []change{advance(1, 1, 9), add("2026-11", 1, 2)}, limit.State{TAT: 5, Period: "2026-11", Used: 3}, false},
		"both at once":                        {[]change{set(5, 0), reset("2026-11", 3)}, []change{advance(1, 1, 9), add("2026-11", 4, 9)}, limit.State{TAT: 6, Period: "2026-11", Used: 7}, true},
		"numbers that no float holds":         {[]change{set(huge-1, 0)}, []change{advance(1, huge-1, huge)}, limit.State{TAT: huge}, true},
		"units are given back":                {[]change{reset("2026-11", 3)}, []change{add("2026-11", -2, 9)}, limit.State{Period: "2026-11", Used: 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			table := b.open(t)
			step := func(changes []change) (limit.State, bool) {
				s := limit.Step{Expires: noon}
				for _, c := range changes {
					c(&s)
				}
				after, applied, err := table.ApplyLimit(t.Context(), name, s)
				must(t, err, "step")
				return after, applied
			}
			if _, made := step(c.from); !made {
				t.Fatal("the state could not be made")
			}
			after, applied := step(c.step)
			if diff := cmp.Diff(c.then, after); diff != "" || applied != c.ok {
				t.Errorf("applied %v, want %v\n%s", applied, c.ok, diff)
			}
			if stored, err := table.LimitState(t.Context(), name); err != nil || stored != after {
				t.Errorf("stored is %+v, %v; told was %+v", stored, err, after)
			}
		})
	}
}

func badSteps(t *testing.T, b bench) {
	table := b.open(t)
	for _, s := range []limit.Step{
		{},
		{Expires: noon, RateAdvance: &limit.RateAdvance{}, RateSet: &limit.RateSet{}},
		{Expires: noon, QuotaAdd: &limit.QuotaAdd{}, QuotaReset: &limit.QuotaReset{}},
	} {
		_, _, err := table.ApplyLimit(t.Context(), "s1", s)
		plain(t, err, fmt.Sprintf("%+v", s))
	}
}

func limitState(t *testing.T, b bench) {
	table := b.open(t, dynamo.WithClock(func() time.Time { return noon.AddDate(1, 0, 0) }))
	if got, err := table.LimitState(t.Context(), "s1"); got != (limit.State{}) || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	_, _, err := table.ApplyLimit(t.Context(), "s1", limit.Step{Expires: noon, RateSet: &limit.RateSet{To: 5}})
	must(t, err, "step")
	if got, err := table.LimitState(t.Context(), "s1"); got.TAT != 5 || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func stepRace(t *testing.T, b bench) {
	const most, each, instances = 40, 15, 4
	table := b.open(t)
	_, _, err := table.ApplyLimit(t.Context(), "s1", limit.Step{Expires: noon, QuotaReset: &limit.QuotaReset{Period: "2026-11"}})
	must(t, err, "reset")
	var admitted atomic.Int64
	var all sync.WaitGroup
	for range instances {
		table := b.open(t)
		all.Go(func() {
			for range each {
				_, applied, err := table.ApplyLimit(t.Context(), "s1",
					limit.Step{Expires: noon, QuotaAdd: &limit.QuotaAdd{Period: "2026-11", Units: 1, Most: most - 1}})
				if err != nil {
					t.Error(err)
				}
				if applied {
					admitted.Add(1)
				}
			}
		})
	}
	all.Wait()
	if got, err := table.LimitState(t.Context(), "s1"); err != nil || got.Used != most || admitted.Load() != most {
		t.Errorf("stored %+v, %v; admitted %d", got, err, admitted.Load())
	}
}

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
		Step: usage.Hour, At: noon.Truncate(time.Hour), API: "orders", Version: "v1", Operation: "get#/a b", App: "shop", Consumer: "acme"}}
}

// folded fails unless the bucket of calls holds n.
func (b bench) folded(t *testing.T, n int64) {
	t.Helper()
	got, err := b.open(t, dynamo.WithClock(func() time.Time { return noon })).UsageBuckets(t.Context(), "orders", usage.Hour, noon.Truncate(time.Hour), noon)
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
		must(t, table.PutUsage(t.Context(), usage.Pending{ID: fmt.Sprint("p", n), Shard: 3, Body: []byte{byte(n)}}, noon.Add(time.Hour)), "put")
	}
	if some, err := table.PendingUsage(t.Context(), 3, 2); len(some) != 2 || err != nil {
		t.Errorf("%v, %v", some, err)
	}
	waiting, err := table.PendingUsage(t.Context(), 3, 100)
	if err != nil || len(waiting) != 5 || waiting[4].ID != "p4" || waiting[4].Shard != 3 || !bytes.Equal(waiting[4].Body, []byte{4}) {
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
	for name, span := range map[string][2]time.Duration{"before": {-time.Hour, 0}, "after": {3 * time.Hour, 5 * time.Hour}, "backwards": {2 * time.Hour, 0}, "empty": {0, 0}, "between": {time.Second, time.Hour}} {
		if got, err := table.UsageBuckets(t.Context(), "orders", usage.Hour, day.Add(span[0]), day.Add(span[1])); len(got) != 0 || err != nil {
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
