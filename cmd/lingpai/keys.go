package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/storage/sql"
)

func newKeysCommand() *cobra.Command {
	return group("keys", "Signing keys and master keys", listKeysCommand(), rotateKeysCommand(), revokeKeyCommand(),
		importKeyCommand(),
		exportPublicKeysCommand(), rewrapCommand(), newMasterKeyCommand())
}

// shownKey is what an operator is shown of a key.
type shownKey struct {
	ID        string       `json:"id"`
	Purpose   keys.Purpose `json:"purpose"`
	State     keys.State   `json:"state"`
	MasterKey string       `json:"master_key"`
	CreatedAt string       `json:"created_at"`
	Next      string       `json:"next"` // what becomes of it, and when
}

func listKeysCommand() *cobra.Command {
	return addOutputFlag(onDatabase(&cobra.Command{Use: "list",
		Short: "List the keys in the database, never their secrets", Args: cobra.NoArgs}, openMigrated,
		func(cmd *cobra.Command, c config, database *sql.DB, _ []string) error {
			infos, err := describeKeys(cmd.Context(), database)
			if err != nil {
				return err
			}
			var shown []shownKey
			first := map[keys.Purpose]string{} // of those that wait: the newest, as after an import
			for _, k := range infos {
				next := nextOf(c, k)
				if before := first[k.Purpose]; k.State == keys.Announced && before != "" {
					next = "after " + before
				} else if k.State == keys.Announced {
					first[k.Purpose] = k.ID
				}
				shown = append(shown, shownKey{k.ID, k.Purpose, k.State, k.MasterKey, moment(k.CreatedAt), next})
			}
			return printRows(cmd, shown, []string{"ID", "PURPOSE", "STATE", "NEXT", "MASTER KEY", "CREATED"},
				func(k shownKey) []string {
					return []string{k.ID, string(k.Purpose), string(k.State), orDash(k.Next), orDash(k.MasterKey),
						k.CreatedAt}
				})
		}))
}

// nextOf says what becomes of a key, and when.
func nextOf(c config, k keys.Info) string {
	switch {
	case k.State == keys.Announced:
		return "may be used from " + moment(k.AnnouncedAt.Add(c.KeyAnnounce))
	case k.State == keys.Active && c.KeyInterval > 0:
		return "gives way at " + moment(k.SigningAt.Add(c.KeyInterval))
	case k.State == keys.Retired:
		return "gone at " + moment(k.GoneAt)
	}
	return ""
}

func newMasterKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "new-master-key",
		Short: "Print a fresh master key for master_key (LINGPAI_MASTER_KEY)",
		Long: `Print a fresh master key. It seals the signing key and the AppSecrets in the database: keep it
apart from the database and its backups, and do not lose it.`,
		Example: "  [ -s master.key ] || (umask 077; lingpai keys new-master-key > master.key)\n  " +
			"LINGPAI_MASTER_KEY_FILE=master.key lingpai serve",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			key, err := keys.NewMasterKey(time.Now())
			if err == nil {
				cmd.Println(key)
			}
			return err
		},
	}
}
