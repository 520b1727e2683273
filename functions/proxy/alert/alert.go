// Package alert tells what quotas have come to: once in the log, at once, and once in the store, where /limits finds it.
//
// An instance is told of a crossing once and by nobody else, so a store that is away when an alert is due must not be the end
// of it. What could not be kept waits, the newest Most of it, and is tried again at most once in Pause, a few at a time, with
// the time at which it was due. What waits in an instance that is killed is lost, and so is what a full one lets go of: it
// says so in the log. An alert is a hint, the counter is the truth.
package alert

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/limit"
)

const (
	// Most is how many alerts wait at once: some hundred subscriptions that come to something in one outage.
	Most = 256
	// Pause is the least time between two attempts while the store is away.
	Pause = time.Second
	// batch is how many are written after one answer, so that no caller's instance is busy for long.
	batch = 16
	// kept is how long an alert is kept: a month's period and some time to look at it.
	kept = 62 * 24 * time.Hour
)

// Store keeps alerts; dynamo.Table does. first says that this call was the one that kept it.
type Store interface {
	PutAlert(ctx context.Context, a catalog.LimitAlert, expires time.Time) (first bool, err error)
}

// Teller tells of crossings. It is safe for concurrent use.
type Teller struct {
	store Store
	now   func() time.Time
	log   *slog.Logger

	writing sync.Mutex // held while one caller writes, and guards failed
	failed  time.Time  // when the last attempt began, if it failed; else zero

	mu      sync.Mutex // guards waiting and dropped
	waiting []waiting  // the oldest first
	dropped int        // since the store went away
}

// waiting is an alert that is not known to be kept.
type waiting struct {
	alert catalog.LimitAlert
	told  bool // it is in the log
}

// New makes a Teller. now is the wall clock.
func New(store Store, now func() time.Time, log *slog.Logger) *Teller {
	return &Teller{store: store, now: now, log: log}
}

// Tell takes over what was crossed and writes some of what waits, unless the store was away a moment ago or somebody else is
// at it. With nothing to write it costs a lock.
func (t *Teller) Tell(ctx context.Context, crossed []limit.Crossing) {
	if !t.add(crossed) || !t.writing.TryLock() {
		return
	}
	defer t.writing.Unlock()
	if age := t.now().Sub(t.failed); age >= 0 && age < Pause {
		t.announce(ctx)
		return
	}
	if err := t.write(ctx, batch); err != nil {
		t.announce(ctx)
	}
}

// Settle takes over what was crossed and writes all that waits, as far as the context lasts. The error says what is lost if
// the instance ends now.
func (t *Teller) Settle(ctx context.Context, crossed []limit.Crossing) error {
	if !t.add(crossed) {
		return nil
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	if err := t.write(ctx, Most); err != nil {
		t.announce(ctx)
		t.mu.Lock()
		defer t.mu.Unlock()
		return fmt.Errorf("keep %d alerts: %w", len(t.waiting), err)
	}
	return nil
}

// add lets crossings wait, and reports whether anything does.
func (t *Teller) add(crossed []limit.Crossing) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range crossed {
		if len(t.waiting) == Most {
			t.waiting[0] = waiting{}
			t.waiting = t.waiting[1:]
			t.dropped++
		}
		t.waiting = append(t.waiting, waiting{alert: catalog.LimitAlert{At: t.now(), Percent: c.Percent,
			// A name is a part of a whole decision, which must not wait along.
			Counter: strings.Clone(c.Counter), Limit: strings.Clone(c.Limit), Period: strings.Clone(c.Period)}})
	}
	return len(t.waiting) > 0
}

// write keeps at most so many alerts, the oldest first. The caller holds writing.
func (t *Teller) write(ctx context.Context, most int) error {
	began := t.now()
	for range most {
		next, ok := t.next()
		if !ok {
			break
		}
		first, err := t.store.PutAlert(ctx, next.alert, next.alert.At.Add(kept))
		if err != nil {
			if t.failed.IsZero() {
				t.log.ErrorContext(ctx, "alerts cannot be kept for the moment", "error", err)
			}
			t.failed = began
			return err
		}
		if first && !next.told {
			t.say(ctx, next.alert)
		}
		t.done(next.alert)
	}
	if !t.failed.IsZero() {
		t.failed = time.Time{}
		t.mu.Lock()
		dropped, left := t.dropped, len(t.waiting)
		t.dropped = 0
		t.mu.Unlock()
		t.log.InfoContext(ctx, "alerts are kept again", "lost", dropped, "waiting", left)
	}
	return nil
}

// next is the alert that waits longest.
func (t *Teller) next() (waiting, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		return waiting{}, false
	}
	return t.waiting[0], true
}

// done takes out the alert that was written, unless it had to make room meanwhile.
func (t *Teller) done(a catalog.LimitAlert) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) > 0 && t.waiting[0].alert == a {
		t.waiting[0] = waiting{}
		t.waiting = t.waiting[1:]
	}
}

// announce logs what waits: an owner who looks at the log learns of it during an outage too.
func (t *Teller) announce(ctx context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.waiting {
		if !t.waiting[i].told {
			t.waiting[i].told = true
			t.say(ctx, t.waiting[i].alert)
		}
	}
}

func (t *Teller) say(ctx context.Context, a catalog.LimitAlert) {
	t.log.LogAttrs(ctx, slog.LevelWarn, "limit alert", slog.String("counter", a.Counter), slog.String("limit", a.Limit),
		slog.String("period", a.Period), slog.Int("percent", a.Percent))
}
