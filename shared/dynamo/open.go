package dynamo

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"sluice/shared/dynamo/internal/feed"
	"sluice/shared/dynamo/internal/items"
	"sluice/shared/settings"
)

// Table is the store. It is safe for concurrent use, and one per process is enough; connections are kept open.
type Table struct {
	items *items.Table
	feed  *feed.Log

	instance string        // with steps, makes the ids of writes that are recognised by them
	steps    atomic.Uint64 // such writes made by this Table
}

// Option changes how a Table works; only tests, benchmarks and the local cloud need any.
type Option func(*items.World)

// WithObserver has each store call told, attempts that fail included: op is the method of this package that it was made for,
// the units are DynamoDB's capacity units, 0 where the call failed. A refused condition counts by the size of what is
// there. It must be safe for concurrent use.
func WithObserver(observe func(op string, readUnits, writeUnits float64)) Option {
	return func(w *items.World) { w.Observe = observe }
}

// WithTransport replaces the HTTP transport, so that a test can make the store slow, lose its answers or take it away.
func WithTransport(rt http.RoundTripper) Option { return func(w *items.World) { w.Transport = rt } }

// WithTimeout bounds each attempt of a call; 3 s unless told.
func WithTimeout(d time.Duration) Option { return func(w *items.World) { w.Timeout = d } }

// WithClock replaces the clock that judges whether an item has expired, and that dates the signatures of calls.
func WithClock(now func() time.Time) Option { return func(w *items.World) { w.Now = now } }

// WithSleep replaces the pause between attempts. It must return ctx.Err() once ctx is done.
func WithSleep(sleep func(ctx context.Context, d time.Duration) error) Option {
	return func(w *items.World) { w.Sleep = sleep }
}

// WithRandom replaces the source of jitter and of ids. It need not be safe for concurrent use.
func WithRandom(r io.Reader) Option { return func(w *items.World) { w.Random = r } }

// Open makes the client of a table. It makes no call, so it succeeds while the store is away. An error names a setting
// that cannot work.
func Open(cfg settings.Table, options ...Option) (*Table, error) {
	w := items.World{Now: time.Now, Sleep: items.Sleep, Random: rand.Reader, Timeout: 3 * time.Second}
	for _, o := range options {
		o(&w)
	}
	seed := make([]byte, 8)
	if _, err := io.ReadFull(w.Random, seed); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	inner, err := items.Open(cfg, w)
	if err != nil {
		return nil, err
	}
	return &Table{
		items: inner, feed: feed.New(inner, feedKeys()),
		instance: strconv.FormatUint(binary.BigEndian.Uint64(seed), 36),
	}, nil
}

// nextOp makes an id for a write, by which its repetition is recognised.
func (t *Table) nextOp() string { return t.instance + "." + strconv.FormatUint(t.steps.Add(1), 36) }

// EnsureTable creates the table if it is not there, with on-demand capacity and TTL, and waits until it can be used. It is
// for the local cloud and tests; a deployment's table comes from infra/data.yaml. Two processes may do it at once.
func (t *Table) EnsureTable(ctx context.Context) error { return t.items.Ensure(ctx) }
