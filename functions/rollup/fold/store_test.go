package fold_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"sluice/functions/rollup/fold"
	"sluice/shared/catalog"
	"sluice/shared/problem"
	"sluice/shared/usage"
)

// table is what the tests need of a store: the folder's part, the instances' part and the reader's part.
type table struct {
	fold.Store
	flushes
	buckets
}

type flushes interface {
	PutUsage(ctx context.Context, p usage.Pending, expires time.Time) error
}

type buckets interface {
	UsageBuckets(ctx context.Context, api catalog.APIID, step usage.Step, from, to time.Time) ([]usage.Delta, error)
}

var errRefused = errors.New("an update expression is too long")

// memory is a table in memory, with the conditions of the real one.
type memory struct {
	mu      sync.Mutex
	pending map[string]usage.Pending
	done    map[string]bool
	buckets map[usage.Bucket]map[string]int64
	folds   int
	largest int // items of the largest transaction
	beyond  int // transactions that no store takes

	refuse map[string]bool // ids of records that no transaction may have
	stuck  map[string]bool // ids of records that make every transaction conflict
}

func newMemory() *memory {
	return &memory{pending: map[string]usage.Pending{}, done: map[string]bool{}, buckets: map[usage.Bucket]map[string]int64{},
		refuse: map[string]bool{}, stuck: map[string]bool{}}
}

func (m *memory) table() table { return table{m, m, m} }

func (m *memory) PutUsage(_ context.Context, p usage.Pending, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.pending[p.ID]; !there {
		m.pending[p.ID] = p
	}
	return nil
}

func (m *memory) PendingUsage(_ context.Context, shard, limit int) ([]usage.Pending, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []usage.Pending
	for _, id := range slices.Sorted(maps.Keys(m.pending)) {
		if p := m.pending[id]; p.Shard == shard && len(found) < limit {
			found = append(found, p)
		}
	}
	return found, nil
}

func (m *memory) FoldUsage(_ context.Context, done []usage.Pending, add []usage.Delta) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := map[usage.Bucket]bool{}
	for _, d := range add {
		if len(d.Add) > usage.MaxCounters || names[named(d.Bucket)] {
			m.beyond++
			return errRefused
		}
		names[named(d.Bucket)] = true
	}
	for _, p := range done {
		if m.refuse[p.ID] {
			return errRefused
		}
	}
	for _, p := range done {
		if _, there := m.pending[p.ID]; !there || m.done[p.ID] || m.stuck[p.ID] {
			return problem.New(problem.Conflict, "folded by somebody else")
		}
	}
	if 2*len(done)+len(add) > 100 {
		m.beyond++
		return problem.New(problem.TooLarge, "too many items")
	}
	m.folds++
	m.largest = max(m.largest, 2*len(done)+len(add))
	for _, p := range done {
		delete(m.pending, p.ID)
		m.done[p.ID] = true
	}
	for _, d := range add {
		b := named(d.Bucket)
		if m.buckets[b] == nil {
			m.buckets[b] = map[string]int64{}
		}
		for name, n := range d.Add {
			m.buckets[b][name] += n
		}
	}
	return nil
}

func named(b usage.Bucket) usage.Bucket { b.Consumer = ""; return b }

func (m *memory) Tombstoned(_ context.Context, id string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.done[id], nil
}

func (m *memory) DropUsage(_ context.Context, p usage.Pending) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.pending, p.ID)
	return nil
}

func (m *memory) UsageBuckets(_ context.Context, api catalog.APIID, step usage.Step, from, to time.Time) ([]usage.Delta, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []usage.Delta
	for b, add := range m.buckets {
		if b.API == api && b.Step == step && !b.At.Before(from) && b.At.Before(to) {
			found = append(found, usage.Delta{Bucket: b, Add: maps.Clone(add)})
		}
	}
	return found, nil
}

// faulty is a store whose calls can be preceded by something, and can fail before or after they have worked.
type faulty struct {
	fold.Store
	before func(op string) error
	after  func(op string) error
}

func during[T any](f faulty, op string, call func() (T, error)) (none T, err error) {
	if f.before != nil {
		if err := f.before(op); err != nil {
			return none, err
		}
	}
	v, err := call()
	if err == nil && f.after != nil {
		err = f.after(op)
	}
	if err != nil {
		return none, err
	}
	return v, nil
}

func (f faulty) PendingUsage(ctx context.Context, shard, limit int) ([]usage.Pending, error) {
	return during(f, "pending", func() ([]usage.Pending, error) { return f.Store.PendingUsage(ctx, shard, limit) })
}

func (f faulty) FoldUsage(ctx context.Context, done []usage.Pending, add []usage.Delta) error {
	_, err := during(f, "fold", func() (any, error) { return nil, f.Store.FoldUsage(ctx, done, add) })
	return err
}

func (f faulty) Tombstoned(ctx context.Context, id string) (bool, error) {
	return during(f, "tombstoned", func() (bool, error) { return f.Store.Tombstoned(ctx, id) })
}

func (f faulty) DropUsage(ctx context.Context, p usage.Pending) error {
	_, err := during(f, "drop", func() (any, error) { return nil, f.Store.DropUsage(ctx, p) })
	return err
}
