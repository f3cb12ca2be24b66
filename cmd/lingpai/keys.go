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
	return group("keys", "Manage signing keys and the master key", listKeysCommand(), rotateKeysCommand(),
		revokeKeyCommand(), importKeyCommand(), exportPublicKeysCommand(), rewrapCommand(), newMasterKeyCommand())
}

// onKeys makes a command that works on the keys in the database. It needs master_key and the same keys.… settings as
// the servers.
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
			return fmt.Errorf("keys.… must be the same as on the servers: %w", err)
		}
		return run(ctx, cmd, o, k, args)
	})
}

func listKeysCommand() *cobra.Command {
	return operate(asTable(&cobra.Command{Use: "list", SuggestFor: []string{"ls"},
		Short: "List the keys in the database, without their secrets", Args: cobra.NoArgs}),
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
						terminal.OrDash(k.MasterKey), k.CreatedAt}
				})
		})
}

func rotateKeysCommand() *cobra.Command {
	cmd := onKeys(&cobra.Command{
		Use:   "rotate",
		Short: "Start using the next key now",
		Long: `Start using the next key now, regardless of the age of the current key. Tokens signed by
the current key stay valid, since it is still published for keys.retire. The next key must already have been published
for keys.announce. Servers rotate automatically every keys.interval.`,
		Example: "  lingpai keys rotate\n  lingpai keys rotate --purpose refresh",
		Args:    cobra.NoArgs,
	}, func(ctx context.Context, cmd *cobra.Command, o operation, k *admin.Keys, _ []string) error {
		name, _ := cmd.Flags().GetString("purpose")
		purpose := keys.Purpose(name)
		inUse, err := k.Rotate(ctx, o.actor, purpose)
		if inUse.ID == "" {
			return err
		}
		say(cmd, "the %s key is now %s; servers use it within seconds\n", purpose, inUse.ID)
		return errors.Join(err, printResult(cmd, members{"purpose": purpose, "id": inUse.ID}))
	})
	cmd.Flags().String("purpose", string(keys.Signing),
		"which key: signing, or refresh for the secret of refresh tokens")
	limitChoices(cmd, "purpose", string(keys.Signing), string(keys.Refresh))
	return cmd
}

func revokeKeyCommand() *cobra.Command {
	cmd := completeArguments(onKeys(&cobra.Command{
		Use:   "revoke ID",
		Short: "Revoke a compromised key immediately",
		Long: `Revoke a key immediately, in an emergency: it is no longer published, and everything it signed
becomes invalid. If it was the current key, the next key, which is already published, takes its place. After
a signing key is revoked, clients refresh the access tokens that it signed; after a refresh secret is revoked, users
whose refresh tokens depend on it must sign in again.

An ID may begin with a hyphen. Write -- before it, so that it is not parsed as a flag.`,
		Example: "  lingpai keys list\n  lingpai keys revoke --now -- 8pO4…Qk",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, k *admin.Keys, args []string) error {
		if now, _ := cmd.Flags().GetBool("now"); !now {
			return errors.New("nothing was changed: revoking the key makes everything it signed invalid " +
				"immediately; add --now to confirm, or use: lingpai keys rotate")
		}
		revoked, err := k.Revoke(ctx, o.actor, args[0])
		return errors.Join(err, reportRevoked(cmd, o.config, revoked))
	}), 1, keyCandidates)
	cmd.Flags().Bool("now", false, "confirm")
	return cmd
}

