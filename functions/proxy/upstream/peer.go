package upstream

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sluice/functions/proxy/upstream/breaker"
	"sluice/functions/proxy/upstream/bulkhead"
	"sluice/shared/catalog"
)

// maxPeers is how many upstreams are remembered. One more, and the one that was used longest ago is forgotten: what was
// learnt about it, and its slots, which pass by themselves.
const maxPeers = 1024

// key tells upstreams apart.
type key struct {
	api         catalog.APIID
	version     catalog.VersionID
	url         string
	alternative bool
}

// kept is the key in strings of its own. Those of a call are parts of its whole decision, which must not be kept along.
func (k key) kept() key {
	k.api, k.version = catalog.APIID(strings.Clone(string(k.api))), catalog.VersionID(strings.Clone(string(k.version)))
	k.url = strings.Clone(k.url)
	return k
}

// peer is what an instance knows of one upstream.
type peer struct {
	id      string // names it in the store, for all instances
	breaker atomic.Pointer[breaker.Breaker]
	budget  budget
	pool    *bulkhead.Pool
	pulse   pulse
	typical atomic.Int64 // ns that a good answer takes, averaged
	used    atomic.Int64 // when it was last asked for, ns since the Unix epoch
}

// peers remembers upstreams. The zero value is ready.
type peers struct {
	mu    sync.RWMutex
	known map[key]*peer
}

// of gives an upstream's peer, with a breaker as the call's settings have it.
func (ps *peers) of(c *Client, call *Call, k key, host string) *peer {
	now := c.now()
	ps.mu.RLock()
	p := ps.known[k]
	ps.mu.RUnlock()
	if p == nil {
		id := string(k.api) + "/" + string(k.version) + "/" + host
		if k.alternative {
			id += "/alternative"
		}
		p = ps.add(c.bulkhead, k, id)
	}
	p.used.Store(now.UnixNano())
	p.keepBreaker(call.Settings.Breaker, c.now)
	return p
}

func (ps *peers) add(b *bulkhead.Bulkhead, k key, id string) *peer {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p := ps.known[k]; p != nil {
		return p
	}
	if ps.known == nil {
		ps.known = make(map[key]*peer)
	}
	if len(ps.known) >= maxPeers {
		ps.forget()
	}
	p := &peer{id: id, pool: b.Pool(id)}
	ps.known[k.kept()] = p
	return p
}

// forget drops the peer that was used longest ago. Calls that are under way keep theirs.
func (ps *peers) forget() {
	var oldest key
	at := int64(1<<63 - 1)
	for k, p := range ps.known {
		if used := p.used.Load(); used < at {
			oldest, at = k, used
		}
	}
	delete(ps.known, oldest)
}

// all gives the peers that are known now.
func (ps *peers) all() []*peer {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	list := make([]*peer, 0, len(ps.known))
	for _, p := range ps.known {
		list = append(list, p)
	}
	return list
}

// keepBreaker sees that the peer has a breaker as the settings want it. One whose settings change starts anew.
func (p *peer) keepBreaker(s *catalog.Breaker, now func() time.Time) {
	have := p.breaker.Load()
	switch {
	case have.Is(s):
	case s == nil:
		p.breaker.CompareAndSwap(have, nil)
	default:
		p.breaker.CompareAndSwap(have, breaker.New(*s, now))
	}
}

// learn takes a good answer's time into account.
func (p *peer) learn(took time.Duration) {
	const weight = 8
	before := p.typical.Load()
	if before == 0 {
		p.typical.Store(int64(took))
		return
	}
	p.typical.Store(before + (int64(took)-before)/weight) // one that is lost to another's does not matter
}
