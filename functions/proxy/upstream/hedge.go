package upstream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// hedge makes an attempt and, if it has not ended after a while, another one beside it. The first good answer wins; the other
// attempt is cancelled and has ended when hedge returns. Where none is needed, none is begun: the first one needs no goroutine.
func (t *trip) hedge(ctx context.Context, after time.Duration) (Answer, error) {
	ours, lose := context.WithCancel(ctx)
	defer lose()
	t.copied = true
	h := &rival{result: result{err: errNoHedge}, ended: make(chan struct{})}
	timer := time.AfterFunc(after, func() {
		defer close(h.ended)
		if h.run(ctx, t); h.result.good() {
			lose()
		}
	})
	unneeded := false
	defer func() {
		if !unneeded && !timer.Stop() { // the latter after a panic
			h.end()
		}
	}()
	var r result
	r.answer, r.err = t.try(ours)
	if unneeded = timer.Stop(); unneeded || r.good() {
		return r.answer, r.err
	}
	<-h.ended
	r = h.result.better(r)
	return r.answer, r.err
}

// rival is the second attempt of a hedged call.
type rival struct {
	result result // once ended is closed
	ended  chan struct{}
	mu     sync.Mutex
	over   bool
	cancel context.CancelFunc // nil before it begins
}

// run makes the attempt, if it still makes sense and is paid for.
func (h *rival) run(ctx context.Context, t *trip) {
	defer func() {
		if fault := recover(); fault != nil {
			h.result.err = fmt.Errorf("panic: %v", fault) // nobody else could catch it here
		}
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h.mu.Lock()
	over := h.over
	h.cancel = cancel
	h.mu.Unlock()
	if !over && t.fits(0) && t.peer.breaker.Load().Closed() == 0 && t.peer.budget.take(t.client.now()) {
		h.result.answer, h.result.err = t.second(ctx)
	}
}

// end ends the attempt, or sees that it is not begun, and waits for that.
func (h *rival) end() {
	h.mu.Lock()
	h.over = true
	cancel := h.cancel
	h.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	<-h.ended
}

// second is a hedge: an attempt with a slot of its own.
func (t *trip) second(ctx context.Context) (Answer, error) {
	if most := t.call.Settings.MaxInFlight; most > 0 {
		s, err := t.peer.pool.Take(ctx, most, t.call.Priority, t.end)
		if err != nil {
			return Answer{}, errNoHedge
		}
		defer s.Release()
	}
	a, err := t.try(ctx)
	var no *refused
	if errors.As(err, &no) {
		err = errNoHedge
	}
	return a, err
}
