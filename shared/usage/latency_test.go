package usage_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/shared/usage"
)

var ranks = []float64{0, 0.5, 0.9, 0.99, 1}

// latencies are spread evenly over the decades, as latencies are.
func latencies(least, most time.Duration) *rapid.Generator[time.Duration] {
	return rapid.Map(rapid.Float64Range(math.Log(float64(least)), math.Log(float64(most))), func(ln float64) time.Duration {
		return min(max(time.Duration(math.Exp(ln)), least), most)
	})
}

func sketchOf(all []time.Duration) usage.Sketch {
	s := make(usage.Sketch)
	for _, d := range all {
		s.Observe(d)
	}
	return s
}

func TestAQuantileIsWithinTheAccuracyOfTheExactOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(latencies(time.Microsecond, 59*time.Minute), 1, 400).Draw(t, "latencies")
		got := sketchOf(all).Quantiles(ranks...)
		slices.Sort(all)
		for i, rank := range ranks {
			exact := all[int(rank*float64(len(all)-1))].Seconds() * 1000
			if off := math.Abs(got[i]-exact) / exact; off > usage.Accuracy+1e-9 {
				t.Fatalf("p%v of %d latencies: got %v ms, is %v ms, off by %.4f", 100*rank, len(all), got[i], exact, off)
			}
		}
	})
}

func TestSketchesMergeByAddingCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOf(latencies(1, 3*time.Hour)).Draw(t, "a")
		b := rapid.SliceOf(latencies(1, 3*time.Hour)).Draw(t, "b")
		merged := sketchOf(a)
		for bucket, n := range sketchOf(b) {
			merged[bucket] += n
		}
		got, want := merged.Quantiles(ranks...), sketchOf(append(a, b...)).Quantiles(ranks...)
		if !slices.Equal(got, want) {
			t.Fatalf("merged %v, together %v", got, want)
		}
	})
}

func TestLatenciesBeyondTheRangeCountAtItsEnds(t *testing.T) {
	for promise, c := range map[string]struct {
		latency     time.Duration
		least, most float64
	}{
		"a clock that went backwards counts as the shortest": {-time.Second, 0, 0.001},
		"nothing counts as the shortest":                     {0, 0, 0.001},
		"a day counts as about an hour":                      {24 * time.Hour, 3.5e6, 3.7e6},
		"the longest duration there is does not overflow":    {math.MaxInt64, 3.5e6, 3.7e6},
	} {
		t.Run(promise, func(t *testing.T) {
			got := sketchOf([]time.Duration{c.latency}).Quantiles(0.5)
			if len(got) != 1 || got[0] < c.least || got[0] > c.most {
				t.Errorf("got %v ms, want it in %v..%v", got, c.least, c.most)
			}
		})
	}
}

func TestAnEmptySketchHasNoQuantiles(t *testing.T) {
	if got := (usage.Sketch(nil)).Quantiles(0.5); got != nil {
		t.Errorf("got %v", got)
	}
}

func pow(x float64, n int) float64 {
	p := 1.0
	for range n {
		p *= x
	}
	return p
}
