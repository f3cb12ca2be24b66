package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
)

// whenSeen explains when a change reaches APIs, which read access tokens and not the database.
const whenSeen = "tokens include the change from the next sign-in or refresh on"

func grantRoleCommand() *cobra.Command {
	return roleCommand("grant-role", "Grant a user a role; access tokens with the scope roles include it", "granted",
		(*admin.Users).GrantRole)
}

func revokeRoleCommand() *cobra.Command {
	return roleCommand("revoke-role", "Revoke a user's role; access tokens that include it stay valid "+
		"until they expire", "revoked", (*admin.Users).RevokeRole)
}

func roleCommand(use, short, done string, change func(u *admin.Users, ctx context.Context,
	actor identity.Actor, id, role string) error) *cobra.Command {
	return completeArguments(operate(&cobra.Command{Use: use + " SUB|USERNAME ROLE", Short: short,
		Args: cobra.ExactArgs(2)},
		onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
			role := cmd.Flags().Arg(1)
			if err := change(o.users(), ctx, o.actor, user.ID, role); err != nil {
				return err
			}
			say(cmd, "%s %s: %s; %s\n", done, role, user.ID, whenSeen)
			return printResult(cmd, members{"sub": user.ID, "role": role, "granted": done == "granted"})
		})), 1, userCandidates)
}

func setClaimsCommand() *cobra.Command {
	cmd := completeArguments(operate(&cobra.Command{
		Use: "set-claims SUB|USERNAME", Args: cobra.ExactArgs(1),
		Short: "Replace a user's custom claims",
		Long: `Replace a user's custom claims: a JSON object of at most 1 KiB, which access tokens with the scope
claims include as "ext". It is read from standard input or --file. {} removes all claims.`,
		Example: "  echo '{\"tenant\":\"t-1\"}' | lingpai users set-claims alice\n  echo '{}' | lingpai " +
			"users set-claims alice",
	}, onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
		text, err := readAll(ctx, cmd)
		if err != nil {
			return err
		}
		if err := o.users().SetClaims(ctx, o.actor, user.ID, text); err != nil {
			return err
		}
		say(cmd, "replaced the claims of %s; %s\n", user.ID, whenSeen)
		return printResult(cmd, members{"sub": user.ID})
	})), 1, userCandidates)
	cmd.Flags().String("file", "", "read the JSON object from this file (default: standard input)")
	_ = cmd.MarkFlagFilename("file", "json") // does not fail: the flag exists
	return cmd
}

// maxClaimsFile is, in bytes, more than any claims need, with any white space.
const maxClaimsFile = 64 << 10

// readAll reads the whole file that --file names, or all of standard input unless the context ends first.
func readAll(ctx context.Context, cmd *cobra.Command) ([]byte, error) {
	source, err := openInput(ctx, cmd, "file", "claims (a JSON object, then the end of the input): ")
	if err != nil {
		return nil, err
	}
	defer source.Close()
	text, err := io.ReadAll(io.LimitReader(source, maxClaimsFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("no claims were read: %w", err)
	case len(text) > maxClaimsFile:
		return nil, fmt.Errorf("the claims have more than %d bytes: is this the right file?", maxClaimsFile)
	}
	if text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte(terminal.ByteOrderMark))); len(text) == 0 {
		return nil, errors.New("no claims were given: write a JSON object to standard input, or name a " +
			"file with --file; {} removes all claims")
	}
	return text, nil
}
