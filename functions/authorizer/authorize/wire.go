package authorize

import (
	"fmt"
	"log/slog"
	"time"

	"sluice/policies"
	"sluice/shared/dynamo"
	"sluice/shared/policy"
	"sluice/shared/replica"
	"sluice/shared/settings"
)

// Wire makes an Authorizer on a table: for main, for the local cloud, which runs it in its own process, and for tests that
// run several. Each has a view of its own, as each instance in the cloud has. It reads nothing.
func Wire(s settings.Authorizer, table *dynamo.Table, now func() time.Time, log *slog.Logger) (*Authorizer, error) {
	access, err := policy.Load(policies.Access(), policies.CompiledAccess(), "data.access.decision")
	if err != nil {
		return nil, fmt.Errorf("load policies: %w", err)
	}
	staleMax := s.StaleMax
	if staleMax == 0 {
		staleMax = replica.NoGrace // a setting of 0 seconds is meant
	}
	source := replica.Source{Feed: table, Callers: table, Products: table}
	view := replica.New(source, now, replica.Options{StaleMax: staleMax})
	return New(Deps{
		View:   View{Freshness: view, Callers: view, Products: view, Terms: view},
		Policy: access,
		Now:    now,
		Log:    log.With("environment", s.Environment),
	}), nil
}
