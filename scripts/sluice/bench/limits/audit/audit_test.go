package audit_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/scripts/sluice/bench/limits/audit"
	"sluice/shared/catalog"
	"sluice/shared/decision"
)

var rules = audit.Rules{Slack: 2 * time.Second, Skew: 500 * time.Millisecond}

var midnight = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

func quota(n int, p catalog.Period, anchor int) decision.Limit {
	return decision.Limit{Kind: decision.QuotaLimit, Name: "q", Requests: n, Period: p, AnchorDay: anchor}
}

func rate(n, seconds, burst int) decision.Limit {
	return decision.Limit{Kind: decision.RateLimit, Name: "r", Requests: n, Seconds: seconds, Burst: burst}
}

// line is an entry of a hand-made log: n calls at one instant, told from midnight.
type line struct {
	at   time.Duration
	n    int
	fate audit.Fate
	cost int64
	by   int // which terms
}

// read holds a log against the rules. The first list of limits is in force where a line does not say otherwise.
func read(t *testing.T, r audit.Rules, plans [][]decision.Limit, log []line) audit.Findings {
	t.Helper()
	a := audit.New(r)
	counter := a.Counter("sub")
	terms := make([]int, len(plans))
	for i, p := range plans {
		var err error
		if terms[i], err = a.Terms(p); err != nil {
			t.Fatal(err)
		}
	}
	call := uint64(0)
	for _, l := range log {
		for range l.n {
			call++
			a.Add(audit.Entry{At: midnight.Add(l.at).UnixNano(), Call: call, Cost: max(1, l.cost), Counter: counter, Terms: terms[l.by], Fate: l.fate})
		}
	}
	return a.Finish(midnight.AddDate(1, 0, 0).UnixNano())
}

// verdict is what a log comes to.
type verdict struct {
	Over    int64
	Rules   []audit.Rule
	Periods int64
}

