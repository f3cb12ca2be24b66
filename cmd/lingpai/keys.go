package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/storage/sql"
)

func newKeysCommand() *cobra.Command {
	return group("keys", "Signing keys and master keys", listKeysCommand(), newMasterKeyCommand())
}

// shownKey is what an operator is shown of a key.
type shownKey struct {
	ID        string       `json:"id"`
	Purpose   keys.Purpose `json:"purpose"`
	State     keys.State   `json:"state"`
	MasterKey string       `json:"master_key"`
	CreatedAt string       `json:"created_at"`
}

func listKeysCommand() *cobra.Command {
	return addOutputFlag(admin(&cobra.Command{Use: "list", Short: "List the keys in the database, never their secrets", Args: cobra.NoArgs},
		func(ctx context.Context, cmd *cobra.Command, database *sql.DB, _ []string) error {
			records, err := database.Keys().Keys(ctx)
			if err != nil {
				return err
			}
			var shown []shownKey
			for _, k := range keys.Describe(records, time.Now()) {
				shown = append(shown, shownKey{k.ID, k.Purpose, k.State, k.MasterKey, moment(k.CreatedAt)})
			}
			return printRows(cmd, shown, []string{"ID", "PURPOSE", "STATE", "MASTER KEY", "CREATED"}, func(k shownKey) []string {
				return []string{k.ID, string(k.Purpose), string(k.State), orDash(k.MasterKey), k.CreatedAt}
			})
		}))
}

func newMasterKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "new-master-key",
		Short: "Print a fresh master key for master_key (LINGPAI_MASTER_KEY)",
		Long: `Print a fresh master key. It seals the signing key and the AppSecrets in the database: keep it apart from the
database and its backups, and do not lose it.`,
		Example: "  lingpai keys new-master-key > master.key && chmod 600 master.key\n  LINGPAI_MASTER_KEY_FILE=master.key lingpai serve",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			key, err := keys.NewMasterKey(time.Now())
			if err == nil {
				cmd.Println(key)
			}
			return err
		},
	}
}
