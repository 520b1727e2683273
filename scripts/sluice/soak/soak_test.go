package soak_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"sluice/scripts/sluice/local"
	"sluice/scripts/sluice/soak"
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
	if _, err := soak.Run(ctx, soak.Options{Program: self, Root: "../../..", For: time.Minute, Connections: 8, Quota: 100, InProcess: true}, io.Discard); err == nil {
		t.Error("a run that was ended gives a report")
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// good is a report with which nothing is wrong.
func good() *soak.Report {
	const mb = 1 << 20
	return &soak.Report{Lasted: time.Minute, Connections: 32, Kills: map[string]int{},
		Before:   map[string]soak.Resources{"proxy": {Processes: 2, Files: 12, Goroutines: 25}},
		After:    map[string]soak.Resources{"proxy": {Processes: 8, Files: 16, Goroutines: 30}},
		Memory:   map[string][]int64{"proxy": {10 * mb, 20 * mb, 21 * mb, 22 * mb, 23 * mb, 22 * mb, 24 * mb, 25 * mb}},
		Accounts: []soak.Account{{App: "a", Answers: soak.Counts(900, 50, 60, 0), Seen: 950, Usage: 950, Used: 950, Quota: 1000}}}
}

func TestWhatIsWrongFailsTheSoakAndIsNamed(t *testing.T) {
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(r *soak.Report, a *soak.Account)
		want   string
	}{
		"more calls pass than the quota allows":        {func(_ *soak.Report, a *soak.Account) { a.Seen, a.Usage, a.Used = 1001, 1001, 1001 }, "the quota is 1000"},
		"usage lacks a call":                           {func(_ *soak.Report, a *soak.Account) { a.Usage-- }, "usage has 949"},
		"usage has a call too many":                    {func(_ *soak.Report, a *soak.Account) { a.Usage++ }, "usage has 951"},
		"the quota lacks a call":                       {func(_ *soak.Report, a *soak.Account) { a.Used-- }, "the quota counted 949"},
		"the quota counts a call that nobody made":     {func(_ *soak.Report, a *soak.Account) { a.Used++ }, "the quota counted 951"},
		"a call is answered that nobody saw":           {func(_ *soak.Report, a *soak.Account) { a.Answers = soak.Counts(951, 0, 0, 0) }, "answered 200"},
		"killed instances lose more than they can":     {func(r *soak.Report, a *soak.Account) { r.Kills["proxy"], a.Usage = 1, 800 }, "may be lost"},
		"leases of the dead are more than they can be": {func(r *soak.Report, a *soak.Account) { r.Kills["proxy"], a.Used, a.Leased = 1, 1950, 1000 }, "1000 of them leased"},
		"nothing passes":                               {func(_ *soak.Report, a *soak.Account) { a.Answers = soak.Counts(0, 0, 9, 0) }, "no call passed"},
		"open files grow":                              {func(r *soak.Report, _ *soak.Account) { r.After["proxy"] = soak.Resources{Files: 40} }, "40 open files"},
		"goroutines grow":                              {func(r *soak.Report, _ *soak.Account) { r.After["proxy"] = soak.Resources{Goroutines: 80} }, "80 goroutines"},
		"memory grows": {func(r *soak.Report, _ *soak.Account) {
			r.Memory["proxy"] = []int64{10 << 20, 20 << 20, 20 << 20, 30 << 20, 40 << 20, 50 << 20, 60 << 20, 70 << 20}
		}, "in the last quarter"},
	} {
		t.Run(name, func(t *testing.T) {
			r := good()
			c.change(r, &r.Accounts[0])
			if err := r.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	r := good() // what is within the bound is none
	r.Kills["proxy"], r.Accounts[0].Usage, r.Accounts[0].Used, r.Accounts[0].Leased = 1, 940, 970, 20
	if err := r.Check(); err != nil {
		t.Error(err)
	}
}

func TestAReportShowsWhatItRestsOn(t *testing.T) {
	r := good()
	r.Repeat = "bin/sluice soak --for 1m0s"
	var b bytes.Buffer
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"seen upstream", "950", "goroutines before", "repeat: bin/sluice soak"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, b.String())
		}
	}
}