// reportRevoked prints the consequences of a revocation, as far as they are known.
func reportRevoked(cmd *cobra.Command, c settings.Settings, revoked admin.RevokedKey) error {
	key, inUse, word := revoked.Key, revoked.InUse, "still"
	if key.ID == "" {
		return nil
	}
	say(cmd, "revoked %s at %s; servers notice within seconds\n", key.ID, moment(key.GoneAt))
	result := members{"id": key.ID, "purpose": key.Purpose, "revoked_at": moment(key.GoneAt)}
	if inUse.ID == "" {
		return printResult(cmd, result)
	}
	result["in_use"], result["replaced"] = inUse.ID, revoked.Replaced
	if revoked.Replaced {
		word = "now"
	}
	say(cmd, "the %s key is %s %s\n", inUse.Purpose, word, inUse.ID)
	switch {
	case key.SigningAt.IsZero(): // it signed nothing
	case key.Purpose == keys.Refresh:
		say(cmd, "users who hold a refresh token of the revoked secret must sign in again\n")
	default:
		known := inUse.AnnouncedAt.Add(c.KeyAnnounce)
		if revoked.Replaced && inUse.SigningAt.Before(known) {
			result["known_at"] = moment(known)
			say(cmd, "it has not been published for keys.announce yet: until %s, verifiers that cache key sets "+
				"for long may not know it\n", moment(known))
		}
		rejected := moment(key.GoneAt.Add(c.KeySetAge()))
		result["rejected_at"] = rejected
		say(cmd, "verifiers that cache the key set as long as its headers allow reject the revoked key from %s on; "+
			"ask the operators of verifiers that cache it for longer to fetch it\n", rejected)
	}
	return printResult(cmd, result)
}

// maxKeyFile is, in bytes, far more than any private key that is accepted.
const maxKeyFile = 64 << 10

func importKeyCommand() *cobra.Command {
	return onKeys(&cobra.Command{
		Use:   "import FILE|-",
		Short: "Import an RSA key of your own as the next signing key",
		Long: `Import an RSA key of 2048 to 4096 bits with two primes from a PEM file (PKCS #8 or PKCS #1, not
encrypted; -: standard input). It is published immediately and signs next: after the current key's interval or
"lingpai keys rotate", but not before it has been published for keys.announce.`,
		Example: "  lingpai keys import signing.pem && shred -u signing.pem",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, k *admin.Keys, args []string) error {
		text, err := readKeyFile(ctx, cmd, args[0])
		if err != nil {
			return err
		}
		imported, err := k.Import(ctx, o.actor, text)
		return errors.Join(err, reportImported(cmd, imported))
	})
}

// reportImported prints when the key will sign, as far as it is known.
func reportImported(cmd *cobra.Command, imported admin.ImportedKey) error {
	switch imported.ID {
	case "":
		return nil
	case imported.InUse:
		say(cmd, "%s is the first key; it signs from the first start on\n", imported.ID)
	default:
		say(cmd, "%s is published and signs next; it %s, with: lingpai keys rotate\n", imported.ID, imported.Next)
		if imported.InUseNext != "" {
			say(cmd, "servers start using it when %s %s\n", imported.InUse, imported.InUseNext)
		}
	}
	return printResult(cmd, members{"id": imported.ID, "in_use": imported.InUse, "next": imported.Next,
		"in_use_next": imported.InUseNext})
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
		err = errors.New("the file is larger than any private key: is it the right one?")
	}
	return text, err
}

func exportPublicKeysCommand() *cobra.Command {
	cmd := onKeys(&cobra.Command{
		Use:   "export-public",
		Short: "Print the public keys, for verifiers that cannot fetch them",
		Long: `Print the public keys that verifiers should know, the one in use first: as the key set that the
server publishes (RFC 7517), or as PEM. A copy must be replaced before the next key starts to sign; see "lingpai keys
list" for when that is. --output json prints PEM as the member "pem" of an object.`,
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
			if err != nil {
				return err
			}
			say(cmd, "%s", text)
			return printResult(cmd, members{"pem": string(text)})
		default:
			return fmt.Errorf("--format: %q is neither jwks nor pem", format)
		}
	})
	cmd.Flags().String("format", "jwks", "key format: jwks or pem")
	limitChoices(cmd, "format", "jwks", "pem")
	return cmd
}

