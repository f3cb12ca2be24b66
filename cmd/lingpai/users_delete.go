package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/identity"
)

func deleteUserCommand() *cobra.Command {
	var yes bool
	var grace time.Duration
	cmd := operate(&cobra.Command{
		Use: "delete SUB|USERNAME", Short: "Delete a user after a time of grace; shows what would happen, " +
			"and does it with --yes", Args: cobra.ExactArgs(1),
		Long: `Delete a user, with its accounts, profile and sessions, and with all users who were joined into
it. Its sessions end at once, and the rest goes when --grace is over, at the next pruning of a server that
runs. Until then "lingpai users keep" takes it back; so does the person, unless disabled, with restore_account
at a sign-in. The sub is nobody else's ever.

A disabled user who asked for deletion before is not deleted until enabled, or named here. The same WeChat account makes
a new user afterwards, whom nobody has disabled: to keep somebody out, leave the user disabled.`,
		Example: "  lingpai users delete alice\n  lingpai users delete alice --grace 0s --yes",
	}, onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
		if !yes {
			deletion, err := o.users().PreviewDeletion(ctx, o.actor, user.ID, grace)
			if err == nil {
				previewDeletion(cmd, deletion)
			}
			return err
		}
		at, err := o.users().Delete(ctx, o.actor, user.ID, grace)
		if err == nil {
			cmd.Printf("ended all sessions of %s; the rest goes at %s; take it back with: lingpai users keep %s\n",
				user.ID, moment(at), user.ID)
		}
		return err
	}))
	cmd.Flags().BoolVar(&yes, "yes", false, "do it, rather than show what would happen")
	cmd.Flags().DurationVar(&grace, "grace", 14*24*time.Hour,
		"how long it can be taken back; 0s: gone at the next pruning")
	return cmd
}

// previewDeletion says what would go, and what an operator may not have thought of.
func previewDeletion(cmd *cobra.Command, deletion admin.Deletion) {
	user := deletion.User
	cmd.Printf("%s would be deleted, with %d account(s), and %d session(s) would end\n", naming(user),
		deletion.Accounts, deletion.Sessions)
	if user.Leaving() {
		cmd.Printf("  beware   %s is leaving already: all goes at %s, or sooner if you say so\n", user.ID,
			moment(user.DeletesAt))
	}
	if user.Disabled() {
		cmd.Printf("  beware   %s is disabled, and its accounts would make a new user who is not\n", user.ID)
	}
	cmd.Printf("nothing was done; go on with: lingpai users delete %s --yes\n", user.ID)
}

func keepUserCommand() *cobra.Command {
	return operate(&cobra.Command{Use: "keep SUB|USERNAME",
		Short: "Take a deletion back, whoever wished it, until the user is gone", Args: cobra.ExactArgs(1)},
		onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
			if err := o.users().Keep(ctx, o.actor, user.ID); err != nil {
				return err
			}
			cmd.Printf("%s stays\n", user.ID)
			return nil
		}))
}
