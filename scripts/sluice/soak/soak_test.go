package soak_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"sluice/scripts/sluice/local"
	"sluice/scripts/sluice/soak"
	"sluice/scripts/sluice/soak/backend"
	"sluice/scripts/sluice/soak/growth"
	"sluice/scripts/sluice/soak/traffic"
	"sluice/scripts/sluice/soak/world"
)

// TestMain makes this very program what a soak starts: the local cloud.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "local" {
		c := &cobra.Command{Use: "sluice", SilenceUsage: true}
		c.AddCommand(local.Command(os.LookupEnv))
		if err := c.ExecuteContext(context.Background()); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestBoundsAreHeld(t *testing.T) {
	for want, args := range map[string][]string{"--for": {"--for", "3h"}, "--connections": {"--connections", "1000"}, "--quota": {"--quota", "1"}} {
		c := soak.Command()
		c.SetArgs(args)
		c.SilenceErrors, c.SilenceUsage = true, true
		if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestASoakThatIsEndedEndsAndLeavesNothingBehind(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := soak.Run(ctx, soak.Options{Program: self, Root: "../../..", For: time.Minute, Connections: 16, Quota: 100, InProcess: true}, io.Discard); err == nil {
		t.Error("a run that was ended gives a report")
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// good is a report with which nothing is wrong: every lane admitted 950 calls, of which the upstream saw 920.
func good() *soak.Report {
	r := &soak.Report{
		Course: soak.Course{Lasted: time.Minute, Connections: 32, InProcess: true},
		Trouble: soak.Trouble{StoreFaults: 1, Kills: map[string]int{}, Faults: map[string]int64{},
			Changes: world.Changes{Made: map[string]int{"plan": 1}}},
		Before:       map[string]soak.Resources{"proxy": {Processes: 2, Files: 12, Goroutines: 25}},
		After:        map[string]soak.Resources{"proxy": {Processes: 8, Files: 16, Goroutines: 30}},
		Trends:       []growth.Trend{{Process: "proxy", Kind: growth.RSS, Level: 20 << 20, Gained: 1 << 20, Allowed: 21 << 20}},
		AllConsumers: world.Counted{Used: 950 * (7 + world.Dear)},
	}
	for _, l := range world.Lanes(1000) {
		a := soak.Account{Lane: l, Answers: traffic.Counts{Calls: 1000, Good: 900, Fresh: 910, Seen: 10, Unseen: 30, Turned: 50},
			Upstream: backend.Tally{Calls: 920}, Counted: world.Counted{Calls: 950, Used: 950 * l.Cost}}
		if l.Plan == nil {
			a.Counted = world.Counted{Calls: 2 * 950}
		}
		r.Accounts = append(r.Accounts, a)
	}
	return r
}

// account finds the account of a lane.
func account(t *testing.T, r *soak.Report, lane string) *soak.Account {
	t.Helper()
	for i := range r.Accounts {
		if r.Accounts[i].Lane.Name == lane {
			return &r.Accounts[i]
		}
	}
	t.Fatalf("there is no lane %q", lane)
	return nil
}

func TestWhatIsWrongFailsTheSoakAndIsNamed(t *testing.T) {
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		lane   string
		change func(r *soak.Report, a *soak.Account)
		want   string
	}{
		"more calls pass than the quota allows": {"tight", func(_ *soak.Report, a *soak.Account) {
			a.Answers.Fresh, a.Upstream.Calls, a.Counted = 991, 1001, world.Counted{Calls: 1031, Used: 1031}
		}, "tight: 1031 units were admitted, the quota allows 1000"},
		"more than the overdraft passes beyond the quota": {"spare", func(_ *soak.Report, a *soak.Account) {
			a.Answers.Fresh, a.Upstream.Calls, a.Counted = 1191, 1201, world.Counted{Calls: 1231, Used: 1231}
		}, "the quota allows 1200"},
		"a quota cannot be used up": {"tight", func(_ *soak.Report, a *soak.Account) { a.Answers.Refused = 5 }, "99 of 100 must be usable"},
		"an anonymous caller's quota is exceeded": {"public-a", func(_ *soak.Report, a *soak.Account) {
			a.Upstream.Calls = 1001
		}, "public-a: 1001 units"},
		"usage lacks a call":             {"wide", func(_ *soak.Report, a *soak.Account) { a.Counted.Calls-- }, "usage has 949"},
		"usage has a call too many":      {"wide", func(_ *soak.Report, a *soak.Account) { a.Counted.Calls++ }, "usage has 951"},
		"usage lacks an anonymous call":  {"public-b", func(_ *soak.Report, a *soak.Account) { a.Counted.Calls-- }, "without a credential: usage has 1899"},
		"the quota lacks a call":         {"wide", func(_ *soak.Report, a *soak.Account) { a.Counted.Used-- }, "the quota counts 949"},
		"the quota forgets an overdraft": {"open", func(_ *soak.Report, a *soak.Account) { a.Counted.Used -= 60 }, "the quota counts 890"},
		"the quota forgets what a call costs": {"dear", func(_ *soak.Report, a *soak.Account) {
			a.Counted.Used = 950
		}, "the quota counts 950 units, 0 of them leased; by the answers 2850"},
		"the quota counts a call that nobody made": {"wide", func(_ *soak.Report, a *soak.Account) { a.Counted.Used++ }, "the quota counts 951"},
		"units stay on lease": {"wide", func(_ *soak.Report, a *soak.Account) { a.Counted.Used, a.Counted.Leased = 966, 16 },
			"16 units that nobody spent"},
		"more is on lease than a changed plan had": {"moved", func(_ *soak.Report, a *soak.Account) { a.Counted.Used, a.Counted.Leased = 982, 32 },
			"32 units that nobody spent"},
		"a call takes units twice":                   {"wide", func(_ *soak.Report, a *soak.Account) { a.Counted.Used, a.Counted.Leased = 1900, 0 }, "the quota counts 1900"},
		"the quota over all consumers lacks a call":  {"wide", func(r *soak.Report, _ *soak.Account) { r.AllConsumers.Used-- }, "over all consumers: its quota counts 9499"},
		"a call is answered that nobody saw":         {"wide", func(_ *soak.Report, a *soak.Account) { a.Upstream.Calls-- }, "the upstream saw 919"},
		"a call comes that nobody was told of":       {"wide", func(_ *soak.Report, a *soak.Account) { a.Upstream.Calls++ }, "the upstream saw 921"},
		"a call comes without a name":                {"wide", func(_ *soak.Report, a *soak.Account) { a.Upstream.Nameless++ }, "without a request id"},
		"nothing passes":                             {"wide", func(_ *soak.Report, a *soak.Account) { a.Answers.Good = 0 }, "no call passed"},
		"a call gets no answer":                      {"wide", func(_ *soak.Report, a *soak.Account) { a.Answers.Doubtful++ }, "1 calls got no answer"},
		"somebody else's answer is given":            {"cache-a", func(_ *soak.Report, a *soak.Account) { a.Answers.Mixed, a.Answers.Example = 1, "b's" }, "for somebody else, e.g. b's"},
		"a rotated key is refused":                   {"moved", func(_ *soak.Report, a *soak.Account) { a.Answers.Unknown++ }, "not known or not allowed"},
		"a call with an Idempotency-Key comes twice": {"once", func(_ *soak.Report, a *soak.Account) { a.Upstream.Twice++ }, "came to the upstream again"},
		"a POST is repeated":                         {"wide", func(_ *soak.Report, a *soak.Account) { a.Upstream.Repeats++ }, "must not be"},
		"reads are repeated beyond their budget":     {"reads", func(_ *soak.Report, a *soak.Account) { a.Upstream.Repeats = 261 }, "allows 260"},
		"a limit in the shadow refuses":              {"shadow", func(_ *soak.Report, a *soak.Account) { a.Answers.Refused++ }, "was not reached"},
		"a rate lets too many pass at once":          {"paced", func(_ *soak.Report, a *soak.Account) { a.Upstream.Burst = 101 }, "101 calls came at once"},
		"an upstream has too many calls at once":     {"slots", func(_ *soak.Report, a *soak.Account) { a.Upstream.AtOnce = 4 }, "4 calls were under way at once"},
		"open files grow at rest":                    {"wide", func(r *soak.Report, _ *soak.Account) { r.After["proxy"] = soak.Resources{Files: 40} }, "40 open files"},
		"goroutines grow at rest":                    {"wide", func(r *soak.Report, _ *soak.Account) { r.After["proxy"] = soak.Resources{Goroutines: 80} }, "80 goroutines"},
		"memory grows under load":                    {"wide", func(r *soak.Report, _ *soak.Account) { r.Trends[0].Gained = 22 << 20 }, "proxy: resident grow"},
	} {
		t.Run(name, func(t *testing.T) {
			r := good()
			c.change(r, account(t, r, c.lane))
			if err := r.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestWhatKilledInstancesTakeAlongIsNoFaultUpToItsBound(t *testing.T) {
	r := good()
	r.InProcess, r.Kills["proxy"] = false, 1 // 950 calls a minute: 31 in two seconds, and one for each of 32 connections
	a := account(t, r, "wide")
	a.Answers.Doubtful, a.Upstream.Calls, a.Counted = 1, 921, world.Counted{Calls: 890, Used: 960, Leased: 10}
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]world.Counted{
		"more usage is lost than an instance has":      {Calls: 886, Used: 960, Leased: 10},
		"more is on lease than an instance had":        {Calls: 890, Used: 1030, Leased: 80},
		"what is on lease does not explain the charge": {Calls: 890, Used: 963, Leased: 10},
		"the quota lacks what was lost":                {Calls: 890, Used: 949, Leased: 10},
	} {
		if a.Counted = c; r.Check() == nil {
			t.Errorf("%s: nothing is wrong", name)
		}
	}
}

func TestAReportShowsWhatItRestsOn(t *testing.T) {
	r := good()
	r.Repeat, r.Findings = "bin/sluice soak --for 1m0s", []string{"wide: usage has 949"}
	r.Faults["store lost"] = 7
	var text, data bytes.Buffer
	if err := r.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"failed, 1 findings", "  - wide: usage has 949", "store lost 7", "| cache-a | 1000 |", "| proxy | resident |", "repeat: `bin/sluice soak"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, text.String())
		}
	}
	if err := r.WriteJSON(&data); err != nil {
		t.Fatal(err)
	}
	var back soak.Report
	if err := json.Unmarshal(data.Bytes(), &back); err != nil || len(back.Accounts) != len(r.Accounts) || back.Faults["store lost"] != 7 {
		t.Errorf("%v: %s", err, data.Bytes())
	}
}
