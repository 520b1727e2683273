package replica

import (
	"context"
	"errors"
	"sync"
	"time"

	"sluice/shared/problem"
)

const (
	// loadTimeout bounds one load. It is shorter than the window, so that nobody joins a load that is older than that.
	loadTimeout = 900 * time.Millisecond
	// reloads is how often a load is repeated that raced with an invalidation of the same thing.
	reloads = 3
	// absentShare is the part of a cache that "not there" may take in addition: invented names cannot push out real ones.
	absentShare = 4
)

// cache remembers what a loader gave, "not there" included, until it is read again, dropped or evicted.
type cache[K comparable, V any] struct {
	load  func(context.Context, K) (V, error)
	weigh func(V) int // nil: every entry weighs 1
	now   func() time.Time

	mu      sync.RWMutex
	known   ring[K, V]
	absent  ring[K, V]
	flights map[K]*flight[V]
}

// flight is a load under way. Its result is read after done is closed.
type flight[V any] struct {
	done    chan struct{}
	value   V
	err     error
	spoiled bool // what it loads was dropped meanwhile: it may have read the value of before
}

func newCache[K comparable, V any](most int, now func() time.Time, load func(context.Context, K) (V, error)) *cache[K, V] {
	return &cache[K, V]{
		load:    load,
		now:     now,
		known:   newRing[K, V](most),
		absent:  newRing[K, V](max(1, most/absentShare)),
		flights: make(map[K]*flight[V]),
	}
}

// peek gives what is remembered, whatever its standing, or nil.
func (c *cache[K, V]) peek(k K) *slot[K, V] {
	s := c.glance(k)
	if s != nil {
		s.touch()
	}
	return s
}

// glance is peek by somebody who does not count as a user.
func (c *cache[K, V]) glance(k K) *slot[K, V] {
	c.mu.RLock()
	s := c.find(k)
	c.mu.RUnlock()
	return s
}

// find is glance with the lock held.
func (c *cache[K, V]) find(k K) *slot[K, V] {
	if s := c.known.slots[k]; s != nil {
		return s
	}
	return c.absent.slots[k]
}

// fetch loads, together with everybody else who asks for the same. A load that raced with an invalidation is repeated; if
// that happens again and again, the last result is given, which was read after this caller asked, and is not kept.
func (c *cache[K, V]) fetch(ctx context.Context, k K) (V, error) {
	var f *flight[V]
	for range reloads {
		c.mu.Lock()
		if s := c.find(k); s != nil && s.standing() == current {
			c.mu.Unlock()
			return s.value, s.err
		}
		running := c.flights[k]
		if running == nil {
			f = &flight[V]{done: make(chan struct{})}
			c.flights[k] = f
		}
		c.mu.Unlock()
		if running == nil {
			c.fly(ctx, k, f)
		} else if err := running.wait(ctx); err != nil {
			var none V
			return none, err
		} else {
			f = running
		}
		if !f.spoiled {
			break
		}
	}
	return f.value, f.err
}

func (f *flight[V]) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return problem.Wrap(ctx.Err(), problem.Unavailable, "the call ended before the configuration was read")
	}
}

var errBrokenOff = errors.New("the load broke off")

// fly runs the load of a flight and keeps the result, unless it is spoiled. Others wait for it, so the end of this
// caller's context does not end it.
func (c *cache[K, V]) fly(ctx context.Context, k K, f *flight[V]) {
	f.err = errBrokenOff // what waiters see if the loader panics
	began := c.now()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		defer close(f.done)
		if c.flights[k] != f {
			return
		}
		delete(c.flights, k)
		c.keep(k, began, f.value, f.err)
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	f.value, f.err = c.load(ctx, k)
	if f.err != nil && ctx.Err() != nil {
		f.err = problem.Wrap(f.err, problem.Unavailable, "the configuration cannot be read at the moment")
	}
}

// keep remembers what a load gave that began at read, in the place of what was, if it is a value or "not there". The caller
// holds the lock.
func (c *cache[K, V]) keep(k K, read time.Time, value V, err error) {
	s := &slot[K, V]{key: k, value: value, err: err, weight: 1, read: read}
	switch {
	case err == nil:
		if c.weigh != nil {
			s.weight = max(1, c.weigh(value))
		}
		c.absent.remove(c.absent.slots[k])
		c.known.put(s)
	case problem.Is(err, problem.NotFound):
		c.known.remove(c.known.slots[k])
		c.absent.put(s)
	}
}

// mark takes a standing away from one thing, and spoils the load of it that may be under way.
func (c *cache[K, V]) mark(k K, st standing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.find(k); s != nil {
		s.lower(st)
	}
	if f := c.flights[k]; f != nil {
		f.spoiled = true
		delete(c.flights, k)
	}
}

// dropAll forgets everything and spoils all loads that are under way.
func (c *cache[K, V]) dropAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.absent = newRing[K, V](c.known.most), newRing[K, V](c.absent.most)
	for _, f := range c.flights {
		f.spoiled = true
	}
	c.flights = make(map[K]*flight[V])
}
