package backend

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

// The bounds of what is remembered of calls: an attempt comes within a call's timeout, which is shorter.
const (
	generation = 15 * time.Second
	mostIDs    = 200_000 // of one generation
)

// recent remembers the ids of calls, for one generation at least.
type recent struct {
	now func() time.Time

	mu         sync.Mutex
	turned     time.Time
	young, old map[string]visit
}

// visit is what is known of an id.
type visit struct {
	times int64
	asked bool // before it came
}

func newRecent(now func() time.Time) *recent {
	return &recent{now: now, turned: now(), young: map[string]visit{}, old: map[string]visit{}}
}

// find gives what is known; r.mu is held.
func (r *recent) find(id string) visit {
	if now := r.now(); now.Sub(r.turned) > generation || len(r.young) >= mostIDs {
		r.turned, r.young, r.old = now, make(map[string]visit, len(r.young)), r.young
	}
	if v, ok := r.young[id]; ok {
		return v
	}
	return r.old[id]
}

// arrive tells how often the id has come, this time included, and whether it had been given up before it first came.
func (r *recent) arrive(id string) (times int64, late bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.find(id)
	v.times++
	r.young[id] = v
	return v.times, v.asked
}

// ask reports whether the id has come, and remembers that it was asked for.
func (r *recent) ask(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.find(id)
	if v.times == 0 {
		v.asked = true
		r.young[id] = v
	}
	return v.times > 0
}

// bucket measures bursts: it drains at a rate, and tells the fullest that it ever was. Whoever admits at most
// burst + rate × (t2 − t1 + slack) calls between any two instants never fills it beyond burst + rate × slack.
type bucket struct {
	at    time.Time
	level float64
	most  float64
}

func (b *bucket) add(rate float64, now time.Time) {
	if !b.at.IsZero() {
		b.level = max(0, b.level-rate*max(0, now.Sub(b.at).Seconds()))
	}
	b.at = now
	b.level++
	b.most = max(b.most, b.level)
}

// keys remembers the last keys of each caller. They count up, so that a few are enough.
type keys struct {
	callers map[string]*[lastKeys]int64
}

const (
	lastKeys    = 64
	mostCallers = 256
)

// first reports whether a key, CALLER-NUMBER with a number above 0, has not been here. What is no such key has been.
func (k *keys) first(key string) bool {
	at := strings.LastIndexByte(key, '-')
	n, err := strconv.ParseInt(key[at+1:], 10, 64)
	if at < 1 || err != nil || n < 1 {
		return false
	}
	if k.callers == nil {
		k.callers = map[string]*[lastKeys]int64{}
	}
	last, ok := k.callers[key[:at]]
	if !ok {
		if len(k.callers) >= mostCallers {
			return false
		}
		last = &[lastKeys]int64{}
		k.callers[key[:at]] = last
	}
	slot := &last[n%lastKeys]
	if n <= *slot { // a number that is older than all that are remembered is one that was missed then: say so rather than not
		return false
	}
	*slot = n
	return true
}
