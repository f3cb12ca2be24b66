package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/sql"
)

func newMigrateCommand() *cobra.Command {
	return group("migrate", "Migrate the database schema", migrateUpCommand(), migrateDownCommand(),
		migrationStatusCommand())
}

func migrateUpCommand() *cobra.Command {
	return migration(&cobra.Command{Use: "up",
		Short: "Apply pending migrations; create the SQLite file if there is none"},
		server.OpenDatabase, func(cmd *cobra.Command, database *sql.DB) error {
			applied, err := database.Schema().MigrateUp(cmd.Context())
			for _, name := range applied {
				say(cmd, "applied %s\n", name)
			}
			if err != nil {
				return err
			}
			if len(applied) == 0 {
				if err := sayUpToDate(cmd, database.Schema()); err != nil {
					return err
				}
			}
			lookAlikes, err := fillSkeletons(cmd, database.Users())
			if err != nil {
				return err
			}
			return printResult(cmd, members{"applied": append([]string{}, applied...), "look_alikes": lookAlikes})
		})
}

func sayUpToDate(cmd *cobra.Command, schema *sql.Schema) error {
	unknown, err := schema.Unknown(cmd.Context())
	if err != nil {
		return err
	}
	if len(unknown) == 0 {
		say(cmd, "nothing to do: the database is up to date\n")
		return nil
	}
	say(cmd, "nothing to do: a newer version has migrated the database to %s, and this version can run on it\n",
		unknown[len(unknown)-1].Name)
	return nil
}

// lookAlike is a name in the output of migrate up that looks like another one.
type lookAlike struct {
	Sub      string `json:"sub"`
	Username string `json:"username"`
	Other    string `json:"other"` // sub of the user whose name it looks like
}

// fillSkeletons stores the skeletons of names from before migration 10, and lists the names that look alike. Both users
// keep their names.
func fillSkeletons(cmd *cobra.Command, users identity.Users) ([]lookAlike, error) {
	all := []lookAlike{} // none is [], not null
	for after, more := "", true; more; more = after != "" {
		found, last, err := users.FillSkeletons(cmd.Context(), after, skeletonBatch)
		if err != nil {
			return all, err
		}
		for _, p := range found {
			say(cmd, "the name %q of %s looks like that of %s; both keep their names\n", p.Username, p.UserID,
				p.OtherID)
			all = append(all, lookAlike{p.UserID, p.Username, p.OtherID})
		}
		after = last
	}
	return all, nil
}

const skeletonBatch = 500

func migrateDownCommand() *cobra.Command {
	var loseData bool
	cmd := migration(&cobra.Command{Use: "down", Short: "Revert the last migration; the data in its tables is lost"},
		server.OpenExistingDatabase, func(cmd *cobra.Command, database *sql.DB) error {
			if !loseData {
				if err := refuseDataLoss(cmd.Context(), database); err != nil {
					return err
				}
			}
			name, err := database.Schema().MigrateDown(cmd.Context())
			if err != nil {
				return err
			}
			say(cmd, "reverted %s\n", name)
			return printResult(cmd, members{"reverted": name})
		})
	cmd.Flags().BoolVar(&loseData, "lose-data", false, "delete the data in the migration's tables")
	return cmd
}

// refuseDataLoss returns an error if the database holds anything that somebody could miss.
func refuseDataLoss(ctx context.Context, database *sql.DB) error {
	migrated, err := database.Schema().Migrated(ctx)
	if err != nil || !migrated {
		return err
	}
	if empty, err := server.IsEmpty(ctx, database); err != nil || !empty {
		return errors.Join(errors.New("reverting the migration deletes the data in its tables: users, clients, "+
			"apps, sessions, keys; to delete it, add --lose-data"), err)
	}
	return nil
}

func migrationStatusCommand() *cobra.Command {
	return migration(asTable(&cobra.Command{Use: "status",
		Short: "List migrations, also those of newer versions, and when they were applied"}),
		server.OpenExistingDatabase, showMigrations)
}

// migration makes a command that works on the database whether or not it is migrated.
func migration(cmd *cobra.Command, open func(context.Context, settings.Settings) (*sql.DB, error),
	run func(*cobra.Command, *sql.DB) error) *cobra.Command {
	cmd.Args = cobra.NoArgs
	return onDatabase(cmd, open, func(cmd *cobra.Command, _ settings.Settings, database *sql.DB, _ []string) error {
		return run(cmd, database)
	})
}

// shownMigration is a migration in the output of migrate status.
type shownMigration struct {
	Name      string `json:"name"`
	AppliedAt string `json:"applied_at,omitempty"` // RFC 3339
	Unknown   bool   `json:"unknown,omitempty"`
}

func showMigrations(cmd *cobra.Command, database *sql.DB) error {
	migrations, err := database.Schema().Status(cmd.Context())
	if err != nil {
		return err
	}
	shown := make([]shownMigration, len(migrations))
	for n, m := range migrations {
		shown[n] = shownMigration{m.Name, moment(m.AppliedAt), m.Unknown}
	}
	return printRows(cmd, shown, []string{"MIGRATION", "APPLIED"}, func(m shownMigration) []string {
		if m.Unknown {
			m.Name += " (of a newer version)"
		}
		return []string{m.Name, terminal.OrDash(m.AppliedAt)}
	})
}
