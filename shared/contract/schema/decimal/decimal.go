// Package decimal compares and divides numbers as they are written in JSON, without rounding: a bound of
// 9007199254740993 or a step of 0.01 mean exactly that. No operation grows with the exponent of a number.
package decimal

import (
	"bytes"
	"cmp"
	"math/big"
	"slices"
	"strconv"
)

// MaxExponent bounds the exponent that is read, either way. A number beyond it is none to Parse.
const MaxExponent = 1 << 20

// Number is a decimal number: its digits, without zeros at either end, times ten to the exponent. Zero has no digits.
type Number struct {
	Negative bool
	Digits   []byte
	Exponent int
}

// Parse reads a number of the grammar of JSON; whoever has checked the grammar before need not look at ok but for
// exponents beyond MaxExponent. The digits share the memory of text where they stand together, else they are appended
// to room, which is given back.
func Parse(text, room []byte) (n Number, grown []byte, ok bool) {
	if len(text) > 0 && text[0] == '-' {
		n.Negative, text = true, text[1:]
	}
	if at := bytes.IndexAny(text, "eE"); at >= 0 {
		e, err := strconv.Atoi(string(text[at+1:]))
		if err != nil || e > MaxExponent || e < -MaxExponent {
			return Number{}, room, bytes.Trim(text[:at], "0.") == nil && err == nil
		}
		n.Exponent, text = e, text[:at]
	}
	if at := bytes.IndexByte(text, '.'); at >= 0 {
		n.Exponent -= len(text) - at - 1
		if whole := bytes.TrimLeft(text[:at], "0"); len(whole) == 0 {
			text = text[at+1:]
		} else {
			from := len(room)
			room = append(append(room, whole...), text[at+1:]...)
			text = room[from:]
		}
	}
	for len(text) > 0 && text[0] == '0' {
		text = text[1:]
	}
	for len(text) > 0 && text[len(text)-1] == '0' {
		text = text[:len(text)-1]
		n.Exponent++
	}
	if len(text) == 0 {
		return Number{}, room, true
	}
	n.Digits = text
	return n, room, digits(text)
}

func digits(text []byte) bool {
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// Integer reports whether the number has no fraction: 1.0 and 1e2 have none.
func (n Number) Integer() bool { return n.Exponent >= 0 }

// Compare gives -1, 0 or 1 as a is less than, equal to or greater than b.
func Compare(a, b Number) int {
	sign := func(n Number) int {
		switch {
		case len(n.Digits) == 0:
			return 0
		case n.Negative:
			return -1
		}
		return 1
	}
	s := sign(a)
	if other := sign(b); s != other || s == 0 {
		return cmp.Compare(s, other)
	}
	order := cmp.Compare(len(a.Digits)+a.Exponent, len(b.Digits)+b.Exponent)
	if order == 0 {
		order = bytes.Compare(a.Digits, b.Digits) // no zeros at the end: the longer of two with one beginning is greater
	}
	return s * order
}

// MultipleOf reports whether n is a whole number of steps. A step of zero has only zero as a multiple.
func (n Number) MultipleOf(step Number) bool {
	if len(n.Digits) == 0 || len(step.Digits) == 0 {
		return len(n.Digits) == 0
	}
	shift := n.Exponent - step.Exponent
	if shift < 0 {
		return false // n has digits behind the last one that a multiple can have
	}
	if len(step.Digits) == 1 && step.Digits[0] == '1' {
		return true
	}
	s, _ := new(big.Int).SetString(string(step.Digits), 10)
	v, _ := new(big.Int).SetString(string(n.Digits), 10)
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(shift)), s)
	return v.Mul(v, ten).Mod(v, s).Sign() == 0
}

// Within reports whether an integer fits a two's complement of so many bits, 32 or 64.
func (n Number) Within(bits int) bool {
	if n.Exponent < 0 || len(n.Digits)+n.Exponent > 19 {
		return false
	}
	var room [20]byte
	text := append(room[:0], n.Digits...)
	for range n.Exponent {
		text = append(text, '0')
	}
	limit := "9223372036854775807"
	if bits == 32 {
		limit = "2147483647"
	}
	if len(text) != len(limit) {
		return len(text) < len(limit)
	}
	order := bytes.Compare(text[:len(text)-1], []byte(limit[:len(limit)-1]))
	last := text[len(text)-1]
	return order < 0 || order == 0 && (last <= '7' || last == '8' && n.Negative)
}

// Own gives a copy that shares no memory.
func (n Number) Own() Number {
	n.Digits = slices.Clone(n.Digits)
	return n
}
