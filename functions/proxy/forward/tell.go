package forward

import (
	"net/http"
	"strconv"
	"strings"

	"sluice/functions/proxy/ratelimit"
)

// addLimits tells how the limits stand. Without limits, or before they were asked, there is nothing to tell.
func (c *call) addLimits(h map[string]string) {
	if policy, state := ratelimit.Fields(c.verdict.Limits, c.began); policy != "" {
		h["ratelimit-policy"], h["ratelimit"] = policy, state
	}
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
