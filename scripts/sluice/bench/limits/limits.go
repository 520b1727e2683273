// Package limits is `sluice bench limits`: it simulates many instances of the gateway that take from the same limits while
// everything around them fails, and has an audit count what passed (promises 3 and 4). Its packages: fleet simulates,
// scenario says what, audit counts, broken breaks the protocol on purpose to show that the audit sees it.
package limits

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sluice/scripts/sluice/bench/limits/broken"
	"sluice/scripts/sluice/bench/limits/scenario"
)

// Options is what `sluice bench limits` can be told.
type Options struct {
	Calls    int64
	Seed     uint64
	Scenario string // "" for all
	Break    string // "" to leave the protocol whole
	Engine   string // "" for the model; "dynoxide", or the endpoint of a store that is there
	Root     string // the repository, to find dynoxide in
	Workers  int
	Trace    bool
	Output   string // text or json
}

// Command is `sluice bench limits`.
func Command() *cobra.Command {
	var o Options
	c := &cobra.Command{
		Use: "limits", Short: "Simulate the limits of many instances, and count what passes",
		Args: func(c *cobra.Command, args []string) error { return errors.Join(cobra.NoArgs(c, args), o.check()) },
		Long: `Runs 64 instances against a model of DynamoDB in simulated time: clocks that are off, freezes, crashes, lost requests and
answers, outages. An audit that knows nothing of how limits are kept counts what passed. The same seed gives the same run.

` + list(),
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, restore := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer restore()
			if o.Engine != "" {
				return onEngine(ctx, o, c.OutOrStdout())
			}
			if o.Trace {
				return trace(o, c.OutOrStdout())
			}
			began := time.Now()
			report, err := Run(ctx, o)
			if err != nil {
				return err
			}
			report.Took = time.Since(began)
			if err := report.Print(c.OutOrStdout(), o.Output); err != nil {
				return err
			}
			return report.Check()
		},
	}
	f := c.Flags()
	f.Int64Var(&o.Calls, "calls", 1_000_000, "calls to simulate in all")
	f.Uint64Var(&o.Seed, "seed", 1, "the first seed; with --scenario, the only one")
	f.StringVar(&o.Scenario, "scenario", "", "one scenario, in one run")
	f.StringVar(&o.Break, "break", "", "break the protocol on purpose; it is a failure if the audit sees nothing")
	f.StringVar(&o.Engine, "engine", "", "run the real takers, in real time, against a real store: dynoxide, or an endpoint")
	f.StringVar(&o.Root, "root", ".", "the repository, to find dynoxide in")
	f.IntVar(&o.Workers, "workers", 2, "runs at once")
	f.BoolVar(&o.Trace, "trace", false, "with --scenario: tell all that happens")
	f.StringVar(&o.Output, "output", "text", "text or json")
	return c
}

func list() string {
	var b strings.Builder
	b.WriteString("Scenarios:\n")
	for _, s := range scenario.All() {
		fmt.Fprintf(&b, "  %-16s %s\n", s.Name, s.What)
	}
	b.WriteString("\nWays to break the protocol:\n")
	for _, way := range broken.All() {
		fmt.Fprintf(&b, "  %-16s %s\n", way.Name, way.What)
	}
	return b.String()
}

// check says what cannot be.
func (o Options) check() error {
	var faults []error
	if o.Calls < 1 || o.Calls > 1e10 {
		faults = append(faults, errors.New("--calls must lie in 1..10^10"))
	}
	if o.Workers < 1 || o.Workers > 256 {
		faults = append(faults, errors.New("--workers must lie in 1..256"))
	}
	if _, known := scenario.Find(o.Scenario); o.Scenario != "" && !known {
		faults = append(faults, fmt.Errorf("there is no scenario %q; see --help", o.Scenario))
	}
	if _, known := broken.Find(o.Break); o.Break != "" && !known {
		faults = append(faults, fmt.Errorf("there is no way %q to break the protocol; see --help", o.Break))
	}
	if o.Engine != "" && (o.Scenario != "" || o.Break != "" || o.Calls > 1e6) {
		faults = append(faults, errors.New("--engine takes real time: at most 10^6 calls, and neither --scenario nor --break"))
	}
	if o.Trace && o.Scenario == "" {
		faults = append(faults, errors.New("--trace needs --scenario"))
	}
	if !slices.Contains([]string{"text", "json"}, o.Output) {
		faults = append(faults, errors.New("--output must be text or json"))
	}
	return errors.Join(faults...)
}

// Run makes all runs and gathers what they came to. The error is the context's, or that of a machine that is stuck.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	return gather(ctx, o, runs(o))
}
