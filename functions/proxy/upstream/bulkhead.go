package upstream

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"sluice/shared/catalog"
)

// Slots is a counting semaphore that all instances share.
type Slots interface {
	// TakeSlot takes one of most slots until then, or extends the holder's own, and never makes it shorter. At most most
	// holders have a slot at once; held says whether this one has. On an error that is not known.
	TakeSlot(ctx context.Context, id, holder string, most int, until time.Time) (held bool, err error)
	// FreeSlot gives a slot back. A holder whose slot was given back must not come again.
	FreeSlot(ctx context.Context, id, holder string) error
}

// The bulkhead: at most MaxInFlight attempts at once upstream, over all instances, hedges included.
//
// Proof. Each attempt owns one slot of its pool from before it begins until it has ended, and no other attempt of this
// process owns that slot meanwhile (busy). It owns a slot only if TakeSlot said so, for a time that lies at least skew + grace
// after the attempt's deadline, at which its context ends and with it the attempt; grace is for the time between the two. So
// while it runs, the store counts its holder, by any clock that is at most skew ahead of ours. A name stands for one
// holding: it is never used again after FreeSlot, so a FreeSlot that arrives late frees nothing that is in use; a TakeSlot that
// arrives late makes nothing shorter. FreeSlot is only called for a slot that is idle and out of the pool. The store gives at most
// MaxInFlight slots; so there are at most as many attempts at any moment. What is not known, after an error, counts as not
// held here and may count as held there: too little is used, never too much. Frozen and dead instances have no attempt under
// way, and their slots pass.
//
// Cost. A slot is kept between calls while this instance spends more time in calls than between them, and then needs one
// write in keepFor; else it is given back once the answer is out, which makes two writes a call, of an instance with few. A
// pool that was told that all slots are taken does not ask again for a moment, nor does one whose store is in trouble: then only
// slots that are in hand are used.
//
// Priority. A call of low priority takes one of 60 % of the slots, a normal one of 85 %, both rounded up; a high one of all. A
// slot that is in hand is only reused by calls that may have taken it. So the last 15 % are always for high ones, and
// low ones never have more than 60 %.
const (
	skew        = time.Second // the most that clocks may differ
	grace       = 250 * time.Millisecond
	keepFor     = 10 * time.Second
	idleAfter   = time.Second // an idle slot goes back then, whatever we thought
	storeWithin = time.Second
	askAgain    = 100 * time.Millisecond // to twice that, after all slots were taken
	troubled    = time.Second            // the store is left alone for
)

// pool is the slots of one upstream that this process holds, or may hold. The zero value is ready.
type pool struct {
	mu     sync.Mutex
	slots  []*slot // no more than were ever busy at once
	busy   int
	last   time.Time    // when the last call ended
	hot    bool         // more time is spent in calls than between them
	full   [3]time.Time // by rank: all were taken, ask again then
	broken time.Time    // the store is in trouble, ask again then
}

// slot is one of the store's, under a name of its own.
type slot struct {
	holder string
	most   int       // of how many it was taken: only calls that may use as many may use it
	until  time.Time // zero: not known to be held
	busy   bool
	began  time.Time // the call that has it, or had it last
	ended  time.Time
}

// holders makes names for slots.
type holders struct {
	prefix string
	n      atomic.Int64
}

func (h *holders) next() string { return h.prefix + "-" + strconv.FormatInt(h.n.Add(1), 36) }

// rank orders priorities, the lowest first.
func rank(p catalog.Priority) int {
	switch p {
	case catalog.LowPriority:
		return 0
	case catalog.HighPriority:
		return 2
	case catalog.NormalPriority:
	}
	return 1
}

// share is how many of most slots a rank may use, at least one.
func share(rank, most int) int {
	percent := [...]int{60, 85, 100}[rank]
	return (most*percent + 99) / 100
}

