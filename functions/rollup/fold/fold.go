// Package fold adds the usage records that instances have flushed to the minutes, hours, days and months of the store,
// each exactly once (promise 5).
//
// A run goes: read all shards → decode, setting aside what cannot be read → put records that add to the same buckets into
// one batch → fold each batch in one transaction → read again while there is more. Nothing is kept between these steps that is
// not in the store, so a run may die anywhere, and any number of runs may compete: a transaction deletes the records that
// it adds, and leaves a tombstone for each, so of two that hold the same record one fails and adds nothing.
//
// A record that cannot be read is left where it is, counted and logged: a newer version of this function may know it, and
// it expires by itself. It never keeps others waiting.
package fold

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sluice/shared/usage"
)

// Store is what the folder needs of the table.
type Store interface {
	// PendingUsage reads up to limit records of a shard, strongly consistent.
	PendingUsage(ctx context.Context, shard, limit int) ([]usage.Pending, error)
	// FoldUsage deletes the records and adds the deltas, all or nothing; problem.Conflict if one of the records is gone or
	// was folded before.
	FoldUsage(ctx context.Context, done []usage.Pending, add []usage.Delta) error
	// Tombstoned reports whether the record was folded before.
	Tombstoned(ctx context.Context, id string) (bool, error)
	// DropUsage deletes a record; one that is not there is success.
	DropUsage(ctx context.Context, p usage.Pending) error
}

// Deps is what a Folder works with.
type Deps struct {
	Store Store
	Now   func() time.Time // only to tell how far behind the totals are
	Log   *slog.Logger
}

// Event is what the schedule sends; nothing in it matters.
type Event struct{}

// Report is what one run did.
type Report struct {
	Records    int   `json:"records"`     // folded
	Calls      int64 `json:"calls"`       // that these records counted
	Duplicates int   `json:"duplicates"`  // records that had been folded before, by this run's competitor or before a late retry
	Poisoned   int   `json:"poisoned"`    // records that cannot be read or folded; they stay until they expire
	Buckets    int   `json:"buckets"`     // additions to windows, all transactions together
	Remaining  int   `json:"remaining"`   // records that were read and not dealt with; there may be more behind them
	LagSeconds int   `json:"lag_seconds"` // age of the oldest record that was folded
}

// LogValue writes the report as the attributes of one log event.
func (r Report) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("records", r.Records), slog.Int64("calls", r.Calls), slog.Int("duplicates", r.Duplicates),
		slog.Int("poisoned", r.Poisoned), slog.Int("buckets", r.Buckets), slog.Int("remaining", r.Remaining),
		slog.Int("lag_seconds", r.LagSeconds))
}

const (
	// reserve is left of the time of an invocation when a run stops by itself: enough for the store call under way, with
	// its retries, to end.
	reserve = 10 * time.Second
	// page is how many records of a shard are read at once: 16 × 64 records take about 20 MB in memory.
	page = 64
	// maxPage is how many there may be with those that cannot be folded, which stand in front of the others.
	maxPage = 2048
	// maxMisses is how many failures of the store one run goes on after: some other partition may well work.
	maxMisses = 3
	// maxRefused is how many records a run sets aside because the store refuses them, before it takes the store to be at
	// fault.
	maxRefused = 8
)

// Folder folds. Between runs it keeps nothing but since when they fail. It is safe for concurrent use.
type Folder struct {
	deps Deps

	mu   sync.Mutex
	away time.Time // when the first of the runs failed that have failed since; zero if the last one did not
}

// New makes a Folder.
func New(d Deps) *Folder { return &Folder{deps: d} }

// Handle is one run: it folds until nothing waits, or until the time of ctx is nearly used up; then Remaining is not 0. The
// error is that of the store (problem.Unavailable and such), in one line; what the report counts has been folded all the
// same, and the next run goes on with the rest. The log tells of the first of several failing runs, and of their end.
func (f *Folder) Handle(ctx context.Context, _ Event) (Report, error) {
	soon, cancel := early(ctx)
	defer cancel()
	r := &run{Deps: f.deps, soon: soon.Done(), aside: make(map[string]fate)}
	r.drain(ctx)
	err := r.missed()
	f.tell(ctx, r.report, err)
	return r.report, err
}

