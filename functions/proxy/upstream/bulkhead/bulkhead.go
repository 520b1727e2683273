// Package bulkhead bounds how many calls are in flight upstream, over all instances, exactly: a call goes on only with a slot
// that the store leased to this process.
//
// Proof that there are never more than most. Each attempt owns one slot of its pool from before it begins until it has ended, and
// no other attempt of this process owns that slot meanwhile (busy). It owns a slot only if TakeSlot said so, for a time that
// lies at least skew + grace after the attempt's deadline, at which its context ends and with it the attempt; grace is for the
// time between the two. So while it runs, the store counts its holder, by any clock that is at most skew ahead of ours. A name
// stands for one holding: it is never used again after FreeSlot, so a FreeSlot that arrives late frees nothing that is in use; a
// TakeSlot that arrives late makes nothing shorter. FreeSlot is only called for a slot that is idle and out of the pool. The
// store gives at most that many slots; so there are at most as many attempts at any moment. What is not known, after an
// error, counts as not held here and may count as held there: too little is used, never too much. Frozen and dead instances
// have no attempt under way, and their slots pass.
//
// Cost. A slot is kept between calls while this instance spends more time in calls than between them, and then needs one
// write in 10 s; else it is given back once the answer is out, which makes two writes a call, of an instance with few. A pool
// that was told that all slots are taken does not ask again for a moment, nor does one whose store is in trouble: then only
// slots that are in hand are used, and calls without one are refused.
//
// Priority. A call of low priority takes one of 60 % of the slots, a normal one of 85 %, both rounded up; a high one of all. A
// slot that is in hand is only reused by calls that might have taken it. So the last 15 % are always for high ones, and low
// ones never have more than 60 %.
package bulkhead

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

const (
	skew        = time.Second // the most that clocks may differ
	grace       = 250 * time.Millisecond
	keepFor     = 10 * time.Second
	idleAfter   = time.Second // an idle slot goes back then, whatever we thought
	storeWithin = time.Second
	askAgain    = 100 * time.Millisecond // to twice that, after all slots were taken
	troubled    = time.Second            // the store is left alone for
)

// Deps is what a Bulkhead works with.
type Deps struct {
	Slots    Slots            // nil: nobody counts, so no call gets a slot
	Instance string           // unique to this process for ever, 1..40 bytes
	Now      func() time.Time // the wall clock
	Random   func() float64   // in [0, 1)
}

// Bulkhead makes pools. It is safe for concurrent use.
type Bulkhead struct {
	Deps
	named atomic.Int64
}

// New makes a Bulkhead.
func New(d Deps) *Bulkhead { return &Bulkhead{Deps: d} }

// name makes a name for a slot.
func (b *Bulkhead) name() string { return b.Instance + "-" + strconv.FormatInt(b.named.Add(1), 36) }

// Pool is the slots of one upstream that this process holds, or may hold. It is safe for concurrent use.
type Pool struct {
	*Bulkhead
	id     string
	mu     sync.Mutex
	slots  []*Slot // no more than were ever busy at once
	busy   int
	last   time.Time    // when the last call ended
	hot    bool         // more time is spent in calls than between them
	full   [3]time.Time // by rank: all were taken, ask again then
	broken time.Time    // the store is in trouble, ask again then
}

// Pool makes the pool of an upstream.
func (b *Bulkhead) Pool(id string) *Pool { return &Pool{Bulkhead: b, id: id} }

// Slot is one of the store's, under a name of its own, for one call at a time.
type Slot struct {
	pool   *Pool
	holder string
	most   int       // of how many it was taken: only calls that may use as many may use it
	until  time.Time // zero: not known to be held
	busy   bool
	began  time.Time // the call that has it, or had it last
	ended  time.Time
}

// Full says that there is no slot for a call.
type Full struct {
	RetryAfter time.Duration // at least a second
	Cause      error         // nil if all slots are taken
}

// Error says why.
func (f *Full) Error() string {
	if f.Cause != nil {
		return "take a slot: " + f.Cause.Error()
	}
	return "as many calls as allowed are in flight"
}

// Unwrap gives the cause.
func (f *Full) Unwrap() error { return f.Cause }

