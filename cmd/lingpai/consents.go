package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
)

func newConsentsCommand() *cobra.Command {
	return group("consents", "Manage what users have allowed clients", listConsentsCommand(), withdrawConsentCommand())
}

func listConsentsCommand() *cobra.Command {
	return completeArguments(operate(asTable(&cobra.Command{Use: "list SUB|USERNAME", SuggestFor: []string{"ls"},
		Short: "List what a user has allowed clients", Args: cobra.ExactArgs(1)}),
		onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
			consents, err := o.consents().List(ctx, o.actor, user.ID)
			if err != nil {
				return err
			}
			return printRows(cmd, views(consents, admin.ViewConsent), []string{"CLIENT", "SCOPES", "RESOURCE",
				"GRANTED", "TERMS"}, func(c admin.ConsentView) []string {
				return []string{c.ClientID, strings.Join(c.Scopes, " "), terminal.OrDash(c.Resource), c.GrantedAt,
					terminal.OrDash(c.Terms)}
			})
		})), 1, userCandidates)
}

func withdrawConsentCommand() *cobra.Command {
	return completeArguments(operate(&cobra.Command{Use: "withdraw SUB|USERNAME [CLIENT_ID]",
		SuggestFor: []string{"revoke", "delete", "rm"},
		Short:      "Withdraw what a user has allowed one client, or all clients",
		Long: `Withdraw what a user has allowed one client, or all clients, and end the user's sessions there. The
client asks again at the next sign-in.`,
		Args: cobra.RangeArgs(1, 2),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		return onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
			withdrawn, err := 1, error(nil)
			if len(args) == 2 {
				err = o.consents().Withdraw(ctx, o.actor, user.ID, args[1])
			} else {
				withdrawn, err = o.consents().WithdrawAll(ctx, o.actor, user.ID)
			}
			if err != nil {
				return err
			}
			say(cmd, "withdrawn for %s\n", terminal.Plural(withdrawn, "client"))
			return printResult(cmd, members{"withdrawn": withdrawn})
		})(ctx, cmd, o, args[:1])
	}), 1, userCandidates)
}