// tell logs how a run went.
func (f *Folder) tell(ctx context.Context, report Report, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, away := f.deps.Now(), f.away
	switch {
	case err == nil && away.IsZero():
		f.deps.Log.InfoContext(ctx, "usage is folded", "report", report)
	case err == nil:
		f.away = time.Time{}
		f.deps.Log.InfoContext(ctx, "usage is folded again", "after_seconds", int(now.Sub(away)/time.Second), "report", report)
	case away.IsZero():
		f.away = now
		f.deps.Log.ErrorContext(ctx, "usage is not folded completely; the next line tells when it is", "report", report, "error", err)
	}
}

// early is a context that ends when a run should stop: store calls go on with the other one.
func early(ctx context.Context) (context.Context, context.CancelFunc) {
	if end, bounded := ctx.Deadline(); bounded {
		return context.WithDeadline(ctx, end.Add(-reserve))
	}
	return context.WithCancel(ctx)
}

// run is the state of one run.
type run struct {
	Deps
	soon    <-chan struct{} // closed when the run should stop
	report  Report
	aside   map[string]fate // what became of records that could not be folded at first, by id
	crowd   [usage.Shards]int
	misses  []error // what the store could not do
	refused int     // records that the store refused
}

// fate is what became of a record that could not be folded at first.
type fate int

const (
	alone     fate = iota + 1 // after a conflict that no tombstone explains: to be folded by itself
	contested                 // another such conflict: left to the next run
	poisoned                  // unreadable, or refused by the store: left until it expires
)

// record is a pending record that can be read.
type record struct {
	pending usage.Pending
	what    *usage.Record
	deltas  []usage.Delta
}

// drain reads and folds until there is nothing left to read.
func (r *run) drain(ctx context.Context) {
	for {
		records, more := r.read(ctx)
		for _, b := range r.batches(records) {
			if r.stopped() {
				return
			}
			r.fold(ctx, b)
		}
		if len(r.misses) > 0 || r.stopped() || (!more && r.report.Remaining == 0) || len(records) == 0 {
			return
		}
	}
}

// stopped reports whether the run should end: its time is nearly up, or the store is away.
func (r *run) stopped() bool {
	select {
	case <-r.soon:
		return true
	default:
		return len(r.misses) > maxMisses
	}
}

// missed is what the store could not do, nil if it could do all. The first fault speaks for the others: they are mostly the
// same.
func (r *run) missed() error {
	switch n := len(r.misses); n {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("fold usage: %w", r.misses[0])
	default:
		return fmt.Errorf("fold usage: %w (and %d more such faults)", r.misses[0], n-1)
	}
}

func (r *run) miss(format string, args ...any) {
	r.misses = append(r.misses, fmt.Errorf(format, args...))
}

// read reads a page of each shard. A shard that cannot be read does not keep the others waiting.
func (r *run) read(ctx context.Context) (records []record, more bool) {
	r.report.Remaining = 0
	for shard := range usage.Shards {
		if r.stopped() {
			break
		}
		found, full := r.readShard(ctx, shard)
		records, more = append(records, found...), more || full
	}
	return records, more
}

// readShard reads a page of records that can be folded, behind those that cannot.
func (r *run) readShard(ctx context.Context, shard int) ([]record, bool) {
	for {
		limit := page + r.crowd[shard]
		if limit > maxPage {
			r.miss("shard %d has %d records that cannot be folded before any other", shard, r.crowd[shard])
			return nil, false
		}
		waiting, err := r.Store.PendingUsage(ctx, shard, limit)
		if err != nil {
			r.miss("read shard %d: %w", shard, err)
			return nil, false
		}
		full := len(waiting) >= limit
		found, left := r.decode(ctx, waiting)
		if len(found) > 0 || !full || r.stopped() {
			r.report.Remaining += len(found) + left
			return found, full
		}
	}
}

// decode gives the records that this run has not given up, and how many it leaves to the next.
func (r *run) decode(ctx context.Context, waiting []usage.Pending) (readable []record, left int) {
	for _, p := range waiting {
		switch r.aside[p.ID] {
		case contested:
			left++
			continue
		case poisoned:
			continue
		case alone:
		}
		what, err := usage.Decode(p.Body)
		if err != nil {
			r.poison(ctx, p, err)
			continue
		}
		readable = append(readable, record{p, what, what.Deltas()})
	}
	return readable, left
}

// poison leaves a record where it is, for somebody who can read it.
func (r *run) poison(ctx context.Context, p usage.Pending, err error) {
	r.aside[p.ID] = poisoned
	r.crowd[p.Shard]++
	r.report.Poisoned++
	r.Log.ErrorContext(ctx, "a usage record cannot be folded and is left aside",
		"record", p.ID, "shard", p.Shard, "bytes", len(p.Body), "error", err)
}
