package forward

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"sluice/shared/decision"
	"sluice/shared/usage"
)

// Counter adds calls up until they are stored; usage.Counter does.
type Counter interface {
	// Add counts one call. full asks for a flush.
	Add(usage.Facts) (full bool)
	// Drain hands out what awaits storage; what is not reported as Stored comes again.
	Drain(now time.Time) []usage.Pending
	Stored(id string)
}

// Outbox keeps counted calls for the rollup; dynamo.Table does. A record that it has already is a success.
type Outbox interface {
	PutUsage(ctx context.Context, p usage.Pending, expires time.Time) error
}

// tally counts calls and flushes what was counted.
type tally struct {
	counter Counter
	outbox  Outbox
	after   time.Duration
	now     func() time.Time

	flushing sync.Mutex
	flushed  atomic.Int64 // ns since the Unix epoch: start of the last flush
	pending  atomic.Bool  // something was counted since
	full     atomic.Bool  // the counter asks for a flush
}

// count counts a call once. Calls that were refused before the limits are counted by their code if it is known whose they
// are; they never are "calls".
func (t *tally) count(c *call, took time.Duration) {
	d := c.decision
	if d == nil || d.Caller.App == "" || d.Target.API == "" {
		return
	}
	f := usage.Facts{At: c.began, API: d.Target.API, Version: d.Target.Version, Operation: d.Target.Operation, App: d.Caller.App,
		Consumer: d.Caller.Consumer, Forwarded: c.forwarded, Refusal: c.outcome.refusal, Status: c.answer.StatusCode, Total: took,
		Upstream: c.upstream, BytesIn: int64(len(c.body)), BytesOut: int64(len(c.received.Body)), Shadows: c.shadows()}
	switch {
	case c.outcome.gone && !c.forwarded:
		return // neither forwarded nor refused: it never happened
	case c.outcome.gone:
		f.Status = 0
	case !f.Forwarded && f.Refusal == "":
		f.Refusal = decision.InternalError
	}
	if t.counter.Add(f) {
		t.full.Store(true)
	}
	t.pending.Store(true)
}

// due reports whether there is something to flush and it is time. The clock may have gone back.
func (t *tally) due() bool {
	if !t.pending.Load() {
		return false
	}
	age := time.Duration(t.now().UnixNano() - t.flushed.Load())
	return age >= t.after || age < 0 || t.full.Load()
}

func (t *tally) flush(ctx context.Context) error {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	now := t.now()
	t.flushed.Store(now.UnixNano())
	t.pending.Store(false)
	t.full.Store(false)
	var faults []error
	for _, record := range t.counter.Drain(now) {
		if err := t.outbox.PutUsage(ctx, record, record.Expires); err != nil {
			faults = append(faults, fmt.Errorf("put usage: %w", err))
			t.pending.Store(true)
			break // the next one would fail alike, and waste the time that is left
		}
		t.counter.Stored(record.ID)
	}
	return errors.Join(faults...)
}
