package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

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
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Key") != "k" || r.URL.Path != "/things/42" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer peer.Close()
	report, err := bench.Call(t.Context(), bench.Options{Program: self, Root: root, Requests: 300, Connections: 8, Rounds: 1, StoreCalls: 40,
		GapCalls: 2, Gap: 10 * time.Millisecond, UpstreamMs: 20, Against: []string{"peer=" + peer.URL + "/things/42,x-key=k"}, Output: "text"})
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Check(); err != nil {
		t.Error(err)
	}
	one := report.Rounds[0]
	if one.Floor.P50 <= 0 || one.Gateway.P50 <= 0 || one.Gateway.RSS <= 0 || one.Gateway.CPU <= 0 || one.Gateway.WithEngine < one.Gateway.CPU ||
		one.Gateway.Allocations < 10 || one.Upstream.P50 <= 0 || one.Others["peer"].P999 <= 0 {
		t.Errorf("figures are missing: %+v", one)
	}
	if s := report.Store; s.Alone.WritesPerCall <= 0 || s.Crowd.WritesPerCall <= 0 || s.Crowd.WritesPerCall > 2 ||
		s.Alone.WriteUnitsPerCall < s.Alone.WritesPerCall || s.Gaps == nil || s.Gaps.WriteUnitsPerCall <= 0 {
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
	for _, want := range []string{"floor", "gateway", "ratio", "peer", "USD for a million calls", "apart", "machine: ", "a lone consumer", "repeat: bin/sluice bench call --requests 300"} {
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
		"negative store calls": {"--store-calls", "-1"}, "an unknown output": {"--output", "xml"}, "a peer elsewhere": {"--against", "x=http://192.0.2.1/"},
		"a price list that is not there": {"--prices", "/nonexistent"}, "a long gap": {"--gap", "2h"},
	} {
		c := bench.Command()
		c.SetArgs(append([]string{"call"}, args...))
		c.SilenceUsage, c.SilenceErrors = true, true
		if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAPeerIsReadAndItsRequestWritten(t *testing.T) {
	p, err := bench.ParsePeer("kong=http://localhost:8000/a?b=c,apikey=se=cret,Host=api.example,pid=42")
	if err != nil || p.Name != "kong" || p.PID != 42 || p.Target.Address != "localhost:8000" {
		t.Fatalf("%+v, %v", p, err)
	}
	for _, want := range []string{"GET /a?b=c HTTP/1.1\r\nHost: api.example\r\n", "\r\nApikey: se=cret\r\n", "\r\n\r\n"} {
		if !strings.Contains(string(p.Target.Request), want) {
			t.Errorf("the request %q lacks %q", p.Target.Request, want)
		}
	}
	for name, text := range map[string]string{
		"no name": "=http://127.0.0.1", "a name that is taken": "floor=http://127.0.0.1", "no URL": "x", "TLS": "x=https://127.0.0.1",
		"another machine": "x=http://192.0.2.1", "a name that may be one": "x=http://api.example", "a password": "x=http://a:b@127.0.0.1",
		"a header without value": "x=http://127.0.0.1,secret", "a header of two lines": "x=http://127.0.0.1,a=secret\r\nb", "a pid that is none": "x=http://127.0.0.1,pid=0",
	} {
		if _, err := bench.ParsePeer(text); err == nil || !strings.Contains(err.Error(), "NAME=URL") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParsePeer(f *testing.F) {
	f.Add("kong=http://127.0.0.1:8000/a,apikey=k,pid=1")
	f.Add("x=http://[::1]/,a=b")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := bench.ParsePeer(text)
		if err == nil && (p.Name == "" || strings.Count(string(p.Target.Request), "\r\n\r\n") != 1) {
			t.Errorf("%q is %+v", text, p)
		}
	})
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
