package limits

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"sluice/scripts/sluice/bench/limits/broken"
	"sluice/scripts/sluice/bench/limits/fleet"
	"sluice/scripts/sluice/bench/limits/scenario"
)

// The calls of one run: enough for many periods, few enough that a failure is quickly repeated.
const (
	fewest  = 20_000
	largest = 500_000
	spread  = 200 // runs, if calls allow
)

// run is one scenario under one seed.
type run struct {
	scenario scenario.Scenario
	seed     uint64
	calls    int64
	broken   string
}

func (r run) config() fleet.Config {
	c := r.scenario.Config(r.seed, r.calls)
	if b, is := broken.Find(r.broken); is {
		c.Parts = b.Do(c.Parts)
	}
	return c
}

// repeat is how to make the run again.
func (r run) repeat() string {
	text := fmt.Sprintf("sluice bench limits --scenario %s --seed %d --calls %d", r.scenario.Name, r.seed, r.calls)
	if r.broken != "" {
		text += " --break " + r.broken
	}
	return text
}

// runs shares the calls out: the scenarios in turn, each time under the next seed. A break is tried where it shows.
func runs(o Options) []run {
	if s, known := scenario.Find(o.Scenario); known {
		return []run{{s, o.Seed, o.Calls, o.Break}}
	}
	all := scenario.All()
	if b, is := broken.Find(o.Break); is {
		if s, known := scenario.Find(b.Scenario); known {
			all = []scenario.Scenario{s}
		}
	}
	each := min(largest, max(fewest, o.Calls/spread))
	var list []run
	for left := o.Calls; left > 0; left -= each {
		n := len(list)
		list = append(list, run{all[n%len(all)], o.Seed + uint64(n/len(all)), min(each, left), o.Break}) // #nosec G115 -- it counts up
	}
	return list
}

// gather makes the runs, some at once, and joins their results in the order of the list.
func gather(ctx context.Context, o Options, list []run) (*Report, error) {
	results, faults := make([]fleet.Result, len(list)), make([]error, len(list))
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(o.Workers, len(list)) {
		all.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(list) && ctx.Err() == nil; n = int(next.Add(1)) - 1 {
				results[n], faults[n] = fleet.Run(list[n].config())
			}
		})
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	report := &Report{Options: o, Total: fleet.Nothing()}
	for n, r := range list {
		if faults[n] != nil {
			return nil, fmt.Errorf("%w\nrepeat it with: %s", faults[n], r.repeat())
		}
		report.add(r, results[n])
	}
	return report, nil
}

// trace tells all that happens in one run.
func trace(o Options, out io.Writer) error {
	c := runs(o)[0].config()
	c.Trace = func(at int64, format string, args ...any) {
		_, _ = fmt.Fprintf(out, "%s "+format+"\n", append([]any{time.Unix(0, at).UTC().Format("01-02 15:04:05.000000")}, args...)...) // a trace that nobody reads is no loss
	}
	r, err := fleet.Run(c)
	for _, v := range r.Findings.First {
		_, _ = fmt.Fprintln(out, v) // likewise
	}
	return err
}
