package schema

import (
	"slices"

	"sluice/shared/contract/schema/program"
)

// Where alternatives hold the same parts of a value against the same schemas, and those have alternatives again, the work
// doubles with each level. So once a value has taken some work, what has been found is remembered.
const (
	rememberAfter = 5_000   // steps
	maxRemembered = 500_000 // verdicts and what follows from them, for one value
)

// memory is what has been found about parts of a value.
type memory struct {
	start    int // steps that there were
	kept     int
	verdicts map[question]verdict
}

// question is whether a value fits a schema.
type question struct {
	id      program.ID
	at      uint32
	lenient bool
}

// verdict is the answer, and what it adds to the journal.
type verdict struct {
	ok      bool
	marks   []uint32
	removed []int32
}

// forget prepares for another value.
func (m *memory) forget(steps int) {
	m.start, m.kept, m.verdicts = steps, 0, nil
}

// remembered is location, with an answer from memory if there is one.
func (r *run) remembered(id program.ID, at int) bool {
	q := question{id, uint32(at), r.lenient} //nolint:gosec // G115: the tape is bounded
	if v, known := r.verdicts[q]; known {
		r.steps--
		r.marks, r.removed = append(r.marks, v.marks...), append(r.removed, v.removed...)
		return v.ok
	}
	from := r.here()
	v := verdict{ok: r.fresh(id, at)}
	if r.steps < 0 || r.kept > maxRemembered {
		return v.ok
	}
	if v.ok {
		v.marks, v.removed = slices.Clone(r.marks[from.marks:]), slices.Clone(r.removed[from.removed:])
	}
	r.kept += 1 + len(v.marks) + len(v.removed)
	if r.verdicts == nil {
		r.verdicts = map[question]verdict{}
	}
	r.verdicts[q] = v
	return v.ok
}
