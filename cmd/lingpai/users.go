package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
)

func newUsersCommand() *cobra.Command {
	return group("users", "People who sign in", createUserCommand(), listUsersCommand(), showUserCommand(),
		disableUserCommand(), enableUserCommand(),
		deleteUserCommand(), undeleteUserCommand(), setPasswordCommand(), grantRoleCommand(), revokeRoleCommand(),
		setClaimsCommand(),
		duplicatesCommand(), mergeCommand(), listMergesCommand(), unmergeCommand(), importUsersCommand())
}

func createUserCommand() *cobra.Command {
	return addPasswordFlags(operate(&cobra.Command{
		Use: "create USERNAME", Short: "Add a user with a password, read from standard input or a file",
		Args:    cobra.ExactArgs(1),
		Example: "  lingpai users create alice < password.txt",
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		if _, err := identity.CanonicalUsername(args[0]); err != nil { // before a password is asked for
			return err
		}
		secret, err := readPassword(ctx, cmd)
		if err != nil {
			return err
		}
		user, err := o.users().Create(ctx, o.actor, args[0], secret)
		if err == nil {
			cmd.Printf("created %s\n", user.ID)
		}
		return sayHash(err)
	}))
}

func listUsersCommand() *cobra.Command {
	var after string
	var limit int
	cmd := addOutputFlag(operate(&cobra.Command{Use: "list", Short: "List users in the order of their ids",
		Args: cobra.NoArgs},
		func(ctx context.Context, cmd *cobra.Command, o operation, _ []string) error {
			users, err := o.users().List(ctx, o.actor, after, limit)
			if err != nil {
				return err
			}
			if len(users) == limit {
				cmd.PrintErrf("there may be more: go on with --after %s\n", users[limit-1].ID)
			}
			return printRows(cmd, views(users, admin.ViewUser),
				[]string{"SUB", "USERNAME", "PASSWORD", "CREATED", "DISABLED"}, func(u admin.UserView) []string {
					return []string{u.ID, terminal.OrDash(u.Username), yesNo(u.Password), u.CreatedAt,
						terminal.OrDash(keptOut(u))}
				})
		}))
	cmd.Flags().StringVar(&after, "after", "", "show users whose id follows this one")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many to show at most")
	return cmd
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// keptOut says why a user cannot sign in.
func keptOut(u admin.UserView) string {
	if u.MergedInto != "" {
		return "merged into " + u.MergedInto
	}
	return u.DisabledAt
}

func showUserCommand() *cobra.Command {
	return operate(&cobra.Command{
		Use: "show SUB|USERNAME", Short: "Show a user with the accounts that lead to it, or into whom it " +
			"was joined", Args: cobra.ExactArgs(1),
	}, onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
		accounts, err := o.users().Accounts(ctx, o.actor, user.ID)
		if err != nil {
			return err
		}
		if user.MergedInto != "" {
			cmd.PrintErrf("%s was merged into %s: that is whom to look at with lingpai users show\n", user.ID,
				user.MergedInto)
		}
		return printJSON(cmd, admin.ViewUserWithAccounts(user, accounts))
	}))
}

func disableUserCommand() *cobra.Command {
	return operate(&cobra.Command{Use: "disable SUB|USERNAME",
		Short: "Keep a user out and end all sessions; access tokens live on until they expire",
		Args:  cobra.ExactArgs(1)},
		onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
			if err := o.users().Disable(ctx, o.actor, user.ID); err != nil {
				return err
			}
			cmd.Printf("disabled %s and ended all sessions\n", user.ID)
			return nil
		}))
}

func enableUserCommand() *cobra.Command {
	return operate(&cobra.Command{Use: "enable SUB|USERNAME", Short: "Let a disabled user sign in again",
		Args: cobra.ExactArgs(1)},
		onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
			if err := o.users().Enable(ctx, o.actor, user.ID); err != nil {
				return err
			}
			cmd.Printf("enabled %s\n", user.ID)
			return nil
		}))
}

func setPasswordCommand() *cobra.Command {
	return addPasswordFlags(operate(&cobra.Command{
		Use:   "set-password SUB|USERNAME",
		Short: "Replace a user's password, read from standard input or a file, and end all sessions",
		Args:  cobra.ExactArgs(1),
	}, onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
		if err := admin.CheckMayHavePassword(user); err != nil { // before a password is asked for
			return err
		}
		secret, err := readPassword(ctx, cmd)
		if err != nil {
			return err
		}
		if err := o.users().SetPassword(ctx, o.actor, user.ID, secret); err != nil {
			return sayHash(err)
		}
		cmd.Printf("replaced the password of %s and ended all sessions\n", user.ID)
		return nil
	})))
}

// onUser finds the user that a command's argument names.
func onUser(run func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error) func(
	context.Context, *cobra.Command, operation, []string) error {
	return func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		user, err := o.users().Find(ctx, o.actor, args[0])
		if err != nil {
			return err
		}
		return run(ctx, cmd, o, user)
	}
}

// addPasswordFlags gives the flags of readPassword to a command.
func addPasswordFlags(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().Bool("hash", false, "what is read is not a password but another program's hash of one: "+
		"bcrypt ($2a$, $2b$ or $2y$, cost 4 to 14), or argon2id in PHC form")
	return addSecretFlag(cmd)
}

// readPassword reads a password, or a hash of one.
func readPassword(ctx context.Context, cmd *cobra.Command) (admin.NewPassword, error) {
	hashed, _ := cmd.Flags().GetBool("hash")
	what := "password"
	if hashed {
		what = "hash"
	}
	text, err := readSecret(ctx, cmd, what)
	return admin.NewPassword{Text: identity.Secret(text), Hashed: hashed}, err
}

// sayHash says how a hash is given that was taken for a password.
func sayHash(err error) error {
	if errors.Is(err, admin.ErrHashGiven) {
		return fmt.Errorf("%w: say --hash to take it over", err)
	}
	return err
}
