package bootstrap

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/settings"
)

// Command is `sluice bootstrap`.
func Command(env settings.Env) *cobra.Command {
	folder := ".sluice"
	if v, _ := env("SLUICE_DATA_DIR"); v != "" {
		folder = v
	}
	wanted, _ := env("SLUICE_ADMIN_KEY")
	c := &cobra.Command{
		Use: "bootstrap", Short: "Make the first admin key of a deployment", Args: cobra.NoArgs,
		Long: `Makes the first admin key and writes it to the table. The table and the right to write to it come from the
environment: TABLE_NAME (the stack's output TableName), AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_SESSION_TOKEN; AWS_ENDPOINT_URL_DYNAMODB names another engine, where the table is made if it is missing.

SLUICE_ADMIN_KEY is taken as the key if it is set. The key is kept in the data folder; running it again changes nothing.`,
		RunE: func(c *cobra.Command, _ []string) error {
			common, err := settings.LoadRollup(env) // needs the table and nothing else
			if err != nil {
				return err
			}
			table, err := dynamo.Open(common.Table)
			if err != nil {
				return fmt.Errorf("open the table: %w", err)
			}
			if common.Table.Endpoint != "" {
				if err := table.EnsureTable(c.Context()); err != nil {
					return fmt.Errorf("make the table: %w", err)
				}
			}
			if _, err := Ensure(c.Context(), On(table), folder, wanted); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "the admin key is in %s\n", filepath.Join(folder, FileName))
			return err
		},
	}
	c.Flags().StringVar(&folder, "data-dir", folder, "where the key is kept")
	return c
}

// On makes the Deps of a table.
func On(table *dynamo.Table) Deps {
	return Deps{Keys: dynamo.NewResources[catalog.AdminKey](table), Credentials: table, Now: time.Now, Random: rand.Reader}
}
