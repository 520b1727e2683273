package soak

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sluice/scripts/sluice/bench/machine"
)

// Report is what a run found.
type Report struct {
	Began   time.Time
	Lasted  time.Duration // of the load with faults
	Drained time.Duration // until the counters stood still
	Scenes  int

	Connections int
	Kills       map[string]int // by function
	Before      map[string]Resources
	After       map[string]Resources
	Memory      map[string][]int64 // samples under load, by role
	Accounts    []Account
	Repeat      string
	Machine     machine.Facts
}

// Check is an error that names everything that is wrong.
func (r *Report) Check() error {
	if err := errors.Join(append(r.grown(), r.unequal()...)...); err != nil {
		return fmt.Errorf("the soak failed:\n%w", err)
	}
	return nil
}

// Print writes the report for people.
func (r *Report) Print(out io.Writer) error {
	var b strings.Builder
	calls := int64(0)
	for _, a := range r.Accounts {
		calls += a.Answers.Good + a.Answers.Refused + a.Answers.Failed + a.Answers.Unanswered
	}
	fmt.Fprintf(&b, "\n%v of load with %d scenes of trouble, killed: %v; %d calls, %.0f a second; the counters stood still after %v\n\n",
		r.Lasted.Round(time.Second), r.Scenes, r.Kills, calls, float64(calls)/max(1, r.Lasted.Seconds()), r.Drained.Round(time.Second))
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprint(t, "app\t200\t429\tother\tunanswered\tseen upstream\tin usage\tof the quota\tleased\tquota\tmay be lost\t\n") // Flush gives its error
	for _, a := range r.Accounts {
		_, _ = fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", a.App, a.Answers.Good, a.Answers.Refused, a.Answers.Failed, a.Answers.Unanswered,
			a.Seen, a.Usage, a.Used, a.Leased, a.Quota, r.lost(a)) // likewise
	}
	_, _ = fmt.Fprint(t, "\t\nat rest\tprocesses\tfiles before\tafter\tgoroutines before\tafter\tMB under load, 2nd quarter\tlast quarter\t\n") // likewise
	for _, name := range slices.Sorted(maps.Keys(r.Before)) {
		x, y := r.Before[name], r.After[name]
		early, late := windows(r.Memory[name])
		_, _ = fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\t%s\t%d\t%d\t\n", name, y.Processes, x.Files, y.Files, known(x.Goroutines), known(y.Goroutines), early>>20, late>>20) // likewise
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(&b, "\nmachine: %s\nrepeat: %s\n", r.Machine, r.Repeat)
	_, err := io.WriteString(out, b.String())
	return err
}

func known(n int) string {
	if n < 0 {
		return "-"
	}
	return fmt.Sprint(n)
}
