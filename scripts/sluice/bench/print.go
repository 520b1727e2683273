package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Print writes the report as text for people, or as json.
func (r *Report) Print(out io.Writer, format string) error {
	if format == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests to each side in each round, %d connections, answers of 1 KB; medians over %d round(s)\n\n", r.Requests, r.Connections, len(r.Rounds))
	if err := r.ratios(&b); err != nil {
		return err
	}
	b.WriteString("\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprint(t, "\tp50 µs\tp99 µs\tp99.9 µs\tcalls/s\tCPU µs/call\twith the engine's\tallocations/call\tRSS MB\terrors\t\n") // Flush gives its error
	for _, name := range append([]string{"gateway"}, r.sides()...) {
		r.row(t, name)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if r.Store != nil {
		b.WriteString("\nwhat calls ask of the store, usage included:\n")
		for _, one := range r.Store.all() {
			b.WriteString(one.line())
		}
	}
	if err := r.bills(&b); err != nil {
		return err
	}
	fmt.Fprintf(&b, "\nmachine: %s\nrepeat: %s\n", r.Machine, r.Repeat)
	_, err := io.WriteString(out, b.String())
	return err
}

// ratios are the first thing to see: the gateway as a multiple of each side, with the least and the greatest of the rounds.
func (r *Report) ratios(b io.Writer) error {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprint(t, "ratio of the gateway to\tCPU\twith the engine's\tcalls/s\tp50\tp99\tp99.9\t\n") // Flush gives its error
	for _, name := range r.sides() {
		a := r.RatiosTo[name]
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", name, a.CPU, a.WithEngine, a.PerSecond, a.P50, a.P99, a.P999) // likewise
	}
	return t.Flush()
}

// String is the median and, if rounds differ, the range.
func (s Spread) String() string {
	switch {
	case s.Max == 0:
		return "-"
	case s.Min == s.Max:
		return fmt.Sprintf("%.2f", s.Median)
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Min, s.Max)
}

// row is one side: the median of each figure, the sum of the errors.
func (r *Report) row(w io.Writer, name string) {
	failures := 0
	for i := range r.Rounds {
		failures += r.Rounds[i].of(name).Failures
	}
	const mb = 1 << 20
	figure := func(of func(Cost) float64) string {
		if v := r.median(of, name); v > 0 {
			return fmt.Sprintf("%.0f", v)
		}
		return "-"
	}
	_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t\n", name, figure(p50), figure(p99), figure(p999), figure(perSecond), figure(cpu), figure(withEngine),
		figure(func(c Cost) float64 { return c.Allocations }), figure(func(c Cost) float64 { return float64(c.RSS) / mb }), failures) // Flush gives its error
}

func (o who) line() string {
	var each []string
	for _, name := range slices.Sorted(maps.Keys(o.Each)) {
		each = append(each, fmt.Sprintf("%s %d", name, o.Each[name]))
	}
	if len(each) == 0 {
		each = []string{"nothing"}
	}
	return fmt.Sprintf("  %s, %d calls over %d connection(s): %.4f reads and %.4f writes a call (%s), %.4f read units and %.4f write units, %d errors\n",
		o.who, o.Calls, o.Connections, o.ReadsPerCall, o.WritesPerCall, strings.Join(each, ", "), o.ReadUnitsPerCall, o.WriteUnitsPerCall, o.Failures)
}

// bills says what a million calls cost.
func (r *Report) bills(b io.Writer) error {
	c := r.Costs
	if c == nil {
		return nil
	}
	_, _ = fmt.Fprintf(b, "\n%s for a million calls (list prices of %s, %s: %s)\n", c.Prices.Currency, c.Prices.Date, c.Prices.Region, strings.Join(c.Prices.Sources, " ")) // a strings.Builder
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprint(t, "\tHTTP API\tLambda calls\tLambda time\treads\twrites\ttotal\t\n") // Flush gives its error
	for _, one := range r.Store.all() {
		m := c.Of[one.who]
		_, _ = fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f\t%.3f\t%.3f\t%.2f\t\n", one.who, m.HTTPRequests, m.LambdaRequests, m.LambdaTime, m.Reads, m.Writes, m.Total) // likewise
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, f := range c.Functions {
		_, _ = fmt.Fprintf(b, "  %s: %d MB, billed %.0f ms a call: %.2f ms of a whole processor, %g ms of waiting\n", f.Name, f.MemoryMB, f.BilledMs(), f.CPU, f.Wait) // a strings.Builder
	}
	return nil
}
