package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

// shownUser is what an operator is shown of a user.
type shownUser struct {
	ID         string          `json:"sub"`
	Username   string          `json:"username,omitempty"`
	Password   bool            `json:"has_password"`
	CreatedAt  string          `json:"created_at"`
	DisabledAt string          `json:"disabled_at,omitempty"`
	DeletesAt  string          `json:"deletes_at,omitempty"`
	JoinedInto string          `json:"joined_into,omitempty"`
	Roles      []string        `json:"roles,omitempty"`
	Claims     identity.Claims `json:"claims,omitempty"`
}

func showUser(user identity.User) shownUser {
	return shownUser{
		ID: user.ID, Username: user.Username, Password: user.PasswordHash != "", CreatedAt: moment(user.CreatedAt),
		DisabledAt: moment(user.DisabledAt),
		DeletesAt:  moment(user.DeletesAt), JoinedInto: user.JoinedInto, Roles: user.Roles, Claims: user.Claims,
	}
}

// keptOut says why a user cannot sign in.
func (u shownUser) keptOut() string {
	if u.JoinedInto != "" {
		return "joined into " + u.JoinedInto
	}
	return u.DisabledAt
}

// shownAccount is what an operator is shown of an account.
type shownAccount struct {
	Platform  string `json:"platform"`
	App       string `json:"appid"`
	Subject   string `json:"openid"`
	UnionID   string `json:"unionid,omitempty"`
	CreatedAt string `json:"created_at"`
}

// wholeUser is a user with the accounts that lead to it.
type wholeUser struct {
	shownUser
	Accounts []shownAccount `json:"accounts"`
}

func showUserCommand() *cobra.Command {
	return admin(&cobra.Command{
		Use: "show SUB|USERNAME", Short: "Show a user with the accounts that lead to it, or into whom it " +
			"was joined", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		user, err := findUser(ctx, database, args[0])
		if err != nil {
			return err
		}
		accounts, err := database.Accounts().List(ctx, user.ID)
		if err != nil {
			return err
		}
		whole := wholeUser{showUser(user), make([]shownAccount, len(accounts))}
		for n, a := range accounts {
			whole.Accounts[n] = shownAccount{a.Platform, a.App, a.Subject, a.UnionID, moment(a.CreatedAt)}
		}
		if user.JoinedInto != "" {
			cmd.PrintErrf("%s was joined into %s: that is whom to look at with lingpai users show\n", user.ID,
				user.JoinedInto)
		}
		return printJSON(cmd, whole)
	})
}
