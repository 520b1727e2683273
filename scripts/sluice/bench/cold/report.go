package cold

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"sluice/scripts/sluice/bench/machine"
)

// Start is one cold start. Times are milliseconds from the start of the process, memory is bytes after the first answer.
type Start struct {
	InitMs   float64 `json:"init_ms"`   // until it asks for its first call, and its extensions for their first event
	AnswerMs float64 `json:"answer_ms"` // until the first answer
	RSS      int64   `json:"rss_bytes"`
}

// Function is all starts of one function, their medians, and those by hello's of the same round.
type Function struct {
	Name     string  `json:"name"`
	Starts   []Start `json:"starts"`
	Median   Start   `json:"median"`
	WorstMs  float64 `json:"worst_answer_ms"`
	Init     float64 `json:"init_ratio"`
	ToAnswer float64 `json:"answer_ratio"`
}

// Report is a whole run.
type Report struct {
	Functions []*Function   `json:"functions"` // hello first
	Rounds    int           `json:"rounds"`
	Repeat    string        `json:"repeat"`
	Machine   machine.Facts `json:"machine"`
}

func (r *Report) add(name string, s Start) {
	i := slices.IndexFunc(r.Functions, func(f *Function) bool { return f.Name == name })
	if i < 0 {
		i = len(r.Functions)
		r.Functions = append(r.Functions, &Function{Name: name})
	}
	r.Functions[i].Starts = append(r.Functions[i].Starts, s)
}

func (r *Report) sum() {
	base := r.Functions[0].Starts
	for _, f := range r.Functions {
		var init, answer, rss, initBy, answerBy []float64
		for i, s := range f.Starts {
			init, answer, rss = append(init, s.InitMs), append(answer, s.AnswerMs), append(rss, float64(s.RSS))
			initBy, answerBy = append(initBy, s.InitMs/base[i].InitMs), append(answerBy, s.AnswerMs/base[i].AnswerMs)
		}
		f.Median = Start{median(init), median(answer), int64(median(rss))}
		f.WorstMs, f.Init, f.ToAnswer = slices.Max(answer), median(initBy), median(answerBy)
	}
}

func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// Print writes the report as text for people, or as json.
func (r *Report) Print(out io.Writer, format string) error {
	if format == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "cold starts, medians over %d; ratios to a hello-world function with the AWS SDK in the same round\n\n", r.Rounds)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprint(t, "\tratio of init\tratio to first answer\tinit ms\tfirst answer ms\tworst ms\tRSS MB\t\n") // Flush gives its error
	for _, f := range r.Functions {
		_, _ = fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.1f\t%.1f\t%.1f\t%.0f\t\n", f.Name, f.Init, f.ToAnswer, f.Median.InitMs, f.Median.AnswerMs, f.WorstMs,
			float64(f.Median.RSS)/(1<<20)) // likewise
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(&b, "\nmachine: %s\nrepeat: %s\n", r.Machine, r.Repeat)
	_, err := io.WriteString(out, b.String())
	return err
}
