package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"sluice/scripts/sluice/bench"
	"sluice/scripts/sluice/engine"
	"sluice/scripts/sluice/local"
)

const root = "../../.."

// TestMain makes this very program what the benchmark starts: the upstream, the floor, the gateway.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "bench" || os.Args[1] == "local") {
		c := &cobra.Command{Use: "sluice", SilenceUsage: true}
		c.AddCommand(bench.Command(), local.Command(os.LookupEnv))
		if err := c.ExecuteContext(context.Background()); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func needEngine(t testing.TB) {
	t.Helper()
	if _, err := engine.Find(root); err != nil {
		t.Skipf("nothing to measure on: %v", err)
	}
}

func TestASmallRunMeasuresBothSidesAndLeavesNothingBehind(t *testing.T) {
	needEngine(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	report, err := bench.Call(t.Context(), bench.Options{Program: self, Root: root, Requests: 300, Connections: 8, Rounds: 1, StoreCalls: 40, Output: "text"})
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Check(); err != nil {
		t.Error(err)
	}
	one := report.Rounds[0]
	if one.Floor.P50 <= 0 || one.Gateway.P50 <= 0 || one.Gateway.RSS <= 0 || one.Gateway.CPU <= 0 || one.Gateway.WithEngine < one.Gateway.CPU {
		t.Errorf("figures are missing: %+v", one)
	}
	if s := report.Store; s.Alone.WritesPerCall <= 0 || s.Crowd.WritesPerCall <= 0 || s.Crowd.WritesPerCall > 2 {
		t.Errorf("calls that are counted and billed write to the store: %+v", s)
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	var text bytes.Buffer
	if err := report.Print(&text, "text"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"floor", "gateway", "ratio", "a lone consumer", "repeat: bin/sluice bench call --requests 300"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, text.String())
		}
	}
}

func TestARunThatIsEndedEnds(t *testing.T) {
	needEngine(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bench.Call(ctx, bench.Options{Program: self, Root: root, Requests: 300, Connections: 8, Rounds: 1, Output: "text"}); err == nil {
		t.Error("a run that was ended gives a report")
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBoundsAreHeld(t *testing.T) {
	for name, args := range map[string][]string{
		"no requests": {"--requests", "0"}, "too many connections": {"--connections", "5000"}, "no rounds": {"--rounds", "0"},
		"negative store calls": {"--store-calls", "-1"}, "an unknown output": {"--output", "xml"},
	} {
		c := bench.Command()
		c.SetArgs(append([]string{"call"}, args...))
		c.SilenceUsage, c.SilenceErrors = true, true
		if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSpreads(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		want   bench.Spread
	}{
		"of nothing all are zero":                       {nil, bench.Spread{}},
		"one value is all of them":                      {[]float64{3}, bench.Spread{Median: 3, Min: 3, Max: 3}},
		"the median of three is the middle one":         {[]float64{9, 1, 2}, bench.Spread{Median: 2, Min: 1, Max: 9}},
		"the median of four lies between the inner two": {[]float64{9, 1, 2, 4}, bench.Spread{Median: 3, Min: 1, Max: 9}},
	} {
		if diff := cmp.Diff(c.want, bench.Over(c.values)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestFailedCallsMakeTheRunFail(t *testing.T) {
	r := &bench.Report{Requests: 10, Rounds: []bench.Round{{Gateway: bench.Cost{Failures: 2, First: "429 Too Many Requests"}}}}
	if err := r.Check(); err == nil || !strings.Contains(err.Error(), "2 of 10 calls of the gateway failed, the first with: 429") {
		t.Error(err)
	}
	if err := (&bench.Report{Store: &bench.Store{Alone: bench.Operations{Failures: 1}}}).Check(); err == nil {
		t.Error("failures while store calls are counted go unnoticed")
	}
}

func TestAReportCanBeReadByPrograms(t *testing.T) {
	in := &bench.Report{Requests: 10, Rounds: []bench.Round{{Floor: bench.Cost{CPU: 100}}}, Repeat: "again"}
	var b bytes.Buffer
	if err := in.Print(&b, "json"); err != nil {
		t.Fatal(err)
	}
	var out bench.Report
	if err := json.Unmarshal(b.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, &out); diff != "" {
		t.Error(diff)
	}
}

// The profile of the gateway, with the driver in the same process:
// go test ./scripts/sluice/bench -run - -bench WarmCall -cpuprofile FILE
func BenchmarkWarmCall(b *testing.B) {
	needEngine(b)
	bench.WarmCalls(b, root)
}
