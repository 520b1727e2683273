package replay_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/functions/proxy/replay"
	"sluice/shared/decision"
)

func newSeeded(seed byte) seeded { return seeded{rand.NewChaCha8([32]byte{seed})} }

func TestAClaimWhoseAnswerIsLostIsMadeOnce(t *testing.T) {
	s := newShelf()
	s.fails(times(1, "claim", unspoken))
	a := begun(t, instance(s), post("k"))
	if no := refused(t, instance(s), post("k")); no.Code != decision.IdempotencyInFlight {
		t.Errorf("another is refused with %s", no.Code)
	}
	must(t, a.Finish(t.Context(), created))
}

func TestWithoutAStoreACallWithAKeyIsNotMade(t *testing.T) {
	for name, f := range map[string]fault{"unheard": unheard, "unspoken": unspoken} {
		s := newShelf()
		r := instance(s)
		s.fails(always(f))
		no := refused(t, r, post("k"))
		if no.Code != decision.UpstreamUnavailable || no.RetryAfter != time.Second || no.Unwrap() == nil || no.Error() == string(no.Code) {
			t.Errorf("%s: %s after %v because of %v", name, no.Code, no.RetryAfter, no.Unwrap())
		}
		s.fails(nil)
		begun(t, r, post("k")) // the claim that may have been made is let go of first
	}
}

func TestAClaimThatMayHaveBeenMadeIsLetGoOfWhenTheInstanceSettles(t *testing.T) {
	s := newShelf()
	r := instance(s)
	s.fails(always(unspoken))
	refused(t, r, post("k"))
	if err := r.Settle(t.Context()); err == nil {
		t.Error("it settles without a store")
	}
	s.fails(nil)
	must(t, r.Settle(t.Context()))
	writes := s.writes
	must(t, r.Settle(t.Context()))
	if s.writes != writes {
		t.Error("what is settled is settled again")
	}
	begun(t, instance(s), post("k"))
}

func TestAnAnswerThatTheStoreDidNotTakeIsOwed(t *testing.T) {
	for name, f := range map[string]fault{"unheard": unheard, "unspoken": unspoken} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			r := instance(s)
			a := begun(t, r, post("k"))
			s.fails(always(f))
			if err := a.Finish(t.Context(), created); err == nil {
				t.Fatal("nobody learns that the store failed")
			}
			s.fails(nil)
			_, answer, err := r.Begin(t.Context(), post("k"))
			if err != nil || answer == nil || string(answer.Body) != string(created.Body) {
				t.Errorf("the answer is not given: %v", err)
			}
		})
	}
}

func TestAnAnswerIsWrittenTwiceBeforeItIsOwed(t *testing.T) {
	s := newShelf()
	a := begun(t, instance(s), post("k"))
	s.fails(times(1, "finish", unspoken))
	must(t, a.Finish(t.Context(), created))
	if _, answer, err := instance(s).Begin(t.Context(), post("k")); err != nil || answer == nil {
		t.Errorf("there is no answer: %v", err)
	}
}

func TestACallerWhoGoesAwayIsNotAFailingStore(t *testing.T) {
	s := newShelf()
	ctx, gone := context.WithCancel(t.Context())
	gone()
	s.fails(always(unspoken))
	var no *replay.Refusal
	if _, _, err := instance(s).Begin(ctx, post("k")); !errors.Is(err, context.Canceled) || errors.As(err, &no) {
		t.Errorf("it is refused with %v", err)
	}
}

func TestWhatIsOwedIsBounded(t *testing.T) {
	s := newShelf()
	r := replay.New(s, s.clock, newSeeded(3))
	noise := make([]byte, 100_000)
	_, err := newSeeded(2).Read(noise)
	must(t, err)
	attempts := make([]*replay.Attempt, 0, 300)
	for i := range 300 {
		attempts = append(attempts, begun(t, r, post(fmt.Sprint("k", i))))
	}
	s.fails(always(unheard))
	for _, a := range attempts {
		if err := a.Finish(t.Context(), replay.Answer{Status: 200, Body: noise}); err == nil {
			t.Fatal("the store took it")
		}
	}
	s.fails(nil)
	before := s.writes
	must(t, r.Settle(t.Context()))
	if n := s.writes - before; n == 0 || n > 2<<20/len(noise) {
		t.Errorf("%d answers of %d bytes were owed", n, len(noise))
	}
}

// upstream counts what reaches it, by key.
type upstream struct {
	mu    sync.Mutex
	calls map[string]int
}

func (u *upstream) call(key string) replay.Answer {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.calls[key]++
	return replay.Answer{Status: 200 + u.calls[key]%2, Body: []byte(key)}
}

// TestPromise10 has clients repeat calls with a key on instances that die, freeze and lose the store's answers: no key reaches the
// upstream twice, and every answer that a client gets is the first one.
func TestPromise10ACallWithAKeyReachesTheUpstreamOnce(t *testing.T) {
	for seed := range byte(40) {
		s, u := newShelf(), &upstream{calls: map[string]int{}}
		random := rand.New(newSeeded(seed))
		instances := []*replay.Replayer{instance(s), instance(s), instance(s)}
		var frozen []*replay.Attempt
		s.fails(func(string) fault { return fault(max(0, random.IntN(8)-5)) })
		answered := 0
		for range 600 {
			s.pass(time.Duration(random.IntN(20)) * time.Second)
			key, i := fmt.Sprint("k", random.IntN(12)), random.IntN(len(instances))
			a, answer, err := instances[i].Begin(t.Context(), post(key))
			var no *replay.Refusal
			switch {
			case answer != nil:
				answered++
				if answer.Status != 201 || string(answer.Body) != key {
					t.Fatalf("seed %d: %s is answered with %d %s", seed, key, answer.Status, answer.Body)
				}
			case a == nil && !errors.As(err, &no):
				t.Fatalf("seed %d: %v", seed, err)
			case a == nil:
			case random.IntN(8) == 0: // the instance dies before the call
				instances[i] = instance(s)
			case random.IntN(8) == 0: // limits refuse it
				_ = a.Abandon(t.Context())
			default:
				first := u.call(key)
				switch random.IntN(6) {
				case 0: // the instance dies after it
					instances[i] = instance(s)
				case 1: // it is frozen
					frozen = append(frozen, a)
				case 2:
					_ = a.Doubt(t.Context())
				default:
					_ = a.Finish(t.Context(), first)
				}
			}
			if len(frozen) > 3 {
				_ = frozen[0].Doubt(t.Context())
				frozen = frozen[1:]
			}
		}
		for key, n := range u.calls {
			if n > 1 {
				t.Fatalf("seed %d: %s reached the upstream %d times", seed, key, n)
			}
		}
		if answered == 0 {
			t.Errorf("seed %d: nothing was ever replayed", seed)
		}
	}
}

func TestOfManyCallsAtOnceOneIsMade(t *testing.T) {
	s := newShelf()
	instances := []*replay.Replayer{instance(s), instance(s), instance(s), instance(s)}
	var made, waiting atomic.Int32
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			a, answer, err := instances[i%4].Begin(t.Context(), post("k"))
			var no *replay.Refusal
			switch {
			case a != nil:
				made.Add(1)
				if err := a.Finish(t.Context(), created); err != nil {
					t.Error(err)
				}
			case answer != nil, errors.As(err, &no) && no.Code == decision.IdempotencyInFlight:
				waiting.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 || waiting.Load() != 63 {
		t.Errorf("%d made, %d waiting", made.Load(), waiting.Load())
	}
}
