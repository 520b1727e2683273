package replay_test

import (
	"testing"

	"sluice/functions/proxy/replay"
)

// FuzzKept reads what a store might hold: whatever it is, nothing breaks, and no answer has a status that none can have.
func FuzzKept(f *testing.F) {
	s := newShelf()
	r := instance(s)
	a, _, err := r.Begin(f.Context(), post("k"))
	if err != nil {
		f.Fatal(err)
	}
	if err := a.Finish(f.Context(), created); err != nil {
		f.Fatal(err)
	}
	var id string
	for id = range s.calls {
		f.Add(s.calls[id].Answer)
	}
	for _, seed := range [][]byte{{}, {0}, {1}, {2}, {3}, {4}, {2, 200, 1, 1}, {2, 200, 1, 0xff, 0xff, 0xff, 0xff, 0x0f}, {4, 201, 1, 0}, {9}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, kept []byte) {
		if kept == nil {
			kept = []byte{}
		}
		c := s.calls[id]
		c.Answer = kept
		s.calls[id] = c
		attempt, answer, err := r.Begin(t.Context(), post("k"))
		if attempt != nil || (answer == nil) == (err == nil) {
			t.Fatalf("attempt %v, answer %v, %v", attempt != nil, answer, err)
		}
		if answer != nil && (answer.Status < 200 || answer.Status > 599 || answer.Header.Get(replay.Replayed) != "true") {
			t.Fatalf("answer %d %v", answer.Status, answer.Header)
		}
	})
}
