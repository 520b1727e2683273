package schema

import (
	"strconv"
	"unicode/utf8"

	"sluice/shared/contract/schema/decimal"
	"sluice/shared/contract/schema/format"
	"sluice/shared/contract/schema/program"
)

// decimal reads a number. Those that the tape takes are all within what it reads.
func (r *run) decimal(text []byte) decimal.Number {
	n, room, _ := decimal.Parse(text, r.room[:0])
	r.room = room
	return n
}

func (r *run) number(n *program.Number, at int) bool {
	v, ok := r.decimal(r.Bytes(at)), true
	check := func(b *program.Bound, keyword, expected string, holds bool) {
		if b.Text != "" && !holds {
			ok = r.fault(at, keyword, func() string { return expected + " " + clip(b.Text) })
		}
	}
	check(&n.Minimum, "minimum", "at least", decimal.Compare(v, n.Minimum.Value) >= 0)
	check(&n.Maximum, "maximum", "at most", decimal.Compare(v, n.Maximum.Value) <= 0)
	check(&n.Above, "exclusiveMinimum", "more than", decimal.Compare(v, n.Above.Value) > 0)
	check(&n.Below, "exclusiveMaximum", "less than", decimal.Compare(v, n.Below.Value) < 0)
	if n.Step.Text != "" && !v.MultipleOf(n.Step.Value) {
		ok = r.fault(at, "multipleOf", func() string { return "a multiple of " + clip(n.Step.Text) })
	}
	if n.Format == "int32" && !v.Within(32) || n.Format == "int64" && !v.Within(64) {
		ok = r.fault(at, "format", func() string { return n.Format })
	}
	return ok
}

func (r *run) text(n *program.Text, page, at int) bool {
	text, ok := r.Bytes(at), true
	if n.Min > 0 || n.Max > 0 {
		size := uint64(utf8.RuneCount(text)) //nolint:gosec // G115: a count
		if size < n.Min {
			ok = r.fault(at, "minLength", func() string { return "at least " + strconv.FormatUint(n.Min, 10) + " characters" })
		}
		if n.Max > 0 && size >= n.Max {
			ok = r.fault(at, "maxLength", func() string { return "at most " + strconv.FormatUint(n.Max-1, 10) + " characters" })
		}
	}
	if n.Pattern > 0 && ok {
		matches, done := r.matches(page, n.Pattern, text)
		if !done {
			return r.exhausted(at)
		}
		if !matches {
			ok = r.fault(at, "pattern", func() string { return "text that matches " + r.operation.pages[page].Patterns[n.Pattern-1] })
		}
	}
	if n.Format != "" && !format.Holds(n.Format, text) {
		ok = r.fault(at, "format", func() string { return n.Format })
	}
	return ok
}

// patternSteps is how many steps of a pattern are taken for one of ours.
const patternSteps = 8

// matches runs a pattern. Its work counts as steps; done is false when they are used up. A pattern that cannot be run, of
// which the compiler writes none, is as if it were too much work.
func (r *run) matches(page int, pattern uint32, text []byte) (ok, done bool) {
	e := r.operation.pages[page].expression(pattern)
	if e == nil {
		return false, false
	}
	if r.steps -= e.Cost(len(text)) / patternSteps; r.steps < 0 {
		return false, false
	}
	return e.Match(text), true
}
