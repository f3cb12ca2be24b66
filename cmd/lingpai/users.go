package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/password"
)

func newUsersCommand() *cobra.Command {
	return group("users", "Manage users", createUserCommand(), listUsersCommand(), showUserCommand(),
		disableUserCommand(), enableUserCommand(), deleteUserCommand(), undeleteUserCommand(), setPasswordCommand(),
		grantRoleCommand(), revokeRoleCommand(), setClaimsCommand(), duplicatesCommand(), mergeCommand(),
		listMergesCommand(), unmergeCommand(), importUsersCommand())
}

func createUserCommand() *cobra.Command {
	return addPasswordFlags(operate(&cobra.Command{
		Use: "create USERNAME", SuggestFor: []string{"add", "new"},
		Short: "Create a user with a password",
		Long: `Create a user with a password. At a terminal the password is asked for; otherwise it is one line on
standard input, or the first line of --secret-file.`,
		Args:    cobra.ExactArgs(1),
		Example: "  lingpai users create alice\n  lingpai users create alice < password.txt",
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		if _, err := identity.NewUsername(args[0]); err != nil { // before asking for a password
			return err
		}
		secret, err := readPassword(ctx, cmd)
		if err != nil {
			return err
		}
		user, err := o.users().Create(ctx, o.actor, args[0], secret)
		if err != nil {
			return suggestHash(err)
		}
		say(cmd, "created %s\n", user.ID)
		return printResult(cmd, members{"sub": user.ID, "username": user.Username})
	}))
}

func listUsersCommand() *cobra.Command {
	var after string
	var limit int
	cmd := operate(asTable(&cobra.Command{Use: "list", SuggestFor: []string{"ls"}, Short: "List users, sorted by sub",
		Args: cobra.NoArgs}),
		func(ctx context.Context, cmd *cobra.Command, o operation, _ []string) error {
			users, err := o.users().List(ctx, o.actor, after, limit)
			if err != nil {
				return err
			}
			if len(users) == limit {
				cmd.PrintErrf("there may be more; continue with --after %s\n", users[limit-1].ID)
			}
			return printRows(cmd, views(users, admin.ViewUser),
				[]string{"SUB", "USERNAME", "PASSWORD", "CREATED", "DISABLED"}, func(u admin.UserView) []string {
					return []string{u.ID, terminal.OrDash(u.Username), yesNo(u.Password), u.CreatedAt,
						terminal.OrDash(disabledCell(u))}
				})
		})
	cmd.Flags().StringVar(&after, "after", "", "show users whose sub sorts after this one")
	cmd.Flags().IntVar(&limit, "limit", 100, "maximum number of users")
	return cmd
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// disabledCell returns, for a table, why a user cannot sign in.
func disabledCell(u admin.UserView) string {
	if u.MergedInto != "" {
		return "merged into " + u.MergedInto
	}
	return u.DisabledAt
}

func showUserCommand() *cobra.Command {
	return completeArguments(operate(asJSON(&cobra.Command{
		Use: "show SUB|USERNAME", Short: "Show a user and their accounts", SuggestFor: []string{"get"},
		Args: cobra.ExactArgs(1),
	}), onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
		accounts, err := o.users().Accounts(ctx, o.actor, user.ID)
		if err != nil {
			return err
		}
		if user.MergedInto != "" {
			cmd.PrintErrf("%s was merged into %s; to show that user: lingpai users show %s\n", user.ID,
				user.MergedInto, user.MergedInto)
		}
		return printJSON(cmd, admin.ViewUserWithAccounts(user, accounts))
	})), 1, userCandidates)
}

func disableUserCommand() *cobra.Command {
	return completeArguments(operate(&cobra.Command{Use: "disable SUB|USERNAME",
		SuggestFor: []string{"block", "lock"},
		Short:      "Disable a user and end all sessions; access tokens stay valid until they expire",
		Args:       cobra.ExactArgs(1)},
		onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
			if err := o.users().Disable(ctx, o.actor, user.ID); err != nil {
				return err
			}
			say(cmd, "disabled %s and ended all sessions\n", user.ID)
			return printResult(cmd, members{"sub": user.ID, "disabled": true})
		})), 1, userCandidates)
}

func enableUserCommand() *cobra.Command {
	return completeArguments(operate(&cobra.Command{Use: "enable SUB|USERNAME", Short: "Enable a disabled user",
		SuggestFor: []string{"unblock", "unlock"}, Args: cobra.ExactArgs(1)},
		onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
			if err := o.users().Enable(ctx, o.actor, user.ID); err != nil {
				return err
			}
			say(cmd, "enabled %s\n", user.ID)
			return printResult(cmd, members{"sub": user.ID, "disabled": false})
		})), 1, userCandidates)
}

func setPasswordCommand() *cobra.Command {
	return addPasswordFlags(completeArguments(operate(&cobra.Command{
		Use: "set-password SUB|USERNAME", SuggestFor: []string{"passwd", "password"},
		Short: "Replace a user's password and end all sessions",
		Long: `Replace a user's password and end all sessions. At a terminal the password is asked for; otherwise it
is one line on standard input, or the first line of --secret-file.`,
		Args: cobra.ExactArgs(1),
	}, onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
		if err := admin.CheckMayHavePassword(user); err != nil { // before asking for a password
			return err
		}
		secret, err := readPassword(ctx, cmd)
		if err != nil {
			return err
		}
		if err := o.users().SetPassword(ctx, o.actor, user.ID, secret); err != nil {
			return suggestHash(err)
		}
		say(cmd, "replaced the password of %s and ended all sessions\n", user.ID)
		return printResult(cmd, members{"sub": user.ID})
	})), 1, userCandidates))
}

// onUser finds the user that the first argument of a command names.
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

// addPasswordFlags gives a command the flags of readPassword.
func addPasswordFlags(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().Bool("hash", false, "read another program's hash instead of a password: bcrypt ($2a$, $2b$ or $2y$, "+
		"cost 4 to 14), or argon2id in PHC form")
	return addSecretFlag(cmd)
}

const (
	expensiveHashes   = "bcrypt with a cost above 12, or argon2id with a lot of memory and time"
	adviceOnExpensive = "each wrong password costs that time again, until the user signs in and the hash is replaced"
)

// readPassword reads a password, or a hash of one.
func readPassword(ctx context.Context, cmd *cobra.Command) (admin.NewPassword, error) {
	hashed, _ := cmd.Flags().GetBool("hash")
	what := "password"
	if hashed {
		what = "hash"
	}
	text, err := readSecret(ctx, cmd, what)
	if hashed && password.IsExpensive(text) {
		cmd.PrintErrf("warning: the hash is expensive (%s): %s\n", expensiveHashes, adviceOnExpensive)
	}
	return admin.NewPassword{Text: identity.Secret(text), Hashed: hashed}, err
}

// suggestHash adds the flag to use for a password that looks like a hash.
func suggestHash(err error) error {
	if errors.Is(err, admin.ErrHashGiven) {
		return fmt.Errorf("%w: to import a hash, add --hash", err)
	}
	return err
}
