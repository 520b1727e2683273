package replay

import (
	"net/http"
	"strings"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/gatewayevent"
	"sluice/shared/problem"
)

// MaxKey is how many characters an Idempotency-Key may have.
const MaxKey = 255

// key reads the call's key; "" if it has none and needs none.
func (c *Call) key() (string, error) {
	policy := c.Target.Upstream.Idempotency
	if policy == catalog.IdempotencyOff || c.Method != http.MethodPost && c.Method != http.MethodPatch {
		return "", nil
	}
	field, sent := gatewayevent.Header(c.Header, "idempotency-key")
	if !sent {
		if policy == catalog.IdempotencyRequire {
			return "", badKey("is missing; this operation is only carried out with one")
		}
		return "", nil
	}
	key, fault := ParseKey(field)
	if fault != "" {
		return "", badKey(fault)
	}
	return key, nil
}

func badKey(fault string) error {
	return &Refusal{Denial: decision.Denial{Code: decision.InvalidRequest, Detail: "the Idempotency-Key cannot be used",
		Faults: []problem.Fault{{Pointer: "header:Idempotency-Key", Detail: fault}}}}
}

// ParseKey reads the value of an Idempotency-Key field; fault says what is wrong with it, "" if nothing is.
//
// The draft has it a String of RFC 9651, "\"8e03978e\"", without parameters, of which it defines none. Many clients in use send
// the bare text, often a UUID; that is taken too, and means the same key. A bare key has no space, and none of the
// characters that mean something in a structured field: quote, comma, semicolon, backslash. A field that came twice arrives
// joined by a comma, so it is seen here, whether the two are the same or not.
func ParseKey(field string) (key, fault string) {
	field = strings.Trim(field, " \t")
	var rest string
	if strings.HasPrefix(field, `"`) {
		if key, rest, fault = quoted(field[1:]); fault != "" {
			return "", fault
		}
	} else {
		end := 0
		for end < len(field) && bare(field[end]) {
			end++
		}
		key, rest = field[:end], field[end:]
	}
	rest = strings.TrimLeft(rest, " \t")
	switch {
	case strings.HasPrefix(rest, ","):
		return "", "was sent more than once"
	case strings.HasPrefix(rest, ";"):
		return "", "has parameters, and none are defined"
	case rest != "":
		return "", "must be a quoted string of visible ASCII characters (RFC 9651 §3.3.3), or one such word"
	case key == "":
		return "", "is empty"
	case len(key) > MaxKey:
		return "", "has more than 255 characters"
	}
	return key, ""
}

// quoted reads a String of RFC 9651 §4.2.5 after its first quote.
func quoted(s string) (text, rest, fault string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case ch == '"':
			return b.String(), s[i+1:], ""
		case ch == '\\':
			if i++; i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", "", `has a backslash before something other than " or \`
			}
			b.WriteByte(s[i])
		case ch < ' ' || ch > '~':
			return "", "", "has a character that is not visible ASCII"
		default:
			b.WriteByte(ch)
		}
	}
	return "", "", "lacks its closing quote"
}

// bare reports whether a key may have the character without being quoted.
func bare(ch byte) bool {
	return ch > ' ' && ch <= '~' && ch != '"' && ch != ',' && ch != ';' && ch != '\\'
}
