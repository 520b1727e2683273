package forward

import (
	"hash/maphash"
	"sync"
	"time"
)

// The bounds of what is logged of refused calls: so many of one app, or of one address where no app is known, in so long.
const (
	noiseLimit  = 100
	noiseWindow = 10 * time.Second
	noisePlaces = 1024
)

// noise keeps those who are refused again and again from writing our log full: logs cost more than refusals do. All are
// answered and counted, but what goes beyond the bound of a window is not logged; the next window's first line says how many.
//
// It has a table of fixed size. Two that share a place are taken for one: then less is logged of them, and nothing else
// changes. The zero value is ready.
type noise struct {
	mu     sync.Mutex
	seed   maphash.Seed
	ready  bool
	places [noisePlaces]struct {
		since   int64 // start of the window, ns since the Unix epoch
		heard   int
		skipped int
	}
}

// hear notes a refused call and reports whether it shall be logged, and how many were not since the last one that was.
func (n *noise) hear(c *call, now time.Time) (skipped int, loud bool) {
	who := c.event.RequestContext.HTTP.SourceIP
	if c.decision != nil && c.decision.Caller.App != "" {
		who = "app:" + string(c.decision.Caller.App)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.ready {
		n.seed, n.ready = maphash.MakeSeed(), true
	}
	at := &n.places[maphash.String(n.seed, who)%noisePlaces]
	if age := now.UnixNano() - at.since; age >= int64(noiseWindow) || age < 0 {
		at.since, at.heard = now.UnixNano(), 0
	}
	if at.heard++; at.heard > noiseLimit {
		at.skipped++
		return 0, false
	}
	skipped, at.skipped = at.skipped, 0
	return skipped, true
}
