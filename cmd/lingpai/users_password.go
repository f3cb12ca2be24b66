package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/password"
)

// addPasswordFlags gives the flags of readPasswordHash to a command.
func addPasswordFlags(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().Bool("hash", false, "what is read is not a password but another program's hash of one: "+
		"bcrypt ($2a$, $2b$ or $2y$, cost 4 to 14), or argon2id in PHC form")
	return addSecretFlag(cmd)
}

// readPasswordHash reads a password and hashes it, or reads a hash. A hash does not show whether its password
// is a good one.
func readPasswordHash(ctx context.Context, cmd *cobra.Command) (string, error) {
	if hashed, _ := cmd.Flags().GetBool("hash"); hashed {
		hash, err := readSecret(ctx, cmd, "hash")
		if err == nil {
			err = password.CheckHash(hash)
		}
		return hash, err
	}
	text, err := readSecret(ctx, cmd, "password")
	if err != nil {
		return "", err
	}
	if password.CheckHash(text) == nil { // as a password it would be known to whoever saw the other program's database
		return "", errors.New("this is not a password but the hash of one: say --hash to take it over")
	}
	if err := password.CheckPolicy(text); err != nil {
		return "", err
	}
	return password.New(password.Options{}).Hash(ctx, "", text)
}
