package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
)

func deleteUserCommand() *cobra.Command {
	var yes bool
	var grace time.Duration
	cmd := completeArguments(operate(&cobra.Command{
		Use: "delete SUB|USERNAME", Short: "Delete a user after a grace period (a preview without --yes)",
		SuggestFor: []string{"remove", "rm", "purge"},
		Args:       cobra.ExactArgs(1),
		Long: `Delete a user with their accounts, profile and sessions, and all users who were merged into them.
Sessions end at once; everything else is purged by a running server after --grace. Until then "lingpai users
undelete" cancels the deletion; the user cannot cancel it. The sub is never reused.

A disabled user who asked to be deleted is kept until they are enabled or deleted with this command. After a
deletion the same WeChat account can sign in as a new user: to keep somebody out, disable them instead.`,
		Example: "  lingpai users delete alice\n  lingpai users delete alice --grace 0s --yes",
	}, onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
		if !yes {
			deletion, err := o.users().PreviewDeletion(ctx, o.actor, user.ID, grace)
			if err != nil {
				return err
			}
			previewDeletion(cmd, deletion)
			return printResult(cmd, members{"sub": user.ID, "preview": true, "accounts": deletion.Accounts,
				"sessions": deletion.Sessions})
		}
		at, err := o.users().Delete(ctx, o.actor, user.ID, grace)
		if err != nil {
			return err
		}
		say(cmd, "ended all sessions of %s; everything else is purged at %s; to cancel: lingpai users undelete %s\n",
			user.ID, moment(at), user.ID)
		return printResult(cmd, members{"sub": user.ID, "preview": false, "deletes_at": moment(at)})
	})), 1, userCandidates)
	cmd.Flags().BoolVar(&yes, "yes", false, "delete, instead of printing what would be deleted")
	cmd.Flags().DurationVar(&grace, "grace", 14*24*time.Hour,
		"how long the deletion can be canceled; 0s: not at all")
	return cmd
}

// previewDeletion prints what would be deleted, with warnings that an operator may not have thought of.
func previewDeletion(cmd *cobra.Command, deletion admin.Deletion) {
	user := deletion.User
	say(cmd, "%s would be deleted with %s, and %s would end\n", naming(user),
		terminal.Plural(deletion.Accounts, "account"), terminal.Plural(deletion.Sessions, "session"))
	if user.DeletionRequested() {
		say(cmd, "  warning  %s is already scheduled for deletion, at %s\n", user.ID, moment(user.DeletesAt))
	}
	if user.Disabled() {
		say(cmd, "  warning  %s is disabled; after the deletion their accounts can sign in again as a new user\n",
			user.ID)
	}
	say(cmd, "nothing was changed; to delete: lingpai users delete %s --yes\n", user.ID)
}

func undeleteUserCommand() *cobra.Command {
	return completeArguments(operate(&cobra.Command{Use: "undelete SUB|USERNAME", Aliases: []string{"keep"},
		Short: "Cancel the deletion of a user who has not been purged", Args: cobra.ExactArgs(1)},
		onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
			if err := o.users().Undelete(ctx, o.actor, user.ID); err != nil {
				return err
			}
			say(cmd, "%s will not be deleted\n", user.ID)
			return printResult(cmd, members{"sub": user.ID})
		})), 1, userCandidates)
}
