package usage

import (
	"time"

	"sluice/shared/catalog"
)

// Step is the width of a usage window.
type Step string

// The widths.
const (
	Minute Step = "minute"
	Hour   Step = "hour"
	Day    Step = "day"
	Month  Step = "month"
)

// Bucket names one window of one thing that is counted.
type Bucket struct {
	Step      Step
	At        time.Time // start of the window, UTC
	API       catalog.APIID
	Version   catalog.VersionID
	Operation string
	App       catalog.AppID
	Consumer  catalog.ConsumerID
}

// Delta is what one fold adds to a Bucket. The names in Add are those of the counters: "calls", "errors", "bytes_in",
// "bytes_out", "s2xx" ..., and "l<n>" for the n-th bucket of the latency sketch. Adding is all that ever happens to a
// counter, so windows merge without being read.
type Delta struct {
	Bucket Bucket
	Add    map[string]int64
}

// Pending is a flushed usage record that waits for the rollup. Its ID is chosen once by the instance that counted, so a
// repeated flush is recognised.
type Pending struct {
	ID    string // UUID
	Shard int    // 0..Shards-1, from the ID
	Body  []byte // encoded Record
}

// Shards is how many partitions pending records are spread over: no single one may be a bottleneck (DynamoDB: 1,000
// writes a second each).
const Shards = 16
