package tape

import (
	"bytes"

	"sluice/shared/contract/schema/decimal"
)

// Equal reports whether two values are the same: numbers by value, objects whatever the order of their members. Work is
// bounded by steps, of which what was taken is given back; when they are used up, ok is false.
func Equal(a *Tape, i int, b *Tape, j, steps int) (same bool, left int, ok bool) {
	if steps--; steps < 0 {
		return false, 0, false
	}
	x, y := &a.Tokens[i], &b.Tokens[j]
	switch {
	case text(x.Kind) && text(y.Kind):
		return bytes.Equal(a.Bytes(i), b.Bytes(j)), steps, true
	case x.Kind != y.Kind || (x.Kind == Array || x.Kind == Object) && x.Count != y.Count:
		return false, steps, true
	case x.Kind == Number:
		return sameNumber(a.Bytes(i), b.Bytes(j)), steps, true
	case x.Kind == Array:
		return sameArrays(a, i, b, j, steps)
	case x.Kind == Object:
		return sameObjects(a, i, b, j, steps)
	}
	return true, steps, true
}

func text(k Kind) bool { return k == String || k == Name || k == Text }

func sameNumber(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, _, _ := decimal.Parse(a, nil)
	y, _, _ := decimal.Parse(b, nil)
	return decimal.Compare(x, y) == 0
}

func sameArrays(a *Tape, i int, b *Tape, j, steps int) (same bool, left int, ok bool) {
	p, q := i+1, j+1
	for range a.Tokens[i].Count {
		if same, steps, ok = Equal(a, p, b, q, steps); !same || !ok {
			return same, steps, ok
		}
		p, q = a.Next(p), b.Next(q)
	}
	return true, steps, true
}

func sameObjects(a *Tape, i int, b *Tape, j, steps int) (same bool, left int, ok bool) {
	p, hint := i+1, j+1
	for range a.Tokens[i].Count {
		q, looked := b.find(j, a.Bytes(p), hint)
		if steps -= looked; q < 0 {
			return false, steps, true
		}
		if same, steps, ok = Equal(a, p+1, b, q+1, steps); !same || !ok {
			return same, steps, ok
		}
		p, hint = a.Next(p+1), b.Next(q+1)
	}
	return true, steps, true
}

// Find gives the token of a member's name in an object, or -1.
func (t *Tape) Find(object int, name string) int {
	for k := object + 1; k < int(t.Tokens[object].Next); k = t.Next(k + 1) {
		if string(t.Bytes(k)) == name {
			return k
		}
	}
	return -1
}

// find looks for a member, from a hint on and then from the beginning, and counts the names it looked at.
func (t *Tape) find(object int, name []byte, hint int) (at, looked int) {
	k := hint
	for range t.Tokens[object].Count {
		if k >= int(t.Tokens[object].Next) {
			k = object + 1
		}
		if looked++; bytes.Equal(t.Bytes(k), name) {
			return k, looked
		}
		k = t.Next(k + 1)
	}
	return -1, looked
}
