package forward

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"sluice/functions/proxy/upstream"
	"sluice/shared/dynamo"
	"sluice/shared/limit"
	"sluice/shared/settings"
	"sluice/shared/usage"
)

// Wire makes the Proxy on a table: for main, and for the local cloud, which runs it in its own process. It fails if the
// settings name networks that it does not know: it cannot guard what it does not understand.
func Wire(s settings.Proxy, table *dynamo.Table, now func() time.Time, log *slog.Logger) (*Proxy, error) {
	transport, err := upstream.Transport(s.Networks, "")
	if err != nil {
		return nil, fmt.Errorf("make the transport: %w", err)
	}
	return New(Deps{
		Limits:     limit.NewTaker(limits{table}, now),
		Upstreams:  upstream.New(upstream.Deps{Transport: transport, Slots: table, Hints: table, Now: now}),
		Counter:    usage.NewCounter(uuid.NewString, 0),
		Outbox:     table,
		FlushAfter: s.FlushAfter,
		Now:        now,
		Log:        log,
	}), nil
}

// limits is the table as a limit.Store.
type limits struct{ table *dynamo.Table }

// Apply makes one step of the limits of a subscription.
func (l limits) Apply(ctx context.Context, id string, s limit.Step) (limit.State, bool, error) {
	return l.table.ApplyLimit(ctx, id, s)
}
