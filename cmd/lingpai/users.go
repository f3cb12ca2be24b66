package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

func newUsersCommand() *cobra.Command {
	return group("users", "People who sign in", createUserCommand(), listUsersCommand(), showUserCommand(),
		disableUserCommand(), enableUserCommand(),
		deleteUserCommand(), keepUserCommand(), setPasswordCommand(), grantRoleCommand(), revokeRoleCommand(),
		setClaimsCommand(),
		twinsCommand(), joinCommand(), listJoinsCommand(), unjoinCommand(), importUsersCommand())
}

func createUserCommand() *cobra.Command {
	return addPasswordFlags(admin(&cobra.Command{
		Use: "create USERNAME", Short: "Add a user with a password, read from standard input or a file",
		Args:    cobra.ExactArgs(1),
		Example: "  lingpai users create alice < password.txt",
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		if _, err := identity.CanonicalUsername(args[0]); err != nil {
			return err
		}
		hash, err := readPasswordHash(ctx, cmd)
		if err != nil {
			return err
		}
		user, err := database.Users().Create(ctx, args[0], hash)
		if errors.Is(err, identity.ErrExists) {
			return fmt.Errorf("the name %q is taken, perhaps in another spelling", args[0])
		}
		if err == nil {
			cmd.Printf("created %s\n", user.ID)
		}
		return err
	}))
}

func listUsersCommand() *cobra.Command {
	var after string
	var limit int
	cmd := addOutputFlag(admin(&cobra.Command{Use: "list", Short: "List users in the order of their ids",
		Args: cobra.NoArgs},
		func(ctx context.Context, cmd *cobra.Command, database *sql.DB, _ []string) error {
			if limit < 1 {
				return errors.New("--limit: at least 1")
			}
			users, err := database.Users().List(ctx, after, limit)
			if err != nil {
				return err
			}
			if len(users) == limit {
				cmd.PrintErrf("there may be more: go on with --after %s\n", users[limit-1].ID)
			}
			shown := make([]shownUser, len(users))
			for n, user := range users {
				shown[n] = showUser(user)
			}
			return printRows(cmd, shown, []string{"SUB", "USERNAME", "PASSWORD", "CREATED", "DISABLED"},
				func(u shownUser) []string {
					return []string{u.ID, orDash(u.Username), yesNo(u.Password), u.CreatedAt, orDash(u.keptOut())}
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

func disableUserCommand() *cobra.Command {
	return admin(&cobra.Command{Use: "disable SUB|USERNAME",
		Short: "Keep a user out and end all sessions; access tokens live on until they expire",
		Args:  cobra.ExactArgs(1)},
		onUser(func(ctx context.Context, cmd *cobra.Command, database *sql.DB, id string) error {
			if err := database.Users().Disable(ctx, id); err != nil {
				return err
			}
			cmd.Printf("disabled %s and ended all sessions\n", id)
			return nil
		}))
}

func enableUserCommand() *cobra.Command {
	return admin(&cobra.Command{Use: "enable SUB|USERNAME", Short: "Let a disabled user sign in again",
		Args: cobra.ExactArgs(1)},
		onUser(func(ctx context.Context, cmd *cobra.Command, database *sql.DB, id string) error {
			if err := database.Users().Enable(ctx, id); err != nil {
				return err
			}
			cmd.Printf("enabled %s\n", id)
			return nil
		}))
}

func setPasswordCommand() *cobra.Command {
	return addPasswordFlags(admin(&cobra.Command{
		Use:   "set-password SUB|USERNAME",
		Short: "Replace a user's password, read from standard input or a file, and end all sessions",
		Args:  cobra.ExactArgs(1),
	}, onUser(func(ctx context.Context, cmd *cobra.Command, database *sql.DB, id string) error {
		user, err := database.Users().Find(ctx, id)
		if err != nil {
			return err
		}
		if user.JoinedInto != "" {
			return joined(user)
		}
		if user.Username == "" {
			return fmt.Errorf("%s has no user name to sign in with, so a password would be of no use", id)
		}
		hash, err := readPasswordHash(ctx, cmd)
		if err != nil {
			return err
		}
		if err := database.Users().SetPassword(ctx, id, hash); err != nil {
			return err
		}
		cmd.Printf("replaced the password of %s and ended all sessions\n", id)
		return nil
	})))
}

// onUser finds the user that a command's argument names.
func onUser(run func(ctx context.Context, cmd *cobra.Command, database *sql.DB, id string) error) func(
	context.Context, *cobra.Command, *sql.DB, []string) error {
	return func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		user, err := findUser(ctx, database, args[0])
		if err != nil {
			return err
		}
		return run(ctx, cmd, database, user.ID)
	}
}

// findUser finds a user by id or by user name. The id of one may be the name of another, if it was imported.
func findUser(ctx context.Context, database *sql.DB, name string) (identity.User, error) {
	user, err := database.Users().Find(ctx, name)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return user, err
	}
	named, err2 := database.Users().FindByUsername(ctx, name)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return named, unknown(err2, "user", name)
	case err2 == nil && named.ID != user.ID:
		return identity.User{}, fmt.Errorf(
			"%q is the id of one user and the user name of another, %s; nothing was done", name, named.ID)
	}
	return user, nil
}
