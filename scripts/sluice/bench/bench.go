// Package bench measures what a call through the gateway costs, as a multiple of what a bare Go reverse proxy costs in
// the same run on the same machine: a ratio says the same on a fast machine and on a busy one.
//
// The upstream, the proxy that is the floor, and the gateway are processes of their own, so that each one's CPU is the
// kernel's figure. Everything listens on random loopback ports and ends with the run.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Options is what `sluice bench call` can be told.
type Options struct {
	Program     string // the sluice binary to start the parts from
	Root        string // the repository
	Requests    int    // to each side in each round
	Connections int
	Rounds      int
	StoreCalls  int // calls of the round that counts store calls; 0 leaves it out
	Processes   bool
	Output      string // text or json
}

// Command is `sluice bench`.
func Command() *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: "Measure the platform on this machine"}
	c.AddCommand(callCommand(), serveCommand("upstream", upstream), floorCommand())
	return c
}

func callCommand() *cobra.Command {
	var o Options
	c := &cobra.Command{
		Use: "call", Short: "What a warm call costs, against a bare Go reverse proxy",
		Args: func(c *cobra.Command, args []string) error { return errors.Join(cobra.NoArgs(c, args), o.check()) },
		Long: `Starts an upstream, a bare Go reverse proxy (the floor) and ` + "`sluice local --in-process`" + ` (the gateway, with key,
rate, quota, policy and usage), sends the same requests to the floor and the gateway in turn, and compares their CPU
time. Then it counts what a call asks of the store. Everything runs on loopback and ends with it.`,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, restore := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			context.AfterFunc(ctx, restore) // a second ^C ends it at once; the kernel ends the children
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			o.Program = self
			report, err := Call(ctx, o)
			if err != nil {
				return err
			}
			if err := report.Print(c.OutOrStdout(), o.Output); err != nil {
				return err
			}
			return report.Check()
		},
	}
	f := c.Flags()
	f.StringVar(&o.Root, "root", ".", "the repository")
	f.IntVar(&o.Requests, "requests", 20_000, "requests to each side in each round")
	f.IntVar(&o.Connections, "connections", 32, "keep-alive connections")
	f.IntVar(&o.Rounds, "rounds", 3, "rounds of floor, then gateway")
	f.IntVar(&o.StoreCalls, "store-calls", 2000, "calls while store calls are counted; 0 leaves that out")
	f.BoolVar(&o.Processes, "processes", false, "functions as processes behind the event API, in place of --in-process")
	f.StringVar(&o.Output, "output", "text", "text or json")
	return c
}

// check says what cannot be.
func (o Options) check() error {
	var faults []error
	for name, v := range map[string][3]int{"--requests": {o.Requests, 1, 1_000_000}, "--connections": {o.Connections, 1, 1024},
		"--rounds": {o.Rounds, 1, 100}, "--store-calls": {o.StoreCalls, 0, 1_000_000}} {
		if v[0] < v[1] || v[0] > v[2] {
			faults = append(faults, fmt.Errorf("%s must lie in %d..%d", name, v[1], v[2]))
		}
	}
	if o.Output != "text" && o.Output != "json" {
		faults = append(faults, errors.New("--output must be text or json"))
	}
	return errors.Join(faults...)
}

func (o Options) repeat() string {
	processes := ""
	if o.Processes {
		processes = " --processes"
	}
	return fmt.Sprintf("bin/sluice bench call --requests %d --connections %d --rounds %d --store-calls %d%s", o.Requests, o.Connections, o.Rounds, o.StoreCalls, processes)
}
