package format

import (
	"net/netip"
	"strings"
)

// uri reads RFC 3986: with a scheme, or a reference, which need have none.
func uri(s string, reference bool) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '%':
			if i+2 >= len(s) || !hex(s[i+1]) || !hex(s[i+2]) {
				return false
			}
		case !letter(c) && !digit(c) && strings.IndexByte("-._~:/?#[]@!$&'()*+,;=", c) < 0:
			return false
		}
	}
	rest, fragment, _ := strings.Cut(s, "#")
	rest, query, _ := strings.Cut(rest, "?")
	if strings.ContainsAny(fragment, "#[]") || strings.ContainsAny(query, "[]") {
		return false
	}
	first, _, _ := strings.Cut(rest, "/")
	if scheme, _, ok := strings.Cut(first, ":"); ok {
		if !schemeName(scheme) {
			return false // the first segment of a relative path has no colon
		}
		rest = rest[len(scheme)+1:]
	} else if !reference {
		return false
	}
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		authority, path := after, ""
		if at := strings.IndexByte(after, '/'); at >= 0 {
			authority, path = after[:at], after[at:]
		}
		return host(authority) && !strings.ContainsAny(path, "[]")
	}
	return !strings.ContainsAny(rest, "[]")
}

func schemeName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !letter(c) && (i == 0 || !digit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

// host reads [user@]host[:port].
func host(s string) bool {
	if at := strings.IndexByte(s, '@'); at >= 0 {
		if strings.ContainsAny(s[:at], "[]") {
			return false
		}
		s = s[at+1:]
	}
	if strings.ContainsRune(s, '@') {
		return false
	}
	port := ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 || !literal(s[1:end]) {
			return false
		}
		if s = s[end+1:]; s != "" && s[0] != ':' {
			return false
		}
		port = strings.TrimPrefix(s, ":")
	} else {
		name, after, _ := strings.Cut(s, ":")
		if strings.ContainsAny(name, "[]") {
			return false
		}
		port = after
	}
	return strings.Trim(port, "0123456789") == ""
}

// literal reads an address in brackets: IPv6, or of a later version.
func literal(s string) bool {
	if len(s) > 2 && s[0]|0x20 == 'v' {
		version, rest, ok := strings.Cut(s[1:], ".")
		return ok && version != "" && rest != "" && strings.Trim(strings.ToLower(version), "0123456789abcdef") == ""
	}
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6() && a.Zone() == ""
}
