package fault

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sluice/shared/settings"
)

// Help explains how faults are written, for every command that takes them.
const Help = `A fault is TARGET=KIND:VALUE[@START[+LENGTH]]. TARGET is store (the DynamoDB table) or upstream (what APIs stand before).

  down:LENGTH           connections are reset, those under way too
  latency:DELAY[~JITTER]  requests wait before they are carried out
  errors:PERCENT        so many are answered 500 (store: InternalServerError) or 503 (upstream), and not carried out
  throttle:PERCENT      so many are told to slow down: ProvisionedThroughputExceededException, or 429
  lost:PERCENT          so many are carried out, and the connection breaks before the answer

START counts from when it is told (with sluice local: from "ready"). Without LENGTH a fault lasts until it is cleared.
Several can be told at once, with ";" between them.

  store=down:60s                     no store for a minute
  store=down:20s@10s                 the same for 20 seconds, in ten seconds
  store=latency:200ms~50ms@0s+30s    a slow store for half a minute
  store=throttle:30%  store=lost:5%  a store that is too busy, and loses answers
  upstream=errors:20%                every fifth call upstream fails`

// Command is `sluice fault`.
func Command(env settings.Env) *cobra.Command {
	folder, _ := env("SLUICE_DATA_DIR")
	if folder == "" {
		folder = ".sluice"
	}
	clearAll := false
	var faults []Fault
	c := &cobra.Command{
		Use: "fault [FAULT]...", Short: "Make the store or the upstreams of a running local cloud fail, for a drill",
		Long: "Tells faults to a local cloud that was started with --drill or --fault, and shows how all of them stand.\n\n" + Help,
		Args: func(_ *cobra.Command, args []string) (err error) {
			if clearAll && len(args) > 0 {
				return errors.New("--clear takes no faults")
			}
			faults, err = ParseAll(args)
			return err
		},
		RunE: func(c *cobra.Command, _ []string) error {
			tell := func() ([]Status, error) { return Tell(c.Context(), folder, faults...) }
			if clearAll {
				tell = func() ([]Status, error) { return Clear(c.Context(), folder) }
			}
			all, err := tell()
			if err != nil {
				return err
			}
			return write(c.OutOrStdout(), all)
		},
	}
	c.Flags().StringVar(&folder, "data-dir", folder, "the data folder of the local cloud")
	c.Flags().BoolVar(&clearAll, "clear", false, "end all faults")
	return c
}

func write(out io.Writer, all []Status) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "no faults")
		return err
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range all {
		until := "until it is cleared"
		if s.Ends != nil {
			until = "until " + s.Ends.Local().Format(time.TimeOnly)
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%d hit\n", s.Fault, s.State, until, s.Hits) // Flush gives its error
	}
	return t.Flush()
}
