package usage

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

// OtherOperations is what a call is counted under when a Counter that cannot be flushed has no room for its operation.
const OtherOperations = "(other)"

// otherShadows is what a limit in the shadow is counted under when a cell has no room for its name.
const otherShadows = shadowPrefix + "(other)"

const (
	defaultMost = 2000
	maxBacklog  = 64  // records; beyond, what is new stays in the cells, where it takes less room
	drainCells  = 12  // cells in a record: it fits 1 KB, and a fold of 100 items takes the most cells if each record has 12
	drainCounts = 200 // counters in a cell of a record; less than MaxCounters, so that a change of either is safe to deploy
	maxName     = 500 // bytes of an operation; a sort key of the store takes 1,024 with everything
	maxSlug     = 100 // bytes of an id
	maxShadows  = 16  // limits told apart in a cell; a call has fewer
)

// Counter adds up the calls of one instance until they are stored. It is safe for concurrent use.
//
// It holds one cell for each minute, API, version, operation and app. When there are as many as it should hold, Add asks
// for a flush; if there is none, it goes on, and from twice as many on it counts new cells under OtherOperations, so that
// what it holds stays bounded by the number of apps that call, and no call is lost.
type Counter struct {
	newID func() string
	most  int

	draining sync.Mutex // held by Drain, so that what one call packs is not missing from another's answer
	mu       sync.Mutex // guards what follows
	cells    map[key]*cell
	backlog  []Pending
}

// key names a cell.
type key struct {
	minute    int64 // since the Unix epoch
	api       catalog.APIID
	version   catalog.VersionID
	operation string
	app       catalog.AppID
}

// cell is the counters of one key.
type cell struct {
	consumer catalog.ConsumerID
	tallies  [tallies]int64
	refused  map[decision.Refusal]int64
	failed   map[decision.Refusal]int64
	shadowed int64
	shadows  map[string]int64 // by the limit's counter
	latency  Sketch
}

// NewCounter makes an empty Counter. newID gives UUIDs; most is the number of cells from which on Add asks for a flush,
// 0 for 2,000 (about 2 MB).
func NewCounter(newID func() string, most int) *Counter {
	if most <= 0 {
		most = defaultMost
	}
	return &Counter{newID: newID, most: most, cells: make(map[key]*cell)}
}

// Add counts one call. It reports full if the call opened a cell beyond those that the Counter should hold: flush then,
// once the answer has gone out.
func (c *Counter) Add(f Facts) (full bool) {
	k := key{minuteOf(f.At), f.API, f.Version, f.Operation, f.App}
	c.mu.Lock()
	defer c.mu.Unlock()
	into := c.cells[k]
	if into == nil {
		into = c.open(k)
		full = len(c.cells) >= c.most
	}
	into.count(&f)
	return full
}

// open makes room for a new key, and makes sure that the store can take it.
func (c *Counter) open(k key) *cell {
	k.api, k.version, k.app = clip(k.api, maxSlug), clip(k.version, maxSlug), clip(k.app, maxSlug)
	k.operation = clip(k.operation, maxName)
	if len(c.cells) >= 2*c.most {
		k.operation = OtherOperations
	}
	if known := c.cells[k]; known != nil {
		return known
	}
	// Names come as parts of the decision on a call, all of which they would keep in memory.
	k.api, k.version, k.app = clone(k.api), clone(k.version), clone(k.app)
	k.operation = clone(k.operation)
	opened := &cell{latency: make(Sketch)}
	c.cells[k] = opened
	return opened
}

func clone[T ~string](s T) T { return T(strings.Clone(string(s))) }

func (c *cell) count(f *Facts) {
	if c.consumer != f.Consumer {
		c.consumer = clone(f.Consumer)
	}
	if !f.Forwarded {
		c.tallies[refused]++
		bump(&c.refused, f.code())
		return
	}
	c.tallies[calls]++
	c.tallies[class(f.answered())]++
	c.tallies[bytesIn] += bounded(f.BytesIn)
	c.tallies[bytesOut] += bounded(f.BytesOut)
	c.tallies[micros] += bounded(f.Total.Microseconds())
	c.tallies[upstream] += bounded(f.Upstream.Microseconds())
	c.latency.Observe(f.Total)
	if f.failed() {
		c.tallies[errorCalls]++
	}
	if f.Refusal != "" {
		bump(&c.failed, f.code())
	}
	c.shadow(f.Shadows)
}

// shadow counts a call that limits in the shadow would have refused.
func (c *cell) shadow(limits []string) {
	if len(limits) == 0 {
		return
	}
	c.shadowed++
	for _, name := range limits {
		counter := clip(shadowPrefix+name, maxSlug)
		if _, known := c.shadows[counter]; !known && len(c.shadows) >= maxShadows {
			counter = otherShadows
		}
		bump(&c.shadows, counter)
	}
}

