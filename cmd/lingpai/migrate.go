package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/sql"
)

func newMigrateCommand() *cobra.Command {
	return group("migrate", "Bring the database to the shape that this version needs",
		migration("up", "Apply all migrations that are missing; makes the database if there is none",
			server.OpenDatabase,
			func(cmd *cobra.Command, database *sql.DB) error {
				applied, err := database.Schema().MigrateUp(cmd.Context())
				for _, name := range applied {
					cmd.Println("applied " + name)
				}
				if err == nil && len(applied) == 0 {
					cmd.Println("nothing to do: the database is up to date")
				}
				return err
			}),
		migrateDownCommand(),
		addOutputFlag(migration("status", "Show which migrations are applied", server.OpenExistingDatabase,
			showMigrations)),
	)
}

func migrateDownCommand() *cobra.Command {
	var loseData bool
	cmd := migration("down", "Take the last migration back; what it created is lost", server.OpenExistingDatabase,
		func(cmd *cobra.Command, database *sql.DB) error {
			if !loseData {
				if migrated, err := database.Schema().Migrated(cmd.Context()); err != nil {
					return err
				} else if migrated {
					if empty, err := server.IsEmpty(cmd.Context(), database); err != nil || !empty {
						return errors.Join(errors.New(
							"taking the migration back deletes what is in its tables: users, clients, "+
								"apps, sessions, keys; say --lose-data if you mean it"), err)
					}
				}
			}
			name, err := database.Schema().MigrateDown(cmd.Context())
			if err == nil {
				cmd.Println("taken back " + name)
			}
			return err
		})
	cmd.Flags().BoolVar(&loseData, "lose-data", false, "delete what the migration's tables hold")
	return cmd
}

func migration(use, short string, open func(context.Context, settings.Settings) (*sql.DB, error),
	run func(*cobra.Command,
		*sql.DB) error) *cobra.Command {
	return onDatabase(&cobra.Command{Use: use, Short: short, Args: cobra.NoArgs}, open,
		func(cmd *cobra.Command, _ settings.Settings, database *sql.DB, _ []string) error {
			return run(cmd, database)
		})
}

// shownMigration is what an operator is shown of a migration.
type shownMigration struct {
	Name      string `json:"name"`
	AppliedAt string `json:"applied_at,omitempty"`
}

func showMigrations(cmd *cobra.Command, database *sql.DB) error {
	migrations, err := database.Schema().Status(cmd.Context())
	if err != nil {
		return err
	}
	shown := make([]shownMigration, len(migrations))
	for n, m := range migrations {
		shown[n] = shownMigration{m.Name, moment(m.AppliedAt)}
	}
	return printRows(cmd, shown, []string{"MIGRATION", "APPLIED"}, func(m shownMigration) []string {
		return []string{m.Name, terminal.OrDash(m.AppliedAt)}
	})
}
