package upstream_test

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"sluice/functions/proxy/upstream"
	"sluice/shared/settings"
)

// TestKeptConnectionsThatAllBreakAreNotTriedOneAfterTheOther: what net/http would repeat is paid for like any repetition.
func TestKeptConnectionsThatAllBreakAreNotTriedOneAfterTheOther(t *testing.T) {
	const kept = 30
	var together sync.WaitGroup
	together.Add(kept)
	var seen atomic.Int64
	at, _ := server(t, func(n int64, c net.Conn, _ *http.Request) bool {
		if n > kept {
			seen.Add(1)
			return false
		}
		together.Done()
		together.Wait()
		return say(c, well)
	})
	up := over(transport(t, settings.LoopbackToo, ""))
	var calls sync.WaitGroup
	for range kept {
		calls.Go(func() { want(t, up, 200, at) })
	}
	calls.Wait()
	wantError(t, up, upstream.Failed, at) // the budget has one repetition
	if n := seen.Load(); n != 2 {
		t.Errorf("one call arrived %d times, want 2", n)
	}
}
