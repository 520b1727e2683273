package growth_test

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"sluice/scripts/sluice/soak/growth"
)

const mb = 1 << 20

// watched feeds a series, one sample a second, and gives its verdict.
func watched(kind growth.Kind, n int, value func(i int) float64) growth.Trend {
	var w growth.Watch
	for i := range n {
		w.Add("proxy", kind, time.Duration(i)*time.Second, value(i))
	}
	return w.Trends()[0]
}

func TestGrowthIsSeenAndNoiseAndWarmingUpAreNot(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, c := range map[string]struct {
		kind  growth.Kind
		value func(i int) float64
		grows bool
	}{
		"a leak of memory":            {growth.RSS, func(i int) float64 { return 40*mb + float64(i)*0.6*mb }, true},
		"a leak of memory with noise": {growth.RSS, func(i int) float64 { return 40*mb + float64(i)*0.6*mb + random.Float64()*8*mb }, true},
		"a leak of goroutines":        {growth.Goroutines, func(i int) float64 { return 40 + float64(i) }, true},
		"a leak of files":             {growth.Files, func(i int) float64 { return 10 + float64(i/4) }, true},
		"a leak in the heap":          {growth.Heap, func(i int) float64 { return 5*mb + float64(i)*0.5*mb }, true},
		"noise":                       {growth.RSS, func(int) float64 { return 40*mb + random.Float64()*30*mb }, false},
		"what fills as it warms up":   {growth.RSS, func(i int) float64 { return 80*mb - 60*mb*math.Exp(-float64(i)/15) }, false},
		"a few odd samples":           {growth.Files, func(i int) float64 { return 10 + float64(i/115)*500 }, false},
		"what shrinks":                {growth.Goroutines, func(i int) float64 { return 400 - float64(i) }, false},
		"a little for each sample":    {growth.RSS, func(i int) float64 { return 40*mb + float64(i)*0.1*mb }, false},
	} {
		if got := watched(c.kind, 120, c.value); got.Grows() != c.grows {
			t.Errorf("%s: %v, %s", name, got.Grows(), got)
		}
	}
}

func TestAStoreMayHoldMoreDataAndAProcessMayNot(t *testing.T) {
	w := growth.Watch{Store: "engine"}
	for i := range 100 {
		at := time.Duration(i) * time.Second
		w.Add("engine", growth.RSS, at, float64(10*mb+i*mb))
		w.Add("proxy", growth.RSS, at, float64(10*mb+i*mb))
	}
	trends := w.Trends()
	if len(trends) != 2 || trends[0].Grows() || !trends[1].Grows() {
		t.Errorf("%v", trends)
	}
}

func TestASeriesIsBoundedAndKeepsItsSlope(t *testing.T) {
	got := watched(growth.RSS, 20*growth.Most, func(i int) float64 { return float64(i) * mb })
	if got.Samples > growth.Most || got.Samples < growth.Most/4 {
		t.Errorf("%d samples are kept", got.Samples)
	}
	if want := float64(3600 * mb); math.Abs(got.PerHour-want) > want/1000 {
		t.Errorf("%.0f an hour, want %.0f", got.PerHour, want)
	}
}

func TestFewSamplesAreNoVerdict(t *testing.T) {
	if got := watched(growth.RSS, 4, func(i int) float64 { return float64(i) * 1000 * mb }); got.Grows() {
		t.Errorf("%s", got)
	}
}

func TestAProcessIsLookedAtWithItsFiles(t *testing.T) {
	all, err := growth.Look(os.Getpid())
	if err != nil || len(all) == 0 || all[0].Role != "cloud" || all[0].RSS < mb || all[0].Files < 3 {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := growth.Look(1 << 30); err == nil {
		t.Error("there is a process that there is not")
	}
}
