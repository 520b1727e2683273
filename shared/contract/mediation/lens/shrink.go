package lens

import (
	"slices"

	"sluice/shared/contract/mediation/value"
)

// mostTries bounds the search for a smaller value.
const mostTries = 2000

// shrinker looks for a smaller value that breaks the same law.
type shrinker struct {
	root  *value.Value
	found broken
	same  func(*value.Value) (broken, bool)
	tries int
}

// shrink makes a counterexample smaller, step by step, as long as the law stays broken.
func shrink(x *value.Value, b broken, same func(*value.Value) (broken, bool)) (*value.Value, broken) {
	s := &shrinker{root: x.Clone(), found: b, same: same}
	for s.tries < mostTries && s.pass(s.root) {
	}
	return s.root, s.found
}

// holds reports whether the value as it is now still breaks the law.
func (s *shrinker) holds() bool {
	if s.tries++; s.tries > mostTries {
		return false
	}
	b, ok := s.same(s.root)
	if ok {
		s.found = b
	}
	return ok
}

// pass tries every change below v once, and reports whether one was kept.
func (s *shrinker) pass(v *value.Value) (kept bool) {
	for i := len(v.Members) - 1; i >= 0; i-- {
		before := v.Members
		if v.Members = slices.Delete(slices.Clone(before), i, i+1); s.holds() {
			kept = true
			continue
		}
		v.Members = before
		kept = s.pass(v.Members[i].Value) || kept
	}
	for i := len(v.Items) - 1; i >= 0; i-- {
		before := v.Items
		if v.Items = slices.Delete(slices.Clone(before), i, i+1); s.holds() {
			kept = true
			continue
		}
		v.Items = before
		kept = s.pass(v.Items[i]) || kept
	}
	if v == s.root { // a whole value that is null tells nobody anything
		return kept
	}
	for _, simple := range simpler(v) {
		before := *v
		if *v = simple; s.holds() {
			return true
		}
		*v = before
	}
	return kept
}

// simpler gives values to try in the place of one, the simplest first. None is larger.
func simpler(v *value.Value) []value.Value {
	empty := value.Value{Kind: value.Null}
	switch v.Kind {
	case value.Null:
		return nil
	case value.Boolean:
		return []value.Value{empty}
	case value.Number:
		if v.Text == "0" {
			return []value.Value{empty}
		}
		return []value.Value{empty, *value.Digits("0"), *value.Digits("1")}[:2+min(1, max(0, len(v.Text)-1))]
	case value.String:
		if len(v.Text) > 1 {
			return []value.Value{empty, *value.Text(""), *value.Text("a")}
		}
		if v.Text == "" {
			return []value.Value{empty}
		}
		return []value.Value{empty, *value.Text("")}
	default:
		return []value.Value{empty}
	}
}
