package usage

import (
	"slices"
	"strings"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/problem"
)

// Group is what the points of a usage query are told apart by; "" is nothing: one point for each window.
type Group string

// The groups. GroupStatus tells calls apart by the class of the answer that the caller received: "2xx" ... "5xx".
const (
	GroupNone      Group = ""
	GroupAPI       Group = "api"
	GroupVersion   Group = "version" // "<api>/<version>"
	GroupOperation Group = "operation"
	GroupApp       Group = "app"
	GroupConsumer  Group = "consumer"
	GroupStatus    Group = "status"
)

// ParseGroup reads a group. The error is problem.Invalid at query:group_by.
func ParseGroup(s string) (Group, error) {
	known := []Group{GroupNone, GroupAPI, GroupVersion, GroupOperation, GroupApp, GroupConsumer, GroupStatus}
	if !slices.Contains(known, Group(s)) {
		return GroupNone, &problem.Error{Kind: problem.Invalid, Detail: "the grouping is not valid",
			Faults: []problem.Fault{{Pointer: "query:group_by", Detail: "must be api, version, operation, app, consumer or status"}}}
	}
	return Group(s), nil
}

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
// are calls beside these that never reached it. Quantiles are of the total latency of Calls, within Accuracy.
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
}

// Points adds deltas up to points, in the order of their time and then their group. It takes the deltas of step whose
// windows begin at from or later and before to, and that the filter admits. Windows in which nothing was counted have no
// point. A caller who means every window that overlaps a span begins at step.Start(from).
func Points(deltas []Delta, step Step, from, to time.Time, by Group, filter Filter) []Point {
	sums := make(map[place]*sum)
	for _, d := range deltas {
		if d.Bucket.Step != step || d.Bucket.At.Before(from) || !d.Bucket.At.Before(to) || !filter.Admits(d.Bucket) {
			continue
		}
		for group, counters := range by.parts(d) {
			at := place{d.Bucket.At.Unix(), group}
			if sums[at] == nil {
				sums[at] = &sum{latency: make(Sketch)}
			}
			sums[at].add(counters)
		}
	}
	points := make([]Point, 0, len(sums))
	for at, s := range sums {
		points = append(points, s.point(at))
	}
	slices.SortFunc(points, func(a, b Point) int {
		if order := a.At.Compare(b.At); order != 0 {
			return order
		}
		return strings.Compare(a.Group, b.Group)
	})
	return points
}

// place is where a sum stands.
type place struct {
	unix  int64
	group string
}

// parts gives the counters of each group that a delta belongs to.
func (g Group) parts(d Delta) map[string]map[string]int64 {
	one := func(group string) map[string]map[string]int64 { return map[string]map[string]int64{group: d.Add} }
	switch g {
	case GroupAPI:
		return one(string(d.Bucket.API))
	case GroupVersion:
		return one(string(d.Bucket.API) + "/" + string(d.Bucket.Version))
	case GroupOperation:
		return one(d.Bucket.Operation)
	case GroupApp:
		return one(string(d.Bucket.App))
	case GroupConsumer:
		return one(string(d.Bucket.Consumer))
	case GroupStatus:
		return statusParts(d.Add)
	case GroupNone:
	}
	return one("")
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
	var failed4xx int64
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

// sum is what adds up to a point.
type sum struct {
	calls, errors, refused, bytesIn, bytesOut int64

	latency Sketch
}

func (s *sum) add(counters map[string]int64) {
	for name, n := range counters {
		switch name {
		case CountCalls:
			s.calls += n
		case CountErrors:
			s.errors += n
		case CountRefused:
			s.refused += n
		case CountBytesIn:
			s.bytesIn += n
		case CountBytesOut:
			s.bytesOut += n
		default:
			if bucket, ok := latencyOf(name); ok {
				s.latency[bucket] += n
			}
		}
	}
}

func (s *sum) point(at place) Point {
	p := Point{At: time.Unix(at.unix, 0).UTC(), Group: at.group, Calls: s.calls, Errors: s.errors, Refused: s.refused,
		BytesIn: s.bytesIn, BytesOut: s.bytesOut}
	if q := s.latency.Quantiles(0.50, 0.90, 0.99); q != nil {
		p.P50Ms, p.P90Ms, p.P99Ms = &q[0], &q[1], &q[2]
	}
	return p
}
