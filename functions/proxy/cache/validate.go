package cache

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// holds reports whether the client has the representation already, by its own validators (RFC 9110 §13.1.2, §13.1.3).
func (r *Request) holds(h http.Header) bool {
	if tags, sent := r.Header["if-none-match"]; sent {
		return matchesTag(tags, first(h, "Etag"))
	}
	since, sent := r.Header["if-modified-since"]
	if !sent {
		return false
	}
	limit, err := http.ParseTime(since)
	modified := first(h, "Last-Modified")
	if modified == "" {
		modified = first(h, "Date")
	}
	at, errAt := http.ParseTime(modified)
	return err == nil && errAt == nil && !at.After(limit)
}

// matchesTag reports whether a list of entity tags has the tag, compared weakly (RFC 9110 §8.8.3.2), or is "*".
func matchesTag(list, tag string) bool {
	if strings.TrimSpace(list) == "*" {
		return true
	}
	want := strings.TrimPrefix(tag, "W/")
	if len(want) < 2 || want[0] != '"' {
		return false
	}
	for {
		list = strings.TrimPrefix(strings.TrimLeft(list, " \t,"), "W/")
		if list == "" || list[0] != '"' {
			return false
		}
		end := strings.IndexByte(list[1:], '"') + 2
		if end < 2 {
			return false
		}
		if list[:end] == want {
			return true
		}
		list = list[end:]
	}
}

// same reports whether an answer without a body is about the representation that is kept: neither of its validators says
// otherwise (§4.3.4). A strong tag names its own representation only.
func same(kept, now http.Header) bool {
	was, is := first(kept, "Etag"), first(now, "Etag")
	if strings.HasPrefix(is, "W/") {
		was, is = strings.TrimPrefix(was, "W/"), is[2:]
	}
	if is != "" && is != was {
		return false
	}
	before, after := first(kept, "Last-Modified"), first(now, "Last-Modified")
	return before == "" || after == "" || before == after
}

// merged is a kept header brought up to date at a time (§3.2). What describes the body stays, since the body does.
func merged(kept, now http.Header, at time.Time) http.Header {
	h := maps.Clone(kept)
	h["Date"] = []string{at.UTC().Format(http.TimeFormat)} // of an answer without one it is when it came (RFC 9110 §6.6.1)
	for name, values := range storable(now) {
		switch name {
		case "Content-Length", "Content-Encoding", "Content-Type", "Content-Range":
			continue
		}
		h[name] = values
	}
	if age := now["Age"]; len(age) > 0 {
		h["Age"] = age
	}
	return h
}

// notModified is the 304 for an answer with this header: what a client needs to go on using what it has (RFC 9110 §15.4.5).
func notModified(h http.Header) Answer {
	few := make(http.Header, 8)
	for _, name := range [...]string{"Age", "Cache-Control", "Cache-Status", "Content-Location", "Date", "Etag", "Expires", "Vary"} {
		if values := h[name]; len(values) > 0 {
			few[name] = values
		}
	}
	return Answer{Status: http.StatusNotModified, Header: few}
}

// invalidate forgets what an unsafe method may have changed: what it was sent to, and what Location and Content-Location name
// at the same upstream (§4.4), with all their queries and for everybody.
func (v *Visit) invalidate(h http.Header) {
	c := v.cache
	places := []place{v.own.place}
	for _, name := range [...]string{"Location", "Content-Location"} {
		if path, ok := v.below(first(h, name)); ok {
			p := v.own.place
			p.path = path
			places = append(places, p)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range places {
		c.clear(p)
		*c.clearsOf(p)++
	}
}

// below is the path that a reference of the upstream's has on the gateway, if it has one. Other hosts' are none of ours.
func (v *Visit) below(ref string) (path string, ok bool) {
	if ref == "" {
		return "", false
	}
	up, err := url.Parse(v.request.Target.Upstream.URL)
	if err != nil {
		return "", false
	}
	base := strings.TrimRight(up.EscapedPath(), "/")
	up.Path, up.RawPath = "", ""
	at, err := up.Parse(base + v.own.path)
	if err != nil {
		return "", false
	}
	to, err := at.Parse(ref)
	if err != nil || to.Scheme != at.Scheme || !strings.EqualFold(to.Host, at.Host) {
		return "", false
	}
	path, ok = strings.CutPrefix(to.EscapedPath(), base)
	return path, ok && strings.HasPrefix(path, "/")
}
