package cache

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// keeping is how an answer may be kept.
type keeping struct {
	born         time.Time     // when its age was 0 (§4.2.3)
	lifetime     time.Duration // how long it is fresh from then on (§4.2.1)
	staleIfError time.Duration // how long it may be given after that where the upstream fails; 0 where it must not
	validate     bool          // before each use (no-cache)
	neverStale   bool          // it must not be given stale (§4.2.4)
	public       bool          // to others than its partition
}

// judge says how an answer may be kept, and why not otherwise. asked is when the upstream was called, now when it answered.
func judge(a *Answer, byDefault, graceByDefault time.Duration, asked, now time.Time) (k keeping, whyNot string) {
	d := parseDirectives(join(a.Header, "Cache-Control"))
	switch {
	case !understood(a.Status):
		return k, "status"
	case d.noStore && !d.mustUnderstand, d.private:
		return k, "cache-control"
	case len(a.Header["Set-Cookie"]) > 0:
		return k, "set-cookie"
	case !understoodAlone(a.Status) && !d.public && d.maxAge == none && d.sMaxAge == none && len(a.Header["Expires"]) == 0:
		return k, "no freshness" // §3: such a status is kept only where the upstream says so
	}
	date := now
	if t, err := http.ParseTime(first(a.Header, "Date")); err == nil {
		date = t
	}
	k.born = now.Add(-initialAge(a.Header, date, asked, now))
	k.lifetime = lifetime(a, &d, date, byDefault)
	k.validate = d.noCache
	k.neverStale = d.noCache || d.mustRevalidate || d.proxyRevalidate || d.sMaxAge != none
	k.public = d.public || d.sMaxAge != none
	if !k.neverStale {
		k.staleIfError = graceByDefault
		if d.staleIfError != none {
			k.staleIfError = time.Duration(d.staleIfError) * time.Second
		}
	}
	if k.lifetime <= 0 && k.staleIfError <= 0 && first(a.Header, "Etag") == "" && first(a.Header, "Last-Modified") == "" {
		return k, "no freshness"
	}
	return k, ""
}

// initialAge is the age of an answer when it arrived (§4.2.3).
func initialAge(h http.Header, date, asked, now time.Time) time.Duration {
	apparent := now.Sub(date)
	said, _, _ := strings.Cut(first(h, "Age"), ",") // the first of several, as §5.1 has it
	told := time.Duration(deltaSeconds(strings.TrimSpace(said)))*time.Second + max(0, now.Sub(asked))
	return max(apparent, told)
}

// lifetime is how long an answer that may be kept is fresh (§4.2.1).
func lifetime(a *Answer, d *directives, date time.Time, byDefault time.Duration) time.Duration {
	switch expires := a.Header["Expires"]; {
	case d.sMaxAge != none:
		return time.Duration(d.sMaxAge) * time.Second
	case d.maxAge != none:
		return time.Duration(d.maxAge) * time.Second
	case len(expires) > 0:
		at, err := http.ParseTime(expires[0])
		if err != nil || len(expires) > 1 {
			return 0
		}
		return max(0, at.Sub(date))
	}
	return byDefault
}

// understood lists the statuses whose answers are kept. 206 and 304 are parts of others; a failure of the upstream is not to
// be prolonged, a 501 neither; the rest is about one request or one caller.
func understood(status int) bool {
	return understoodAlone(status) || status == http.StatusFound || status == http.StatusSeeOther || status == http.StatusTemporaryRedirect
}

// understoodAlone lists those that may be kept without the upstream saying how long (RFC 9110 §15.1).
func understoodAlone(status int) bool {
	switch status {
	case http.StatusOK, http.StatusNonAuthoritativeInfo, http.StatusNoContent, http.StatusMultipleChoices, http.StatusMovedPermanently,
		http.StatusPermanentRedirect, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusRequestURITooLong:
		return true
	}
	return false
}

// age is how old the answer is, at least 0.
func (k *keeping) age(now time.Time) time.Duration { return max(0, now.Sub(k.born)) }

// unsuitable says why a request may not have the answer as it is, "" if it may: the reason in the words of RFC 9211 §2.2.
func (k *keeping) unsuitable(asks *directives, now time.Time) string {
	age := k.age(now)
	left := k.lifetime - age
	switch {
	case asks.noCache, asks.maxAge != none && age > time.Duration(asks.maxAge)*time.Second:
		return "request"
	case k.validate:
		return "stale"
	case left > 0 && (asks.minFresh == none || left >= time.Duration(asks.minFresh)*time.Second):
		return ""
	case left > 0:
		return "request"
	case asks.maxStale != none && asks.minFresh <= 0 && !k.neverStale && (asks.maxStale == anyStale || -left <= time.Duration(asks.maxStale)*time.Second):
		return ""
	}
	return "stale"
}

// rescues reports whether a request may have the answer though it is stale, where the upstream fails (RFC 5861 §4).
func (k *keeping) rescues(asks *directives, now time.Time) bool {
	if asks.noCache || k.neverStale {
		return false
	}
	grace := max(k.staleIfError, time.Duration(asks.staleIfError)*time.Second)
	return k.age(now)-k.lifetime <= grace && grace > 0
}

// first is the first line of a field, "" if there is none.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// join is all lines of a list field.
func join(h http.Header, name string) string {
	switch v := h[name]; len(v) {
	case 0:
		return ""
	case 1:
		return v[0]
	default:
		return strings.Join(v, ",")
	}
}

// hitStatus is the Cache-Status (RFC 9211) of an answer from the cache.
func hitStatus(ttl time.Duration, collapsed bool) string {
	var b [64]byte
	s := strconv.AppendInt(append(b[:0], "sluice; hit; ttl="...), int64(ttl/time.Second), 10)
	if collapsed {
		s = append(s, "; collapsed"...)
	}
	return string(s)
}