// take gets a slot for a call that ends at end at the latest. Its error is a *refused.
func (c *Client) take(ctx context.Context, p *peer, most, rank int, end time.Time) (*slot, error) {
	now := c.now()
	most = share(rank, most)
	s, ours, err := p.pool.pick(&c.holders, now, most, rank, end.Add(skew+grace))
	if err != nil || ours {
		return s, err
	}
	if c.slots == nil {
		p.pool.unknown(s, time.Time{})
		return nil, &refused{why: "nobody counts the calls in flight", wait: time.Second}
	}
	bounded, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	until := end.Add(skew + grace + keepFor)
	held, err := c.slots.TakeSlot(bounded, p.id, s.holder, most, until)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		p.pool.unknown(s, time.Time{})
		return nil, ctx.Err()
	case err != nil:
		p.pool.unknown(s, c.now().Add(troubled))
		return nil, &refused{why: "take a slot", wait: time.Second, cause: err}
	case !held:
		p.pool.drop(s, rank, c.now().Add(askAgain+time.Duration(c.random()*float64(askAgain))))
		return nil, errFull
	}
	p.pool.mu.Lock()
	s.until, s.most = until, most
	p.pool.mu.Unlock()
	return s, nil
}

var errFull = &refused{why: "as many calls as allowed are in flight", wait: time.Second}

// pick marks a slot as busy: one that is in hand and lasts (ours), or else one that the store must be asked for.
func (p *pool) pick(h *holders, now time.Time, most, rank int, need time.Time) (s *slot, ours bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy >= most {
		return nil, false, errFull
	}
	for _, have := range p.slots {
		if have.busy || have.most > most {
			continue
		}
		if ours = !have.until.Before(need); ours {
			s = have
			break
		}
		s = have
	}
	switch {
	case ours:
	case now.Before(p.full[rank]):
		return nil, false, errFull
	case now.Before(p.broken):
		return nil, false, &refused{why: "the store of slots is in trouble", wait: p.broken.Sub(now)}
	case s == nil:
		s = &slot{holder: h.next(), most: most}
		p.slots = append(p.slots, s)
	}
	s.busy, s.began = true, now
	p.busy++
	return s, ours, nil
}

// unknown puts a slot back of which it is not known whether it is held: under the same name it can be asked for again.
func (p *pool) unknown(s *slot, askAgain time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.busy = false
	p.busy--
	if askAgain.After(p.broken) {
		p.broken = askAgain
	}
}

// drop forgets a slot that is not held.
func (p *pool) drop(s *slot, rank int, askAgain time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy--
	p.remove(s)
	for r := range rank + 1 { // where there is nothing for this one there is nothing for lower ones
		p.full[r] = askAgain
	}
}

func (p *pool) remove(s *slot) {
	for i, have := range p.slots {
		if have == s {
			last := len(p.slots) - 1
			p.slots[i] = p.slots[last]
			p.slots[last] = nil
			p.slots = p.slots[:last]
			return
		}
	}
}

// release ends an attempt's use of its slot. nil is none.
func (p *pool) release(s *slot, now time.Time) {
	if s == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hot = p.busy > 1 || !p.last.IsZero() && s.began.Sub(p.last) <= now.Sub(s.began)
	s.busy, s.ended = false, now
	p.last = now
	p.busy--
}

// idle takes the slots out that should go back: all that are idle, or those that are not worth keeping.
func (p *pool) idle(now time.Time, all bool) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for i := len(p.slots) - 1; i >= 0; i-- {
		s := p.slots[i]
		if s.busy || !all && p.hot && now.Sub(s.ended) < idleAfter {
			continue
		}
		names = append(names, s.holder)
		p.remove(s)
	}
	return names
}

// AfterResponse gives slots back that are not worth keeping. Call it after each answer, or now and then. What cannot be
// given back passes by itself.
func (c *Client) AfterResponse(ctx context.Context) error { return c.giveBack(ctx, false) }

// Close gives all idle slots back. Calls that are under way go on.
func (c *Client) Close(ctx context.Context) error { return c.giveBack(ctx, true) }

func (c *Client) giveBack(ctx context.Context, all bool) error {
	if c.slots == nil {
		return nil
	}
	var faults []error
	now := c.now()
	for _, p := range c.peers.all() {
		for _, name := range p.pool.idle(now, all) {
			if err := c.slots.FreeSlot(ctx, p.id, name); err != nil {
				faults = append(faults, err)
			}
		}
	}
	return errors.Join(faults...)
}
