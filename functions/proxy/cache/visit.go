package cache

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/shared/decision"
)

// way is how a call goes through the cache.
type way int

const (
	off    way = iota // nothing is kept for this upstream
	lookup            // GET and HEAD
	bypass            // a GET or HEAD that asks for a part, has a body, or has a precondition that only the upstream can judge
	other             // a safe method that no answer is kept of
	unsafe            // a method that may change what was kept
)

// ErrNotAsked means that the upstream answered 304 about something that it was not asked about, so that there is nothing to
// give. What was kept is forgotten; the next call gets a whole answer.
var ErrNotAsked = errors.New("the upstream says that something is not modified which it was not asked about")

// Visit is one call's way through the cache. It is not for concurrent use.
type Visit struct {
	// Answer is what the call is answered with, upstream not asked; nil if it is to be asked.
	Answer *Answer
	// Denial refuses the call: it is only-if-cached (§5.2.1.7), and nothing is.
	Denial *decision.Denial

	cache    *Cache
	request  *Request
	way      way
	asks     directives
	own      spot
	why      string // it goes to the upstream, in the words of RFC 9211 §2.2
	old      *entry // what is kept, and must not be given without asking
	asked    time.Time
	clears   uint32  // of the place, when it looked
	likely   bool    // the answer will probably be kept, so a whole one is asked for
	flight   *flight // others wait for this call
	prepared prepared
}

// prepared is what became of the validators in the upstream's header.
type prepared int

const (
	untouched prepared = iota // they are the client's
	stripped                  // there are none
	ours                      // they are those of what is kept
)

// classify reads what the request wants of a cache.
func (v *Visit) classify() {
	r := v.request
	if r.Target.Upstream.Cache == nil {
		return
	}
	control, has := r.Header["cache-control"]
	v.asks = parseDirectives(control)
	v.asks.noCache = v.asks.noCache || !has && strings.Contains(strings.ToLower(r.Header["pragma"]), "no-cache") // §5.4
	v.own = spot{place{string(r.Target.API), string(r.Target.Version), r.Target.Path},
		slot{string(r.Target.Revision), r.Query, r.partition()}}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		v.way = lookup
		for _, name := range [...]string{"range", "if-range", "if-match", "if-unmodified-since"} {
			if _, sent := r.Header[name]; sent {
				v.way = bypass
			}
		}
		if r.Body {
			v.way = bypass
		}
	case http.MethodOptions, http.MethodTrace:
		v.way = other
	default:
		v.way = unsafe
	}
}

// partition is whose answers the request may see besides those for all, "" for nobody's. Who has no credential has no app, and no
// app is without a name.
func (r *Request) partition() string {
	_, cookie := r.Header["cookie"]
	if r.Cookies || cookie {
		return ""
	}
	var b [96]byte
	whose := append(append(b[:0], "app "...), r.Caller.App...)
	for _, scope := range r.Caller.Scopes {
		whose = append(append(whose, ' '), scope...)
	}
	return string(whose)
}

// keeps reports whether the answer to the request may be kept, as far as the request says.
func (v *Visit) keeps() bool {
	return v.way == lookup && v.request.Method == http.MethodGet && !v.asks.noStore
}

// Prepare makes the upstream's header ask for what the cache needs: whether what is kept is still good (§4.3.1), or a whole
// answer where it is likely to be kept. The client's own conditions are then judged by the cache.
func (v *Visit) Prepare(h http.Header) {
	if v.way != lookup || v.old == nil && !v.likely {
		return
	}
	v.prepared = stripped
	delete(h, "If-None-Match")
	delete(h, "If-Modified-Since")
	if v.old == nil {
		return
	}
	for field, name := range map[string]string{"If-None-Match": "Etag", "If-Modified-Since": "Last-Modified"} {
		if validator := first(v.old.Header, name); validator != "" {
			h[field], v.prepared = []string{validator}, ours
		}
	}
}

