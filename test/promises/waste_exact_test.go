package promises_test

import (
	"testing"
	"time"
)

// TestPromise4ACallThatTheRateRefusesCostsNoQuota.
func TestPromise4ACallThatTheRateRefusesCostsNoQuota(t *testing.T) {
	w := newWorld(t, 2)
	w.Admin(201, "POST", "/plans", m{"id": "both", "name": "Both", "approval": "automatic",
		"rate": m{"requests": 1, "seconds": 60, "burst": 5}, "quota": m{"requests": 20, "period": "month"}})
	w.consumer("both", "partner", "both", "both")
	_, key := w.key("both")
	w.settle()
	before := w.forwarded()
	for range 12 { // five minutes each: five pass, and the others are refused
		w.rush(key, 64, func(n int) int { return n % 2 })
		w.Clock.Advance(5 * time.Minute)
	}
	if passed := w.forwarded() - before; passed != 20 {
		t.Errorf("%d of 20 passed", passed)
	}
}
