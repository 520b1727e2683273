package replay_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"sluice/functions/proxy/replay"
	"sluice/shared/decision"
	"sluice/test/engine"
)

// TestOnARealTableOneCallIsMadeAndAllGetItsAnswer is the whole way with the store that is deployed.
func TestOnARealTableOneCallIsMadeAndAllGetItsAnswer(t *testing.T) {
	table, _ := engine.Table(t)
	instances := [4]*replay.Replayer{}
	for i := range instances {
		instances[i] = replay.New(table, time.Now, nil)
	}
	attempts := make(chan *replay.Attempt, 32)
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			a, answer, err := instances[i%4].Begin(t.Context(), post("k"))
			var no *replay.Refusal
			switch {
			case a != nil:
				attempts <- a
			case answer != nil, !errors.As(err, &no), no.Code != decision.IdempotencyInFlight:
				t.Errorf("answer %v, %v", answer, err)
			}
		})
	}
	all.Wait()
	if len(attempts) != 1 {
		t.Fatalf("%d calls are made", len(attempts))
	}
	must(t, (<-attempts).Finish(t.Context(), created))
	for _, r := range instances {
		if _, answer, err := r.Begin(t.Context(), post("k")); err != nil || answer == nil || string(answer.Body) != string(created.Body) {
			t.Errorf("the answer is not given: %v", err)
		}
	}
	must(t, begun(t, instances[0], post("freed")).Abandon(t.Context()))
	must(t, begun(t, instances[1], post("freed")).Doubt(t.Context()))
	if no := refused(t, instances[2], post("freed")); no.Hints["outcome"] != "unknown" {
		t.Errorf("%s %v", no.Code, no.Hints)
	}
}