// Finish gives what the caller gets where the upstream has answered, and keeps what may be kept. It takes the answer over.
// The error is ErrNotAsked.
func (v *Visit) Finish(a Answer) (Answer, error) {
	defer v.Leave()
	switch v.way {
	case off:
		return a, nil
	case unsafe:
		if a.Status >= 200 && a.Status <= 399 {
			v.invalidate(a.Header)
		}
		return told(a, "sluice; fwd=method"), nil
	case bypass:
		return told(a, "sluice; fwd=bypass"), nil
	case other:
		return told(a, "sluice; fwd=method"), nil
	case lookup:
	}
	if a.Status == http.StatusNotModified && v.prepared != untouched {
		return v.freshen(a)
	}
	if failed(a.Status) {
		if saved, ok := v.rescue("; fwd-status=" + strconv.Itoa(a.Status)); ok {
			return saved, nil
		}
	}
	status := "sluice; fwd=" + v.why
	if v.request.Method == http.MethodHead {
		v.learn(a)
	} else if v.store(a, false) {
		status += "; stored"
	}
	a = told(a, status)
	if v.prepared != untouched && a.Status == http.StatusOK && v.request.holds(a.Header) {
		a = notModified(a.Header)
	}
	return a, nil
}

// Rescue gives the answer for a call whose upstream fails, cannot be reached, or is not to be asked; false if none may be given.
func (v *Visit) Rescue() (Answer, bool) { return v.rescue("") }

func (v *Visit) rescue(detail string) (Answer, bool) {
	if v.way != lookup || v.old == nil {
		return Answer{}, false
	}
	c, now := v.cache, v.cache.now()
	c.mu.Lock()
	there := v.old.older != nil
	c.mu.Unlock()
	if !there || !v.old.rescues(&v.asks, now) {
		return Answer{}, false
	}
	ttl := int64((v.old.lifetime - v.old.age(now)) / time.Second)
	return *v.serve(v.old, now, "sluice; fwd=stale"+detail+"; ttl="+strconv.FormatInt(ttl, 10)+`; detail="stale-if-error"`), true
}

// Leave ends the visit: those who wait for its answer look again. More than one does no harm.
func (v *Visit) Leave() {
	if v.flight == nil {
		return
	}
	c := v.cache
	c.mu.Lock()
	delete(c.flights, v.own)
	c.mu.Unlock()
	close(v.flight.done)
	v.flight = nil
}

// failed lists the statuses that stale-if-error stands in for (RFC 5861 §4).
func failed(status int) bool {
	return status == http.StatusInternalServerError || status == http.StatusBadGateway || status == http.StatusServiceUnavailable ||
		status == http.StatusGatewayTimeout
}

// freshen makes a whole answer of a 304 and what is kept (§4.3.4).
func (v *Visit) freshen(a Answer) (Answer, error) {
	if v.prepared != ours || !same(v.old.Header, a.Header) {
		if v.old != nil {
			v.forget(v.old)
		}
		return Answer{}, ErrNotAsked
	}
	whole := Answer{Status: v.old.Status, Header: merged(v.old.Header, a.Header, v.cache.now()), Body: v.old.Body}
	status := "sluice; fwd=" + v.why + "; fwd-status=304"
	if !v.asks.noStore && v.store(whole, true) {
		status += "; stored"
	}
	whole.Header = maps.Clone(whole.Header) // what is kept has the first
	whole = told(whole, status)
	if v.request.holds(whole.Header) && whole.Status == http.StatusOK {
		return notModified(whole.Header), nil
	}
	if v.request.Method == http.MethodHead {
		whole.Body = nil
	}
	return whole, nil
}

// learn makes use of the answer to a HEAD: what is kept of the GET is freshened, or forgotten if it is another (§4.3.5).
func (v *Visit) learn(a Answer) {
	if v.old == nil || a.Status != http.StatusOK {
		return
	}
	length := first(a.Header, "Content-Length")
	if !same(v.old.Header, a.Header) || length != "" && length != strconv.Itoa(len(v.old.Body)) {
		v.forget(v.old)
	} else if !v.asks.noStore {
		v.store(Answer{Status: v.old.Status, Header: merged(v.old.Header, a.Header, v.cache.now()), Body: v.old.Body}, true)
	}
}

