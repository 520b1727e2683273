package replica

import (
	"context"
	"errors"
	"slices"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/problem"
)

const (
	// window is the bound of promise 2, and the least time between two attempts while the store is out of reach.
	window = time.Second
	// attemptTimeout bounds one attempt to follow the feed. Two fit in a window.
	attemptTimeout = 400 * time.Millisecond
	// firstTimeout bounds the attempts of a new instance, which has connections to open.
	firstTimeout = 2 * time.Second
	// maxCatchUp is how many entries are worth reading; an instance that is further behind starts anew.
	maxCatchUp = 1000
	// settling is how long the parts of a transaction may take to become visible after the first of them did. DynamoDB
	// applies them one by one before it answers the writer, and a single read, however consistent, sees what is applied.
	settling = 5 * time.Second
	// rounds is how often one call of Fresh looks again, where checks end too old to be of use (a freeze in their midst).
	rounds = 3
)

// state is what is known of the last checks. It is never changed, only replaced.
type state struct {
	checked time.Time // when the last good check started; zero before the first
	failed  time.Time // when the last attempt started, if it failed; else zero
	cause   error     // why it failed
}

func (s *state) down() bool { return !s.failed.IsZero() }

func (s *state) unavailable() error {
	return problem.Wrap(s.cause, problem.Unavailable, "the configuration cannot be read at the moment")
}

// Fresh makes sure that what the getters then give is at most one second old, and is called once before each decision.
// It costs nothing if the last good check started less than a second ago, else one strongly consistent read, plus reading
// what is new. Concurrent callers share one check, and use it only if it started within a second of their looking.
//
// Where the store cannot be reached, the answer is nil as long as the last good check is younger than StaleMax, and
// problem.Unavailable from then on. Callers with an ended ctx get problem.Unavailable too.
func (v *View) Fresh(ctx context.Context) error {
	for range rounds {
		s, now := v.state.Load(), v.now()
		if within(now, s.checked, window) {
			return nil
		}
		if within(now, s.failed, window) {
			return v.serveStale(s, now)
		}
		if err := v.check(ctx, s); err != nil {
			return err
		}
	}
	return problem.New(problem.Unavailable, "the configuration cannot be read fast enough to be sure of it")
}

// Stale reports whether the view is served beyond its bound since the store cannot be reached.
func (v *View) Stale() bool { return v.state.Load().down() }

// serveStale decides what an outage means for what is known.
func (v *View) serveStale(s *state, now time.Time) error {
	if within(now, s.checked, v.staleMax) {
		return nil
	}
	return s.unavailable()
}

// within reports whether since lies less than d before now by the wall clock and by the monotonic clock. The monotonic
// clock of a frozen instance may stand still, and the wall clock may be set: the less favourable of the two counts, and a
// clock that went backwards proves nothing.
func within(now, since time.Time, d time.Duration) bool {
	if since.IsZero() {
		return false
	}
	wall, monotonic := now.Round(0).Sub(since.Round(0)), now.Sub(since)
	return wall >= 0 && wall < d && monotonic >= 0 && monotonic < d
}

// check waits for the check that is under way, or makes one if the state is still the one that asked for it.
func (v *View) check(ctx context.Context, asked *state) error {
	v.mu.Lock()
	if running := v.running; running != nil {
		v.mu.Unlock()
		select {
		case <-running:
			return nil
		case <-ctx.Done():
			return problem.Wrap(ctx.Err(), problem.Unavailable, "the call ended before the configuration was checked")
		}
	}
	if v.state.Load() != asked {
		v.mu.Unlock()
		return nil
	}
	done := make(chan struct{})
	v.running = done
	v.mu.Unlock()
	defer func() {
		v.mu.Lock()
		v.running = nil
		v.mu.Unlock()
		close(done)
	}()
	v.attempt(ctx, asked)
	return nil
}

