package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/wechat"
)

func rewrapCommand() *cobra.Command {
	return onKeys(&cobra.Command{
		Use:   "rewrap",
		Short: "Seal everything anew with the first master key, so that an older one can be dropped",
		Long: `Seal everything anew with the first entry of master_key, while servers go on serving. To replace a master key:

  1. lingpai keys new-master-key; add the entry behind the old one, on all servers, and restart them one by one
  2. put the new entry first, on all servers, and restart them one by one
  3. lingpai keys rewrap, with the new entry first
  4. when it says so, take the old entry away, on all servers

It can be broken off and run again.`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, cmd *cobra.Command, c config, keeper *keys.Keeper, database *sql.DB, _ []string) error {
		sealedKeys, err := keeper.Rewrap(ctx)
		if err != nil {
			return err
		}
		secrets, err := database.Apps().Rewrap(ctx)
		if err != nil {
			return err
		}
		ring, err := keys.ParseRing(c.MasterKey.Reveal())
		if err != nil {
			return err
		}
		cmd.Printf("sealed %s and %s anew with master key %s\n", plural(sealedKeys, "key"), plural(secrets, "AppSecret"), ring.First())
		sessionKeys, err := rewrapVault(ctx, cmd, c, ring, database)
		if err != nil {
			return err
		}
		cmd.Printf("sealed %s anew\n", plural(sessionKeys, "session key"))
		cmd.Printf("older entries of master_key are not needed any more, if all servers have had %s first since before %s\n",
			ring.First(), moment(time.Now()))
		return nil
	})
}

// rewrapVault seals the session keys of all WeChat accounts anew that are in Redis. Without Redis each server has its own in its memory, and loses them
// when it is restarted.
func rewrapVault(ctx context.Context, cmd *cobra.Command, c config, ring *keys.Ring, database *sql.DB) (resealed int, err error) {
	if c.RedisURL == "" {
		return 0, nil
	}
	store, err := openVolatile(c)
	if err != nil {
		return 0, err
	}
	defer store.Close()
	vault := wechat.NewVault(wechat.VaultConfig{Store: store, NotFound: identity.ErrNotFound, Sealer: ring, KeyLife: c.SessionKeyLife})
	looked, told := 0, time.Now()
	err = database.Users().EachAccount(ctx, identity.PlatformWechat, func(key identity.AccountKey) error {
		done, err := vault.Reseal(ctx, wechat.Account{AppID: key.App, OpenID: key.Subject}, ring.Outdated)
		if done {
			resealed++
		}
		if looked++; time.Since(told) > 5*time.Second {
			told = time.Now()
			cmd.PrintErrf("looked at the session keys of %s, and sealed %d anew\n", plural(looked, "account"), resealed)
		}
		return err
	})
	return resealed, err
}
