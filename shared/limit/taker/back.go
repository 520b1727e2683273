package taker

import (
	"context"
	"fmt"
	"time"
)

// AfterResponse does what can wait until an answer has gone out, and must be done before the instance may be frozen: it gives
// back what is idle, looking for it once a second, and waits for writes that are under way.
func (t *Taker) AfterResponse(ctx context.Context) {
	t.mu.Lock()
	if now := t.now(); now.UnixNano()-t.looked >= int64(lookEvery) || now.UnixNano() < t.looked {
		t.looked = now.UnixNano()
		t.returns(false, now)
	}
	quiet := t.quiet
	t.mu.Unlock()
	select {
	case <-quiet:
	case <-ctx.Done():
	}
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

// returns starts the writes that give units back. t.mu is held.
func (t *Taker) returns(all bool, now time.Time) {
	for a := range t.holders {
		if a.busy {
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
}
