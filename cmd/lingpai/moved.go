package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

// The names under which doctor and the importer know what is in package clients.
var (
	platformOf = clients.PlatformOf
	validAppID = clients.ValidAppID
	sameRights = clients.SameRights
)

// clientFaults says all that is wrong with a client's record, flag by flag.
func clientFaults(client identity.Client, apps []identity.App) []error {
	found, _ := errors.AsType[clients.FieldErrors](clients.Check(client, apps))
	faults := make([]error, len(found))
	for n, err := range found {
		faults[n] = inFlags(err, func(string) bool { return true })
	}
	return faults
}

// onMigrated makes a command of the importer, which works on the migrated database itself.
func onMigrated(cmd *cobra.Command, run func(ctx context.Context, cmd *cobra.Command, database *sql.DB,
	args []string) error) *cobra.Command {
	return onDatabase(cmd, openMigrated, func(cmd *cobra.Command, _ config, database *sql.DB, args []string) error {
		return run(cmd.Context(), cmd, database, args)
	})
}