func bump[K ~string](m *map[K]int64, name K) {
	if *m == nil {
		*m = make(map[K]int64)
	}
	(*m)[name]++
}

// bounded keeps a nonsensical figure of one call from spoiling a total.
func bounded(n int64) int64 { return max(0, min(n, 1<<40)) }

// clip shortens a name to what the store takes, and keeps different ones different.
func clip[S ~string](name S, most int) S {
	if len(name) <= most && utf8.ValidString(string(name)) {
		return name
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // fnv never fails
	kept := name[:min(len(name), most-12)]
	return S(fmt.Sprintf("%s~%08x", strings.ToValidUTF8(string(kept), ""), h.Sum32()))
}

// minuteOf is the minute of an instant; one that no record can carry becomes the nearest that can.
func minuteOf(at time.Time) int64 {
	return max(firstMinute, min(at.Unix()/60, lastMinute))
}

// Drain hands out everything that awaits storage, oldest first: records that were handed out before and were not
// reported as Stored, as they were, and new ones with all that was counted since. Repeating it is how a flush is
// retried: a record keeps its ID, so the store recognises it.
func (c *Counter) Drain(now time.Time) []Pending {
	c.draining.Lock()
	defer c.draining.Unlock()
	c.mu.Lock()
	if len(c.backlog) >= maxBacklog {
		defer c.mu.Unlock()
		return slices.Clone(c.backlog)
	}
	counted := c.cells
	c.cells = make(map[key]*cell, min(len(counted), c.most))
	c.mu.Unlock()

	fresh := pack(counted, now, c.newID)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.backlog = append(c.backlog, fresh...)
	return slices.Clone(c.backlog)
}

// Stored says that the store has the record, so that it is not handed out again.
func (c *Counter) Stored(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.backlog = slices.DeleteFunc(c.backlog, func(p Pending) bool { return p.ID == id })
}

// pack writes cells into records: each of one minute, so that it never has two cells that meet in a wider window.
func pack(cells map[key]*cell, now time.Time, newID func() string) []Pending {
	var packed []Pending
	put := func(minute int64, deltas []Delta) {
		if len(deltas) == 0 {
			return
		}
		r := Record{At: time.Unix(minute*60, 0).UTC(), Flushed: now.UTC(), Cells: deltas}
		id := newID()
		packed = append(packed, Pending{ID: id, Shard: Shard(id), Body: r.Encode(), Expires: now.Add(PendingRetention)})
	}
	var room []Delta
	var minute int64
	for _, k := range slices.SortedFunc(maps.Keys(cells), key.compare) {
		if k.minute != minute || len(room) == drainCells {
			put(minute, room)
			room, minute = nil, k.minute
		}
		d := k.delta(cells[k])
		for len(d.Add) > drainCounts {
			put(minute, []Delta{split(&d)})
		}
		room = append(room, d)
	}
	put(minute, room)
	return packed
}

// split takes as many counters out of the delta as a record's cell should have. It takes latencies first, so that what
// remains still has the calls.
func split(d *Delta) Delta {
	part := Delta{Bucket: d.Bucket, Add: make(map[string]int64, drainCounts)}
	for _, name := range slices.SortedFunc(maps.Keys(d.Add), latencyFirst) {
		if len(part.Add) == drainCounts {
			break
		}
		part.Add[name] = d.Add[name]
		delete(d.Add, name)
	}
	return part
}

func latencyFirst(a, b string) int {
	_, la := latencyOf(a)
	_, lb := latencyOf(b)
	if la != lb {
		if la {
			return -1
		}
		return 1
	}
	return strings.Compare(a, b)
}

func (k key) compare(o key) int {
	for _, order := range []int{
		int(max(-1, min(1, k.minute-o.minute))), strings.Compare(string(k.api), string(o.api)),
		strings.Compare(string(k.version), string(o.version)), strings.Compare(k.operation, o.operation)} {
		if order != 0 {
			return order
		}
	}
	return strings.Compare(string(k.app), string(o.app))
}

// delta spells the counters of a cell.
func (k key) delta(c *cell) Delta {
	add := make(map[string]int64, len(c.latency)+len(c.refused)+len(c.failed)+len(c.shadows)+int(tallies)+1)
	for t, n := range c.tallies {
		if n != 0 {
			add[tally(t).name()] = n
		}
	}
	for code, n := range c.refused {
		add[refusedPrefix+string(code)] = n
	}
	for code, n := range c.failed {
		add[failedPrefix+string(code)] = n
	}
	if c.shadowed != 0 {
		add[CountWouldRefuse] = c.shadowed
	}
	maps.Copy(add, c.shadows)
	for bucket, n := range c.latency {
		add[latencyName(bucket)] = n
	}
	return Delta{Add: add, Bucket: Bucket{Step: Minute, At: time.Unix(k.minute*60, 0).UTC(),
		API: k.api, Version: k.version, Operation: k.operation, App: k.app, Consumer: clip(c.consumer, maxSlug)}}
}
