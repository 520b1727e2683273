// Package soak runs the local cloud for a long time at the highest rate that the machine takes, while the store and the
// upstream fail again and again and instances are killed, and then holds it to account:
//
//   - no process has grown: memory, open files and goroutines (resources.go says how that is judged);
//   - the counters agree to the unit: calls that reached the upstream = calls in the usage totals = what the quota counted,
//     except for what killed instances took with them, which is bounded and named (account.go);
//   - no quota was exceeded.
//
// The upstream is this process: it counts a call, and fails after that. Calls are POSTs, which nothing on the way repeats by
// itself, so that each call counts once everywhere. All of it is bounded in time and connections, and stays on loopback.
package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sluice/scripts/sluice/bench/machine"
	"sluice/scripts/sluice/launch"
)

// Options is what `sluice soak` can be told.
type Options struct {
	Program      string // the sluice binary to start the cloud from
	Root         string // the repository
	FunctionsDir string
	For          time.Duration
	Connections  int
	InProcess    bool
	Quota        int // of the app that uses its quota up
}

// The bounds of what can be asked for.
const (
	shortest = 20 * time.Second
	longest  = 2 * time.Hour
)

// Command is `sluice soak`.
func Command() *cobra.Command {
	var o Options
	c := &cobra.Command{
		Use: "soak", Short: "Run the local cloud for long under load and faults, and hold it to account",
		Args: func(c *cobra.Command, args []string) error { return errors.Join(cobra.NoArgs(c, args), o.check()) },
		Long: `Starts a local cloud of its own, drives it with as many calls as the machine takes while the store and the upstream fail
and instances are killed, then drains it and checks: nothing has grown, the counters agree, no quota was exceeded.`,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, restore := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			context.AfterFunc(ctx, restore) // a second ^C ends it at once; the kernel ends the children
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			o.Program = self
			report, err := Run(ctx, o, c.OutOrStdout())
			if err != nil {
				return err
			}
			if err := report.Print(c.OutOrStdout()); err != nil {
				return err
			}
			return report.Check()
		},
	}
	f := c.Flags()
	f.StringVar(&o.Root, "root", ".", "the repository")
	f.StringVar(&o.FunctionsDir, "functions-dir", "", "where <function>/bootstrap is (default <root>/bin/functions)")
	f.DurationVar(&o.For, "for", 30*time.Minute, "how long the load lasts")
	f.IntVar(&o.Connections, "connections", 32, "keep-alive connections")
	f.BoolVar(&o.InProcess, "in-process", false, "the functions in one process: no instances are killed, and the counters must agree exactly")
	f.IntVar(&o.Quota, "quota", 5000, "the quota that is used up")
	return c
}

func (o Options) check() error {
	var faults []error
	if o.For < shortest || o.For > longest {
		faults = append(faults, fmt.Errorf("--for must lie in %v..%v", shortest, longest))
	}
	if o.Connections < 4 || o.Connections > 512 {
		faults = append(faults, errors.New("--connections must lie in 4..512"))
	}
	if o.Quota < 100 || o.Quota > 1_000_000_000 {
		faults = append(faults, errors.New("--quota must lie in 100..1000000000"))
	}
	return errors.Join(faults...)
}

func (o Options) repeat() string {
	inProcess := ""
	if o.InProcess {
		inProcess = " --in-process"
	}
	return fmt.Sprintf("bin/sluice soak --for %v --connections %d --quota %d%s", o.For, o.Connections, o.Quota, inProcess)
}

// soak is a run.
type soak struct {
	Options
	parts    *launch.Parts
	cloud    launch.Cloud
	upstream *upstream
	apps     []*app
	out      io.Writer
	report   *Report
}

// Run soaks. The error says that the run could not be made; what it found is in the report.
func Run(ctx context.Context, o Options, out io.Writer) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	parts, err := launch.Open(o.Program, o.Root, "soak")
	if err != nil {
		return nil, err
	}
	defer parts.Close()
	s := &soak{Options: o, parts: parts, out: out, report: &Report{Repeat: o.repeat(), Machine: machine.Look(), Connections: o.Connections,
		Kills: map[string]int{}, Memory: map[string][]int64{}}}
	for _, step := range []func(context.Context) error{s.open, s.furnish, s.warm, s.endure, s.drain, s.account} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s.report, nil
}

func (s *soak) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...) // progress; the report tells its error
}

// open starts the upstream and the cloud.
func (s *soak) open(ctx context.Context) (err error) {
	if s.upstream, err = openUpstream(ctx); err != nil {
		return err
	}
	s.parts.After(s.upstream.close)
	flags := []string{"--drill", "--figures"}
	if s.InProcess {
		flags = append(flags, "--in-process")
	} else {
		folder := s.FunctionsDir
		if folder == "" {
			folder = filepath.Join(s.Root, "bin", "functions")
		}
		flags = append(flags, "--functions-dir", folder, "--instances", "2", "--max-instances", "8")
	}
	s.cloud, err = s.parts.Cloud(ctx, "cloud", flags...)
	return err
}

// alive is an error if the cloud has ended.
func (s *soak) alive() error {
	select {
	case <-s.cloud.Done:
		return errors.New("the local cloud has ended")
	default:
		return nil
	}
}

// quiet is how long the cloud is left alone before its resources are looked at: idle leases are returned by then, usage is
// flushed, and connections that lie idle are closed.
const quiet = 8 * time.Second

// warm drives the cloud without faults, lets it rest, and looks at its resources for the first time.
func (s *soak) warm(ctx context.Context) error {
	warming, cancel := context.WithTimeout(ctx, max(5*time.Second, min(s.For/10, time.Minute)))
	defer cancel()
	s.drive(warming)
	if err := rest(ctx, quiet); err != nil {
		return err
	}
	s.say("warm: %s", s.tallies())
	return s.look(ctx, &s.report.Before)
}

// endure drives the cloud while things go wrong.
func (s *soak) endure(ctx context.Context) error {
	enduring, cancel := context.WithTimeout(ctx, s.For)
	defer cancel()
	failed := make(chan error, 1)
	go func() { failed <- s.trouble(enduring, cancel) }()
	s.report.Began = time.Now()
	s.drive(enduring)
	s.report.Lasted = time.Since(s.report.Began)
	if err := <-failed; err != nil {
		return err
	}
	return ctx.Err()
}

func (s *soak) tallies() string {
	var all []string
	for _, a := range s.apps {
		all = append(all, a.name+" "+a.counts().String())
	}
	return strings.Join(all, "; ")
}

func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