func TestWhatIsPlantedIsFoundAndNothingElse(t *testing.T) {
	const h, ms = time.Hour, time.Millisecond
	day10, second := quota(10, catalog.Day, 0), rate(10, 1, 5)
	over := func(units int64, rules ...audit.Rule) verdict { return verdict{Over: units, Rules: rules} }
	for name, c := range map[string]struct {
		rules audit.Rules
		plans [][]decision.Limit
		log   []line
		want  verdict
	}{
		"a quota that is kept":                {rules, [][]decision.Limit{{day10}}, []line{{h, 10, audit.Admitted, 1, 0}}, verdict{}},
		"one more than the quota":             {rules, [][]decision.Limit{{day10}}, []line{{h, 11, audit.Admitted, 1, 0}}, over(1, audit.Quota)},
		"one more by a call of cost 3":        {rules, [][]decision.Limit{{day10}}, []line{{h, 8, audit.Admitted, 1, 0}, {h, 1, audit.Admitted, 3, 0}}, over(3, audit.Quota)},
		"two days on both sides of midnight":  {rules, [][]decision.Limit{{day10}}, []line{{-1, 10, audit.Admitted, 1, 0}, {0, 10, audit.Admitted, 1, 0}}, verdict{}},
		"one more, a nanosecond before it":    {rules, [][]decision.Limit{{day10}}, []line{{-2, 10, audit.Admitted, 1, 0}, {-1, 1, audit.Admitted, 1, 0}}, over(1, audit.Quota)},
		"one more at the very midnight":       {rules, [][]decision.Limit{{day10}}, []line{{0, 10, audit.Admitted, 1, 0}, {24*h - 1, 1, audit.Admitted, 1, 0}}, over(1, audit.Quota)},
		"a shadow of a quota refuses nothing": {rules, [][]decision.Limit{{{Kind: decision.QuotaLimit, Requests: 1, Period: catalog.Day, Shadow: true}}}, []line{{0, 5, audit.Admitted, 1, 0}}, verdict{}},
		"a month from day 31 ends on Nov 30": {rules, [][]decision.Limit{{quota(2, catalog.Month, 31)}},
			[]line{{6*24*h - 1, 2, audit.Admitted, 1, 0}, {6 * 24 * h, 2, audit.Admitted, 1, 0}, {37*24*h - 1, 1, audit.Admitted, 1, 0}}, over(1, audit.Quota)},
		"a month from day 24 begins then": {rules, [][]decision.Limit{{quota(2, catalog.Month, 24)}},
			[]line{{-1, 2, audit.Admitted, 1, 0}, {0, 2, audit.Admitted, 1, 0}, {30*24*h - 1, 1, audit.Admitted, 1, 0}, {30 * 24 * h, 2, audit.Admitted, 1, 0}}, over(1, audit.Quota)},
		"a larger plan in the middle": {rules, [][]decision.Limit{{day10}, {quota(12, catalog.Day, 0)}}, []line{{h, 10, audit.Admitted, 1, 0}, {h, 2, audit.Admitted, 1, 1}}, verdict{}},
		"the smaller plan refuses what the larger one passed": {rules, [][]decision.Limit{{day10}, {quota(12, catalog.Day, 0)}},
			[]line{{h, 11, audit.Admitted, 1, 1}, {h, 1, audit.Admitted, 1, 0}}, over(1, audit.Quota)},

		"a burst and the slack at once":        {rules, [][]decision.Limit{{second}}, []line{{h, 25, audit.Admitted, 1, 0}}, verdict{}},
		"one more than that":                   {rules, [][]decision.Limit{{second}}, []line{{h, 26, audit.Admitted, 1, 0}}, over(1, audit.Rate)},
		"one more, a nanosecond too early":     {rules, [][]decision.Limit{{second}}, []line{{0, 25, audit.Admitted, 1, 0}, {100*ms - 1, 1, audit.Admitted, 1, 0}}, over(1, audit.Rate)},
		"one more, just in time":               {rules, [][]decision.Limit{{second}}, []line{{0, 25, audit.Admitted, 1, 0}, {100 * ms, 1, audit.Admitted, 1, 0}}, verdict{}},
		"a slow start does not hide a burst":   {rules, [][]decision.Limit{{second}}, []line{{0, 1, audit.Admitted, 1, 0}, {h, 26, audit.Admitted, 1, 0}}, over(1, audit.Rate)},
		"the burst is what the rate is":        {rules, [][]decision.Limit{{rate(1, 60, 0)}}, []line{{0, 2, audit.Admitted, 1, 0}}, over(1, audit.Rate)},
		"each plan's calls count against it":   {rules, [][]decision.Limit{{second}, {rate(20, 1, 5)}}, []line{{0, 25, audit.Admitted, 1, 0}, {0, 46, audit.Admitted, 1, 1}}, over(1, audit.Rate)},
		"those that follow one are not blamed": {rules, [][]decision.Limit{{second}}, []line{{0, 26, audit.Admitted, 1, 0}, {100 * ms, 1, audit.Admitted, 1, 0}}, over(1, audit.Rate)},

		"a quota of which one is never passed": {rules, [][]decision.Limit{{day10}}, []line{{h, 9, audit.Admitted, 1, 0}, {2 * h, 1, audit.OverQuota, 1, 0}}, verdict{0, []audit.Rule{audit.Waste}, 1}},
		"a quota that is used to the last":     {rules, [][]decision.Limit{{day10}}, []line{{h, 10, audit.Admitted, 1, 0}, {2 * h, 1, audit.OverQuota, 1, 0}}, verdict{0, nil, 1}},
		"99 of 100":                            {rules, [][]decision.Limit{{quota(100, catalog.Day, 0)}}, []line{{h, 99, audit.Admitted, 1, 0}, {2 * h, 1, audit.OverQuota, 1, 0}}, verdict{0, nil, 1}},
		"98 of 100":                            {rules, [][]decision.Limit{{quota(100, catalog.Day, 0)}}, []line{{h, 98, audit.Admitted, 1, 0}, {2 * h, 1, audit.OverQuota, 1, 0}}, verdict{0, []audit.Rule{audit.Waste}, 1}},
		"99 of 100 where nothing may be lost":  {audit.Rules{Exact: true}, [][]decision.Limit{{quota(100, catalog.Day, 0)}}, []line{{h, 99, audit.Admitted, 1, 0}, {2 * h, 1, audit.OverQuota, 1, 0}}, verdict{0, []audit.Rule{audit.Waste}, 1}},
		"who stops asking is owed nothing":     {rules, [][]decision.Limit{{day10}}, []line{{h, 3, audit.Admitted, 1, 0}, {2 * h, 1, audit.OverQuota, 1, 0}, {2 * h, 1, audit.Admitted, 1, 0}}, verdict{}},
		"a call that died at its write":        {rules, [][]decision.Limit{{day10}}, []line{{h, 9, audit.Admitted, 1, 0}, {h, 1, audit.Died, 1, 0}, {2 * h, 1, audit.OverQuota, 1, 0}}, verdict{0, nil, 1}},
		"less is left than the call costs":     {rules, [][]decision.Limit{{day10}}, []line{{h, 8, audit.Admitted, 1, 0}, {2 * h, 1, audit.OverQuota, 3, 0}}, verdict{0, nil, 1}},
		"a refusal by the rate says nothing":   {rules, [][]decision.Limit{{day10, second}}, []line{{h, 8, audit.Admitted, 1, 0}, {2 * h, 1, audit.OverRate, 1, 0}}, verdict{}},
		"what passed just before the boundary is charged to both": {rules, [][]decision.Limit{{day10}},
			[]line{{-900 * ms, 4, audit.Admitted, 1, 0}, {h, 6, audit.Admitted, 1, 0}, {2 * h, 1, audit.OverQuota, 1, 0}}, verdict{0, nil, 1}},
		"and what passed just behind it": {rules, [][]decision.Limit{{day10}},
			[]line{{-h, 6, audit.Admitted, 1, 0}, {-ms, 1, audit.OverQuota, 1, 0}, {900 * ms, 4, audit.Admitted, 1, 0}}, verdict{0, nil, 1}},
		"but not what passed a second before": {rules, [][]decision.Limit{{day10}},
			[]line{{-1001 * ms, 4, audit.Admitted, 1, 0}, {h, 6, audit.Admitted, 1, 0}, {2 * h, 1, audit.OverQuota, 1, 0}}, verdict{0, []audit.Rule{audit.Waste}, 1}},
		"a refusal at once behind the boundary may be of the old period": {rules, [][]decision.Limit{{day10}}, []line{{ms, 1, audit.OverQuota, 1, 0}}, verdict{}},

		"a period that is not over is not judged": {rules, [][]decision.Limit{{day10}}, []line{{366 * 24 * h, 1, audit.OverQuota, 1, 0}}, verdict{}},

		"a log that runs backwards": {rules, [][]decision.Limit{{day10}}, []line{{h, 1, audit.Admitted, 1, 0}, {h - 1, 1, audit.Admitted, 1, 0}}, over(0, audit.Disorder)},
	} {
		t.Run(name, func(t *testing.T) {
			f := read(t, c.rules, c.plans, c.log)
			got := verdict{Over: f.Over, Periods: f.Periods}
			for _, v := range f.First {
				got.Rules = append(got.Rules, v.Rule)
				t.Log(v)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The bound on rates is about every pair of instants. The checker passes the log once; here each pair is looked at.
func TestTheRateIsHeldBetweenAllPairsOfInstants(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	found := 0
	for range 3000 {
		units, seconds, burst := 1+random.IntN(9), 1+random.IntN(3), 1+random.IntN(6)
		slack := time.Duration(random.IntN(3)) * time.Second
		log := make([]line, 1+random.IntN(30))
		at := time.Duration(0)
		for i := range log {
			at += time.Duration(random.Int64N(int64(time.Second) / int64(1+random.IntN(8))))
			log[i] = line{at: at, n: 1, cost: 1 + int64(random.IntN(3))}
		}
		first := 0 // the entry that is beyond
		for j := range log {
			sum := int64(0)
			for i := j; i >= 0 && first == 0; i-- {
				sum += log[i].cost
				apart := log[j].at - log[i].at + slack
				if (sum-int64(burst))*int64(seconds)*int64(time.Second) > int64(units)*int64(apart) {
					first = j + 1
				}
			}
		}
		f := read(t, audit.Rules{Slack: slack}, [][]decision.Limit{{rate(units, seconds, burst)}}, log)
		got := 0
		if len(f.First) > 0 {
			got = int(f.First[0].Call)
			found++
		}
		if got != first {
			t.Fatalf("%d per %d s, burst %d, slack %s, %v: entry %d is beyond, want %d", units, seconds, burst, slack, log, got, first)
		}
	}
	if found < 300 || found > 2700 {
		t.Errorf("%d of 3000 logs break the rate: that tests little", found)
	}
}

func TestTheMostWritesOfASecondAreThoseOfItsWorst(t *testing.T) {
	a := audit.New(rules)
	one, other := a.Counter("one"), a.Counter("other")
	at := midnight.UnixNano()
	for i := range 300 {
		a.Written(at+int64(i)*int64(10*time.Millisecond), one)
		a.Written(at+int64(i)*int64(10*time.Millisecond), other)
	}
	for range 40 {
		a.Written(at+int64(3500*time.Millisecond), one) // the 49 that came after 2.5 s are within its second
	}
	if f := a.Finish(at); f.PeakWrites != 100 || f.Writes != 640 {
		t.Errorf("%d writes, at most %d in a second; want 640 and 100", f.Writes, f.PeakWrites)
	}
}

func TestLimitsThatCannotBeCountedAreRefused(t *testing.T) {
	a := audit.New(rules)
	for name, l := range map[string][]decision.Limit{
		"nothing may pass":            {quota(0, catalog.Day, 0)},
		"an unknown period":           {quota(5, "year", 0)},
		"a day with an anchor":        {quota(5, catalog.Day, 3)},
		"an anchor outside of months": {quota(5, catalog.Month, 32)},
		"a rate of no time":           {rate(5, 0, 1)},
		"a rate beyond all numbers":   {rate(7, 1<<30, 1<<40)},
		"two quotas":                  {quota(5, catalog.Day, 0), quota(5, catalog.Month, 0)},
		"an unknown kind":             {{Kind: "odd", Requests: 1}},
	} {
		if _, err := a.Terms(l); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestFindingsJoin(t *testing.T) {
	day := [][]decision.Limit{{quota(1, catalog.Day, 0)}}
	f := read(t, rules, day, []line{{0, 9, audit.Admitted, 1, 0}})
	f.Join(read(t, rules, day, []line{{0, 9, audit.Admitted, 1, 0}}))
	if f.Over != 16 || f.Violations != 16 || len(f.First) != 10 || f.Admitted != 18 || f.WorstUse != 1 {
		t.Errorf("%+v", f)
	}
}

func BenchmarkAdd(b *testing.B) {
	a := audit.New(rules)
	counter := a.Counter("sub")
	terms, err := a.Terms([]decision.Limit{rate(50_000, 1, 50_000), quota(1_000_000_000, catalog.Month, 0)})
	if err != nil {
		b.Fatal(err)
	}
	at := midnight.UnixNano()
	b.ReportAllocs()
	for b.Loop() {
		at += 100_000
		a.Add(audit.Entry{At: at, Cost: 1, Counter: counter, Terms: terms, Fate: audit.Admitted})
	}
}
