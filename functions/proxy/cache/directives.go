package cache

import (
	"math"
	"strings"
)

// none is a number of seconds that was not given.
const none = -1

// directives are what a Cache-Control field says (RFC 9111 §5.2, RFC 5861 §4), of a request or an answer. Numbers are seconds,
// or none.
type directives struct {
	noStore, noCache, private, public, mustRevalidate, proxyRevalidate, mustUnderstand, onlyIfCached bool

	maxAge, sMaxAge, staleIfError, maxStale, minFresh int64
}

// anyStale is a max-stale without a number: whatever its age.
const anyStale = math.MaxInt32

// parseDirectives reads a Cache-Control field, its lines joined by commas. What it does not know it skips. An argument that
// cannot be read is 0, and so is one that comes twice and differs: for each of them that is the cautious reading. "no-cache" and
// "private" with a list of fields mean the whole answer, as §5.2.2 permits.
func parseDirectives(field string) directives {
	d := directives{maxAge: none, sMaxAge: none, staleIfError: none, maxStale: none, minFresh: none}
	for field != "" {
		var part string
		part, field = nextDirective(field)
		name, arg, has := strings.Cut(part, "=")
		d.set(strings.Trim(name, " \t"), strings.Trim(arg, " \t"), has)
	}
	return d
}

func (d *directives) set(name, arg string, has bool) {
	switch {
	case strings.EqualFold(name, "no-store"):
		d.noStore = true
	case strings.EqualFold(name, "no-cache"):
		d.noCache = true
	case strings.EqualFold(name, "private"):
		d.private = true
	case strings.EqualFold(name, "public"):
		d.public = true
	case strings.EqualFold(name, "must-revalidate"):
		d.mustRevalidate = true
	case strings.EqualFold(name, "proxy-revalidate"):
		d.proxyRevalidate = true
	case strings.EqualFold(name, "must-understand"):
		d.mustUnderstand = true
	case strings.EqualFold(name, "only-if-cached"):
		d.onlyIfCached = true
	case strings.EqualFold(name, "max-age"):
		once(&d.maxAge, deltaSeconds(arg))
	case strings.EqualFold(name, "s-maxage"):
		once(&d.sMaxAge, deltaSeconds(arg))
	case strings.EqualFold(name, "stale-if-error"):
		once(&d.staleIfError, deltaSeconds(arg))
	case strings.EqualFold(name, "min-fresh"):
		if n, ok := readSeconds(arg); ok {
			d.minFresh = max(d.minFresh, n)
		}
	case strings.EqualFold(name, "max-stale"):
		if !has {
			once(&d.maxStale, anyStale)
		} else {
			once(&d.maxStale, deltaSeconds(arg))
		}
	}
}

// nextDirective takes the text to the next comma that is not quoted. A quote that is not closed takes all.
func nextDirective(s string) (part, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '\\' && quoted:
			i++
		case s[i] == ',' && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// once sets a number; one that is there and differs makes it 0.
func once(n *int64, to int64) {
	if *n != none && *n != to {
		to = 0
	}
	*n = to
}

func deltaSeconds(arg string) int64 {
	n, _ := readSeconds(arg)
	return n
}

// readSeconds reads delta-seconds (§1.2.2), as a token or quoted (§5.2), at most 2^31-1.
func readSeconds(arg string) (n int64, ok bool) {
	if len(arg) >= 2 && arg[0] == '"' && arg[len(arg)-1] == '"' {
		arg = arg[1 : len(arg)-1]
	}
	for i := range len(arg) {
		if arg[i] < '0' || arg[i] > '9' {
			return 0, false
		}
		n = min(n*10+int64(arg[i]-'0'), math.MaxInt32)
	}
	return n, arg != ""
}
