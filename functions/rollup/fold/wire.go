package fold

import (
	"log/slog"
	"time"

	"sluice/shared/dynamo"
	"sluice/shared/settings"
)

// Wire makes the Folder on a table: for main, and for the local cloud, which runs it in its own process.
func Wire(s settings.Rollup, table *dynamo.Table, now func() time.Time, log *slog.Logger) (*Folder, error) {
	return New(Deps{Store: table, Now: now, Log: log.With("environment", s.Environment)}), nil
}
