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

// Cost is what one side's calls cost in a round. Times are microseconds, memory is bytes.
type Cost struct {
	CPU        float64 `json:"cpu_us"` // per call, user and system, of the process itself
	WithEngine float64 `json:"cpu_with_engine_us"`
	PerSecond  float64 `json:"calls_per_second"`
	P50        float64 `json:"p50_us"`
	P99        float64 `json:"p99_us"`
	RSS        int64   `json:"rss_bytes"`
	Failures   int     `json:"failures"`
	First      string  `json:"first_failure,omitempty"`
}

// Round is both sides, one right after the other.
type Round struct {
	Floor   Cost `json:"floor"`
	Gateway Cost `json:"gateway"`
}

// Spread is a figure over the rounds.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Operations is what so many calls asked of the store.
type Operations struct {
	Calls         int            `json:"calls"`
	Connections   int            `json:"connections"`
	Failures      int            `json:"failures"`
	Each          map[string]int `json:"operations"`
	ReadsPerCall  float64        `json:"reads_per_call"`
	WritesPerCall float64        `json:"writes_per_call"`
}

// Store is what calls ask of the store: of a crowd on one key, and of a lone consumer.
type Store struct {
	Crowd Operations `json:"crowd"`
	Alone Operations `json:"alone"`
}

// Ratios are gateway by floor.
type Ratios struct {
	CPU        Spread `json:"cpu"`
	WithEngine Spread `json:"cpu_with_engine"`
	PerSecond  Spread `json:"calls_per_second"`
	P50        Spread `json:"p50"`
	P99        Spread `json:"p99"`
}

// Report is a whole run.
type Report struct {
	Requests    int     `json:"requests"` // to each side in each round
	Connections int     `json:"connections"`
	Rounds      []Round `json:"rounds"`
	Ratios      Ratios  `json:"ratios"`
	Store       *Store  `json:"store,omitempty"`
	Repeat      string  `json:"repeat"`
}

// Over gives the median (of an even number: the mean of the middle two), the least and the greatest value; zeros for none.
func Over(values []float64) Spread {
	n := len(values)
	if n == 0 {
		return Spread{}
	}
	v := slices.Sorted(slices.Values(values))
	return Spread{(v[(n-1)/2] + v[n/2]) / 2, v[0], v[n-1]}
}

// sum makes the ratios, each round by itself: what disturbed a round disturbed both sides.
func (r *Report) sum() {
	over := func(of func(Cost) float64, low func(Cost) float64) Spread {
		var values []float64
		for _, one := range r.Rounds {
			if by := low(one.Floor); by > 0 {
				values = append(values, of(one.Gateway)/by)
			}
		}
		return Over(values)
	}
	r.Ratios = Ratios{CPU: over(cpu, cpu), WithEngine: over(withEngine, cpu), PerSecond: over(perSecond, perSecond), P50: over(p50, p50), P99: over(p99, p99)}
}

func cpu(c Cost) float64        { return c.CPU }
func withEngine(c Cost) float64 { return c.WithEngine }
func perSecond(c Cost) float64  { return c.PerSecond }
func p50(c Cost) float64        { return c.P50 }
func p99(c Cost) float64        { return c.P99 }

// Check is an error if a call failed: the figures are of something else then.
func (r *Report) Check() error {
	for i, round := range r.Rounds {
		for name, c := range map[string]Cost{"floor": round.Floor, "gateway": round.Gateway} {
			if c.Failures > 0 {
				return fmt.Errorf("round %d: %d of %d calls of the %s failed, the first with: %s", i+1, c.Failures, r.Requests, name, c.First)
			}
		}
	}
	if s := r.Store; s != nil && s.Crowd.Failures+s.Alone.Failures > 0 {
		return fmt.Errorf("%d calls failed while store calls were counted", s.Crowd.Failures+s.Alone.Failures)
	}
	return nil
}

// Print writes the report as text for people, or as json.
func (r *Report) Print(out io.Writer, format string) error {
	if format == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests to each side in each round, %d connections, answers of 1 KB; medians over %d round(s)\n\n", r.Requests, r.Connections, len(r.Rounds))
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprint(t, "\tCPU µs/call\twith the engine's\tcalls/s\tp50 µs\tp99 µs\tRSS MB\terrors\t\n") // Flush gives its error
	r.row(t, "floor", func(x Round) Cost { return x.Floor })
	r.row(t, "gateway", func(x Round) Cost { return x.Gateway })
	a := r.Ratios
	for _, l := range []struct {
		name string
		of   func(Spread) float64
	}{{"ratio", func(s Spread) float64 { return s.Median }}, {"least", func(s Spread) float64 { return s.Min }}, {"greatest", func(s Spread) float64 { return s.Max }}} {
		_, _ = fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\t\t\n", l.name, l.of(a.CPU), l.of(a.WithEngine), l.of(a.PerSecond), l.of(a.P50), l.of(a.P99)) // likewise
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if r.Store != nil {
		fmt.Fprintf(&b, "\nwhat calls ask of the store, usage included:\n%s%s", r.Store.Crowd.line("a crowd on one key"), r.Store.Alone.line("a lone consumer"))
	}
	fmt.Fprintf(&b, "\nrepeat: %s\n", r.Repeat)
	_, err := io.WriteString(out, b.String())
	return err
}

// row is one side: the median of each figure, the sum of the errors.
func (r *Report) row(w io.Writer, name string, side func(Round) Cost) {
	over := func(of func(Cost) float64) float64 {
		var values []float64
		for _, x := range r.Rounds {
			values = append(values, of(side(x)))
		}
		return Over(values).Median
	}
	failures := 0
	for _, x := range r.Rounds {
		failures += side(x).Failures
	}
	const mb = 1 << 20
	_, _ = fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%d\t\n", name, over(cpu), over(withEngine), over(perSecond), over(p50), over(p99),
		over(func(c Cost) float64 { return float64(c.RSS) / mb }), failures) // Flush gives its error
}

func (o Operations) line(who string) string {
	var each []string
	for _, name := range slices.Sorted(maps.Keys(o.Each)) {
		each = append(each, fmt.Sprintf("%s %d", name, o.Each[name]))
	}
	if len(each) == 0 {
		each = []string{"nothing"}
	}
	return fmt.Sprintf("  %s, %d calls over %d connection(s): %.4f reads and %.4f writes a call (%s), %d errors\n",
		who, o.Calls, o.Connections, o.ReadsPerCall, o.WritesPerCall, strings.Join(each, ", "), o.Failures)
}
