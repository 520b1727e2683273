// Package growth watches what processes use over a long time, and says whether it grows.
//
// A series is judged by the line through its samples after a warm-up, a third of them: the median of the slopes between all
// pairs (Theil and Sen), which a few odd samples do not turn. What that line gains until the last sample may be a part of the
// level, and something more: caches and pools fill, the scheduler's threads come and go. A leak of one thing per thousand
// calls is far beyond. Few samples, or a short time, say little; then the allowance is all that counts.
package growth

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Most is how many samples a series keeps. When it is full every other one is dropped, and half as many are taken from then on.
const Most = 240

// fewest samples after the warm-up make a line.
const fewest = 4

// Kind is what is measured.
type Kind string

// The kinds.
const (
	RSS        Kind = "resident"   // bytes
	Heap       Kind = "heap"       // live bytes after a collection
	Files      Kind = "files"      // open
	Goroutines Kind = "goroutines" //
)

// allowance is how much a series may gain: a part of its level, and so much more.
type allowance struct {
	part float64
	more float64
}

const mb = 1 << 20

// allowed says how much growth is none. Data stores grow with their data, so their memory may double and more.
func allowed(k Kind, store bool) allowance {
	switch {
	case store && k == RSS:
		return allowance{1, 64 * mb}
	case k == RSS:
		return allowance{0.25, 16 * mb}
	case k == Heap:
		return allowance{0.25, 12 * mb}
	default:
		return allowance{0.25, 12}
	}
}

// Sample is one measurement.
type Sample struct {
	At    time.Duration `json:"at"` // since the beginning
	Value float64       `json:"value"`
}

// Series is what one process used of one thing. The zero value is ready.
type Series struct {
	samples []Sample
	skip    int // how many measurements are passed over for each that is kept
	passed  int
}

// Add keeps a measurement, or passes over it.
func (s *Series) Add(at time.Duration, value float64) {
	if s.passed++; s.passed <= s.skip {
		return
	}
	s.passed = 0
	if len(s.samples) == Most {
		kept := s.samples[:0]
		for i := 0; i < Most; i += 2 {
			kept = append(kept, s.samples[i])
		}
		s.samples, s.skip = kept, 2*s.skip+1
	}
	s.samples = append(s.samples, Sample{at, value})
}

// Trend is where a series goes.
type Trend struct {
	Process string  `json:"process"`
	Kind    Kind    `json:"kind"`
	First   float64 `json:"first"`
	Level   float64 `json:"level"` // the median after the warm-up
	Last    float64 `json:"last"`
	PerHour float64 `json:"per_hour"` // the slope after the warm-up
	Gained  float64 `json:"gained"`   // by that slope, from the warm-up's end to the last sample
	Allowed float64 `json:"allowed"`
	Samples int     `json:"samples"`
}

// Grows reports whether the series has gained more than it may.
func (t Trend) Grows() bool { return t.Gained > t.Allowed }

// String says what grows, for a finding.
func (t Trend) String() string {
	return fmt.Sprintf("%s: %s grow from a level of %s by %s (%s an hour), %s are allowed", t.Process, t.Kind,
		Amount(t.Kind, t.Level), Amount(t.Kind, t.Gained), Amount(t.Kind, t.PerHour), Amount(t.Kind, t.Allowed))
}

// Amount writes a value of the kind.
func Amount(k Kind, v float64) string {
	if k == RSS || k == Heap {
		return fmt.Sprintf("%.1f MB", v/mb)
	}
	return fmt.Sprintf("%.0f", v)
}

// trend judges a series.
func (s *Series) trend() (t Trend) {
	n := len(s.samples)
	if t.Samples = n; n == 0 {
		return t
	}
	late := s.samples[n/3:]
	t.First, t.Last, t.Level = s.samples[0].Value, s.samples[n-1].Value, median(late, func(x Sample) float64 { return x.Value })
	if len(late) < fewest {
		return t
	}
	var slopes []float64
	for i, x := range late {
		for _, y := range late[i+1:] {
			if apart := (y.At - x.At).Seconds(); apart > 0 {
				slopes = append(slopes, (y.Value-x.Value)/apart)
			}
		}
	}
	if len(slopes) == 0 {
		return t
	}
	slope := median(slopes, func(x float64) float64 { return x })
	t.PerHour = slope * time.Hour.Seconds()
	t.Gained = slope * (late[len(late)-1].At - late[0].At).Seconds()
	return t
}

func median[T any](of []T, value func(T) float64) float64 {
	values := make([]float64, len(of))
	for i, x := range of {
		values[i] = value(x)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// key names a series.
type key struct {
	process string
	kind    Kind
}

// Watch keeps the series of several processes. The zero value is ready. Names are few: roles, not process ids.
type Watch struct {
	Store string // the process whose memory is data
	kept  map[key]*Series
}

// Add keeps a measurement of a process.
func (w *Watch) Add(process string, k Kind, at time.Duration, value float64) {
	if w.kept == nil {
		w.kept = map[key]*Series{}
	}
	s, ok := w.kept[key{process, k}]
	if !ok {
		s = &Series{}
		w.kept[key{process, k}] = s
	}
	s.Add(at, value)
}

// Trends judges all series, ordered by process and kind.
func (w *Watch) Trends() []Trend {
	var all []Trend
	order := func(a, b key) int {
		switch {
		case a.process != b.process && a.process < b.process, a.process == b.process && a.kind < b.kind:
			return -1
		case a == b:
			return 0
		}
		return 1
	}
	for _, k := range slices.SortedFunc(maps.Keys(w.kept), order) {
		t := w.kept[k].trend()
		may := allowed(k.kind, k.process == w.Store)
		t.Process, t.Kind, t.Allowed = k.process, k.kind, may.part*t.Level+may.more
		all = append(all, t)
	}
	return all
}