func rewrapCommand() *cobra.Command {
	return onKeys(&cobra.Command{
		Use:   "rewrap",
		Short: "Encrypt everything again with the first master key, so that older ones can be removed",
		Long: `Encrypt everything again with the first entry of master_key, while the servers are running. To
replace a master key:

  1. run lingpai keys new-master-key; append the new entry to master_key after a comma (old,new) on all
     servers, and restart them one by one
  2. put the new entry first (new,old) on all servers, and restart them one by one
  3. run lingpai keys rewrap, with the new entry first and all other settings as on the servers, including Redis
  4. when the command prints that the old entry can be removed, remove it on all servers, and restart them

The command can be interrupted and run again.`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, cmd *cobra.Command, o operation, k *admin.Keys, _ []string) error {
		ring, err := keys.ParseRing(o.config.MasterKey.Reveal())
		if err != nil {
			return err
		}
		started := moment(time.Now()) // what servers encrypt from here on is not looked at again
		return k.Rewrap(ctx, o.actor, func(ctx context.Context, sealed admin.Rewrapped) error {
			return rewrapRest(ctx, cmd, o, k, ring, sealed, started)
		})
	})
}

// rewrapRest reports the keys and AppSecrets that were encrypted again, and does the same for session keys in Redis.
func rewrapRest(ctx context.Context, cmd *cobra.Command, o operation, k *admin.Keys, ring *keys.Ring,
	sealed admin.Rewrapped, started string) error {
	result := members{"master_key": ring.First(), "keys": sealed.Keys, "app_secrets": sealed.Secrets}
	say(cmd, "encrypted %s and %s again with master key %s\n", terminal.Plural(sealed.Keys, "key"),
		terminal.Plural(sealed.Secrets, "app secret"), ring.First())
	if sealed.Keys+sealed.Secrets == 0 {
		say(cmd, "%s, the first entry of master_key, had already encrypted all of them; if it is the one "+
			"to be replaced, put the new entry before it\n", ring.First())
	}
	provided := fmt.Sprintf("if all servers have had %s first since before %s", ring.First(), started)
	if o.config.RedisURL == "" {
		// without Redis, each server keeps session keys in memory and loses them when it restarts
		provided += " and none has a redis.url (LINGPAI_REDIS_URL), whose session keys were not looked at"
	} else {
		resealed, err := rewrapVault(ctx, cmd, o, k, ring)
		if err != nil {
			return fmt.Errorf("not all session keys are encrypted again yet; keep all entries of master_key, "+
				"and run lingpai keys rewrap again: %w", err)
		}
		result["session_keys"] = resealed
	}
	if others := ring.Others(); len(others) > 0 {
		result["removable"], result["condition"] = others, provided
		say(cmd, "%s can be removed from master_key, %s\n", strings.Join(others, ", "), provided)
	}
	return printResult(cmd, result)
}

// rewrapVault encrypts the session keys of all WeChat accounts in Redis again, and returns how many it changed.
func rewrapVault(ctx context.Context, cmd *cobra.Command, o operation, k *admin.Keys, ring *keys.Ring) (int, error) {
	store, err := server.OpenVolatile(o.config)
	if err != nil {
		return 0, err
	}
	defer store.Close()
	vault := wechat.NewVault(wechat.VaultConfig{Store: store, NotFound: identity.ErrNotFound, Sealer: ring,
		KeyLifetime: o.config.SessionKeyLifetime})
	resealed, err := k.RewrapSessionKeys(ctx, o.actor, vault, func(looked, resealed int) {
		cmd.PrintErrf("checked the session keys of %s, encrypted %d again\n", terminal.Plural(looked, "account"),
			resealed)
	})
	if err == nil {
		say(cmd, "encrypted %s again\n", terminal.Plural(resealed, "session key"))
	}
	return resealed, err
}

func newMasterKeyCommand() *cobra.Command {
	return addOutputFlag(&cobra.Command{
		Use:   "new-master-key",
		Short: "Generate a master key for master_key (LINGPAI_MASTER_KEY)",
		Long: `Generate a master key and print it. It encrypts the signing keys and the AppSecrets in the database:
keep it apart from the database and its backups, and do not lose it.`,
		Example: "  [ -s master.key ] || (umask 077; lingpai keys new-master-key > master.key)\n  " +
			"LINGPAI_MASTER_KEY_FILE=master.key lingpai serve",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(cmd); err != nil {
				return err
			}
			key, err := keys.NewMasterKey(time.Now())
			if err != nil {
				return err
			}
			say(cmd, "%s\n", key)
			return printResult(cmd, members{"master_key": key})
		},
	}, formatText)
}
