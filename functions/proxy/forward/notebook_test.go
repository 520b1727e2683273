package forward_test

import (
	"context"
	"sync"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/limit/counter"
	"sluice/shared/problem"
)

// notebook keeps alerts and calls with an Idempotency-Key, as the store does.
type notebook struct {
	mu     sync.Mutex
	alerts map[catalog.LimitAlert]bool
	calls  map[string]catalog.HeldCall
	fault  error
}

func (n *notebook) PutAlert(_ context.Context, a catalog.LimitAlert, _ time.Time) (bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a.At = time.Time{}
	if n.fault != nil || n.alerts[a] {
		return false, n.fault
	}
	n.alerts[a] = true
	return true, nil
}

func (n *notebook) ClaimCall(_ context.Context, id, owner, fingerprint string, held, expires time.Time) (catalog.HeldCall, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c, there := n.calls[id]; n.fault != nil || there {
		return c, n.fault == nil && c.Owner == owner && c.Answer == nil, n.fault
	}
	n.calls[id] = catalog.HeldCall{Owner: owner, Fingerprint: fingerprint, Held: held, Expires: expires}
	return n.calls[id], true, nil
}

func (n *notebook) FinishCall(_ context.Context, id, owner string, answer []byte, _ time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.calls[id]
	if n.fault != nil {
		return n.fault
	}
	if c.Owner != owner {
		return problem.New(problem.Conflict, "not yours")
	}
	c.Answer = answer
	n.calls[id] = c
	return nil
}

func (n *notebook) AbandonCall(_ context.Context, id, owner string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.calls[id]; n.fault == nil && c.Owner == owner && c.Answer == nil {
		delete(n.calls, id)
	}
	return n.fault
}

// set puts a counter into a state.
func (s *shelf) set(counter string, state counter.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states[counter] = state
}
