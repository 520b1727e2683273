// Package usage counts calls, carries the counts to where they are added up, and reads them back. It does no I/O.
//
// A call becomes Facts; a Counter adds Facts up in memory and hands them out as Pending records; the rollup decodes a
// record and adds its Deltas, four Steps for each cell, to the buckets of the store; Points makes the answer to a usage
// query from Deltas. Whatever happens on the way, a call is added once (promise 5): a record keeps its ID through every
// retry, and adding is the only thing that ever happens to a counter, so the order of records never matters.
//
// "calls" is the number of calls that reached the forwarder, which is also what the quota counted. Calls that were
// refused before that are counted apart, as "refused" and by code.
package usage

import (
	"hash/fnv"
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

// Bucket names one window of one thing that is counted. The Consumer is not part of the name: it is the one that the
// app belonged to when it was last counted.
type Bucket struct {
	Step      Step
	At        time.Time // start of the window, UTC
	API       catalog.APIID
	Version   catalog.VersionID
	Operation string
	App       catalog.AppID
	Consumer  catalog.ConsumerID
}

// Delta is what one fold adds to a Bucket. The names in Add are the Count constants, "r_<code>" and "u_<code>" (see
// Facts), "w_<limit>", and "l<n>" for the n-th bucket of the latency sketch. Adding is all that ever happens to a counter, so windows
// merge without being read.
type Delta struct {
	Bucket Bucket
	Add    map[string]int64
}

// The names of the counters. Each one but CountRefused is about calls that reached the forwarder only.
const (
	CountCalls     = "calls"       // calls that reached the forwarder
	CountErrors    = "errors"      // of these, answered with a 5xx, or by the gateway for an upstream that failed
	CountBytesIn   = "bytes_in"    // request bodies, bytes
	CountBytesOut  = "bytes_out"   // response bodies, bytes
	CountMicros    = "time_us"     // sum of total latencies, µs
	CountUpstream  = "upstream_us" // sum of the upstream's part in them, µs
	CountStatus2xx = "s2xx"        // 1xx and 2xx
	CountStatus3xx = "s3xx"
	CountStatus4xx = "s4xx"
	CountStatus5xx = "s5xx" // 5xx, and calls that ended without a status
	CountRefused   = "refused"

	// CountWouldRefuse counts those that a limit in the shadow would have refused.
	CountWouldRefuse = "would_refuse"

	refusedPrefix = "r_" // + code: calls refused before the forwarder; they add up to CountRefused
	failedPrefix  = "u_" // + code: calls that reached the forwarder and that the gateway itself had to answer
	shadowPrefix  = "w_" // + name of a limit: those of CountWouldRefuse that it would have refused; some are several limits'
)

// Pending is a flushed usage record that waits for the rollup. Its ID is chosen once by the instance that counted, so a
// repeated flush is recognised.
type Pending struct {
	ID      string    // UUID
	Shard   int       // 0..Shards-1, from the ID
	Body    []byte    // encoded Record
	Expires time.Time // end of the record's life in the store; set by the Counter, not read back from the store
}

// Shards is how many partitions pending records are spread over: no single one may be a bottleneck (DynamoDB: 1,000
// writes a second each).
const Shards = 16

// PendingRetention is how long a record waits for the rollup, from the first time that it was handed out. It bounds
// repeated flushes too: the store remembers folded records for as long, so one that comes back is recognised or expired.
const PendingRetention = 7 * 24 * time.Hour

// Shard is where the record with this ID waits.
func Shard(id string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // fnv never fails
	return int(h.Sum32() % Shards)
}
