// Package soak runs the local cloud for a long time at the highest rate that the machine takes, while the store and the
// upstreams fail again and again, instances are killed and the configuration changes, and then holds it to account:
//
//   - nothing grows: memory, open files and goroutines, over time and at rest (package growth says how that is judged);
//   - the accounts agree to the unit, for each kind of caller by itself: calls that the answers say were admitted = calls in the
//     usage totals = what the quotas counted, and those that the upstream saw = admitted less those answered from memory and
//     those that never came to it, each of which is named (verdict.go). What killed instances took with them is bounded and
//     named, too;
//   - no quota and no rate was exceeded, and hedges, retries, slots and calls with an Idempotency-Key kept to their bounds;
//   - nobody got an answer that was made for somebody else, and nobody was turned away for a key that was rotated.
//
// The upstream is this process (package backend): it counts a call, and fails after that. The callers are in it as well
// (package traffic). All of it is bounded in time, memory and connections, and stays on loopback.
package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sluice/scripts/sluice/bench/machine"
	"sluice/scripts/sluice/client"
	"sluice/scripts/sluice/fault"
	"sluice/scripts/sluice/launch"
	"sluice/scripts/sluice/soak/backend"
	"sluice/scripts/sluice/soak/growth"
	"sluice/scripts/sluice/soak/traffic"
	"sluice/scripts/sluice/soak/world"
)

// Options is what `sluice soak` can be told.
type Options struct {
	Program      string // the sluice binary to start the cloud from
	Root         string // the repository
	FunctionsDir string
	For          time.Duration
	Connections  int
	InProcess    bool
	Quota        int // of those who use a quota up
	JSON         bool
}

// mostInstances is how many of each function run at once at most.
const mostInstances = 8

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
		Long: `Starts a local cloud of its own, drives it with as many calls of fifteen kinds as the machine takes while the store and the
upstreams fail, instances are killed, and plans, keys and contracts change; then drains it and checks: nothing grows, the
accounts agree, no limit was exceeded. Progress goes to standard error, the summary to standard output at the end. Exit 1 on any finding.`,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, restore := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			context.AfterFunc(ctx, restore) // a second ^C ends it at once; the kernel ends the children
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			o.Program = self
			report, err := Run(ctx, o, c.ErrOrStderr())
			if err != nil {
				return err
			}
			write := report.Print
			if o.JSON {
				write = report.WriteJSON
			}
			return errors.Join(write(c.OutOrStdout()), report.Check())
		},
	}
	f := c.Flags()
	f.StringVar(&o.Root, "root", ".", "the repository")
	f.StringVar(&o.FunctionsDir, "functions-dir", "", "where <function>/bootstrap is (default <root>/bin/functions)")
	f.DurationVar(&o.For, "for", 30*time.Minute, "how long the load lasts")
	f.IntVar(&o.Connections, "connections", 40, "keep-alive connections")
	f.BoolVar(&o.InProcess, "in-process", false, "the functions in one process: no instances are killed, and the counters must agree exactly")
	f.IntVar(&o.Quota, "quota", 3000, "the quotas that are used up")
	f.BoolVar(&o.JSON, "json", false, "the summary as JSON instead of Markdown")
	return c
}

func (o Options) check() error {
	var faults []error
	if o.For < shortest || o.For > longest {
		faults = append(faults, fmt.Errorf("--for must lie in %v..%v", shortest, longest))
	}
	if o.Connections < 16 || o.Connections > 512 {
		faults = append(faults, errors.New("--connections must lie in 16..512"))
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
	upstream *backend.Backend
	world    *world.World
	lanes    []*traffic.Lane
	watch    growth.Watch
	out      io.Writer
	report   *Report
}

// Run soaks, and tells of its progress. The error says that the run could not be made; what it found is in the report.
func Run(ctx context.Context, o Options, progress io.Writer) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	parts, err := launch.Open(o.Program, o.Root, "soak")
	if err != nil {
		return nil, err
	}
	defer parts.Close()
	s := &soak{Options: o, parts: parts, out: progress, watch: growth.Watch{Store: "dynoxide"},
		report: &Report{Course: Course{Repeat: o.repeat(), Machine: machine.Look().String(), Connections: o.Connections, InProcess: o.InProcess},
			Trouble: Trouble{Kills: map[string]int{}, Faults: map[string]int64{}, Changes: world.Changes{Made: map[string]int{}, Refused: map[string]int{}}}}}
	for _, l := range world.Lanes(o.Quota) {
		s.report.Accounts = append(s.report.Accounts, Account{Lane: l})
	}
	for _, step := range []func(context.Context) error{s.open, s.furnish, s.warm, s.endure, s.drain} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	s.conclude()
	return s.report, nil
}

