// Package ratelimit writes how limits stand into the fields of draft-ietf-httpapi-ratelimit-headers-10: RateLimit-Policy and
// RateLimit, lists of strings with parameters (RFC 9651).
package ratelimit

import (
	"strconv"
	"strings"
	"time"

	"sluice/shared/decision"
	"sluice/shared/limit"
)

// Fields gives the values of RateLimit-Policy and RateLimit. A limit in the shadow is nobody's business but the owner's; ""
// if no other is there. Numbers are units, which are calls unless an operation costs more; times are seconds, rounded up.
func Fields(limits []limit.Standing, now time.Time) (policy, state string) {
	var p, r strings.Builder
	p.Grow(96)
	r.Grow(64)
	for _, s := range limits {
		if s.Limit.Shadow {
			continue
		}
		if p.Len() > 0 {
			p.WriteString(", ")
			r.WriteString(", ")
		}
		writeString(&p, s.Limit.Name)
		writeParam(&p, ";q=", int64(s.Limit.Requests))
		writeParam(&p, ";w=", window(s.Limit, now))
		writeString(&r, s.Limit.Name)
		writeParam(&r, ";r=", max(0, s.Remaining))
		writeParam(&r, ";t=", Seconds(untilMore(s)))
	}
	return p.String(), r.String()
}

// Seconds rounds up: who waits that long has waited long enough.
func Seconds(d time.Duration) int64 { return int64((max(0, d) + time.Second - 1) / time.Second) }

// window is the length of a limit's window in seconds. A month has as many as the current one.
func window(l decision.Limit, now time.Time) int64 {
	if l.Kind == decision.QuotaLimit {
		return Seconds(limit.Window(l, now))
	}
	return int64(l.Seconds)
}

// untilMore is when the limit will have more: for a used-up one the same as Retry-After, else when it is whole again.
func untilMore(s limit.Standing) time.Duration {
	if s.Remaining <= 0 {
		return s.Wait
	}
	return s.Reset
}

// maxInteger is the largest Integer of a structured field (RFC 9651 §3.3.1).
const maxInteger = 999_999_999_999_999

func writeParam(b *strings.Builder, name string, n int64) {
	b.WriteString(name)
	b.WriteString(strconv.FormatInt(min(n, maxInteger), 10))
}

// writeString writes a String of a structured field (RFC 9651 §4.1.6), which has printable ASCII only.
func writeString(b *strings.Builder, s string) {
	b.WriteByte('"')
	for i := range len(s) {
		switch ch := s[i]; {
		case ch == '"' || ch == '\\':
			b.WriteByte('\\')
			b.WriteByte(ch)
		case ch < ' ' || ch > '~':
			b.WriteByte('?')
		default:
			b.WriteByte(ch)
		}
	}
	b.WriteByte('"')
}
