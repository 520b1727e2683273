package usage

import (
	"slices"
	"strings"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

// Group is what the points of a usage query are told apart by; "" is nothing: one point for each window.
type Group string

// The groups. GroupStatus tells calls apart by the class of the answer that the caller received: "2xx" ... "5xx". GroupLimit
// tells limits in the shadow apart by their names; its points have nothing but WouldRefuse, and a call counts in each limit
// that would have refused it.
const (
	GroupNone      Group = ""
	GroupAPI       Group = "api"
	GroupVersion   Group = "version" // "<api>/<version>"
	GroupOperation Group = "operation"
	GroupApp       Group = "app"
	GroupConsumer  Group = "consumer"
	GroupStatus    Group = "status"
	GroupLimit     Group = "limit"
)

// Filter selects what is counted; a field that is "" selects everything.
type Filter struct {
	API       catalog.APIID
	Version   catalog.VersionID
	Operation string
	App       catalog.AppID
	Consumer  catalog.ConsumerID
}

// Admits reports whether the bucket is selected.
func (f Filter) Admits(b Bucket) bool {
	return admits(f.API, b.API) && admits(f.Version, b.Version) && admits(f.Operation, b.Operation) &&
		admits(f.App, b.App) && admits(f.Consumer, b.Consumer)
}

func admits[S ~string](want, have S) bool { return want == "" || want == have }

// Point is the usage of one group in one window. Calls are those that reached the forwarder, which is what the quota
// counted; Errors are those of them that were answered with a 5xx, or by the gateway for an upstream that failed; Refused
// are calls beside these that never reached it. WouldRefuse are those of Calls that a limit in the shadow would have refused.
// Quantiles are of the total latency of Calls, within Accuracy.
type Point struct {
	At       time.Time `json:"at"`
	Group    string    `json:"group"`
	Calls    int64     `json:"calls"`
	Errors   int64     `json:"errors"`
	Refused  int64     `json:"refused"`
	P50Ms    *float64  `json:"p50_ms"` // null where there was no call, and in groups by status, where it is not known
	P90Ms    *float64  `json:"p90_ms"`
	P99Ms    *float64  `json:"p99_ms"`
	BytesIn  int64     `json:"bytes_in"` // 0 in groups by status, like BytesOut
	BytesOut int64     `json:"bytes_out"`

	WouldRefuse int64 `json:"would_refuse"` // 0 in groups by status, where it is not known
}

// Points adds deltas up to points, in the order of their time and then their group. It takes the deltas of step whose
// windows begin at from or later and before to, and that the filter admits. Windows in which nothing was counted have no
// point. A caller who means every window that overlaps a span begins at step.Start(from).
func Points(deltas []Delta, step Step, from, to time.Time, by Group, filter Filter) []Point {
	groups := make(map[place][]map[string]int64)
	for _, d := range deltas {
		if d.Bucket.Step != step || d.Bucket.At.Before(from) || !d.Bucket.At.Before(to) || !filter.Admits(d.Bucket) {
			continue
		}
		by.parts(d, func(group string, counters map[string]int64) {
			at := place{d.Bucket.At.Unix(), group}
			groups[at] = append(groups[at], counters)
		})
	}
	points := make([]Point, 0, len(groups))
	var latency dense
	for at, counters := range groups {
		points = append(points, latency.point(at, counters))
	}
	slices.SortFunc(points, func(a, b Point) int {
		if order := a.At.Compare(b.At); order != 0 {
			return order
		}
		return strings.Compare(a.Group, b.Group)
	})
	return points
}

// place is where a point stands.
type place struct {
	unix  int64
	group string
}

// parts visits the groups that a delta belongs to, with the counters of each.
func (g Group) parts(d Delta, visit func(group string, add map[string]int64)) {
	switch g {
	case GroupNone:
		visit("", d.Add)
	case GroupAPI:
		visit(string(d.Bucket.API), d.Add)
	case GroupVersion:
		visit(string(d.Bucket.API)+"/"+string(d.Bucket.Version), d.Add)
	case GroupOperation:
		visit(d.Bucket.Operation, d.Add)
	case GroupApp:
		visit(string(d.Bucket.App), d.Add)
	case GroupConsumer:
		visit(string(d.Bucket.Consumer), d.Add)
	case GroupStatus:
		for group, add := range statusParts(d.Add) {
			visit(group, add)
		}
	case GroupLimit:
		for counter, n := range d.Add {
			if name, ok := strings.CutPrefix(counter, shadowPrefix); ok {
				visit(name, map[string]int64{CountWouldRefuse: n})
			}
		}
	}
}

// statusParts tells the counters of a delta apart by the class of status that they are about. Latencies and bytes are
// not kept by status.
func statusParts(add map[string]int64) map[string]map[string]int64 {
	parts := make(map[string]map[string]int64)
	put := func(group, counter string, n int64) {
		if n == 0 {
			return
		}
		if parts[group] == nil {
			parts[group] = make(map[string]int64)
		}
		parts[group][counter] += n
	}
	var failed4xx int64 // what the gateway answered for an upstream with less than a 500 is an error, too
	for counter, n := range add {
		if code, ok := strings.CutPrefix(counter, refusedPrefix); ok {
			put(groupOf(class(decision.Refusal(code).Status())), CountRefused, n)
		}
		if code, ok := strings.CutPrefix(counter, failedPrefix); ok && decision.Refusal(code).Status() < 500 {
			failed4xx += n
		}
	}
	for t := status2xx; t <= status5xx; t++ {
		put(groupOf(t), CountCalls, add[t.name()])
	}
	put(groupOf(status4xx), CountErrors, failed4xx)
	put(groupOf(status5xx), CountErrors, add[CountStatus5xx])
	return parts
}

// groupOf is the group of a class of status.
func groupOf(t tally) string { return t.name()[1:] }

// dense is a sketch with room for every bucket. One serves all points, one after the other: most of the work of a query
// would otherwise be to make sketches.
type dense [lastLatency + 1]int64

// point adds counters up.
func (l *dense) point(at place, all []map[string]int64) Point {
	p := Point{At: time.Unix(at.unix, 0).UTC(), Group: at.group}
	*l = dense{}
	for _, counters := range all {
		for name, n := range counters {
			if bucket, ok := latencyOf(name); ok {
				l[bucket] += n
			}
		}
		p.Calls += counters[CountCalls]
		p.Errors += counters[CountErrors]
		p.Refused += counters[CountRefused]
		p.BytesIn += counters[CountBytesIn]
		p.BytesOut += counters[CountBytesOut]
		p.WouldRefuse += counters[CountWouldRefuse]
	}
	if q := quantiles(l[:], 0.50, 0.90, 0.99); q != nil {
		p.P50Ms, p.P90Ms, p.P99Ms = &q[0], &q[1], &q[2]
	}
	return p
}
