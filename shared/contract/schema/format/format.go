// Package format tells whether texts are what the formats of JSON Schema and OpenAPI name.
//
// Those that are asserted: date-time, date, time (RFC 3339), duration (its appendix A), email (RFC 5321, ASCII), uuid
// (RFC 9562), uri, uri-reference (RFC 3986), hostname (RFC 1123), ipv4, ipv6 (RFC 4291, without a zone), byte and base64
// (RFC 4648, either alphabet, padding may be missing in the one for URLs), regex (ECMA-262) and json-pointer (RFC 6901).
package format

import (
	"net/netip"
	"strings"

	"sluice/shared/contract/schema/pattern"
)

// check gives what tells whether a text has a format, nil for a format that is not asserted.
func check(name string) func(string) bool {
	switch name {
	case "date-time":
		return dateTime
	case "date":
		return date
	case "time":
		return clock
	case "duration":
		return duration
	case "email":
		return email
	case "uuid":
		return uuid
	case "uri":
		return func(s string) bool { return uri(s, false) }
	case "uri-reference":
		return func(s string) bool { return uri(s, true) }
	case "hostname":
		return hostname
	case "ipv4":
		return func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() }
	case "ipv6":
		return ipv6
	case "byte", "base64":
		return base64
	case "regex":
		return pattern.Valid
	case "json-pointer":
		return jsonPointer
	}
	return nil
}

// Asserted reports whether a format of strings is enforced; all others are notes for readers.
func Asserted(name string) bool { return check(name) != nil }

// Holds reports whether a text has a format. Every text has a format that is not enforced.
func Holds(name string, text []byte) bool {
	f := check(name)
	return f == nil || f(string(text))
}

func ipv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6() && a.Zone() == ""
}

func uuid(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash && s[i] != '-' || !dash && !hex(s[i]) {
			return false
		}
	}
	return true
}

func hex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func digit(c byte) bool  { return '0' <= c && c <= '9' }

func base64(s string) bool {
	text := strings.TrimRight(s, "=")
	padding, url, plain := len(s)-len(text), false, false
	for i := range len(text) {
		switch c := text[i]; {
		case letter(c) || digit(c):
		case c == '+' || c == '/':
			plain = true
		case c == '-' || c == '_':
			url = true
		default:
			return false
		}
	}
	if padding == 0 && url && !plain {
		return len(text)%4 != 1
	}
	return padding <= 2 && len(s)%4 == 0 && !(url && plain)
}

func jsonPointer(s string) bool {
	if s != "" && s[0] != '/' {
		return false
	}
	for i := range len(s) {
		if s[i] == '~' && (i+1 == len(s) || s[i+1] != '0' && s[i+1] != '1') {
			return false
		}
	}
	return true
}

// The longest names of RFC 1035.
const (
	maxHostname = 253
	maxLabel    = 63
)

func hostname(s string) bool {
	if s == "" || len(s) > maxHostname {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !letter(c) && !digit(c) && c != '-' {
				return false
			}
		}
	}
	return true
}

// maxMailbox is the longest address, and maxLocal the longest part before the @ (RFC 5321 §4.5.3.1).
const (
	maxMailbox = 254
	maxLocal   = 64
)

func email(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > maxLocal || len(s) > maxMailbox {
		return false
	}
	local, domain := s[:at], s[at+1:]
	if !dotted(local) && !quoted(local) {
		return false
	}
	if literal, ok := strings.CutPrefix(domain, "["); ok {
		literal, ok = strings.CutSuffix(literal, "]")
		v6, is6 := strings.CutPrefix(literal, "IPv6:")
		a, err := netip.ParseAddr(literal)
		return ok && (is6 && ipv6(v6) || err == nil && a.Is4())
	}
	return hostname(domain)
}

func dotted(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for i := range len(atom) {
			if c := atom[i]; !letter(c) && !digit(c) && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) < 0 {
				return false
			}
		}
	}
	return true
}

func quoted(s string) bool {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return false
	}
	s = s[1 : len(s)-1]
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			if i++; i == len(s) || s[i] < ' ' || s[i] > '~' {
				return false
			}
		case c == '"' || c < ' ' || c > '~':
			return false
		}
	}
	return true
}
