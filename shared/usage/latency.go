package usage

import (
	"math"
	"strconv"
	"time"
)

// Latencies are kept as counts in logarithmic buckets, the mapping of DDSketch (Masson, Rim, Lee, VLDB 2019): bucket n
// takes latencies in (γⁿ⁻¹, γⁿ] µs, so that its middle is off by at most Accuracy of any of them, and two sketches merge
// by adding counts.

// Accuracy bounds the relative error of a quantile, for latencies from 1 µs to an hour. Below, the error is at most 1 µs;
// above, an hour is all that is known.
const Accuracy = 0.02

const (
	gamma         = (1 + Accuracy) / (1 - Accuracy)
	lastLatency   = 550 // γ^550 µs is just over an hour
	latencyPrefix = "l"
)

// latencyBucket is the bucket of a latency.
func latencyBucket(d time.Duration) int {
	const perE = 1 / 0.040005334613699206 // 1/ln γ
	us := float64(d) / float64(time.Microsecond)
	if us <= 1 {
		return 0
	}
	return min(int(math.Ceil(math.Log(us)*perE)), lastLatency)
}

// latencyMillis is the value that stands for a bucket: at most Accuracy away from both its ends.
func latencyMillis(bucket int) float64 {
	return 2 * math.Pow(gamma, float64(bucket)) / (gamma + 1) / 1000
}

// latencyName is the counter of a bucket.
func latencyName(bucket int) string { return latencyPrefix + strconv.Itoa(bucket) }

// latencyOf reads latencyName back; false if the name is another counter's.
func latencyOf(name string) (bucket int, ok bool) {
	if len(name) < 2 || len(name) > 4 || name[0] != latencyPrefix[0] || (name[1] == '0' && len(name) > 2) {
		return 0, false
	}
	for _, c := range []byte(name[1:]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		bucket = bucket*10 + int(c-'0')
	}
	return bucket, bucket <= lastLatency
}

// Sketch is a distribution of latencies: how many fell into each bucket. The zero Sketch is empty and may be read.
type Sketch map[int]int64

// Observe adds one latency.
func (s Sketch) Observe(d time.Duration) { s[latencyBucket(d)]++ }

// Quantiles gives the latencies, in ms, that lie at the given ranks in 0..1, which must ascend; nil if the sketch is
// empty. With n latencies sorted, the one at rank q is number ⌊q·(n−1)⌋, counted from 0; what is given is within Accuracy
// of it.
func (s Sketch) Quantiles(ranks ...float64) []float64 {
	var counts [lastLatency + 1]int64
	for bucket, n := range s {
		counts[min(max(0, bucket), lastLatency)] += n
	}
	return quantiles(counts[:], ranks...)
}

func quantiles(counts []int64, ranks ...float64) []float64 {
	var n int64
	for _, count := range counts {
		n += count
	}
	if n <= 0 {
		return nil
	}
	values := make([]float64, 0, len(ranks))
	var seen int64
	for bucket, count := range counts {
		seen += count
		for len(values) < len(ranks) && seen > int64(ranks[len(values)]*float64(n-1)) {
			values = append(values, latencyMillis(bucket))
		}
	}
	return values
}
