package fleet_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/scripts/sluice/bench/limits/audit"
	"sluice/scripts/sluice/bench/limits/fleet"
	"sluice/scripts/sluice/bench/limits/scenario"
	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/limit"
	"sluice/shared/limit/counter"
)

func TestEventsHappenInTheOrderOfTimeAndThoseOfOneInstantAsPlanned(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		instants := make([]int64, random.IntN(200))
		for i := range instants {
			instants[i] = random.Int64N(50)
		}
		want := make([]uint64, len(instants))
		for i := range want {
			want[i] = uint64(i)
		}
		slices.SortStableFunc(want, func(a, b uint64) int { return int(instants[a] - instants[b]) })
		if diff := cmp.Diff(want, fleet.Order(instants), cmp.Transformer("nil", func(s []uint64) string { return fmt.Sprint(s) })); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestTheSameSeedGivesTheSameRun(t *testing.T) {
	seen := map[uint64]bool{}
	for _, name := range []string{"midnight", "several", "outage", "late"} {
		s, _ := scenario.Find(name)
		for seed := range uint64(2) {
			once, err := fleet.Run(s.Config(seed, 5_000))
			again, errAgain := fleet.Run(s.Config(seed, 5_000))
			if err != nil || errAgain != nil {
				t.Fatal(err, errAgain)
			}
			if diff := cmp.Diff(once, again); diff != "" {
				t.Errorf("%s, seed %d: %s", name, seed, diff)
			}
			if seen[once.Digest] {
				t.Errorf("%s, seed %d: the same as another", name, seed)
			}
			seen[once.Digest] = true
		}
	}
}

func TestNoClockIsOffByMoreThanItMay(t *testing.T) {
	s, _ := scenario.Find("hot")
	var after []time.Duration
	for d := time.Duration(0); d < 3*time.Hour; d += 7 * time.Second {
		after = append(after, d)
	}
	for name, clocks := range map[string]fleet.Clocks{"constant": {Skew: scenario.Skew}, "that drift": {Skew: scenario.Skew, Drift: true},
		"at the edge": {Skew: scenario.Skew, Edge: true, Drift: true}, "right": {}} {
		most := time.Duration(0)
		for seed := range uint64(20) {
			c := s.Config(seed, 10)
			c.Clocks = clocks
			off, err := fleet.Off(c, after)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range off {
				most = max(most, d, -d)
			}
		}
		if most > clocks.Skew || most < clocks.Skew*8/10 {
			t.Errorf("clocks %s: off by up to %s", name, most)
		}
	}
}

// plain is one client of one instance, with nothing that goes wrong.
func plain(calls int64, faults fleet.Faults, parts fleet.Parts) fleet.Config {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	day := decision.Limit{Kind: decision.QuotaLimit, Name: "q", Requests: 100, Period: catalog.Day}
	return fleet.Config{Seed: 7, Calls: calls, Shape: fleet.Shape{Instances: 1, Slots: 1, Service: time.Millisecond},
		Counters: []fleet.Counter{{ID: "sub", Plans: [][]decision.Limit{{day}}}}, Kinds: []fleet.Kind{{Weight: 1, Counters: []int{0}, Cost: 1}},
		Traffic: fleet.Traffic{Cycle: func(n int) time.Time { return noon.AddDate(0, 0, n) }, Phases: []fleet.Phase{{For: time.Hour, PerSecond: 1}}},
		Faults:  faults, Parts: parts, Rules: audit.Rules{Slack: time.Second, Exact: true}}
}

func TestAQuotaIsUsedToTheLastUnitAndNotBeyond(t *testing.T) {
	r, err := fleet.Run(plain(10_000, fleet.Faults{}, fleet.Sound(0)))
	if err != nil || r.Findings.Violations != 0 || r.Admitted != 300 || r.Refused != 9_700 || r.Findings.Periods != 2 {
		t.Errorf("%+v, %v; want 100 admitted on each of 3 days, of which 2 are over", r, err)
	}
}

func TestAStoreThatLosesEveryAnswerAdmitsNobody(t *testing.T) {
	for name, faults := range map[string]fleet.Faults{"answers": {LostAnswer: 1}, "requests": {LostRequest: 1}, "its patience": {Throttled: 1}, "time": {Late: 1}} {
		r, err := fleet.Run(plain(500, faults, fleet.Sound(0)))
		if err != nil || r.Admitted != 0 || r.Failed != 500 {
			t.Errorf("a store that loses %s: %+v, %v", name, r, err)
		}
	}
}

func TestAStepThatIsShownAgainIsKnownUnlessTheStoreForgets(t *testing.T) {
	known, err := fleet.Run(plain(2_000, fleet.Faults{LostAnswer: 0.3}, fleet.Sound(0)))
	if err != nil || known.Repeats == 0 {
		t.Errorf("%+v, %v", known, err)
	}
	forgetful := fleet.Sound(0)
	forgetful.Amnesia = true
	forgot, err := fleet.Run(plain(2_000, fleet.Faults{LostAnswer: 0.3}, forgetful))
	if err != nil || forgot.Repeats != 0 || forgot.Admitted >= known.Admitted {
		t.Errorf("%+v, %v; a store that remembers admits %d", forgot, err, known.Admitted)
	}
}

func TestAnItemTakesAThousandWritesASecond(t *testing.T) {
	c := plain(20_000, fleet.Faults{}, fleet.Sound(0))
	c.Shape = fleet.Shape{Instances: 64, Slots: 8, Service: time.Millisecond}
	c.Traffic.Phases[0].PerSecond = 10_000
	made := 0
	c.Counters[0].Plans[0][0].Requests = 1_000_000
	c.Parts.Machine = func(limit.Options) fleet.Machine { m := &single{}; return fleet.Machine{Spender: m, Writer: m} }
	c.Parts.Apply = func(s counter.Step, to counter.State) (counter.State, bool) {
		made++
		return s.Apply(to)
	}
	r, err := fleet.Run(c)
	if err != nil || r.Findings.PeakWrites <= 1000 || r.Findings.Writes < int64(2*made) {
		t.Errorf("%d writes asked for in a second, %d made of %d, %v", r.Findings.PeakWrites, made, r.Findings.Writes, err)
	}
}

// single is a machine that takes each unit by a write of its own.
type single struct {
	held int64
	seen counter.State
}

func (m *single) Take(_ *decision.Claim, cost int64, _ time.Time) (limit.Answer, error) {
	if m.held < cost {
		return limit.Answer{Outcome: limit.Wanted}, nil
	}
	m.held -= cost
	return limit.Answer{Outcome: limit.Admitted}, nil
}

func (m *single) Ask(_, first int64, now time.Time) (s counter.Step, notBefore time.Time, ok bool) {
	if m.seen.Period == "" {
		return counter.Step{QuotaReset: &counter.QuotaReset{Period: "p", Units: 1}}, now, true
	}
	return counter.Step{QuotaAdd: &counter.QuotaAdd{Period: "p", Units: first, Most: 1 << 40}}, now, true
}

func (m *single) Told(after counter.State, applied bool, _ time.Time) []limit.Crossing {
	if m.seen = after; applied {
		m.held++
	}
	return nil
}

func (m *single) GiveBack(limit.Answer) bool                       { return false }
func (m *single) Lost(time.Time)                                   {}
func (m *single) Renewable(time.Time) bool                         { return false }
func (m *single) Refuse(int64, time.Time) limit.Answer             { return limit.Answer{Outcome: limit.Refused} }
func (m *single) Return(bool, time.Time) (s counter.Step, ok bool) { return s, false }

func TestATraceTellsWhatHappens(t *testing.T) {
	var b strings.Builder
	c := plain(300, fleet.Faults{CrashEvery: time.Minute, StopEvery: time.Minute, OutageEvery: time.Minute, OutageFor: time.Second}, fleet.Sound(0))
	c.Trace = func(_ int64, format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if _, err := fleet.Run(c); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"admitted", "refused at sub", "crashes", "is stopped", "the store is away", "reset", "applied true"} {
		if !strings.Contains(b.String(), what) {
			t.Errorf("nothing is said of %q", what)
		}
	}
}

func TestLimitsThatCannotBeKeptAreNotRun(t *testing.T) {
	c := plain(10, fleet.Faults{}, fleet.Sound(0))
	c.Counters[0].Plans[0][0].Requests = 0
	if _, err := fleet.Run(c); err == nil {
		t.Error("they are")
	}
}

// BenchmarkRun tells what a simulated call costs, of which kind the names speak.
func BenchmarkRun(b *testing.B) {
	for _, name := range []string{"hot", "rate", "midnight"} {
		b.Run(name, func(b *testing.B) {
			s, _ := scenario.Find(name)
			b.ReportAllocs()
			r, err := fleet.Run(s.Config(1, int64(b.N)))
			if err != nil || r.Calls != int64(b.N) {
				b.Fatal(r, err)
			}
		})
	}
}
