package forward

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"sluice/functions/proxy/alert"
	"sluice/functions/proxy/cache"
	"sluice/functions/proxy/replay"
	"sluice/functions/proxy/upstream"
	"sluice/shared/dynamo"
	"sluice/shared/limit"
	"sluice/shared/limit/counter"
	"sluice/shared/limit/taker"
	"sluice/shared/settings"
	"sluice/shared/usage"
)

// Wire makes the Proxy on a table: for main, and for the local cloud, which runs it in its own process. It fails if the
// settings name networks that it does not know: it cannot guard what it does not understand.
func Wire(s settings.Proxy, table *dynamo.Table, now func() time.Time, log *slog.Logger) (*Proxy, error) {
	transport, err := upstream.Transport(s.Networks, s.EgressProxy)
	if err != nil {
		return nil, fmt.Errorf("make the transport: %w", err)
	}
	return New(Deps{
		Limits:     taker.New(limits{table}, now, limit.Options{Instance: rand.Text()[:12], Skew: s.ClockSkew}),
		Upstreams:  upstream.New(upstream.Deps{Transport: transport, Slots: table, Hints: table, Now: now}),
		Alerts:     alert.New(table, now, log),
		Replays:    replay.New(table, now, nil),
		Cache:      cache.New(cacheBytes, now),
		Counter:    usage.NewCounter(uuid.NewString, 0),
		Outbox:     table,
		FlushAfter: s.FlushAfter,
		Now:        now,
		Log:        log,
	}), nil
}

// cacheBytes bounds what one instance keeps of answers.
const cacheBytes = 16 << 20

// limits is the table as a limit.Store.
type limits struct{ table *dynamo.Table }

// Apply makes one step of the limits of a subscription.
func (l limits) Apply(ctx context.Context, id string, s counter.Step) (counter.State, bool, error) {
	return l.table.ApplyLimit(ctx, id, s)
}
