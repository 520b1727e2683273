package replay_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"sluice/functions/proxy/replay"
	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/dynamo"
	"sluice/shared/problem"
)

var _ replay.Store = (*dynamo.Table)(nil)

// fault is what happens to one question to the store.
type fault int

const (
	works    fault = iota
	unheard        // it does not get there
	unspoken       // it is done, and the answer is lost
)

// shelf is a replay.Store in memory, with the store's rules and a clock.
type shelf struct {
	mu     sync.Mutex
	now    time.Time
	calls  map[string]catalog.HeldCall
	fault  func(op string) fault // nil: all works
	writes int
}

func newShelf() *shelf {
	return &shelf{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), calls: map[string]catalog.HeldCall{}}
}

func (s *shelf) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *shelf) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *shelf) fails(f func(op string) fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

func always(f fault) func(string) fault { return func(string) fault { return f } }

// times is a fault for the first n questions of an operation.
func times(n int, op string, f fault) func(string) fault {
	return func(o string) fault {
		if o == op && n > 0 {
			n--
			return f
		}
		return works
	}
}

func (s *shelf) do(op string, apply func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := works
	if s.fault != nil {
		f = s.fault(op)
	}
	lost := problem.Wrap(errors.New("no answer"), problem.Unavailable, "the store does not answer")
	if f == unheard {
		return lost
	}
	s.writes++
	err := apply()
	if f == unspoken {
		return lost
	}
	return err
}

func (s *shelf) ClaimCall(_ context.Context, id, owner, fingerprint string, held, expires time.Time) (c catalog.HeldCall, won bool, err error) {
	err = s.do("claim", func() error {
		was, there := s.calls[id]
		there = there && s.now.Before(was.Expires)
		if c = was; there && (was.Answer != nil || s.now.Before(was.Held) && was.Owner != owner) {
			return nil
		}
		won, c = true, catalog.HeldCall{Owner: owner, Fingerprint: fingerprint, Held: held, Expires: expires}
		s.calls[id] = c
		return nil
	})
	return c, won && err == nil, err
}

func (s *shelf) FinishCall(_ context.Context, id, owner string, answer []byte, expires time.Time) error {
	return s.do("finish", func() error {
		c := s.calls[id]
		if c.Owner != owner || c.Answer != nil && string(c.Answer) != string(answer) {
			return problem.New(problem.Conflict, "not the owner's")
		}
		c.Answer, c.Expires = answer, expires
		s.calls[id] = c
		return nil
	})
}

func (s *shelf) AbandonCall(_ context.Context, id, owner string) error {
	return s.do("abandon", func() error {
		if c := s.calls[id]; c.Owner == owner && c.Answer == nil {
			c.Held = time.Time{}
			s.calls[id] = c
		}
		return nil
	})
}

// seeded is randomness that can be repeated.
type seeded struct{ *rand.ChaCha8 }

func instance(s *shelf) *replay.Replayer { return replay.New(s, s.clock, nil) }

// post is a call with a key.
func post(key string, change ...func(*replay.Call)) replay.Call {
	c := replay.Call{Method: http.MethodPost, Query: "dry=no", Header: map[string]string{"content-type": "application/json", "idempotency-key": key},
		Body: []byte(`{"sku":1}`), Caller: decision.Caller{App: "shop"}, Address: "192.0.2.1",
		Target: decision.Target{API: "orders", Version: "v1", Route: "/orders/{id}/lines", Path: "/orders/42/lines"}}
	for _, f := range change {
		f(&c)
	}
	return c
}

var created = replay.Answer{Status: http.StatusCreated, Header: http.Header{"Location": {"/orders/1"}, "X-Two": {"a", "b"}}, Body: []byte(`{"id":1}`)}

// begun starts a call that must go on to the upstream.
func begun(t *testing.T, r *replay.Replayer, c replay.Call) *replay.Attempt {
	t.Helper()
	a, answer, err := r.Begin(t.Context(), c)
	if err != nil || answer != nil || a == nil {
		t.Fatalf("begin: attempt %v, answer %v, %v", a != nil, answer, err)
	}
	return a
}

// refused gives the refusal of a call that must not go on.
func refused(t *testing.T, r *replay.Replayer, c replay.Call) *replay.Refusal {
	t.Helper()
	a, answer, err := r.Begin(t.Context(), c)
	var no *replay.Refusal
	if a != nil || answer != nil || !errors.As(err, &no) {
		t.Fatalf("begin: attempt %v, answer %v, %v", a != nil, answer, err)
	}
	return no
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
