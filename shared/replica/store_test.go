package replica_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"

	"sluice/shared/catalog"
	"sluice/shared/problem"
	"sluice/shared/replica"
)

// clock is a wall clock that moves only when told.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// addWall moves the wall clock and leaves the monotonic one where it is, as a frozen machine may. There is no public way to
// make such a time, so it turns the 33 bits that hold the seconds, and the test that uses it checks that this worked.
func (c *clock) addWall(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*(*uint64)(unsafe.Pointer(&c.at)) += uint64(d/time.Second) << 30 //nolint:gosec // G103: see above
}

// store is a small database with a feed: what it was told to hold, with everything that can go wrong on the way.
type store struct {
	mu      sync.Mutex
	clock   *clock
	items   map[catalog.Ref]any
	chunks  map[catalog.RevisionID][]byte
	entries []catalog.Entry // all there ever were; entries[i].Seq == i+1 unless jump says otherwise
	head    int64
	swept   int64 // entries up to this one cannot be had any more
	page    int   // entries per answer of Since; 0: all
	reads   map[string]int

	fault   func(ctx context.Context, op string) error // asked before each read
	answers func(op string)                            // called after each read, before its answer is seen
}

func newStore(c *clock) *store {
	return &store{clock: c, items: map[catalog.Ref]any{}, chunks: map[catalog.RevisionID][]byte{}, reads: map[string]int{}}
}

// set makes one change: an item and its feed entry become visible together. A nil value deletes.
func (s *store) set(ref catalog.Ref, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(ref, value)
	s.announce(ref)
}

func (s *store) write(ref catalog.Ref, value any) {
	if value == nil {
		delete(s.items, ref)
		return
	}
	s.items[ref] = value
}

func (s *store) announce(refs ...catalog.Ref) {
	s.head++
	s.entries = append(s.entries, catalog.Entry{Seq: s.head, At: s.clock.now(), Touches: refs})
}

// begin is the entry of a transaction whose item is not visible yet, and finish the item.
func (s *store) begin(ref catalog.Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.announce(ref)
}

func (s *store) finish(ref catalog.Ref, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(ref, value)
}

func (s *store) count(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads[op]
}

func (s *store) total() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.reads {
		n += c
	}
	return n
}

func (s *store) asked(ctx context.Context, op string) error {
	s.mu.Lock()
	s.reads[op]++
	fault := s.fault
	s.mu.Unlock()
	if fault != nil {
		if err := fault(ctx, op); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *store) answered(op string) {
	s.mu.Lock()
	answers := s.answers
	s.mu.Unlock()
	if answers != nil {
		answers(op)
	}
}

func (s *store) Head(ctx context.Context) (int64, error) {
	if err := s.asked(ctx, "head"); err != nil {
		return 0, err
	}
	s.mu.Lock()
	head := s.head
	s.mu.Unlock()
	s.answered("head")
	return head, nil
}

func (s *store) Since(ctx context.Context, seq int64) ([]catalog.Entry, error) {
	if err := s.asked(ctx, "since"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq < s.swept {
		return nil, errGap
	}
	var found []catalog.Entry
	for _, e := range s.entries {
		if e.Seq > seq && (s.page == 0 || len(found) < s.page) {
			found = append(found, e)
		}
	}
	return slices.Clone(found), nil
}

func load[T any](ctx context.Context, s *store, op string, ref catalog.Ref) (T, error) {
	var v T
	if err := s.asked(ctx, op); err != nil {
		return v, err
	}
	s.mu.Lock()
	item, ok := s.items[ref]
	s.mu.Unlock()
	s.answered(op)
	if !ok {
		return v, problem.New(problem.NotFound, "no such %s", ref.Kind)
	}
	if v, ok = item.(T); !ok {
		return v, fmt.Errorf("%s is a %T", ref, item)
	}
	return v, nil
}

func (s *store) Credential(ctx context.Context, hash string) (catalog.Credential, error) {
	return load[catalog.Credential](ctx, s, "credential", catalog.CredentialRef(hash))
}

func (s *store) App(ctx context.Context, id catalog.AppID) (catalog.App, error) {
	return load[catalog.App](ctx, s, "app", appRef(id))
}

func (s *store) Consumer(ctx context.Context, id catalog.ConsumerID) (catalog.Consumer, error) {
	return load[catalog.Consumer](ctx, s, "consumer", catalog.Ref{Kind: catalog.KindConsumer, ID: string(id)})
}

func (s *store) Grant(ctx context.Context, app catalog.AppID, api catalog.APIID) (catalog.Subscription, error) {
	return load[catalog.Subscription](ctx, s, "grant", catalog.GrantRef(app, api))
}

func (s *store) API(ctx context.Context, id catalog.APIID) (catalog.API, error) {
	return load[catalog.API](ctx, s, "api", catalog.Ref{Kind: catalog.KindAPI, ID: string(id)})
}

func (s *store) Version(ctx context.Context, api catalog.APIID, v catalog.VersionID) (catalog.Version, error) {
	return load[catalog.Version](ctx, s, "version", catalog.VersionRef(api, v))
}

func (s *store) Plan(ctx context.Context, id catalog.PlanID) (catalog.Plan, error) {
	return load[catalog.Plan](ctx, s, "plan", catalog.Ref{Kind: catalog.KindPlan, ID: string(id)})
}

func (s *store) RevisionChunk(
	ctx context.Context, _ catalog.APIID, _ catalog.VersionID, r catalog.RevisionID, name string,
) ([]byte, error) {
	if err := s.asked(ctx, "chunk"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	chunk, ok := s.chunks[r]
	if !ok || name != "index" {
		return nil, problem.New(problem.NotFound, "no such contract")
	}
	return chunk, nil
}

func appRef(id catalog.AppID) catalog.Ref { return catalog.Ref{Kind: catalog.KindApp, ID: string(id)} }

func sourceOf(s *store) replica.Source { return replica.Source{Feed: s, Callers: s, Products: s} }

// world is a view on a store with a clock.
type world struct {
	*testing.T
	clock *clock
	store *store
	view  *replica.View
}

func newWorld(t *testing.T, o replica.Options) *world {
	c := newClock()
	s := newStore(c)
	return &world{T: t, clock: c, store: s, view: replica.New(sourceOf(s), c.now, o)}
}

func (w *world) fresh() {
	w.Helper()
	if err := w.view.Fresh(w.Context()); err != nil {
		w.Fatalf("Fresh: %v", err)
	}
}

// settle brings the view to where nothing is recent any more.
func (w *world) settle() {
	w.Helper()
	w.fresh()
	w.clock.add(6 * time.Second)
	w.fresh()
}

func (w *world) app(id catalog.AppID) string {
	w.Helper()
	a, err := w.view.App(w.Context(), id)
	if problem.Is(err, problem.NotFound) {
		return "(none)"
	}
	if err != nil {
		w.Fatalf("App: %v", err)
	}
	return a.Name
}

// sees checks what the view says of an app.
func (w *world) sees(id catalog.AppID, want string) {
	w.Helper()
	if got := w.app(id); got != want {
		w.Errorf("app %s is %q, want %q", id, got, want)
	}
}

// named puts an app with a name into the store; "" takes it out.
func (w *world) named(id catalog.AppID, name string) {
	if name == "" {
		w.store.set(appRef(id), nil)
		return
	}
	w.store.set(appRef(id), catalog.App{ID: id, Name: name})
}
