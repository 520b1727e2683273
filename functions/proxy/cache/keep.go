package cache

import (
	"net/http"
	"slices"
	"strings"
)

// entry is one kept answer. It is never changed but for its place in the ring, so who has it may read on without the lock.
type entry struct {
	Answer
	keeping
	at   spot
	vary []nominated
	size int

	older, newer *entry
}

// nominated is a field of the request that an answer varies by, with its value then; sent is false where there was none.
type nominated struct {
	name, value string // in lower case; see normal
	raw         string // the value as it came, since it mostly comes so again
	sent        bool
}

// The bounds and charges of what is kept.
const (
	maxVariants = 16  // of one spot
	entryBytes  = 768 // what an entry takes besides its texts: itself, its slots in the maps and slices
	lineBytes   = 64  // likewise a line of its header
)

// find gives the answer to a request that was made most recently, and why there is none. The lock is held.
func (c *Cache) find(v *Visit) (e *entry, why string) {
	slots := c.places[v.own.place]
	why = "uri-miss"
	for _, s := range [2]slot{v.own.slot, {revision: v.own.revision, query: v.own.query}} {
		for _, candidate := range slots[s] {
			if !candidate.matches(v.request) {
				why = "vary-miss"
			} else if e == nil || candidate.born.After(e.born) {
				e = candidate
			}
		}
		if v.own.partition == "" {
			break
		}
	}
	return e, why
}

// matches reports whether the fields that the answer varies by are in the request as they were in its own (§4.1).
func (e *entry) matches(r *Request) bool {
	for _, n := range e.vary {
		if value, sent := r.Header[n.name]; sent != n.sent || value != n.raw && normal(value) != n.value {
			return false
		}
	}
	return true
}

func (n nominated) same(other nominated) bool {
	return n.name == other.name && n.value == other.value && n.sent == other.sent
}

// normal writes a field's value with one space for each run of them, and none around commas (§4.1).
func normal(value string) string {
	if !strings.ContainsAny(value, " \t") {
		return value
	}
	value = strings.Join(strings.Fields(value), " ")
	return strings.ReplaceAll(strings.ReplaceAll(value, " ,", ","), ", ", ",")
}

// put keeps an entry in place of the one with the same key, and makes room. The lock is held.
func (c *Cache) put(e *entry) bool {
	if e.size > c.most {
		return false
	}
	slots := c.places[e.at.place]
	for _, other := range slots[e.at.slot] {
		if slices.EqualFunc(other.vary, e.vary, nominated.same) {
			c.drop(other)
			break
		}
	}
	if variants := c.places[e.at.place][e.at.slot]; len(variants) >= maxVariants {
		c.drop(variants[0])
	}
	for c.used+e.size > c.most {
		c.drop(c.order.newer) // the ring's end: next to the root on the far side
	}
	slots = c.places[e.at.place]
	if slots == nil {
		slots = make(map[slot][]*entry, 1)
		c.places[e.at.place] = slots
	}
	slots[e.at.slot] = append(slots[e.at.slot], e)
	c.used += e.size
	c.link(e)
	return true
}

// drop forgets an entry; one that is forgotten stays so. The lock is held.
func (c *Cache) drop(e *entry) {
	if e.older == nil {
		return
	}
	e.older.newer, e.newer.older = e.newer, e.older
	e.older, e.newer = nil, nil
	c.used -= e.size
	slots := c.places[e.at.place]
	if i := slices.Index(slots[e.at.slot], e); i >= 0 {
		slots[e.at.slot] = slices.Delete(slots[e.at.slot], i, i+1)
	}
	if len(slots[e.at.slot]) == 0 {
		delete(slots, e.at.slot)
	}
	if len(slots) == 0 {
		delete(c.places, e.at.place)
	}
}

// touch makes an entry the most recently used. The lock is held.
func (c *Cache) touch(e *entry) {
	if c.order.older == e {
		return
	}
	e.older.newer, e.newer.older = e.newer, e.older
	c.link(e)
}

func (c *Cache) link(e *entry) {
	e.newer, e.older = &c.order, c.order.older
	e.older.newer, c.order.older = e, e
}

// clear forgets all that is kept of a path. The lock is held.
func (c *Cache) clear(p place) {
	for _, variants := range c.places[p] {
		for _, e := range slices.Clone(variants) {
			c.drop(e)
		}
	}
}

// charge is what an entry counts.
func (e *entry) charge() int {
	n := entryBytes + cap(e.Body) + len(e.at.api) + len(e.at.version) + len(e.at.path) + len(e.at.revision) + len(e.at.query) + len(e.at.partition)
	for name, values := range e.Header {
		for _, value := range values {
			n += lineBytes + len(name) + len(value)
		}
	}
	for _, f := range e.vary {
		n += lineBytes + len(f.name) + len(f.value) + len(f.raw)
	}
	return n
}

// storable copies a header without what is about the connection only, or about one hop's cache (§3.1).
func storable(h http.Header) http.Header {
	listed := join(h, "Connection")
	kept := make(http.Header, len(h))
	for name, values := range h {
		switch name {
		case "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Connection", "Proxy-Authenticate",
			"Proxy-Authentication-Info", "Proxy-Authorization", "Age", "Cache-Status":
			continue
		}
		if listed == "" || !slices.ContainsFunc(strings.Split(listed, ","), func(l string) bool { return strings.EqualFold(strings.TrimSpace(l), name) }) {
			kept[name] = values
		}
	}
	return kept
}
