package store_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/dynamo"
	"sluice/shared/limit/counter"
)

var limits = []guarantee{
	{"each condition of a step holds or the state stays as it is and is told", stepConditions},
	{"a step that asks for two changes of one limit, or has no time, is refused", badSteps},
	{"a state that was never set is zero, and one past its time is told as it is", limitState},
	{"concurrent steps of several instances are all counted, and none beyond the most", stepRace},
	{"a store does to a state what a step means", stepMeaning},
}

func stepConditions(t *testing.T, b bench) {
	type change func(*counter.Step)
	advance := func(by, min, max int64) change {
		return func(s *counter.Step) { s.RateAdvance = &counter.RateAdvance{By: by, Min: min, Max: max} }
	}
	set := func(to, below int64) change {
		return func(s *counter.Step) { s.RateSet = &counter.RateSet{To: to, Below: below} }
	}
	add := func(p string, units, most int64) change {
		return func(s *counter.Step) { s.QuotaAdd = &counter.QuotaAdd{Period: p, Units: units, Most: most} }
	}
	from := func(before, p string, units int64) change {
		return func(s *counter.Step) { s.QuotaReset = &counter.QuotaReset{From: before, Period: p, Units: units} }
	}
	reset := func(p string, units int64) change { return from("", p, units) }
	both, made := []change{set(5, 0), reset("2026-11", 3)}, counter.State{TAT: 5, Period: "2026-11", Used: 3}
	used := func(n int64) counter.State { return counter.State{Period: "2026-11", Used: n} }
	december := counter.State{Period: "2026-12", Used: 1}
	const huge = math.MaxInt64 - 1
	for name, c := range map[string]struct {
		from []change // steps that make the state
		step []change
		then counter.State
		ok   bool
	}{
		"nothing asked, nothing there":        {nil, nil, counter.State{}, true},
		"advance where nothing is":            {nil, []change{advance(1, 0, 10)}, counter.State{}, false},
		"add where nothing is":                {nil, []change{add("2026-11", 1, 10)}, counter.State{}, false},
		"set where nothing is":                {nil, []change{set(5, 0)}, counter.State{TAT: 5}, true},
		"reset where nothing is":              {nil, []change{reset("2026-11", 3)}, used(3), true},
		"both where nothing is":               {nil, both, made, true},
		"advance at the lower bound":          {[]change{set(5, 0)}, []change{advance(2, 5, 9)}, counter.State{TAT: 7}, true},
		"advance at the upper bound":          {[]change{set(5, 0)}, []change{advance(2, 1, 5)}, counter.State{TAT: 7}, true},
		"advance below the lower bound":       {[]change{set(5, 0)}, []change{advance(2, 6, 9)}, counter.State{TAT: 5}, false},
		"advance above the upper bound":       {[]change{set(5, 0)}, []change{advance(2, 1, 4)}, counter.State{TAT: 5}, false},
		"set above":                           {[]change{set(5, 0)}, []change{set(9, 6)}, counter.State{TAT: 9}, true},
		"set at the bound":                    {[]change{set(5, 0)}, []change{set(9, 5)}, counter.State{TAT: 5}, false},
		"add at the most":                     {[]change{reset("2026-11", 3)}, []change{add("2026-11", 2, 3)}, used(5), true},
		"add beyond the most":                 {[]change{reset("2026-11", 3)}, []change{add("2026-11", 2, 2)}, used(3), false},
		"add in another period":               {[]change{reset("2026-11", 3)}, []change{add("2026-12", 2, 9)}, used(3), false},
		"reset to a later period":             {[]change{reset("2026-11", 3)}, []change{from("2026-11", "2026-12", 1)}, december, true},
		"reset where one is":                  {[]change{reset("2026-11", 3)}, []change{reset("2026-12", 1)}, used(3), false},
		"reset from another one":              {[]change{reset("2026-11", 3)}, []change{from("2026-10", "2026-12", 1)}, used(3), false},
		"rate refused leaves the quota alone": {both, []change{advance(1, 6, 9), add("2026-11", 1, 9)}, made, false},
		"quota refused leaves the rate alone": {both, []change{advance(1, 1, 9), add("2026-11", 1, 2)}, made, false},
		"both at once":                        {both, []change{advance(1, 1, 9), add("2026-11", 4, 9)}, counter.State{TAT: 6, Period: "2026-11", Used: 7}, true},
		"numbers that no float holds":         {[]change{set(huge-1, 0)}, []change{advance(1, huge-1, huge)}, counter.State{TAT: huge}, true},
		"units are given back":                {[]change{reset("2026-11", 3)}, []change{add("2026-11", -2, 9)}, used(1), true},
	} {
		t.Run(name, func(t *testing.T) {
			table := b.open(t)
			step := func(changes []change) (counter.State, bool) {
				s := counter.Step{Expires: noon}
				for _, c := range changes {
					c(&s)
				}
				after, applied, err := table.ApplyLimit(t.Context(), name, s)
				must(t, err, "step")
				after.Seen = counter.Seen{}
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
	for _, s := range []counter.Step{
		{},
		{Expires: noon, RateAdvance: &counter.RateAdvance{}, RateSet: &counter.RateSet{}},
		{Expires: noon, QuotaAdd: &counter.QuotaAdd{}, QuotaReset: &counter.QuotaReset{}},
	} {
		_, _, err := table.ApplyLimit(t.Context(), "s1", s)
		plain(t, err, fmt.Sprintf("%+v", s))
	}
}

func limitState(t *testing.T, b bench) {
	table := b.open(t, dynamo.WithClock(func() time.Time { return noon.AddDate(1, 0, 0) }))
	if got, err := table.LimitState(t.Context(), "s1"); got != (counter.State{}) || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	_, _, err := table.ApplyLimit(t.Context(), "s1", counter.Step{Expires: noon, RateSet: &counter.RateSet{To: 5}})
	must(t, err, "step")
	if got, err := table.LimitState(t.Context(), "s1"); got.TAT != 5 || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func stepRace(t *testing.T, b bench) {
	const most, each, instances = 40, 15, 4
	table := b.open(t)
	_, _, err := table.ApplyLimit(t.Context(), "s1", counter.Step{Expires: noon, QuotaReset: &counter.QuotaReset{Period: "2026-11"}})
	must(t, err, "reset")
	var admitted atomic.Int64
	var all sync.WaitGroup
	for range instances {
		table := b.open(t)
		all.Go(func() {
			for range each {
				_, applied, err := table.ApplyLimit(t.Context(), "s1",
					counter.Step{Expires: noon, QuotaAdd: &counter.QuotaAdd{Period: "2026-11", Units: 1, Most: most - 1}})
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

// stepMeaning shows the store random steps on random states: it must do what Step.Apply does.
func stepMeaning(t *testing.T, b bench) {
	table := b.open(t)
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- the same steps each time
	name := func() string { return []string{"", "2026-11", "2026-12", "2027-01"}[random.IntN(4)] }
	n := func() int64 { return int64(random.IntN(7)) - 2 }
	ahead := func() *counter.Ahead {
		if random.IntN(2) == 0 {
			return nil
		}
		return &counter.Ahead{Of: name(), Units: n(), Most: n(), Fresh: random.IntN(2) == 0}
	}
	places := []int{0, 1, 61, 62, 63, 64, counter.Places - 1} // the last ones are shared
	applied := 0
	for range 40 {
		id, item := fmt.Sprint(random.Uint64()), counter.Item{}
		for range 20 {
			s := counter.Step{ID: counter.Mark(1 + random.Int64N(1<<59)), Place: places[random.IntN(len(places))], Expires: noon}
			state := item.State
			switch random.IntN(3) {
			case 0:
				least := n() // no step of ours has bounds that cross
				s.RateAdvance = &counter.RateAdvance{By: 1 + int64(random.IntN(3)), Min: least, Max: least + 3}
			case 1:
				s.RateSet = &counter.RateSet{To: 1 + int64(random.IntN(5)), Below: 1 + int64(random.IntN(5))}
			}
			switch random.IntN(3) {
			case 0:
				s.QuotaAdd = &counter.QuotaAdd{Period: state.Period, Units: n(), Most: n() + 4, Risk: n(), MostRisk: n(), Ahead: ahead()}
			case 1:
				s.QuotaReset = &counter.QuotaReset{From: state.Period, Period: "2026-1" + fmt.Sprint(random.IntN(3)), Units: n(), Risk: n(),
					Carried: random.IntN(2) == 0, CarriedAhead: n(), Ahead: ahead()}
			}
			if s.QuotaAdd != nil && s.QuotaAdd.Period == "" {
				s.QuotaAdd = nil // none of ours has no period
			}
			switch s.After = item.Marks[s.Place]; random.IntN(6) {
			case 0:
				s.After = 0
			case 1:
				s.After = 5
			case 2:
				s.ID, s.After = item.Marks[s.Place], 0 // shown again
			}
			before := item
			want, fits := item.Apply(s)
			got, ok, err := table.ApplyLimit(t.Context(), id, s)
			if got != want || ok != fits || err != nil {
				t.Fatalf("%+v on %+v gives %+v, %v, %v; want %+v, %v", s, before, got, ok, err, want, fits)
			}
			if ok {
				applied++
			}
		}
	}
	if applied < 100 {
		t.Errorf("only %d steps were applied", applied)
	}
}
