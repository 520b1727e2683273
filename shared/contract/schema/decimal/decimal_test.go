package decimal_test

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/shared/contract/schema/decimal"
)

// written draws a number as JSON writes it.
func written() *rapid.Generator[string] {
	return rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?`)
}

func exact(t *rapid.T, text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%s is no number", text)
	}
	return r
}

func TestNumbersAreComparedAndDividedExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := written().Draw(t, "a"), written().Draw(t, "b")
		if rapid.Bool().Draw(t, "close") {
			b = a + "0"
			if !strings.ContainsAny(a, ".eE") {
				b = a + ".0"
			}
		}
		x, room, ok := decimal.Parse([]byte(a), nil)
		y, _, also := decimal.Parse([]byte(b), room)
		if !ok || !also {
			t.Fatalf("%s or %s is not read", a, b)
		}
		p, q := exact(t, a), exact(t, b)
		if got := decimal.Compare(x, y); got != p.Cmp(q) {
			t.Fatalf("%s against %s: %d", a, b, got)
		}
		if got := x.Integer(); got != p.IsInt() {
			t.Fatalf("%s is an integer: %v", a, got)
		}
		want := p.Sign() == 0
		if q.Sign() != 0 {
			want = new(big.Rat).Quo(p, q).IsInt()
		}
		if got := x.MultipleOf(y); got != want {
			t.Fatalf("%s is a multiple of %s: %v", a, b, got)
		}
		for _, bits := range []int{32, 64} {
			low := new(big.Rat).SetInt(new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), uint(bits-1))))
			high := new(big.Rat).Neg(low)
			if got, want := x.Within(bits), p.IsInt() && p.Cmp(low) >= 0 && p.Cmp(high) < 0; got != want {
				t.Fatalf("%s fits %d bits: %v", a, bits, got)
			}
		}
	})
}

func TestTheEdgesOfIntegersAreExact(t *testing.T) {
	for text, fits := range map[string][2]bool{
		"2147483647": {true, true}, "2147483648": {false, true}, "-2147483648": {true, true}, "-2147483649": {false, true},
		"9223372036854775807": {false, true}, "9223372036854775808": {false, false}, "-9223372036854775808": {false, true},
		"-9223372036854775809": {false, false}, "1e9": {true, true}, "1e19": {false, false}, "1.5": {false, false}, "1e999999": {false, false}, "0.0": {true, true},
	} {
		n, _, ok := decimal.Parse([]byte(text), nil)
		if !ok || n.Within(32) != fits[0] || n.Within(64) != fits[1] {
			t.Errorf("%s: %v %v", text, n.Within(32), n.Within(64))
		}
	}
}

func TestAnExponentCostsNothing(t *testing.T) {
	a, _, _ := decimal.Parse([]byte("3e1000000"), nil)
	b, _, _ := decimal.Parse([]byte("7e-1000000"), nil)
	if decimal.Compare(a, b) != 1 || a.MultipleOf(b) || b.MultipleOf(a) {
		t.Error("numbers with large exponents are compared or divided wrongly")
	}
	if _, _, ok := decimal.Parse([]byte("1e1048577"), nil); ok {
		t.Error("an exponent beyond the bound is read")
	}
}
