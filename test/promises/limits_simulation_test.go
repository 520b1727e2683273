package promises_test

import (
	"context"
	"sync"
	"testing"

	"sluice/scripts/sluice/bench/limits"
	"sluice/scripts/sluice/bench/limits/audit"
)

// simulated is one bounded run of all scenarios, which promises 3 and 4 share: 64 instances, freezes, crashes, clocks off by up
// to 500 ms, a store that is away, slow, throttled, and loses requests and answers. `sluice bench limits` makes longer ones.
var simulated = sync.OnceValues(func() (*limits.Report, error) {
	return limits.Run(context.Background(), limits.Options{Calls: 1_000_000, Seed: 20_261_123, Workers: 2, Output: "text"})
})

// TestPromise3NobodyIsAdmittedBeyondALimit: an audit that knows nothing of how limits are kept counts, from the log of what
// passed, for each quota and each period, and for each rate and every pair of instants.
func TestPromise3NobodyIsAdmittedBeyondALimit(t *testing.T) {
	report, err := simulated()
	if err != nil {
		t.Fatal(err)
	}
	f := &report.Total.Findings
	if f.Over != 0 || f.Against[audit.Quota]+f.Against[audit.Rate]+f.Against[audit.Disorder] != 0 {
		t.Errorf("%d units beyond a limit: %v", f.Over, report.Check())
	}
	if report.Total.Admitted < 200_000 || report.Total.Refused < 50_000 || report.Total.Crashes < 1_000 || report.Total.Stops < 1_000 {
		t.Errorf("too little happened to show anything: %+v", report.Total)
	}
	t.Logf("%d calls in %d runs: %d admitted, %d refused, %d answered 503; %d crashes, %d stops", report.Total.Calls, report.Runs,
		report.Total.Admitted, report.Total.Refused, report.Total.Failed, report.Total.Crashes, report.Total.Stops)
}
