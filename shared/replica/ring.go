package replica

import (
	"sync/atomic"
	"time"
)

// standing is how far a remembered value may be used. It only gets worse: a value that was read again is another slot.
type standing int32

const (
	current    standing = iota // as Fresh defines it
	due                        // to be read again; good enough where that cannot be
	superseded                 // known to be from before a change
)

// slot is one remembered value, or the error that says that there is none. Only used and the standing change after it was
// made, the latter and place with the cache's lock held.
type slot[K comparable, V any] struct {
	key    K
	value  V
	err    error
	weight int
	place  int       // in the ring's order
	read   time.Time // when the read began
	used   atomic.Bool
	worth  atomic.Int32 // its standing
}

func (s *slot[K, V]) standing() standing { return standing(s.worth.Load()) }

// lower makes the standing st, unless it is worse already.
func (s *slot[K, V]) lower(st standing) { s.worth.Store(int32(max(s.standing(), st))) }

// touch marks the slot as used since the hand last passed. It writes only if that is news: slots are shared by all callers.
func (s *slot[K, V]) touch() {
	if !s.used.Load() {
		s.used.Store(true)
	}
}

// ring is a map bounded by weight. When it is full the hand moves over the slots and takes out those that were not used
// since it last passed (CLOCK, Corbató 1968): close to least-recently-used, and a reader writes at most one bit. The caller locks.
type ring[K comparable, V any] struct {
	slots  map[K]*slot[K, V]
	order  []*slot[K, V]
	hand   int
	weight int
	most   int
}

func newRing[K comparable, V any](most int) ring[K, V] {
	return ring[K, V]{slots: make(map[K]*slot[K, V]), most: most}
}

// put adds a slot. One that is heavier than the whole ring is kept alone: not to keep it would load it on every call.
func (r *ring[K, V]) put(s *slot[K, V]) {
	r.remove(r.slots[s.key])
	for r.weight+s.weight > r.most && len(r.order) > 0 {
		r.evict()
	}
	s.place = len(r.order)
	r.order = append(r.order, s)
	r.slots[s.key] = s
	r.weight += s.weight
}

// evict takes one slot out: the first that is unused, and after one lap whatever is there, since readers go on marking.
func (r *ring[K, V]) evict() {
	for range len(r.order) {
		r.hand %= len(r.order)
		if !r.order[r.hand].used.Swap(false) {
			break
		}
		r.hand++
	}
	r.hand %= len(r.order)
	r.remove(r.order[r.hand])
	r.hand++ // the newest has moved into the gap: it gets a whole lap
}

// remove takes a slot out; nil is none. The last in order moves into its place.
func (r *ring[K, V]) remove(s *slot[K, V]) {
	if s == nil {
		return
	}
	last := len(r.order) - 1
	r.order[s.place] = r.order[last]
	r.order[s.place].place = s.place
	r.order[last] = nil
	r.order = r.order[:last]
	delete(r.slots, s.key)
	r.weight -= s.weight
}
