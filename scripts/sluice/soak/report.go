package soak

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"sluice/scripts/sluice/soak/growth"
	"sluice/scripts/sluice/soak/world"
)

// Report is what a run found.
type Report struct {
	Course
	Trouble
	Before       map[string]Resources `json:"before"` // at rest, by role
	After        map[string]Resources `json:"after"`
	Trends       []growth.Trend       `json:"trends"` // under load
	Accounts     []Account            `json:"accounts"`
	AllConsumers world.Counted        `json:"all_consumers"` // of the API soak
	Latency      Latency              `json:"latency"`
	Findings     []string             `json:"findings"`
}

// Course is how the run went.
type Course struct {
	Began       time.Time     `json:"began"`
	Lasted      time.Duration `json:"lasted_ns"`  // of the load with faults
	Drained     time.Duration `json:"drained_ns"` // until the counters stood still
	Calls       int64         `json:"calls"`      // in that time
	Connections int           `json:"connections"`
	InProcess   bool          `json:"in_process"`
	Repeat      string        `json:"repeat"`
	Machine     string        `json:"machine"`
}

// Trouble is what went wrong on purpose.
type Trouble struct {
	Scenes      int              `json:"scenes"`
	StoreFaults int              `json:"store_faults"` // times that the store had one
	Faults      map[string]int64 `json:"faults"`       // how often each kind hit
	Kills       map[string]int   `json:"kills"`        // by function
	Changes     world.Changes    `json:"changes"`
}

// Latency is that of answers with 200, in milliseconds.
type Latency struct {
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p999_ms"`
}

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(out io.Writer) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Print writes the report as Markdown.
func (r *Report) Print(out io.Writer) error {
	var b strings.Builder
	rate := float64(r.Calls) / max(1, r.Lasted.Seconds())
	fmt.Fprintf(&b, "# Soak: %v, %d calls, %.0f a second\n\n", r.Lasted.Round(time.Second), r.Calls, rate)
	fmt.Fprintf(&b, "- verdict: **%s**\n", verdict(len(r.Findings)))
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "  - %s\n", f)
	}
	fmt.Fprintf(&b, "- latency of answers with 200: p50 %.1f ms, p99 %.1f ms, p99.9 %.1f ms\n", r.Latency.P50, r.Latency.P99, r.Latency.P999)
	fmt.Fprintf(&b, "- %d scenes of trouble; faults by what they hit: %s\n", r.Scenes, pairs(r.Faults))
	fmt.Fprintf(&b, "- killed instances: %s; changed under load: %s; not changed, since the store was away: %s\n",
		pairs(r.Kills), pairs(r.Changes.Made), pairs(r.Changes.Refused))
	fmt.Fprintf(&b, "- the counters stood still %v after the load\n", r.Drained.Round(time.Second))
	fmt.Fprintf(&b, "- machine: %s\n- repeat: `%s`\n", r.Machine, r.Repeat)
	r.printAccounts(&b)
	r.printResources(&b)
	_, err := io.WriteString(out, b.String())
	return err
}

func verdict(findings int) string {
	if findings == 0 {
		return "nothing grows, all accounts agree, no limit was exceeded"
	}
	return fmt.Sprintf("failed, %d findings", findings)
}

func (r *Report) printAccounts(b *strings.Builder) {
	b.WriteString("\n## Accounts\n\nAdmitted = fresh + from memory + seen, not answered + not come. Usage = admitted; the quota counts admitted × cost; the upstream " +
		"saw fresh + seen. Leased is what the platform does not know to be spent; units that nobody spent are the quota's less admitted × cost. In doubt: no answer of the gateway's own, which may count or not.\n\n")
	table(b, []string{"caller", "calls", "200", "429", "turned away", "in doubt", "fresh", "from memory", "seen, not answered", "not come", "replayed",
		"**admitted**", "**usage**", "**quota used**", "leased", "**upstream saw**", "repeats", "p50 ms", "p99", "p99.9", "may be lost"}, func(row func(...any)) {
		for i := range r.Accounts {
			a := &r.Accounts[i]
			c, used, leased := a.Answers, any(a.Counted.Used), any(a.Counted.Leased)
			if a.Lane.Plan == nil {
				used, leased = "-", "-"
			}
			row(a.Lane.Name, c.Calls, c.Good, c.Refused, c.Turned, c.Doubtful, c.Fresh, c.Remembered, c.Seen, c.Unseen, c.Replayed, c.Admitted(),
				a.Counted.Calls, used, leased, a.Upstream.Calls, a.Upstream.Repeats,
				fmt.Sprintf("%.1f", a.Latency.P50), fmt.Sprintf("%.1f", a.Latency.P99), fmt.Sprintf("%.1f", a.Latency.P999), r.lost(a))
		}
	})
	fmt.Fprintf(b, "\nThe API soak over all consumers: %d units used, %d of them leased. `public-a` and `public-b` are one app in usage, whose calls both rows show.\n",
		r.AllConsumers.Used, r.AllConsumers.Leased)
	for i := range r.Accounts {
		a := &r.Accounts[i]
		if l := a.Lane; l.Behaviour.Rate > 0 {
			fmt.Fprintf(b, "`%s`: at most %.0f calls beyond %.0f a second (burst %d).\n", l.Name, a.Upstream.Burst, l.Behaviour.Rate, world.Burst)
		} else if l.Behaviour.Slow > 0 {
			fmt.Fprintf(b, "`%s`: at most %d calls at once of %d.\n", l.Name, a.Upstream.AtOnce, world.AtOnce)
		}
	}
}

func (r *Report) printResources(b *strings.Builder) {
	b.WriteString("\n## Under load\n\nOf each role the oldest process; level and slope after a third of the time.\n\n")
	table(b, []string{"process", "what", "first", "level", "last", "an hour", "gained", "allowed", "samples", "grows"}, func(row func(...any)) {
		for _, t := range r.Trends {
			amount := func(v float64) string { return growth.Amount(t.Kind, v) }
			row(t.Process, t.Kind, amount(t.First), amount(t.Level), amount(t.Last), amount(t.PerHour), amount(t.Gained), amount(t.Allowed), t.Samples, t.Grows())
		}
	})
	b.WriteString("\n## At rest\n\n")
	table(b, []string{"process", "processes", "files before", "after", "goroutines before", "after", "live MB before", "after"}, func(row func(...any)) {
		for _, name := range slices.Sorted(maps.Keys(r.Before)) {
			x, y := r.Before[name], r.After[name]
			row(name, y.Processes, x.Files, y.Files, known(x.Goroutines), known(y.Goroutines), x.Live>>20, y.Live>>20)
		}
	})
}

// table writes rows of Markdown.
func table(b *strings.Builder, heads []string, rows func(row func(...any))) {
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
	rows(func(cells ...any) {
		for _, c := range cells {
			fmt.Fprintf(b, "| %v ", c)
		}
		b.WriteString("|\n")
	})
}

// pairs writes counts by name.
func pairs[N int | int64](of map[string]N) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		all = append(all, fmt.Sprintf("%s %d", name, of[name]))
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

func known(n int) string {
	if n < 0 {
		return "-"
	}
	return fmt.Sprint(n)
}
