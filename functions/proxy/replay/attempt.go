package replay

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"sluice/shared/problem"
)

// endWithin bounds the write that ends an attempt. It is on the real clock, as contexts are.
const endWithin = 2 * time.Second

// Attempt is the right to call the upstream, once. Exactly one of its methods ends it; further ones do nothing. They work
// on when the caller has gone: the outcome must be kept all the same. An error means that the store did not take the end;
// it is for the log only, since the end is owed then (see Settle).
type Attempt struct {
	r         *Replayer
	id, owner string
	expires   time.Time
	ended     atomic.Bool
}

// Finish keeps the upstream's answer. It keeps no reference to it. One write, of 1 unit per KB after compression.
func (a *Attempt) Finish(ctx context.Context, answer Answer) error {
	kept, err := a.r.pack.encode(answer)
	if err != nil {
		return fmt.Errorf("keep answer: %w", err)
	}
	return a.end(ctx, kept)
}

// Abandon frees the key: the call did not reach the upstream, for sure. One write.
func (a *Attempt) Abandon(ctx context.Context) error { return a.end(ctx, nil) }

// Doubt says that the call may have reached the upstream, and that no answer came. Who repeats it is told so. One write.
func (a *Attempt) Doubt(ctx context.Context) error { return a.end(ctx, []byte{formatUnknown}) }

func (a *Attempt) end(ctx context.Context, answer []byte) error {
	if a.ended.Swap(true) {
		return nil
	}
	d := debt{id: a.id, owner: a.owner, answer: answer, expires: a.expires}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	err := d.pay(ctx, a.r.store)
	if err == nil || problem.Is(err, problem.Conflict) {
		return err
	}
	if err = d.pay(ctx, a.r.store); err != nil {
		a.r.debts.owe(d)
	}
	return err
}

// Settle writes what is still owed to the store: for idle moments, and before the instance ends. It gives the first error, and
// what is owed then stays owed.
func (r *Replayer) Settle(ctx context.Context) error { return r.debts.settle(ctx, r.store, "") }

// The bounds of what is owed. What does not fit is forgotten: its key is then told 409 until it expires.
const (
	maxDebts     = 256
	maxDebtBytes = 2 << 20
)

// debt is the end of an attempt that the store has not taken.
type debt struct {
	id, owner string
	answer    []byte // nil: the attempt is abandoned
	expires   time.Time
}

// pay writes it. Written twice it does no harm.
func (d debt) pay(ctx context.Context, store Store) error {
	if d.answer == nil {
		if err := store.AbandonCall(ctx, d.id, d.owner); err != nil {
			return fmt.Errorf("abandon call: %w", err)
		}
		return nil
	}
	if err := store.FinishCall(ctx, d.id, d.owner, d.answer, d.expires); err != nil {
		return fmt.Errorf("finish call: %w", err)
	}
	return nil
}

// debts is what this process owes to the store. The zero value is ready.
type debts struct {
	mu    sync.Mutex
	owed  map[string]debt // by owner
	bytes int
}

// owe remembers a debt, if there is room.
func (s *debts) owe(d debt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.owed) >= maxDebts || s.bytes+len(d.answer) > maxDebtBytes {
		return
	}
	if s.owed == nil {
		s.owed = make(map[string]debt)
	}
	s.owed[d.owner] = d
	s.bytes += len(d.answer)
}

// settle pays what is owed for a call, or for all with "". It ends at the first error.
func (s *debts) settle(ctx context.Context, store Store, id string) error {
	for _, d := range s.of(id) {
		if err := d.pay(ctx, store); err != nil && !problem.Is(err, problem.Conflict) {
			return err
		}
		s.forget(d)
	}
	return nil
}

func (s *debts) of(id string) []debt {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []debt
	for _, d := range s.owed {
		if id == "" || d.id == id {
			found = append(found, d)
		}
	}
	return found
}

func (s *debts) forget(d debt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, still := s.owed[d.owner]; still {
		delete(s.owed, d.owner)
		s.bytes -= len(d.answer)
	}
}
