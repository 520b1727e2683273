// Package urlencoded reads queries and forms, application/x-www-form-urlencoded, pair by pair as they stand, and decodes
// percent-encoding exactly once. Splitting comes before decoding, so that an encoded delimiter is part of a value.
//
// Pairs are separated by "&" alone; a ";" is part of a value, as in the URL standard and in RFC 6570.
package urlencoded

import "strings"

// Next reads the first pair, not decoded, and gives what follows it. Bare is true where there is no "=". Empty pairs, as
// "&&" has them, are passed over; more is false at the end.
func Next(text string) (name, value string, bare bool, rest string, more bool) {
	for text != "" && text[0] == '&' {
		text = text[1:]
	}
	if text == "" {
		return "", "", false, "", false
	}
	pair := text
	if i := strings.IndexByte(text, '&'); i >= 0 {
		pair, rest = text[:i], text[i+1:]
	}
	name, value, found := strings.Cut(pair, "=")
	return name, value, !found, rest, true
}

// Decode decodes percent-encoding, and with plus "+" as a space, once. False for a "%" without two hexadecimal digits.
// What has nothing to decode is given back as it is, without a copy.
func Decode(s string, plus bool) (string, bool) {
	first := strings.IndexByte(s, '%')
	if plus {
		if i := strings.IndexByte(s, '+'); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	if first < 0 {
		return s, true
	}
	out := make([]byte, first, len(s))
	copy(out, s)
	for i := first; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%':
			if i+2 >= len(s) {
				return "", false
			}
			high, low := digit(s[i+1]), digit(s[i+2])
			if high < 0 || low < 0 {
				return "", false
			}
			c = byte(high<<4 | low) //nolint:gosec // G115: two digits of four bits
			i += 2
		case c == '+' && plus:
			c = ' '
		}
		out = append(out, c)
	}
	return string(out), true
}

func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
