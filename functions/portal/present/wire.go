package present

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/settings"
)

// Wire makes the portal's handler on a table: for main, and for the local cloud, which runs it in its own process.
func Wire(s settings.Portal, table *dynamo.Table, now func() time.Time, log *slog.Logger) (http.Handler, error) {
	return New(Deps{Source: shop{table}, GatewayURL: s.GatewayURL, Now: now, Log: log})
}

// shop reads the catalog from the table.
type shop struct{ *dynamo.Table }

// APIs gives a page of all APIs.
func (s shop) APIs(ctx context.Context, cursor string) (catalog.Page[catalog.API], error) {
	return dynamo.NewResources[catalog.API](s.Table).List(ctx, catalog.Query{Kind: catalog.KindAPI, Limit: 100, Cursor: cursor})
}

// Versions gives the versions of an API; the first hundred are all that a page can use.
func (s shop) Versions(ctx context.Context, api catalog.APIID) ([]catalog.Version, error) {
	of := catalog.Ref{Kind: catalog.KindAPI, ID: string(api)}
	page, err := dynamo.NewResources[catalog.Version](s.Table).List(ctx, catalog.Query{Kind: catalog.KindVersion, Parent: &of, Limit: 100})
	return page.Items, err
}

// Team gives a team.
func (s shop) Team(ctx context.Context, id catalog.TeamID) (catalog.Team, error) {
	return dynamo.NewResources[catalog.Team](s.Table).Get(ctx, catalog.Ref{Kind: catalog.KindTeam, ID: string(id)})
}
