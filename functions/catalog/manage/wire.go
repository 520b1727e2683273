package manage

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"sluice/policies"
	"sluice/shared/catalog"
	"sluice/shared/contract/openapi"
	"sluice/shared/dynamo"
	"sluice/shared/policy"
	"sluice/shared/resource"
	"sluice/shared/settings"
)

// Wire makes the catalog's handler on a table: for main, and for the local cloud, which runs it in its own process.
func Wire(s settings.Management, table *dynamo.Table, now func() time.Time, log *slog.Logger) (http.Handler, error) {
	judge, err := policy.Load(policies.Admin(), policies.CompiledAdmin(), "data.admin.decision")
	if err != nil {
		return nil, fmt.Errorf("load policies: %w", err)
	}
	return New(Deps{
		Shared:        resource.Deps{Judge: judge, Replays: table, Now: now, Log: log},
		Teams:         resource.StoreOf[catalog.Team](dynamo.NewResources[catalog.Team](table)),
		APIs:          resource.StoreOf[catalog.API](dynamo.NewResources[catalog.API](table)),
		Versions:      resource.StoreOf[catalog.Version](dynamo.NewResources[catalog.Version](table)),
		Plans:         resource.StoreOf[catalog.Plan](dynamo.NewResources[catalog.Plan](table)),
		Consumers:     resource.StoreOf[catalog.Consumer](dynamo.NewResources[catalog.Consumer](table)),
		Apps:          resource.StoreOf[catalog.App](dynamo.NewResources[catalog.App](table)),
		Subscriptions: resource.StoreOf[catalog.Subscription](dynamo.NewResources[catalog.Subscription](table)),
		Revisions:     table,
		Compile:       openapi.Compile,
		Trail:         trail{table},
		Usage:         table,
		Counters:      table,
		NewID:         uuid.NewString,
		Networks:      s.Networks,
	}), nil
}

// trail is the table's audit trail.
type trail struct{ table *dynamo.Table }

// Audit reads a page of it.
func (t trail) Audit(ctx context.Context, of *catalog.Ref, limit int, cursor string) (catalog.Page[catalog.AuditEntry], error) {
	return t.table.Audit(ctx, dynamo.AuditQuery{Resource: of, Limit: limit, Cursor: cursor})
}
