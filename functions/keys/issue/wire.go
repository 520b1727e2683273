package issue

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"sluice/policies"
	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/policy"
	"sluice/shared/resource"
)

// Wire makes the handler on a table: for main, and for the local cloud, which runs it in its own process.
func Wire(table *dynamo.Table, now func() time.Time, log *slog.Logger) (http.Handler, error) {
	judge, err := policy.Load(policies.Admin(), policies.CompiledAdmin(), "data.admin.decision")
	if err != nil {
		return nil, fmt.Errorf("load policies: %w", err)
	}
	return New(Deps{
		Shared:    resource.Deps{Judge: judge, Replays: table, Now: now, Log: log},
		Apps:      dynamo.NewResources[catalog.App](table),
		Teams:     dynamo.NewResources[catalog.Team](table),
		Keys:      resource.StoreOf[catalog.Key](dynamo.NewResources[catalog.Key](table)),
		AdminKeys: resource.StoreOf[catalog.AdminKey](dynamo.NewResources[catalog.AdminKey](table)),
		NewID:     uuid.NewString,
		Random:    rand.Reader,
	}), nil
}
