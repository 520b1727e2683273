package schema

import (
	"slices"

	"sluice/shared/contract/schema/tape"
)

// stripped writes the text without the members that are to be removed.
func (r *run) stripped() []byte {
	if len(r.removed) == 0 {
		return r.Source
	}
	slices.Sort(r.removed)
	r.removed = slices.Compact(r.removed)
	return r.write(make([]byte, 0, len(r.Source)), 0)
}

// write appends a value; one of which nothing is removed as it stands.
func (r *run) write(b []byte, at int) []byte {
	k := &r.Tokens[at]
	next := int32(r.Next(at))                         //nolint:gosec // G115: the tape is bounded
	i, _ := slices.BinarySearch(r.removed, int32(at)) //nolint:gosec // G115: the tape is bounded
	if i == len(r.removed) || r.removed[i] >= next {
		return r.raw(b, at)
	}
	step, open, end := 0, byte('['), byte(']')
	if k.Kind == tape.Object {
		step, open, end = 1, '{', '}'
	}
	b = append(b, open)
	first := true
	token := at + 1
	for range k.Count {
		here := token
		token = r.Next(here + step)
		if _, gone := slices.BinarySearch(r.removed, int32(here)); gone && step == 1 { //nolint:gosec // G115: the tape is bounded
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		if step == 1 {
			b = append(r.raw(b, here), ':')
		}
		b = r.write(b, here+step)
	}
	return append(b, end)
}

// raw appends a token as it stands in the text.
func (r *run) raw(b []byte, at int) []byte {
	k := &r.Tokens[at]
	if k.Kind == tape.String || k.Kind == tape.Name {
		return append(b, r.Source[k.Start-1:k.End+1]...)
	}
	return append(b, r.Source[k.Start:k.End]...)
}
