// Package cache is a shared HTTP cache (RFC 9111) in the memory of an instance.
//
// A call asks it with Look. It is answered from the cache, or goes to the upstream with the header that Prepare leaves, and
// tells the cache how that ended: Finish with the upstream's answer, or Rescue where there is none. Leave comes last, always.
//
// # Who may see what
//
// The upstream never sees a credential, and does not know that a call was authorised. So every call counts as one with
// Authorization (RFC 9111 §3.5): what is kept is kept for its partition, which is the app with the scopes it has, or
// everybody without a credential. Only an answer that says "public" or "s-maxage" is kept for all. "must-revalidate" would permit
// that too, but frameworks say it by habit, and our upstreams are told the app in a header, so it does not here. An answer that
// varies by such a header (X-Sluice-App and its siblings) stays in its partition whatever else it says. A call with a cookie
// speaks for somebody whom we do not know: it sees and leaves only what is for all. An answer that sets a cookie is never kept.
// Whether the caller may call at all was decided before: a revoked one gets nothing from here either.
//
// The revision of the contract is part of the key, so after a publish no answer of the old revision is given.
//
// # Freshness
//
// s-maxage, max-age, Expires, in this order; no heuristics, but the owner's default_ttl_seconds where the upstream says nothing
// and the status allows it. What conflicts or cannot be read is stale at once. What must not be given stale (no-cache,
// must-revalidate, proxy-revalidate, s-maxage) is not, upstream failing or not (§4.2.4). Otherwise stale-if-error (RFC 5861) holds,
// of the answer, the request, or the owner's setting. There is no stale-while-revalidate: a frozen instance has no background.
//
// # Bounds
//
// What is kept never counts more than the bytes given to New, with names, keys and a fixed charge for each answer; the
// least recently used goes first. Each URI has at most 16 variants for one partition. Own code, since the libraries for this
// are private caches or servers; the table in the tests has the RFC's requirements. Own LRU, since it must clear a path with all
// its queries and partitions, and the libraries that count bytes bring a goroutine, which a freeze stops; it finds an answer
// in 0.7 of otter's time. Each instance has a cache of its own: an unsafe method clears the answers of the instance that it
// comes through, and others give what they have until it is stale, as RFC 9111 §4.4 expects.
package cache

import (
	"context"
	"hash/maphash"
	"net/http"
	"strings"
	"sync"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

// DefaultMaxBytes is how large an answer may be that is kept, where the owner does not say.
const DefaultMaxBytes = 256 << 10

// Request is a call that may be answered from the cache.
type Request struct {
	Method  string
	Query   string            // raw
	Header  map[string]string // as the event has it: names in lower case, values joined by commas
	Cookies bool              // the event has cookies apart from Header
	Body    bool              // it has one
	Caller  decision.Caller
	Target  decision.Target // its Upstream.Cache is nil where nothing is kept
}

// Answer is an upstream's answer, or one from the cache: then its header's values and its body are shared, and only to be read.
type Answer struct {
	Status int
	Header http.Header // canonical names
	Body   []byte
}

// Cache keeps answers. It is safe for concurrent use.
type Cache struct {
	now  func() time.Time
	most int
	seed maphash.Seed

	mu      sync.Mutex
	used    int
	places  map[place]map[slot][]*entry
	order   entry               // root of the ring of all entries, the most recently used next to it
	flights map[spot]*flight    // calls that others wait for
	passed  [passedSlots]uint64 // hashes of spots whose last answer was not kept, so that nobody waits for the next
	clears  [clearSlots]uint32  // how often places were cleared, by their hash: an answer asked for before is not kept after
}

const (
	passedSlots = 2048
	clearSlots  = 512
)

// place is what an unsafe method clears: all that is kept of a path.
type place struct{ api, version, path string }

// slot is where variants of one answer lie within their place.
type slot struct{ revision, query, partition string }

type spot struct {
	place
	slot
}

// kept is the spot in strings of its own. Those of a call are parts of its whole decision, which must not be kept along.
func (s spot) kept() spot {
	for _, part := range [...]*string{&s.api, &s.version, &s.path, &s.revision, &s.query, &s.partition} {
		*part = strings.Clone(*part)
	}
	return s
}

// flight is a call to the upstream whose answer others may use.
type flight struct{ done chan struct{} }

// New makes a cache that counts at most so many bytes.
func New(bytes int, now func() time.Time) *Cache {
	c := &Cache{now: now, most: bytes, seed: maphash.MakeSeed(), places: make(map[place]map[slot][]*entry), flights: make(map[spot]*flight)}
	c.order.older, c.order.newer = &c.order, &c.order
	return c
}

// Bytes is what the kept answers count.
func (c *Cache) Bytes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used
}

