package main

import (
	"context"
	"fmt"
	"strings"
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
		Long: `Seal everything anew with the first entry of master_key, while servers go on serving. To
replace a master key:

  1. lingpai keys new-master-key; add the entry behind the old one and a comma (old,new), on all servers,
     and restart them one by one
  2. put the new entry first (new,old), on all servers, and restart them one by one
  3. lingpai keys rewrap, with the new entry first and all settings of the servers, that of Redis too
  4. when it says so, take the old entry away, on all servers

It can be broken off and run again.`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, cmd *cobra.Command, c config, keeper *keys.Keeper, database *sql.DB,
		_ []string) error {
		ring, err := keys.ParseRing(c.MasterKey.Reveal())
		if err != nil {
			return err
		}
		// what they seal from here on is not looked at again
		provided := fmt.Sprintf("if all servers have had %s first since before %s", ring.First(), moment(time.Now()))
		sealedKeys, err := keeper.Rewrap(ctx)
		if err != nil {
			return err
		}
		secrets, err := database.Apps().Rewrap(ctx)
		if err != nil {
			return err
		}
		cmd.Printf("sealed %s and %s anew with master key %s\n", plural(sealedKeys, "key"),
			plural(secrets, "AppSecret"), ring.First())
		if sealedKeys+secrets == 0 {
			cmd.Printf("%s, the first entry of master_key, had sealed all of them before; if it is the one "+
				"to be replaced, put the new entry before it\n", ring.First())
		}
		if c.RedisURL == "" { // then each server has session keys in its memory, and loses them when it is restarted
			provided += " and none has a redis.url (LINGPAI_REDIS_URL), whose session keys were not looked at"
		} else if err := rewrapVault(ctx, cmd, c, ring, database); err != nil {
			return fmt.Errorf("not all session keys are sealed anew yet; keep all entries of master_key, "+
				"and run lingpai keys rewrap again: %w", err)
		}
		if others := ring.Others(); len(others) > 0 {
			cmd.Printf("%s can be taken out of master_key, %s\n", strings.Join(others, ", "), provided)
		}
		return recordKeys(ctx, database, identity.EventKeysRewrapped, ring.First())
	})
}

// rewrapVault seals the session keys of all WeChat accounts anew that are in Redis, and tells how many those were.
func rewrapVault(ctx context.Context, cmd *cobra.Command, c config, ring *keys.Ring, database *sql.DB) error {
	store, err := openVolatile(c)
	if err != nil {
		return err
	}
	defer store.Close()
	vault := wechat.NewVault(wechat.VaultConfig{Store: store, NotFound: identity.ErrNotFound, Sealer: ring,
		KeyLife: c.SessionKeyLife})
	looked, resealed, told := 0, 0, time.Now()
	err = database.Accounts().Each(ctx, identity.PlatformWechat, func(key identity.AccountKey) error {
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
	if err == nil {
		cmd.Printf("sealed %s anew\n", plural(resealed, "session key"))
	}
	return err
}
