package limits_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluice/scripts/sluice/bench/limits"
	"sluice/scripts/sluice/bench/limits/scenario"
	"sluice/scripts/sluice/engine"
)

const root = "../../../.."

// run runs the command.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := limits.Command()
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(&out)
	c.SilenceUsage, c.SilenceErrors = true, true
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func TestWhatCannotBeIsSaidBeforeAnythingRuns(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no calls":                    {[]string{"--calls", "0"}, "--calls"},
		"no workers":                  {[]string{"--workers", "0"}, "--workers"},
		"an unknown scenario":         {[]string{"--scenario", "nowhere"}, `no scenario "nowhere"`},
		"an unknown way to break it":  {[]string{"--break", "nothing"}, `no way "nothing"`},
		"a trace of everything":       {[]string{"--trace"}, "--trace needs --scenario"},
		"a scenario on an engine":     {[]string{"--engine", "dynoxide", "--scenario", "hot"}, "--engine takes real time"},
		"an unknown format":           {[]string{"--output", "xml"}, "--output"},
		"arguments":                   {[]string{"more"}, "unknown command"},
		"all faults are told at once": {[]string{"--calls", "0", "--workers", "0"}, "--calls must lie in 1..10^10\n--workers"},
	} {
		if _, err := run(t, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q in it", name, err, c.want)
		}
	}
}

func TestTheReportSaysWhatWasRunAndWhatCameOfIt(t *testing.T) {
	text, err := run(t, "--calls", "60000", "--scenario", "hot-rough", "--seed", "5")
	if err != nil {
		t.Errorf("%v", err)
	}
	for _, what := range []string{"hot-rough", "60000 calls in 1 runs of 1 scenarios from seed 5: 0 over-admissions", "million calls a second", "writes/call"} {
		if !strings.Contains(text, what) {
			t.Errorf("nothing is said of %q:\n%s", what, text)
		}
	}
	text, _ = run(t, "--calls", "5000", "--scenario", "hot-rough", "--output", "json")
	var report limits.Report
	if err := json.Unmarshal([]byte(text), &report); err != nil || report.Total.Calls != 5000 || len(report.Scenarios) != 1 {
		t.Errorf("%v, %+v", err, report)
	}
}

func TestAProtocolThatIsBrokenIsReportedAndThenItIsNoFailure(t *testing.T) {
	text, err := run(t, "--calls", "40000", "--break", "refused-applied")
	if err != nil || !strings.Contains(text, `broken on purpose: the store does what it refuses`) || !strings.Contains(text, "the first: more than the quota: sub, call ") {
		t.Errorf("%v\n%s", err, text)
	}
	if _, err := run(t, "--calls", "1000", "--break", "early", "--scenario", "hot"); err == nil {
		t.Error("it is no failure where the audit sees nothing")
	}
}

func TestARunIsRepeatedByWhatTheReportSays(t *testing.T) {
	report, err := limits.Run(t.Context(), limits.Options{Calls: 400_000, Seed: 3, Break: "early", Workers: 2, Output: "text"})
	if err != nil || len(report.Faults) == 0 {
		t.Fatal(err, report)
	}
	_, command, _ := strings.Cut(report.Faults[0], "repeat it with: sluice bench limits ")
	report.Options.Break = ""
	if err := report.Check(); err == nil || !strings.Contains(err.Error(), command) {
		t.Errorf("%v does not say how to repeat it", err)
	}
	text, _ := run(t, append(strings.Fields(command), "--output", "json")...)
	var again limits.Report
	if err := json.Unmarshal([]byte(text), &again); err != nil || len(again.Faults) == 0 {
		t.Fatalf("%s: %v\n%s", command, err, text)
	}
	if diff := cmp.Diff(report.Faults[0], again.Faults[0]); diff != "" {
		t.Error(diff)
	}
}

func TestHowManyRunAtOnceChangesNothing(t *testing.T) {
	one, err := limits.Run(t.Context(), limits.Options{Calls: 200_000, Seed: 9, Workers: 1, Output: "text"})
	if err != nil {
		t.Fatal(err)
	}
	four, err := limits.Run(t.Context(), limits.Options{Calls: 200_000, Seed: 9, Workers: 4, Output: "text"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(one, four, cmpopts.IgnoreFields(limits.Report{}, "Options")); diff != "" {
		t.Error(diff)
	}
}

func TestACommandThatIsCancelledEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := limits.Run(ctx, limits.Options{Calls: 1e10, Workers: 2, Output: "text"}); err == nil {
		t.Error("it goes on")
	}
}

func TestTheRealTakersRunOnAnEngineOfTheirOwn(t *testing.T) {
	if _, err := engine.Find(root); err != nil {
		t.Skip("no engine to run on:", err)
	}
	text, err := run(t, "--engine", "dynoxide", "--calls", "1000", "--root", root)
	if err != nil || !strings.Contains(text, "0 over-admissions") {
		t.Errorf("%v\n%s", err, text)
	}
	if _, err := run(t, "--engine", "http://127.0.0.1:1", "--calls", "10"); err == nil {
		t.Error("a store that is not there is no failure")
	}
}

func TestATraceTellsOfOneRun(t *testing.T) {
	text, err := run(t, "--scenario", "fresh", "--calls", "300", "--trace")
	if err != nil || !strings.Contains(text, "store: ") || strings.Count(text, "\n") < 300 {
		t.Errorf("%v\n%.300s", err, text)
	}
	help, err := run(t, "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenario.All() {
		if !strings.Contains(help, s.What) {
			t.Errorf("--help does not tell of %s", s.Name)
		}
	}
}
