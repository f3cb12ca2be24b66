package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/storage/sql"
)

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
	}, func(ctx context.Context, cmd *cobra.Command, c config, keeper *keys.Keeper, database *sql.DB,
		args []string) error {
		text, err := readKeyFile(ctx, cmd, args[0])
		if err != nil {
			return err
		}
		id, err := keeper.Import(ctx, text)
		if err != nil {
			return err
		}
		return errors.Join(tellImported(ctx, cmd, c, database, id), recordKeys(ctx, database,
			identity.EventKeyImported, id))
	})
}

// tellImported says when the key will sign.
func tellImported(ctx context.Context, cmd *cobra.Command, c config, database *sql.DB, id string) error {
	infos, err := describeKeys(ctx, database)
	if err != nil {
		return err
	}
	inUse, err := keyInUse(infos, keys.Signing)
	if err != nil {
		return err
	}
	if inUse.ID == id {
		cmd.Printf("%s signs from the first start on: there was no other key yet\n", id)
		return nil
	}
	imported := infos[slices.IndexFunc(infos, func(k keys.Info) bool { return k.ID == id })]
	cmd.Printf("%s is published and signs next; it %s, by: lingpai keys rotate\n", id, nextOf(c, imported))
	if c.KeyInterval > 0 {
		cmd.Printf("servers let it sign when %s %s\n", inUse.ID, nextOf(c, inUse))
	}
	return nil
}

func readKeyFile(ctx context.Context, cmd *cobra.Command, name string) ([]byte, error) {
	var source io.ReadCloser
	var err error
	if name == "-" {
		source = interruptible(ctx, cmd.InOrStdin())
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
	}, func(ctx context.Context, cmd *cobra.Command, _ config, keeper *keys.Keeper, _ *sql.DB, _ []string) error {
		if err := keeper.Reload(ctx); err != nil {
			return err
		}
		switch format, _ := cmd.Flags().GetString("format"); format {
		case "jwks":
			jwks, _ := keeper.PublicSet()
			cmd.Println(string(jwks))
			return nil
		case "pem":
			text, err := keeper.Current().PublicPEM()
			cmd.Print(string(text))
			return err
		default:
			return fmt.Errorf("--format: %q is neither jwks nor pem", format)
		}
	})
	cmd.Flags().String("format", "jwks", "jwks or pem")
	return cmd
}
