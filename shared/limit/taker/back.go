package taker

import (
	"context"
	"fmt"
	"time"
)

// AfterResponse does what can wait until an answer has gone out, and must be done before the instance may be frozen: it waits
// for writes that are under way, and gives back what is owed, and, looking for it once a second, what is idle.
func (t *Taker) AfterResponse(ctx context.Context) {
	t.mu.Lock()
	now := t.now()
	idle := now.UnixNano()-t.looked >= int64(lookEvery) || now.UnixNano() < t.looked
	if idle {
		t.looked = now.UnixNano()
	}
	for range maxRounds {
		if idle || t.owes {
			t.owes = t.returns(false, t.now())
		}
		quiet := t.quiet
		t.mu.Unlock()
		select {
		case <-quiet:
		case <-ctx.Done():
			return
		}
		t.mu.Lock()
		if idle = false; !t.owes {
			break
		}
	}
	t.mu.Unlock()
}

// Close gives everything back that is on hand, as far as the context lasts. Calls may still be taken for.
func (t *Taker) Close(ctx context.Context) error {
	t.mu.Lock()
	quiet := t.quiet
	t.mu.Unlock()
	select {
	case <-quiet: // a write under way may bring units
	case <-ctx.Done():
	}
	t.mu.Lock()
	t.returns(true, t.now())
	quiet = t.quiet
	t.mu.Unlock()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("give units back: %w", ctx.Err())
	}
}

// returns starts the writes that give units back. It reports whether some could not be started. t.mu is held.
func (t *Taker) returns(all bool, now time.Time) (more bool) {
	for a := range t.holders {
		if a.busy {
			more = more || a.holding.Owes()
			continue
		}
		step, ok := a.holding.Return(all, now)
		if !ok {
			if !a.holding.Holds() {
				delete(t.holders, a)
			}
			continue
		}
		a.back = &back{step, all}
		t.begin(a)
	}
	return more
}
