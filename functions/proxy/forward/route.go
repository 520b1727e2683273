package forward

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"
)

// via is how we name ourselves in Via (RFC 9110 §7.6.3).
const via = "1.1 sluice"

// route makes the request that the upstream will get.
func (p *Proxy) route(_ context.Context, c *call) error {
	decoded, err := url.PathUnescape(c.path)
	if err != nil {
		return fmt.Errorf("read path: %w", err)
	}
	e := c.event
	c.request = &http.Request{
		Method: e.RequestContext.HTTP.Method,
		URL:    &url.URL{Scheme: c.dest.scheme, Host: c.dest.host, Path: decoded, RawPath: c.path, RawQuery: e.RawQueryString},
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Host:          c.dest.host,
		Header:        p.fields(c),
		Body:          http.NoBody,
		ContentLength: int64(len(c.body)),
	}
	if len(c.body) > 0 {
		c.request.Body = io.NopCloser(bytes.NewReader(c.body))
	}
	return nil
}

// fields makes the header of the upstream's request: what the caller sent without what is ours to say.
func (p *Proxy) fields(c *call) http.Header {
	e := c.event
	h := make(http.Header, len(e.Headers)+12)
	room := make([]string, 0, len(e.Headers)+12) // of which each field gets its part: one allocation for all
	set := func(key, value string) {
		room = append(room, value)
		h[key] = room[len(room)-1 : len(room) : len(room)]
	}
	var listed string // what the Connection field declares to be about this connection only
	for name, value := range e.Headers {
		if strings.EqualFold(name, "connection") {
			listed += "," + value
		}
	}
	for name, value := range e.Headers {
		name = strings.ToLower(name)
		if !passes(name) || len(e.Cookies) > 0 && name == "cookie" || listed != "" && lists(listed, name) {
			continue
		}
		if key := keyOf(name); h[key] == nil {
			set(key, value)
		} else {
			h[key] = append(h[key], value)
		}
	}
	if len(e.Cookies) > 0 {
		set("Cookie", strings.Join(e.Cookies, "; "))
	}
	if h["User-Agent"] == nil {
		set("User-Agent", "") // else net/http names itself
	}
	if parent := p.trace(h); parent != "" {
		set("Traceparent", parent)
	}
	h["Via"] = append(h["Via"], via)
	set("X-Request-Id", printable(c.id))
	set("X-Forwarded-For", printable(e.RequestContext.HTTP.SourceIP))
	if e.RequestContext.DomainName != "" {
		set("X-Forwarded-Host", printable(e.RequestContext.DomainName))
	}
	if proto := e.Headers["x-forwarded-proto"]; proto == "http" || proto == "https" {
		set("X-Forwarded-Proto", proto)
	}
	set("X-Sluice-Consumer", printable(string(c.decision.Caller.Consumer)))
	set("X-Sluice-App", printable(string(c.decision.Caller.App)))
	set("X-Sluice-Scopes", printable(strings.Join(c.decision.Caller.Scopes, " ")))
	return h
}

// keyOf is the map key of a field, in lower case. An Idempotency-Key stays out of net/http's sight, which would take it for a
// licence to send a POST again when a connection fails: such a call reaches the upstream once (promise 10).
func keyOf(name string) string {
	if name == "idempotency-key" || name == "x-idempotency-key" {
		return name
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// passes reports whether a field of the caller's, in lower case, goes on to the upstream. Servers that hand fields to
// programs as variables take "_" for "-", so we do too.
//
// Forwarded and X-Forwarded-* are replaced and not added to: an upstream should believe in the address that we saw and
// in no other. Fields that make frameworks take the call for another method or path would get around the decision.
func passes(name string) bool {
	if strings.IndexByte(name, '_') >= 0 {
		name = strings.ReplaceAll(name, "_", "-")
	}
	if hopByHop(name) {
		return false
	}
	switch name {
	case "x-api-key", "authorization":
		return false
	case "host", "content-length", "expect", "max-forwards", "x-request-id":
		return false
	case "forwarded", "x-real-ip", "x-original-url", "x-rewrite-url", "x-http-method-override", "x-http-method", "x-method-override":
		return false
	}
	return !strings.HasPrefix(name, "x-sluice-") && !strings.HasPrefix(name, "x-forwarded-") && !strings.HasPrefix(name, "x-original-")
}

// hopByHop reports whether a field, in lower case, is about one connection only (RFC 9110 §7.6.1). What Connection lists
// besides is looked up by lists.
func hopByHop(name string) bool {
	switch name {
	case "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings":
		return true
	}
	return strings.HasPrefix(name, "proxy-")
}

// lists reports whether a comma-separated list has the name, whatever its case.
func lists(list, name string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(item), name) {
			return true
		}
	}
	return false
}

// printable makes a field value of a name that the catalog or the gateway gave. It replaces what a field cannot hold.
func printable(s string) string {
	if httpguts.ValidHeaderFieldValue(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

// destination is an upstream's URL, taken apart.
type destination struct {
	scheme, host string
	name         string // host without its port
	base         string // encoded path without a slash at the end
}

// destinations remembers upstreams that were taken apart. The zero value is ready.
type destinations struct {
	mu    sync.Mutex
	known map[string]*destination
}

// maxDestinations is how many are remembered. An instance that meets more of them starts over.
const maxDestinations = 1024

// of takes an upstream's URL apart. The catalog has checked it; an error is our fault.
func (d *destinations) of(raw string) (*destination, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.known[raw]; known != nil {
		return known, nil
	}
	raw = strings.Clone(raw) // it is a part of the whole decision, which must not be kept along
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("read the upstream's URL: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("the upstream's URL %q cannot be called", u.Redacted())
	}
	if d.known == nil || len(d.known) >= maxDestinations {
		d.known = make(map[string]*destination)
	}
	to := &destination{scheme: u.Scheme, host: u.Host, name: u.Hostname(), base: strings.TrimRight(u.EscapedPath(), "/")}
	d.known[raw] = to
	return to, nil
}
