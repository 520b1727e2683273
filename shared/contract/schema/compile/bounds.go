package compile

import (
	"math"
	"strconv"

	"sluice/shared/contract/internal/tree"
	"sluice/shared/contract/schema/format"
	"sluice/shared/contract/schema/pattern"
	"sluice/shared/contract/schema/program"
)

func (b *builder) numbers() {
	n := &program.Number{}
	bound := func(keyword string, to *program.Bound, other string, exclusive *program.Bound) {
		if v := b.Value.Get(keyword); v.Is(tree.Number) {
			if b.is(other) {
				to = exclusive
			}
			to.Text = v.Text
		}
		if v := b.Value.Get(other); v.Is(tree.Number) {
			exclusive.Text = v.Text
		}
	}
	bound("minimum", &n.Minimum, "exclusiveMinimum", &n.Above)
	bound("maximum", &n.Maximum, "exclusiveMaximum", &n.Below)
	if v := b.Value.Get("multipleOf"); v.Is(tree.Number) && v.Float() > 0 {
		n.Step.Text = v.Text
	}
	if f := b.Value.Get("format").Str(); f == "int32" || f == "int64" {
		n.Format = f
	}
	if n.Minimum.Text+n.Maximum.Text+n.Above.Text+n.Below.Text+n.Step.Text+n.Format != "" {
		b.Number = n
	}
}

func (b *builder) strings() {
	t := &program.Text{Min: b.count("minLength", 0), Max: b.most("maxLength", 0)}
	if f := b.Value.Get("format").Str(); format.Asserted(f) {
		t.Format = f
	}
	if p := b.Value.Get("pattern"); p.Is(tree.String) {
		t.Pattern = b.pattern(p.Text, b.At.Member("pattern"))
	}
	if *t != (program.Text{}) {
		b.Text = t
	}
}

// pattern gives the place of a pattern, plus one; 0 if it cannot be run.
func (c *compiler) pattern(text string, at *tree.Path) uint32 {
	if n, ok := c.patterns[text]; ok && n > 0 {
		return n
	}
	translated, why := pattern.Translate(text)
	if why != "" {
		c.patterns[text] = 0
		c.find("pattern-not-enforced", at, "Use a pattern without look-around and back-references, or bounds and enum in its place.",
			"the pattern %s is not enforced: %s", quote(text), why)
		return 0
	}
	c.texts = append(c.texts, translated)
	c.patterns[text] = uint32(len(c.texts)) //nolint:gosec // G115: bounded by the document
	return c.patterns[text]
}

// count reads a lower bound on a number of things; 0 if there is none.
func (b *builder) count(keyword string, since int) uint64 {
	n := b.get(keyword, tree.Number, since)
	if n == nil {
		return 0
	}
	return whole(n)
}

// most reads an upper bound, as it is kept.
func (b *builder) most(keyword string, since int) uint64 {
	n := b.get(keyword, tree.Number, since)
	if n == nil {
		return 0
	}
	return program.Most(whole(n))
}

// whole reads a count. One that is written as 2.0 is a count too; one beyond all sizes is as good as the largest.
func whole(n *tree.Node) uint64 {
	if v, err := strconv.ParseUint(n.Text, 10, 63); err == nil {
		return v
	}
	f := n.Float()
	if f >= math.MaxInt64 {
		return math.MaxInt64
	}
	return uint64(max(f, 0))
}
