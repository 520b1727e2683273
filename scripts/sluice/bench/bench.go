// Package bench measures what a call through the gateway costs, as a multiple of what a bare Go reverse proxy costs in
// the same run on the same machine: a ratio says the same on a fast machine and on a busy one.
//
// The upstream, the proxy that is the floor, and the gateway are processes of their own, so that each one's CPU is the
// kernel's figure. Everything listens on random loopback ports and ends with the run. Other gateways, which run already,
// can be measured in the same rounds.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sluice/scripts/sluice/bench/cold"
	"sluice/scripts/sluice/bench/limits"
	"sluice/scripts/sluice/bench/price"
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
	Against     []string // other gateways: see ParsePeer
	Gap         time.Duration
	GapCalls    int     // calls of a lone consumer, a gap apart; 0 leaves it out
	Prices      string  // a file; "" is the list that is built in
	UpstreamMs  float64 // what a real upstream takes, for the costs
	Output      string  // text or json
}

// Command is `sluice bench`.
func Command() *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: "Measure the platform on this machine"}
	c.AddCommand(callCommand(), cold.Command(), limits.Command(), serveCommand("upstream", upstream), floorCommand())
	return c
}

func callCommand() *cobra.Command {
	var o Options
	c := &cobra.Command{
		Use: "call", Short: "What a warm call costs, against a bare Go reverse proxy and others",
		Args: func(c *cobra.Command, args []string) error { return errors.Join(cobra.NoArgs(c, args), o.check()) },
		Long: `Starts an upstream, a bare Go reverse proxy (the floor) and ` + "`sluice local --in-process`" + ` (the gateway, with key,
rate, quota, policy and usage), sends the same requests to all of them in turn, and compares CPU time, rate and latency.
Then it counts what a call asks of the store and consumes there, and says what a million of them cost at public list
prices. Everything runs on loopback and ends with it.

--against NAME=URL[,header=value]... measures another gateway in the same rounds, e.g.
--against kong=http://127.0.0.1:8000/things/42,apikey=secret. It must run on this machine, with an upstream that answers as
fast and as much as ours (run ` + "`sluice bench upstream`" + `). With pid=N in place of a header its CPU is measured, too, with that
of its children.`,
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
	f.IntVar(&o.Rounds, "rounds", 3, "rounds of all sides, one after the other")
	f.IntVar(&o.StoreCalls, "store-calls", 2000, "calls while store calls are counted; 0 leaves that out, and the costs")
	f.BoolVar(&o.Processes, "processes", false, "functions as processes behind the event API, in place of --in-process")
	f.StringArrayVar(&o.Against, "against", nil, "another gateway on this machine: NAME=URL[,header=value]...[,pid=N]; may be repeated")
	f.IntVar(&o.GapCalls, "gap-calls", 5, "calls of a lone consumer with gaps, while store calls are counted; 0 leaves that out")
	f.DurationVar(&o.Gap, "gap", 3*time.Second, "how far apart those calls are")
	f.StringVar(&o.Prices, "prices", "", "a price list as YAML or JSON, like scripts/sluice/bench/price/list.yaml, which is the standard")
	f.Float64Var(&o.UpstreamMs, "upstream-ms", 20, "what an upstream takes in the cloud: the proxy function is billed while it waits")
	f.StringVar(&o.Output, "output", "text", "text or json")
	return c
}

// check says what cannot be.
func (o Options) check() error {
	var faults []error
	for name, v := range map[string][3]int{"--requests": {o.Requests, 1, 1_000_000}, "--connections": {o.Connections, 1, 1024},
		"--rounds": {o.Rounds, 1, 100}, "--store-calls": {o.StoreCalls, 0, 1_000_000}, "--gap-calls": {o.GapCalls, 0, 100}} {
		if v[0] < v[1] || v[0] > v[2] {
			faults = append(faults, fmt.Errorf("%s must lie in %d..%d", name, v[1], v[2]))
		}
	}
	if o.Gap < 0 || o.Gap > time.Minute {
		faults = append(faults, errors.New("--gap must lie in 0s..1m"))
	}
	if !(o.UpstreamMs >= 0 && o.UpstreamMs <= 30_000) {
		faults = append(faults, errors.New("--upstream-ms must lie in 0..30000"))
	}
	for _, text := range o.Against {
		if _, err := ParsePeer(text); err != nil {
			faults = append(faults, err)
		}
	}
	if _, err := o.prices(); err != nil {
		faults = append(faults, fmt.Errorf("--prices: %w", err))
	}
	if o.Output != "text" && o.Output != "json" {
		faults = append(faults, errors.New("--output must be text or json"))
	}
	return errors.Join(faults...)
}

func (o Options) prices() (price.List, error) {
	if o.Prices == "" {
		return price.Parse(price.Standard())
	}
	b, err := os.ReadFile(o.Prices)
	if err != nil {
		return price.List{}, err
	}
	return price.Parse(b)
}

// repeat is the command line that does the same again. The values of headers are secrets: they are left out.
func (o Options) repeat() string {
	var b strings.Builder
	fmt.Fprintf(&b, "bin/sluice bench call --requests %d --connections %d --rounds %d --store-calls %d", o.Requests, o.Connections, o.Rounds, o.StoreCalls)
	if o.StoreCalls > 0 {
		fmt.Fprintf(&b, " --gap-calls %d --gap %v --upstream-ms %g", o.GapCalls, o.Gap, o.UpstreamMs)
	}
	if o.Prices != "" {
		fmt.Fprintf(&b, " --prices %s", o.Prices)
	}
	if o.Processes {
		b.WriteString(" --processes")
	}
	for _, text := range o.Against {
		target, _, more := strings.Cut(text, ",")
		if more {
			target += ",…"
		}
		b.WriteString(" --against " + target)
	}
	return b.String()
}
