package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/wechat"
)

func newKeysCommand() *cobra.Command {
	return group("keys", "Signing keys and master keys", listKeysCommand(), rotateKeysCommand(), revokeKeyCommand(),
		importKeyCommand(),
		exportPublicKeysCommand(), rewrapCommand(), newMasterKeyCommand())
}

// onKeys makes a command that works on the keys of a database, which master_key opens, by the policy that its
// servers have.
func onKeys(cmd *cobra.Command, run func(ctx context.Context, cmd *cobra.Command, o operation, k *admin.Keys,
	args []string) error) *cobra.Command {
	return operate(cmd, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		if err := settings.RequireMasterKey(o.config); err != nil {
			return fmt.Errorf("master_key (LINGPAI_MASTER_KEY): %w", err)
		}
		k, err := o.keys()
		if err != nil {
			return err
		}
		if err := errors.Join(settings.CheckKeyLifetime(o.config), settings.CheckKeyInterval(o.config)); err != nil {
			return fmt.Errorf("keys.… must be as they are for servers: %w", err)
		}
		return run(ctx, cmd, o, k, args)
	})
}

func listKeysCommand() *cobra.Command {
	return addOutputFlag(operate(&cobra.Command{Use: "list",
		Short: "List the keys in the database, never their secrets", Args: cobra.NoArgs},
		func(ctx context.Context, cmd *cobra.Command, o operation, _ []string) error {
			k, err := o.keys()
			if err != nil {
				return err
			}
			shown, err := k.List(ctx, o.actor)
			if err != nil {
				return err
			}
			return printRows(cmd, shown, []string{"ID", "PURPOSE", "STATE", "NEXT", "MASTER KEY", "CREATED"},
				func(k admin.KeyView) []string {
					return []string{k.ID, string(k.Purpose), string(k.State), terminal.OrDash(k.Next),
						terminal.OrDash(k.MasterKey),
						k.CreatedAt}
				})
		}))
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
	}, func(ctx context.Context, cmd *cobra.Command, o operation, k *admin.Keys, _ []string) error {
		name, _ := cmd.Flags().GetString("purpose")
		purpose := keys.Purpose(name)
		inUse, err := k.Rotate(ctx, o.actor, purpose)
		if inUse.ID != "" {
			cmd.Printf("the %s key is %s now; servers use it within seconds\n", purpose, inUse.ID)
		}
		return err
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
refresh it; whoever has a refresh token of a revoked secret signs in again.

An ID may begin with a hyphen. After -- it is not taken for a flag.`,
		Example: "  lingpai keys list\n  lingpai keys revoke --now -- 8pO4…Qk",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, k *admin.Keys, args []string) error {
		if now, _ := cmd.Flags().GetBool("now"); !now {
			return errors.New("nothing was done: what the key made counts no more from the moment it is " +
				"revoked; say --now if that is meant, or use: lingpai keys rotate")
		}
		revoked, err := k.Revoke(ctx, o.actor, args[0])
		tellRevoked(cmd, o.config, revoked)
		return err
	})
	cmd.Flags().Bool("now", false, "yes, now")
	return cmd
}

// tellRevoked says what the emergency is followed by, as far as it is known.
func tellRevoked(cmd *cobra.Command, c settings.Settings, revoked admin.RevokedKey) {
	key, inUse, word := revoked.Key, revoked.InUse, "still"
	if key.ID != "" {
		cmd.Printf("%s is gone since %s; servers notice within seconds\n", key.ID, moment(key.GoneAt))
	}
	if inUse.ID == "" {
		return
	}
	if revoked.Replaced {
		word = "now"
	}
	cmd.Printf("the %s key is %s %s\n", inUse.Purpose, word, inUse.ID)
	switch {
	case key.SigningAt.IsZero(): // nobody has anything that it made
		return
	case key.Purpose == keys.Refresh:
		cmd.Println("whoever has a refresh token of the revoked secret signs in again")
		return
	}
	if known := inUse.AnnouncedAt.Add(c.KeyAnnounce); revoked.Replaced && inUse.SigningAt.Before(known) {
		cmd.Printf("it has not been published for keys.announce: until %s, verifiers that keep key sets "+
			"for long may not know it\n", moment(known))
	}
	cmd.Printf("verifiers that keep the key set as long as it says refuse the revoked key from %s on; ask "+
		"those that keep it for longer to fetch it\n",
		moment(key.GoneAt.Add(c.KeySetAge())))
}

// maxKeyFile is far beyond a private key of any size that is taken.
const maxKeyFile = 64 << 10

func importKeyCommand() *cobra.Command {
	return onKeys(&cobra.Command{
		Use:   "import FILE|-",
		Short: "Add an RSA key of your own, which signs next",
		Long: `Add an RSA key of 2048 to 4096 bits and two primes from a PEM file (PKCS #8 or PKCS #1, not
encrypted; -: standard input). It is published at once and is the next to sign: when the one in use gives way,
or by lingpai keys rotate, and not before it was published for keys.announce.`,
		Example: "  lingpai keys import signing.pem && shred -u signing.pem",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, k *admin.Keys, args []string) error {
		text, err := readKeyFile(ctx, cmd, args[0])
		if err != nil {
			return err
		}
		imported, err := k.Import(ctx, o.actor, text)
		tellImported(cmd, imported)
		return err
	})
}

// tellImported says when the key will sign, as far as it is known.
func tellImported(cmd *cobra.Command, imported admin.ImportedKey) {
	switch imported.ID {
	case "":
		return
	case imported.InUse:
		cmd.Printf("%s signs from the first start on: there was no other key yet\n", imported.ID)
		return
	}
	cmd.Printf("%s is published and signs next; it %s, by: lingpai keys rotate\n", imported.ID, imported.Next)
	if imported.InUseNext != "" {
		cmd.Printf("servers let it sign when %s %s\n", imported.InUse, imported.InUseNext)
	}
}

func readKeyFile(ctx context.Context, cmd *cobra.Command, name string) ([]byte, error) {
	var source io.ReadCloser
	var err error
	if name == "-" {
		source = terminal.Interruptible(ctx, cmd.InOrStdin())
	} else if source, err = os.Open(name); err != nil {
		return nil, err
	}
	defer source.Close()
	text, err := io.ReadAll(io.LimitReader(source, maxKeyFile+1))
	if err == nil && len(text) > maxKeyFile {
		err = errors.New("it is larger than any private key: is this the right file?")
	}
	return text, err
}

func exportPublicKeysCommand() *cobra.Command {
	cmd := onKeys(&cobra.Command{
		Use:   "export-public",
		Short: "Print the public keys, for verifiers that cannot fetch them",
		Long: `Print the public halves of the keys that verifiers should know, the one that signs first: as
the key set that is served (RFC 7517), or as PEM. Whoever keeps a copy needs the next one before the next key
signs: see lingpai keys list.`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, cmd *cobra.Command, o operation, k *admin.Keys, _ []string) error {
		switch format, _ := cmd.Flags().GetString("format"); format {
		case "jwks":
			jwks, err := k.PublicJWKS(ctx, o.actor)
			if err == nil {
				cmd.Println(string(jwks))
			}
			return err
		case "pem":
			text, err := k.PublicPEM(ctx, o.actor)
			cmd.Print(string(text))
			return err
		default:
			return fmt.Errorf("--format: %q is neither jwks nor pem", format)
		}
	})
	cmd.Flags().String("format", "jwks", "jwks or pem")
	return cmd
}

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
	}, func(ctx context.Context, cmd *cobra.Command, o operation, k *admin.Keys, _ []string) error {
		ring, err := keys.ParseRing(o.config.MasterKey.Reveal())
		if err != nil {
			return err
		}
		// what they seal from here on is not looked at again
		provided := fmt.Sprintf("if all servers have had %s first since before %s", ring.First(), moment(time.Now()))
		return k.Rewrap(ctx, o.actor, func(ctx context.Context, sealed admin.Rewrapped) error {
			cmd.Printf("sealed %s and %s anew with master key %s\n", terminal.Plural(sealed.Keys, "key"),
				terminal.Plural(sealed.Secrets, "AppSecret"), ring.First())
			if sealed.Keys+sealed.Secrets == 0 {
				cmd.Printf("%s, the first entry of master_key, had sealed all of them before; if it is the one "+
					"to be replaced, put the new entry before it\n", ring.First())
			}
			// then each server has session keys in its memory, and loses them when it is restarted
			if o.config.RedisURL == "" {
				provided += " and none has a redis.url (LINGPAI_REDIS_URL), whose session keys were not looked at"
			} else if err := rewrapVault(ctx, cmd, o, k, ring); err != nil {
				return fmt.Errorf("not all session keys are sealed anew yet; keep all entries of master_key, "+
					"and run lingpai keys rewrap again: %w", err)
			}
			if others := ring.Others(); len(others) > 0 {
				cmd.Printf("%s can be taken out of master_key, %s\n", strings.Join(others, ", "), provided)
			}
			return nil
		})
	})
}

// rewrapVault seals the session keys of all WeChat accounts anew that are in Redis, and tells how many those were.
func rewrapVault(ctx context.Context, cmd *cobra.Command, o operation, k *admin.Keys, ring *keys.Ring) error {
	store, err := server.OpenVolatile(o.config)
	if err != nil {
		return err
	}
	defer store.Close()
	vault := wechat.NewVault(wechat.VaultConfig{Store: store, NotFound: identity.ErrNotFound, Sealer: ring,
		KeyLife: o.config.SessionKeyLife})
	resealed, err := k.RewrapSessionKeys(ctx, o.actor, vault, func(looked, resealed int) {
		cmd.PrintErrf("looked at the session keys of %s, and sealed %d anew\n", terminal.Plural(looked, "account"),
			resealed)
	})
	if err == nil {
		cmd.Printf("sealed %s anew\n", terminal.Plural(resealed, "session key"))
	}
	return err
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