// store keeps an answer if it may be kept; freshened ones replace what they were made of.
func (v *Visit) store(a Answer, freshened bool) bool {
	c := v.cache
	e := v.entry(a, freshened)
	c.mu.Lock()
	defer c.mu.Unlock()
	if freshened && e != nil && v.old.older == nil {
		return false // it was cleared or pushed out meanwhile
	}
	if v.old != nil && (e != nil || freshened || replaces(a.Status)) {
		c.drop(v.old)
	}
	kept := e != nil && *c.clearsOf(v.own.place) == v.clears && c.put(e)
	if v.keeps() {
		c.setPassed(v.own, !kept)
	}
	return kept
}

// replaces reports whether an answer says that what was kept before it is no longer so.
func replaces(status int) bool {
	return status < 400 || status == http.StatusNotFound || status == http.StatusGone
}

// entry makes an entry of an answer, nil if it must not be kept.
func (v *Visit) entry(a Answer, freshened bool) *entry {
	settings := v.request.Target.Upstream.Cache
	if !freshened && !v.keeps() || len(a.Body) > answerMost(settings) {
		return nil
	}
	k, whyNot := judge(&a, time.Duration(settings.DefaultTTLSeconds)*time.Second, time.Duration(settings.StaleIfErrorSeconds)*time.Second,
		v.asked, v.cache.now())
	vary, private, ok := v.request.nominated(join(a.Header, "Vary"))
	if whyNot != "" || !ok {
		return nil
	}
	e := &entry{Answer: Answer{Status: a.Status, Header: a.Header, Body: a.Body}, keeping: k, at: v.own.kept(), vary: vary}
	switch {
	case k.public && !private:
		e.at.partition = ""
	case v.own.partition == "":
		return nil // of somebody whom we do not know
	}
	if !freshened {
		e.Header, e.Body = storable(a.Header), bytes.Clone(a.Body)
	}
	e.size = e.charge()
	return e
}

// nominated gives the fields that an answer with this Vary varies by. It is private if it varies by who calls, and not ok if
// it varies by everything, or by what is never the same twice.
func (r *Request) nominated(vary string) (fields []nominated, private, ok bool) {
	for name := range strings.SplitSeq(vary, ",") {
		switch name = strings.ToLower(strings.TrimSpace(name)); {
		case name == "":
		case name == "*", name == "via", name == "forwarded", name == "x-request-id", name == "traceparent", name == "tracestate",
			strings.HasPrefix(name, "x-forwarded-"):
			return nil, false, false
		case name == "cookie", name == "authorization", name == "x-api-key", strings.HasPrefix(name, "x-sluice-"):
			private = true
		default:
			value, sent := r.Header[name]
			fields = append(fields, nominated{name: name, value: normal(value), raw: value, sent: sent})
		}
	}
	slices.SortFunc(fields, func(a, b nominated) int { return strings.Compare(a.name, b.name) })
	return slices.CompactFunc(fields, func(a, b nominated) bool { return a.name == b.name }), private, true
}

// forget drops an entry.
func (v *Visit) forget(e *entry) {
	v.cache.mu.Lock()
	defer v.cache.mu.Unlock()
	v.cache.drop(e)
}

// serve makes the answer to the request of an entry: all of it, its head, or that it is not modified (§4.3.2).
func (v *Visit) serve(e *entry, now time.Time, status string) *Answer {
	a := &Answer{Status: e.Status, Header: maps.Clone(e.Header), Body: e.Body}
	lines := [...]string{strconv.FormatInt(int64(e.age(now)/time.Second), 10), status}
	a.Header["Age"], a.Header["Cache-Status"] = lines[:1:1], lines[1:]
	if e.Status == http.StatusOK && v.request.holds(e.Header) {
		*a = notModified(a.Header)
	}
	if v.request.Method == http.MethodHead {
		a.Body = nil
	}
	return a
}

// told puts the Cache-Status into an answer. An upstream's own says what nobody outside is to know.
func told(a Answer, status string) Answer {
	if a.Header == nil {
		a.Header = make(http.Header, 1)
	}
	a.Header["Cache-Status"] = []string{status}
	return a
}
