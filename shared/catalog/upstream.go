package catalog

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
)

// Bounds of how an upstream is called. An upstream travels in each decision, of which a gateway takes 8 KB: MaxUpstream is
// its share.
const (
	DefaultTimeoutMs        = 10_000
	MaxTimeoutMs            = 29_000 // an HTTP API gives up after 30 s
	DefaultMaxRequestBytes  = 1 << 20
	DefaultMaxResponseBytes = 4 << 20
	MaxBodyBytes            = 4<<20 + 1<<19 // a Lambda payload is 6 MB, a binary body grows by a third in it
	MaxInFlight             = 500
	MaxRetries              = 3
	MaxBreakerCalls         = 10_000
	MaxBreakerSeconds       = 300
	MaxTTLSeconds           = 86_400
	MaxStaleSeconds         = 604_800
	MaxStaticBytes          = 1 << 10
	MaxUpstream             = 2560 // bytes of all of it as JSON
	maxURL                  = 2000
	maxContentType          = 100
)

// check says what is wrong with the upstream.
func (u Upstream) check(c *check) {
	c.address("/upstream/url", u.URL)
	c.within("/upstream/timeout_ms", u.TimeoutMs, 0, MaxTimeoutMs)
	c.within("/upstream/max_request_bytes", u.MaxRequestBytes, 0, MaxBodyBytes)
	c.within("/upstream/max_response_bytes", u.MaxResponseBytes, 0, MaxBodyBytes)
	c.within("/upstream/max_in_flight", u.MaxInFlight, 0, MaxInFlight)
	timeout := u.TimeoutMs
	if timeout == 0 {
		timeout = DefaultTimeoutMs
	}
	c.within("/upstream/hedge_after_ms", u.HedgeAfterMs, 0, MaxTimeoutMs)
	c.that(u.HedgeAfterMs <= 0 || u.HedgeAfterMs < timeout, "/upstream/hedge_after_ms", "must be less than timeout_ms, which is %d", timeout)
	if r := u.Retries; r != nil {
		c.within("/upstream/retries/attempts", r.Attempts, 1, MaxRetries)
		c.within("/upstream/retries/budget_percent", r.BudgetPercent, 0, 100)
	}
	if b := u.Breaker; b != nil {
		c.within("/upstream/breaker/failure_percent", b.FailurePercent, 0, 100)
		c.within("/upstream/breaker/minimum_calls", b.MinimumCalls, 0, MaxBreakerCalls)
		c.within("/upstream/breaker/window_seconds", b.WindowSeconds, 0, MaxBreakerSeconds)
		c.within("/upstream/breaker/open_seconds", b.OpenSeconds, 0, MaxBreakerSeconds)
	}
	if k := u.Cache; k != nil {
		c.within("/upstream/cache/max_bytes", k.MaxBytes, 0, MaxBodyBytes)
		c.within("/upstream/cache/default_ttl_seconds", k.DefaultTTLSeconds, 0, MaxTTLSeconds)
		c.within("/upstream/cache/stale_if_error_seconds", k.StaleIfErrorSeconds, 0, MaxStaleSeconds)
	}
	u.checkFallback(c)
	oneOf(c, "/upstream/idempotency", u.Idempotency, "", IdempotencyReplay, IdempotencyRequire, IdempotencyOff)
	if len(u.URL) <= maxURL {
		c.size("/upstream", u, MaxUpstream)
	}
}

func (u Upstream) checkFallback(c *check) {
	f := u.Fallback
	if f == nil {
		return
	}
	const at = "/upstream/fallback"
	c.that(f.URL != "" || f.Static != nil, at, "must have a url or a static answer")
	if f.URL != "" {
		c.address(at+"/url", f.URL)
		c.that(f.URL != u.URL, at+"/url", "must be another one than the upstream's")
	}
	s := f.Static
	if s == nil {
		return
	}
	c.within(at+"/static/status", s.Status, 200, 599)
	bare := s.Status == http.StatusNoContent || s.Status == http.StatusResetContent || s.Status == http.StatusNotModified
	c.that(s.Body == "" || !bare, at+"/static/body", "must be empty: an answer with status %d has no content", s.Status)
	c.text(at+"/static/body", s.Body, MaxStaticBytes, false)
	c.that(len(s.Body) <= MaxStaticBytes, at+"/static/body", "must have at most %d bytes", MaxStaticBytes)
	c.text(at+"/static/content_type", s.ContentType, maxContentType, false)
	if s.ContentType != "" || s.Body != "" {
		_, _, err := mime.ParseMediaType(s.ContentType)
		c.that(err == nil && printable(s.ContentType), at+"/static/content_type", "must be a media type")
	}
}

// printable reports whether the text is one that a header field can carry.
func printable(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(b byte) bool { return b < ' ' || b > '~' })
}

// address checks that calls can be sent to a URL.
func (c *check) address(pointer, raw string) {
	at, err := url.Parse(raw)
	ok := err == nil && (at.Scheme == "http" || at.Scheme == "https") && at.Hostname() != "" && len(raw) <= maxURL
	c.that(ok, pointer, "must be an absolute http or https URL")
	if ok {
		c.that(at.User == nil, pointer, "must not contain a credential")
		c.that(at.RawQuery == "" && at.Fragment == "" && !at.ForceQuery, pointer, "must have no query and no fragment")
	}
}

// sizeOf is how many bytes a value has as JSON.
func sizeOf(v any) int {
	b, err := json.Marshal(v)
	if err != nil { // a number or a text always can be
		return 1 << 30
	}
	return len(b)
}
