package usage

import "time"

// Steps lists the widths, from the narrowest to the widest.
func Steps() []Step { return []Step{Minute, Hour, Day, Month} }

// Start is the start of the window that the instant lies in, in UTC.
func (s Step) Start(at time.Time) time.Time {
	at = at.UTC()
	year, month, day := at.Date()
	switch s {
	case Minute:
		return time.Date(year, month, day, at.Hour(), at.Minute(), 0, 0, time.UTC)
	case Hour:
		return time.Date(year, month, day, at.Hour(), 0, 0, 0, time.UTC)
	case Day:
		return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	case Month:
	}
	return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
}

// Next is the start of the window after the one that the instant lies in.
func (s Step) Next(at time.Time) time.Time {
	at = s.Start(at)
	switch s {
	case Minute:
		return at.Add(time.Minute)
	case Hour:
		return at.Add(time.Hour)
	case Day:
		return at.AddDate(0, 0, 1)
	case Month:
	}
	return at.AddDate(0, 1, 0)
}

// Deltas is what the record adds to the store: each cell once for every Step. No two of them are about the same bucket.
func (r *Record) Deltas() []Delta {
	deltas := make([]Delta, 0, len(r.Cells)*len(Steps()))
	for _, cell := range r.Cells {
		for _, step := range Steps() {
			b := cell.Bucket
			b.Step, b.At = step, step.Start(r.At)
			deltas = append(deltas, Delta{Bucket: b, Add: cell.Add})
		}
	}
	return deltas
}

// Merge adds up the deltas of the same bucket, in the order in which buckets first come up. The Consumer of a bucket is
// the last one named. What is given stays as it is.
func Merge(deltas ...Delta) []Delta {
	var s Sum
	for _, d := range deltas {
		s.Add(d)
	}
	return s.Deltas()
}

// Sum adds deltas up, one item per bucket. The zero Sum is empty.
type Sum struct {
	place  map[Bucket]int
	deltas []Delta
}

// Add adds one delta.
func (s *Sum) Add(d Delta) {
	if s.place == nil {
		s.place = make(map[Bucket]int)
	}
	name := d.Bucket.name()
	at, known := s.place[name]
	if !known {
		at = len(s.deltas)
		s.place[name] = at
		s.deltas = append(s.deltas, Delta{Bucket: d.Bucket, Add: make(map[string]int64, len(d.Add))})
	}
	if d.Bucket.Consumer != "" {
		s.deltas[at].Bucket.Consumer = d.Bucket.Consumer
	}
	for counter, n := range d.Add {
		s.deltas[at].Add[counter] += n
	}
}

// With is what the sum would become with the deltas added: its number of buckets, and the most counters in one of these.
func (s *Sum) With(deltas []Delta) (buckets, counters int) {
	buckets = len(s.deltas)
	for _, d := range deltas {
		at, known := s.place[d.Bucket.name()]
		if !known {
			buckets, counters = buckets+1, max(counters, len(d.Add))
			continue
		}
		n := len(s.deltas[at].Add)
		for counter := range d.Add {
			if _, there := s.deltas[at].Add[counter]; !there {
				n++
			}
		}
		counters = max(counters, n)
	}
	return buckets, counters
}

// Deltas gives the sums, in the order in which their buckets first came up. It shares them with the Sum.
func (s *Sum) Deltas() []Delta { return s.deltas }

// name is the bucket without what does not name it.
func (b Bucket) name() Bucket {
	b.Consumer = ""
	return b
}
