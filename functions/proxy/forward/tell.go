package forward

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"sluice/shared/decision"
	"sluice/shared/limit"
)

// addLimits tells how the limits stand, as draft-ietf-httpapi-ratelimit-headers has it: lists of strings with parameters.
// Without limits, or before they were asked, there is nothing to tell.
func (c *call) addLimits(h map[string]string) {
	if len(c.verdict.Limits) == 0 {
		return
	}
	var policy, state strings.Builder
	policy.Grow(96)
	state.Grow(64)
	for i, s := range c.verdict.Limits {
		if i > 0 {
			policy.WriteString(", ")
			state.WriteString(", ")
		}
		writeString(&policy, s.Limit.Name)
		writeParam(&policy, ";q=", int64(s.Limit.Requests))
		writeParam(&policy, ";w=", window(s.Limit, c.began))
		writeString(&state, s.Limit.Name)
		writeParam(&state, ";r=", s.Remaining)
		writeParam(&state, ";t=", seconds(untilMore(s)))
	}
	h["ratelimit-policy"], h["ratelimit"] = policy.String(), state.String()
}

// window is the length of a limit's window in seconds. A month has as many as the current one.
func window(l decision.Limit, now time.Time) int64 {
	if l.Kind == decision.QuotaLimit {
		return seconds(limit.Window(l.Period, now))
	}
	return int64(l.Seconds)
}

// untilMore is when the limit will have more: for a used-up one the same as Retry-After, else when it is whole again.
func untilMore(s limit.Standing) time.Duration {
	if s.Remaining == 0 {
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

// addNotice tells of the version's end: Deprecation (RFC 9745), Sunset (RFC 8594), Link to the successor (RFC 5829). It
// replaces what the upstream says of the same, but adds to its links.
func (c *call) addNotice(h map[string]string) {
	n := c.decision.Notice
	if n == nil {
		return
	}
	h["deprecation"] = "@" + strconv.FormatInt(n.Deprecated.Unix(), 10)
	if n.Sunset != nil {
		h["sunset"] = n.Sunset.UTC().Format(http.TimeFormat)
	}
	if n.Successor == "" {
		return
	}
	if links := h["link"]; links != "" {
		h["link"] = links + ", " + successor(n.Successor)
		return
	}
	h["link"] = successor(n.Successor)
}

// successor links to a path. The path has come from the catalog, where ids are slugs; it is escaped all the same.
func successor(path string) string {
	return "<" + strings.NewReplacer("<", "%3C", ">", "%3E", " ", "%20", "\r", "", "\n", "").Replace(path) + `>; rel="successor-version"`
}