// Look finds out what a call can have. Where another call for the same is under way in this process it waits for that one's
// answer, once, and not longer than ctx; it does not where the last such answer was not kept. The Visit must be left, and the
// request not be changed before.
func (c *Cache) Look(ctx context.Context, r *Request) *Visit {
	v := &Visit{cache: c, request: r}
	v.classify()
	if v.way == lookup {
		c.look(ctx, v)
	} else if v.way == bypass && v.asks.onlyIfCached {
		v.Denial = nothingKept()
	}
	return v
}

func (c *Cache) look(ctx context.Context, v *Visit) {
	for waited := false; ; waited = true {
		now := c.now()
		c.mu.Lock()
		e, why := c.find(v)
		v.why = why
		if e != nil {
			c.touch(e)
			if v.why = e.unsuitable(&v.asks, now); v.why == "" {
				c.mu.Unlock()
				v.Answer = v.serve(e, now, hitStatus(e.lifetime-e.age(now), waited))
				return
			}
		}
		v.old, v.asked, v.clears = e, now, *c.clearsOf(v.own.place)
		if v.asks.onlyIfCached {
			c.mu.Unlock()
			v.Denial = nothingKept()
			return
		}
		ahead := c.join(v, waited)
		c.mu.Unlock()
		if ahead == nil {
			return
		}
		select {
		case <-ahead.done:
		case <-ctx.Done():
			return
		}
	}
}

// join lets a call lead the way for those that want the same, or gives the one to wait for; nil for who goes on.
func (c *Cache) join(v *Visit, waited bool) *flight {
	v.likely = v.keeps() && !c.hasPassed(v.own)
	if waited || !v.likely || v.asks.noCache {
		return nil
	}
	if ahead := c.flights[v.own]; ahead != nil {
		return ahead
	}
	v.flight = &flight{done: make(chan struct{})}
	c.flights[v.own] = v.flight
	return nil
}

// hasPassed reports whether the last answer of a spot was not kept. It may be wrong for spots that share a hash's slot: then
// a call waits in vain, or does not wait.
func (c *Cache) hasPassed(s spot) bool {
	h := maphash.Comparable(c.seed, s)
	return c.passed[h%passedSlots] == h
}

func (c *Cache) setPassed(s spot, passed bool) {
	switch h := maphash.Comparable(c.seed, s); {
	case passed:
		c.passed[h%passedSlots] = h
	case c.passed[h%passedSlots] == h:
		c.passed[h%passedSlots] = 0
	}
}

// clearsOf counts how often a place was cleared, or one that shares its hash's slot. The lock is held.
func (c *Cache) clearsOf(p place) *uint32 { return &c.clears[maphash.Comparable(c.seed, p)%clearSlots] }

func nothingKept() *decision.Denial {
	return &decision.Denial{Code: decision.UpstreamTimeout, Detail: "the request is only-if-cached, and nothing that it may have is kept",
		Hints: map[string]string{"fix": "Leave only-if-cached out of Cache-Control."}}
}

// answerMost is how large an answer may be that is kept.
func answerMost(s *catalog.Cache) int {
	if s.MaxBytes > 0 {
		return s.MaxBytes
	}
	return DefaultMaxBytes
}
