package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/sql"
)

// onKeys makes a command that works on the keys of a database, which master_key opens, by the policy that its
// servers have.
func onKeys(cmd *cobra.Command, run func(ctx context.Context, cmd *cobra.Command, c config, keeper *keys.Keeper,
	database *sql.DB, args []string) error) *cobra.Command {
	return onDatabase(cmd, openMigrated, func(cmd *cobra.Command, c config, database *sql.DB, args []string) error {
		if err := settings.RequireMasterKey(c); err != nil {
			return fmt.Errorf("master_key (LINGPAI_MASTER_KEY): %w", err)
		}
		ring, err := keys.ParseRing(c.MasterKey.Reveal())
		if err != nil {
			return err
		}
		if err := errors.Join(settings.CheckKeyLifetime(c), settings.CheckKeyInterval(c)); err != nil {
			return fmt.Errorf("keys.… must be as they are for servers: %w", err)
		}
		return run(cmd.Context(), cmd, c, keys.Attach(database.Keys(), ring, keys.Options{Now: time.Now,
			Policy: c.KeyPolicy()}), database, args)
	})
}

func rotateKeysCommand() *cobra.Command {
	cmd := onKeys(&cobra.Command{
		Use:   "rotate",
		Short: "Let the next key be used now",
		Long: `Let the next key be used now, whatever the age of the one in use. That one goes on verifying
what it made until keys.retire is over, so nobody notices. The next key must have been announced for
keys.announce; servers rotate by themselves each keys.interval.`,
		Example: "  lingpai keys rotate\n  lingpai keys rotate --purpose refresh",
		Args:    cobra.NoArgs,
	}, func(ctx context.Context, cmd *cobra.Command, _ config, keeper *keys.Keeper, database *sql.DB,
		_ []string) error {
		name, _ := cmd.Flags().GetString("purpose")
		purpose := keys.Purpose(name)
		if purpose != keys.Signing && purpose != keys.Refresh {
			return fmt.Errorf("--purpose: %q is neither signing nor refresh", name)
		}
		if err := keeper.Rotate(ctx, purpose); err != nil {
			return err
		}
		infos, err := describeKeys(ctx, database)
		if err != nil {
			return err
		}
		inUse, err := keyInUse(infos, purpose)
		if err != nil {
			return err
		}
		cmd.Printf("the %s key is %s now; servers use it within seconds\n", purpose, inUse.ID)
		return recordKeys(ctx, database, identity.EventKeyRotated, inUse.ID)
	})
	cmd.Flags().String("purpose", string(keys.Signing), "signing, or refresh for the secret of refresh tokens")
	return cmd
}

func revokeKeyCommand() *cobra.Command {
	cmd := onKeys(&cobra.Command{
		Use:   "revoke ID",
		Short: "End a key at once, for the emergency that somebody else has it",
		Long: `End a key at once: it is published no more, and nothing that it made counts. If it was the one
in use, the next key is used from now on, which has been published already. Users whose access token it signed
refresh it; whoever has a refresh token of a revoked secret signs in again.`,
		Example: "  lingpai keys list\n  lingpai keys revoke 8pO4…Qk --now",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, c config, keeper *keys.Keeper, database *sql.DB,
		args []string) error {
		if now, _ := cmd.Flags().GetBool("now"); !now {
			return errors.New("nothing was done: what the key made counts no more from the moment it is " +
				"revoked; say --now if that is meant, or use: lingpai keys rotate")
		}
		if err := keeper.Revoke(ctx, args[0]); err != nil {
			return err
		}
		return errors.Join(tellRevoked(ctx, cmd, c, database, args[0]), recordKeys(ctx, database,
			identity.EventKeyRevoked, args[0]))
	})
	cmd.Flags().Bool("now", false, "yes, now")
	return cmd
}

// recordKeys writes into the audit log what a command has done to keys.
func recordKeys(ctx context.Context, database *sql.DB, kind, detail string) error {
	return database.Events().Record(context.WithoutCancel(ctx), identity.Event{Kind: kind, Detail: detail})
}

// tellRevoked says what the emergency is followed by.
func tellRevoked(ctx context.Context, cmd *cobra.Command, c config, database *sql.DB, id string) error {
	infos, err := describeKeys(ctx, database)
	if err != nil {
		return err
	}
	revoked := infos[slices.IndexFunc(infos, func(k keys.Info) bool { return k.ID == id })]
	cmd.Printf("%s is gone since %s; servers notice within seconds\n", id, moment(revoked.GoneAt))
	inUse, err := keyInUse(infos, revoked.Purpose)
	if err != nil {
		return err
	}
	replaced, word := inUse.SigningAt.Equal(revoked.GoneAt), "still"
	if replaced {
		word = "now"
	}
	cmd.Printf("the %s key is %s %s\n", inUse.Purpose, word, inUse.ID)
	switch {
	case revoked.SigningAt.IsZero(): // nobody has anything that it made
		return nil
	case revoked.Purpose == keys.Refresh:
		cmd.Println("whoever has a refresh token of the revoked secret signs in again")
		return nil
	}
	if known := inUse.AnnouncedAt.Add(c.KeyAnnounce); replaced && inUse.SigningAt.Before(known) {
		cmd.Printf("it has not been published for keys.announce: until %s, verifiers that keep key sets "+
			"for long may not know it\n", moment(known))
	}
	cmd.Printf("verifiers that keep the key set as long as it says refuse the revoked key from %s on; ask "+
		"those that keep it for longer to fetch it\n",
		moment(revoked.GoneAt.Add(c.KeySetAge())))
	return nil
}

// describeKeys goes by the database's clock: by one that is behind, the key before would still be in use.
func describeKeys(ctx context.Context, database *sql.DB) ([]keys.Info, error) {
	records, err := database.Keys().Keys(ctx)
	if err != nil {
		return nil, err
	}
	now, err := database.Clock(ctx)
	return keys.Describe(records, now), err
}

func keyInUse(infos []keys.Info, purpose keys.Purpose) (keys.Info, error) {
	n := slices.IndexFunc(infos, func(k keys.Info) bool { return k.Purpose == purpose && k.State == keys.Active })
	if n < 0 {
		return keys.Info{}, fmt.Errorf("there is no %s key in use", purpose)
	}
	return infos[n], nil
}
