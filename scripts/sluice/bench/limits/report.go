package limits

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"sluice/scripts/sluice/bench/limits/broken"
	"sluice/scripts/sluice/bench/limits/fleet"
)

// onItem is how many writes a second DynamoDB takes on one item.
const onItem = 1000

// warm is how many calls a run must have for its writes a call to be judged: at first every instance has to learn how much is
// called.
const warm = 100_000

// Report is what all runs came to.
type Report struct {
	Options   Options
	Runs      int
	Total     fleet.Result
	Scenarios []Row
	Took      time.Duration
	Faults    []string // each with how to repeat it
}

// Row is what the runs of one scenario came to.
type Row struct {
	Name   string
	Runs   int
	Result fleet.Result
}

// add takes the result of a run.
func (r *Report) add(made run, result fleet.Result) {
	r.Runs++
	r.Total.Join(result)
	row := r.row(made.scenario.Name)
	row.Runs++
	row.Result.Join(result)
	if f := &result.Findings; f.Violations > 0 {
		r.Faults = append(r.Faults, fmt.Sprintf("%s: %d violations, the first: %s\n  repeat it with: %s", made.scenario.Name, f.Violations, f.First[0], made.repeat()))
	}
	if perCall := writesPerCall(result); made.scenario.PerCall > 0 && made.calls >= warm && perCall > made.scenario.PerCall {
		r.Faults = append(r.Faults, fmt.Sprintf("%s: %.4f writes a call, more than %.2f\n  repeat it with: %s", made.scenario.Name, perCall, made.scenario.PerCall, made.repeat()))
	}
	if peak := result.Findings.PeakWrites; made.scenario.PerItem && peak > onItem {
		r.Faults = append(r.Faults, fmt.Sprintf("%s: %d writes of one item within a second\n  repeat it with: %s", made.scenario.Name, peak, made.repeat()))
	}
}

func (r *Report) row(name string) *Row {
	for i := range r.Scenarios {
		if r.Scenarios[i].Name == name {
			return &r.Scenarios[i]
		}
	}
	r.Scenarios = append(r.Scenarios, Row{Name: name, Result: fleet.Nothing()})
	return &r.Scenarios[len(r.Scenarios)-1]
}

func writesPerCall(r fleet.Result) float64 {
	return float64(r.Findings.Writes) / float64(max(1, r.Calls))
}

// Check says what was promised and not kept.
//
// Where the protocol was broken on purpose, it says if nobody saw it.
func (r *Report) Check() error {
	if b, is := broken.Find(r.Options.Break); is {
		if r.Total.Findings.Against[b.Rule] == 0 {
			return fmt.Errorf("%s: nothing was found against %q", b.What, b.Rule)
		}
		return nil
	}
	if len(r.Faults) == 0 {
		return nil
	}
	var all []error
	for _, f := range r.Faults[:min(20, len(r.Faults))] {
		all = append(all, errors.New(f))
	}
	if more := len(r.Faults) - len(all); more > 0 {
		all = append(all, fmt.Errorf("and %d more", more))
	}
	return errors.Join(all...)
}

// Print writes the report, as text or as JSON.
func (r *Report) Print(out io.Writer, format string) error {
	if format == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(cells ...any) {
		for _, c := range cells {
			_, _ = fmt.Fprintf(t, "%v\t", c) // Flush tells
		}
		_, _ = fmt.Fprintln(t)
	}
	row("scenario", "runs", "calls", "admitted", "refused", "503", "died", "over", "periods", "worst use", "admitted alone", "writes/call", "peak writes/s")
	for _, s := range r.Scenarios {
		row(append([]any{s.Name, s.Runs}, cells(s.Result)...)...)
	}
	row(append([]any{"all", r.Runs}, cells(r.Total)...)...)
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err := fmt.Fprintf(out, "\n%d calls in %d runs of %d scenarios from seed %d: %d over-admissions, %d crashes, %d stops; %s, %.2f million calls a second\n",
		r.Total.Calls, r.Runs, len(r.Scenarios), r.Options.Seed, r.Total.Findings.Over, r.Total.Crashes, r.Total.Stops,
		r.Took.Round(time.Millisecond), float64(r.Total.Calls)/1e6/max(1e-9, r.Took.Seconds()))
	if b, is := broken.Find(r.Options.Break); is && err == nil {
		_, err = fmt.Fprintf(out, "broken on purpose: %s. The audit found %d against %q", b.What, r.Total.Findings.Against[b.Rule], b.Rule)
		for _, v := range r.Total.Findings.First {
			if v.Rule == b.Rule && err == nil {
				_, err = fmt.Fprintf(out, ", the first: %s", v)
				break
			}
		}
		_, _ = fmt.Fprintln(out) // as above
	}
	return err
}

func cells(r fleet.Result) []any {
	f := &r.Findings
	return []any{r.Calls, r.Admitted, r.Refused, r.Failed, r.Died, f.Over, f.Periods, fmt.Sprintf("%.2f %%", 100*f.WorstUse),
		fmt.Sprintf("%.2f %%", 100*f.WorstRawUse), fmt.Sprintf("%.4f", writesPerCall(r)), f.PeakWrites}
}