// attempt follows the feed and records how that went. Other callers wait for it, so the end of this caller's context does
// not end it. A view that was well tries twice: a connection that died during a freeze must not look like an outage.
func (v *View) attempt(ctx context.Context, before *state) {
	tries, timeout := 2, attemptTimeout
	if before.down() {
		tries = 1
	} else if before.checked.IsZero() {
		timeout = firstTimeout
	}
	var started time.Time
	var err error
	for range tries {
		started = v.now()
		if err = v.follow(context.WithoutCancel(ctx), started, timeout); err == nil {
			v.state.Store(&state{checked: started})
			return
		}
	}
	v.state.Store(&state{checked: before.checked, failed: started, cause: err})
}

// follow brings the view up to the head of the feed, and what it finds changed up to date. started is when this attempt began.
func (v *View) follow(ctx context.Context, started time.Time, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	head, err := v.source.Head(ctx)
	if err != nil {
		return err
	}
	v.settle()
	if !v.synced || head < v.cursor || head-v.cursor > maxCatchUp {
		return v.restart(ctx, started, head)
	}
	for v.cursor < head {
		entries, err := v.source.Since(ctx, v.cursor)
		if err != nil && (ctx.Err() != nil || unreachable(err)) {
			return err
		}
		if err != nil || !v.apply(started, entries) {
			return v.restart(ctx, started, head)
		}
	}
	v.refresh(ctx)
	v.settled(started)
	return nil
}

// apply supersedes what the entries name, and reports whether they continue where the view is without a hole. Entries that
// it has seen are passed over.
func (v *View) apply(started time.Time, entries []catalog.Entry) bool {
	before := v.cursor
	for _, e := range entries {
		if e.Seq > v.cursor+1 {
			return false
		}
		if e.Seq <= v.cursor {
			continue
		}
		v.each(e.Touches, place.supersede)
		v.unsettled = append(v.unsettled, change{e.Touches, started})
		v.cursor = e.Seq
	}
	return v.cursor > before
}

// change is what an entry named, and when the view first saw it.
type change struct {
	touches []catalog.Ref
	seen    time.Time
}

// settle makes what recent entries named due once more: whatever was loaded since may have been read from a transaction of
// which only a part could be seen yet.
func (v *View) settle() {
	for _, c := range v.unsettled {
		v.each(c.touches, place.expire)
	}
}

// settled forgets the changes that were seen long enough ago. What they name was made due once more by the same check.
func (v *View) settled(started time.Time) {
	v.unsettled = slices.DeleteFunc(v.unsettled, func(c change) bool { return !within(started, c.seen, settling) })
}

func (v *View) each(touches []catalog.Ref, do func(place)) {
	for _, r := range touches {
		if p := v.place(r); p != nil {
			do(p)
		}
	}
}

// restart drops everything and goes on from head, which was read before, so that whatever is loaded from now on is at
// least as new. The newest changes may be settling, so they are looked up; those that were swept have settled long ago.
func (v *View) restart(ctx context.Context, started time.Time, head int64) error {
	v.dropAll()
	v.unsettled = nil
	for _, back := range []int64{32, 8, 1} {
		recent, err := v.between(ctx, max(0, head-back), head)
		if err != nil && (ctx.Err() != nil || unreachable(err)) {
			return err
		}
		if err == nil {
			v.unsettled = append(v.unsettled, change{recent, started})
			break
		}
	}
	v.cursor, v.synced = head, true
	return nil
}

// between gives what the entries behind from and up to head name.
func (v *View) between(ctx context.Context, from, head int64) ([]catalog.Ref, error) {
	var touches []catalog.Ref
	for from < head {
		page, err := v.source.Since(ctx, from)
		if err != nil {
			return nil, err
		}
		before := from
		for _, e := range page {
			touches = append(touches, e.Touches...)
			from = max(from, e.Seq)
		}
		if from == before {
			return nil, errSwept
		}
	}
	return touches, nil
}

var errSwept = errors.New("the entries cannot be had any more")

func unreachable(err error) bool {
	return problem.Is(err, problem.Unavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