func (s *soak) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...) // progress; the report tells its error
}

// open starts the upstream and the cloud.
func (s *soak) open(ctx context.Context) (err error) {
	lanes := map[string]backend.Behaviour{}
	for _, a := range s.report.Accounts {
		lanes[a.Lane.Name] = a.Lane.Behaviour
	}
	if s.upstream, err = backend.Open(ctx, lanes); err != nil {
		return err
	}
	s.parts.After(s.upstream.Close)
	flags := []string{"--drill", "--figures"}
	if s.InProcess {
		flags = append(flags, "--in-process")
	} else {
		folder := s.FunctionsDir
		if folder == "" {
			folder = filepath.Join(s.Root, "bin", "functions")
		}
		flags = append(flags, "--functions-dir", folder, "--instances", "2", "--max-instances", strconv.Itoa(mostInstances))
	}
	s.cloud, err = s.parts.Cloud(ctx, "cloud", flags...)
	return err
}

// furnish makes what is called, and those who call.
func (s *soak) furnish(ctx context.Context) (err error) {
	var lanes []*world.Lane
	for _, a := range s.report.Accounts {
		l := a.Lane
		lanes = append(lanes, l)
		s.lanes = append(s.lanes, &traffic.Lane{Name: l.Name, Method: l.Method, Path: l.Path(), App: l.App(), Address: l.Address,
			Share: l.Share, Pace: l.Pace, Keyed: l.Behaviour.Keyed})
	}
	s.world, err = world.Make(ctx, client.New(s.cloud.Management(), s.cloud.Key), s.upstream.URL(), lanes, s.Quota)
	if err != nil {
		return err
	}
	s.giveKeys()
	return nil
}

// giveKeys gives each app's callers the key that they should have now.
func (s *soak) giveKeys() {
	for _, l := range s.lanes {
		if key := s.world.Key(l.Name); key != "" {
			l.SetKey(key)
		}
	}
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

// settle is how long calls go on without faults: longer than a store that was away is left alone.
const settle = 6 * time.Second

// drive makes calls of all lanes until ctx ends.
func (s *soak) drive(ctx context.Context) {
	traffic.Drive(ctx, s.cloud.Gateway(), s.lanes, s.Connections, s.upstream)
}

// warm drives the cloud without faults, lets it rest, and looks at its resources for the first time.
func (s *soak) warm(ctx context.Context) error {
	warming, cancel := context.WithTimeout(ctx, max(5*time.Second, min(s.For/10, time.Minute)))
	defer cancel()
	s.drive(warming)
	if err := fault.Sleep(ctx, quiet); err != nil {
		return err
	}
	s.say("warm: %s", s.tallies())
	return s.look(ctx, &s.report.Before, false)
}

// endure drives the cloud while things go wrong.
func (s *soak) endure(ctx context.Context) error {
	enduring, cancel := context.WithTimeout(ctx, s.For)
	defer cancel()
	s.report.Began = time.Now()
	failed := make(chan error, 1)
	go func() {
		err := s.trouble(enduring)
		if err != nil {
			cancel()
		}
		failed <- err
	}()
	before := s.calls()
	s.drive(enduring)
	s.report.Lasted = time.Since(s.report.Began)
	s.report.Calls = s.calls() - before
	if err := <-failed; err != nil {
		return err
	}
	s.say("the trouble is over: %s", s.tallies())
	return s.calm(ctx)
}

// calm ends all faults and lets everybody call for a while: what an outage has left owed is settled by the next calls.
func (s *soak) calm(ctx context.Context) error {
	s.upstream.Heal()
	if _, err := fault.Clear(ctx, s.cloud.DataDir); err != nil {
		return err
	}
	calm, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	s.drive(calm)
	return ctx.Err()
}

// calls is how many were made so far.
func (s *soak) calls() (n int64) {
	for _, l := range s.lanes {
		n += l.Counts().Calls
	}
	return n
}

// tallies is one line of how it stands.
func (s *soak) tallies() string {
	var sum traffic.Counts
	for _, l := range s.lanes {
		c := l.Counts()
		sum.Calls, sum.Good, sum.Refused = sum.Calls+c.Calls, sum.Good+c.Good, sum.Refused+c.Refused
		sum.Turned, sum.Doubtful = sum.Turned+c.Turned, sum.Doubtful+c.Doubtful
	}
	return fmt.Sprintf("%d calls: %s", sum.Calls, sum)
}