var (
	errTaken   = &Full{RetryAfter: time.Second}
	errUnasked = errors.New("the store did not answer a moment ago")
	errNobody  = errors.New("nobody counts the calls in flight")
)

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

// Take gets one of most slots for a call that has ended at end, by the wall clock. Its error is a *Full, or the context's if
// the caller has gone.
func (p *Pool) Take(ctx context.Context, most int, priority catalog.Priority, end time.Time) (*Slot, error) {
	if p.Slots == nil {
		return nil, &Full{RetryAfter: time.Second, Cause: errNobody}
	}
	r, need := rank(priority), end.Round(0).Add(skew+grace)
	most = share(r, most)
	s, ours, err := p.pick(most, r, need)
	if err != nil || ours {
		return s, err
	}
	bounded, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	until := need.Add(keepFor)
	held, err := p.Slots.TakeSlot(bounded, p.id, s.holder, most, until)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		p.unknown(s, time.Time{})
		return nil, ctx.Err()
	case err != nil:
		p.unknown(s, p.wall().Add(troubled))
		return nil, &Full{RetryAfter: time.Second, Cause: err}
	case !held:
		p.drop(s, r, p.wall().Add(askAgain+time.Duration(p.Random()*float64(askAgain))))
		return nil, errTaken
	}
	p.mu.Lock()
	s.until, s.most = until, most
	p.mu.Unlock()
	return s, nil
}

// wall is the time by the wall clock alone: the monotonic one, by which times are compared where they have it, may stand still
// while an instance is frozen.
func (p *Pool) wall() time.Time { return p.Now().Round(0) }

// soon reports whether a moment lies ahead that was at most a second ahead when it was set; the clock may have gone back.
func soon(at, now time.Time) bool {
	ahead := at.Sub(now)
	return ahead > 0 && ahead <= time.Second
}

// pick marks a slot as busy: one that is in hand and lasts (ours), or else one that the store must be asked for.
func (p *Pool) pick(most, rank int, need time.Time) (s *Slot, ours bool, err error) {
	now := p.wall()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy >= most {
		return nil, false, errTaken
	}
	for _, have := range p.slots {
		if have.busy || have.most > most {
			continue
		}
		if s, ours = have, !have.until.Before(need); ours {
			break
		}
	}
	switch {
	case ours:
	case soon(p.full[rank], now):
		return nil, false, errTaken
	case soon(p.broken, now):
		return nil, false, &Full{RetryAfter: time.Second, Cause: errUnasked}
	case s == nil:
		s = &Slot{pool: p, holder: p.name(), most: most}
		p.slots = append(p.slots, s)
	}
	s.busy, s.began = true, now
	p.busy++
	return s, ours, nil
}

// unknown puts a slot back of which it is not known whether it is held: under the same name it can be asked for again.
func (p *Pool) unknown(s *Slot, askAgain time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.busy = false
	p.busy--
	if askAgain.After(p.broken) {
		p.broken = askAgain
	}
}

// drop forgets a slot that is not held.
func (p *Pool) drop(s *Slot, rank int, askAgain time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy--
	p.remove(s)
	for r := range rank + 1 { // where there is nothing for this one there is nothing for lower ones
		p.full[r] = askAgain
	}
}

func (p *Pool) remove(s *Slot) {
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

// Release ends the call's use of its slot. A nil slot is none.
func (s *Slot) Release() {
	if s == nil {
		return
	}
	p := s.pool
	now := p.wall()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hot = p.busy > 1 || !p.last.IsZero() && s.began.Sub(p.last) <= now.Sub(s.began)
	s.busy, s.ended = false, now
	p.last = now
	p.busy--
}

// idle takes the slots out that should go back: all that are idle, or those that are not worth keeping.
func (p *Pool) idle(all bool) []string {
	now := p.wall()
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

// GiveBack gives idle slots back: all, or those that are not worth keeping. What cannot be given back passes by itself.
func (p *Pool) GiveBack(ctx context.Context, all bool) error {
	if p.Slots == nil {
		return nil
	}
	var faults []error
	for _, name := range p.idle(all) {
		if err := p.Slots.FreeSlot(ctx, p.id, name); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}
