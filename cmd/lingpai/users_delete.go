package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

func deleteUserCommand() *cobra.Command {
	var yes bool
	var grace time.Duration
	cmd := admin(&cobra.Command{
		Use: "delete SUB|USERNAME", Short: "Delete a user after a time of grace; shows what would happen, " +
			"and does it with --yes", Args: cobra.ExactArgs(1),
		Long: `Delete a user, with its accounts, profile and sessions, and with all users who were joined into
it. Its sessions end at once, and the rest goes when --grace is over, at the next pruning of a server that
runs. Until then "lingpai users keep" takes it back; so does the person, unless disabled, with restore_account
at a sign-in. The sub is nobody else's ever.

A disabled user who asked for deletion before is not deleted until enabled, or named here. The same WeChat account makes
a new user afterwards, whom nobody has disabled: to keep somebody out, leave the user disabled.`,
		Example: "  lingpai users delete alice\n  lingpai users delete alice --grace 0s --yes",
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		if grace < 0 {
			return errors.New("--grace: at least 0s")
		}
		user, err := findUser(ctx, database, args[0])
		if err != nil {
			return err
		}
		if user.JoinedInto != "" {
			return joined(user)
		}
		if !yes {
			return previewDeletion(ctx, cmd, database, user)
		}
		at, err := database.Deletions().Dismiss(ctx, user.ID, grace)
		if errors.Is(err, identity.ErrNotFound) {
			return fmt.Errorf("%s was deleted or joined into another user meanwhile", user.ID)
		}
		if err == nil {
			cmd.Printf("ended all sessions of %s; the rest goes at %s; take it back with: lingpai users keep %s\n",
				user.ID, moment(at), user.ID)
		}
		return err
	})
	cmd.Flags().BoolVar(&yes, "yes", false, "do it, rather than show what would happen")
	cmd.Flags().DurationVar(&grace, "grace", 14*24*time.Hour,
		"how long it can be taken back; 0s: gone at the next pruning")
	return cmd
}

// previewDeletion says what would go, and what an operator may not have thought of.
func previewDeletion(ctx context.Context, cmd *cobra.Command, database *sql.DB, user identity.User) error {
	accounts, err := database.Accounts().List(ctx, user.ID)
	if err != nil {
		return err
	}
	sessions, err := database.Sessions().List(ctx, user.ID)
	if err != nil {
		return err
	}
	cmd.Printf("%s would be deleted, with %d account(s), and %d session(s) would end\n", naming(user),
		len(accounts), len(sessions))
	if user.Leaving() {
		cmd.Printf("  beware   %s is leaving already: all goes at %s, or sooner if you say so\n", user.ID,
			moment(user.DeletesAt))
	}
	if user.Disabled() {
		cmd.Printf("  beware   %s is disabled, and its accounts would make a new user who is not\n", user.ID)
	}
	cmd.Printf("nothing was done; go on with: lingpai users delete %s --yes\n", user.ID)
	return nil
}

func keepUserCommand() *cobra.Command {
	return admin(&cobra.Command{Use: "keep SUB|USERNAME",
		Short: "Take a deletion back, whoever wished it, until the user is gone", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
			user, err := findUser(ctx, database, args[0])
			switch {
			case err != nil:
				return err
			case user.JoinedInto != "":
				return joined(user)
			case !user.Leaving():
				return fmt.Errorf("%s is not leaving", user.ID)
			}
			if err := unknown(database.Deletions().Stay(ctx, user.ID), "user", user.ID); err != nil {
				return err
			}
			cmd.Printf("%s stays\n", user.ID)
			return nil
		})
}

// joined says why nothing is done to a user who is another one by now.
func joined(user identity.User) error {
	return fmt.Errorf("%s was joined into %s: name that one, or part them with lingpai users unjoin",
		user.ID, user.JoinedInto)
}
