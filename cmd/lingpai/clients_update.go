package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lingpai/lingpai/identity"
)

func updateClientCommand() *cobra.Command {
	cmd := completeArguments(operate(&cobra.Command{
		Use: "update CLIENT_ID", SuggestFor: []string{"set", "edit", "change"},
		Short: "Change the fields of a client's record that flags name, and print what changed",
		Long: `Change a client's record. Only what flags name is changed. A repeatable flag replaces the whole list;
given once with an empty value (""), it empties the list. The result must satisfy the same rules as a new client.

Sessions continue: from their next refresh on, they lose scopes and audiences that the client no longer has. Access
tokens stay valid until they expire. A client stays public or confidential: create another one to change that.`,
		Example: `  lingpai clients update shop-web --redirect-uri https://shop.example.com/callback \
      --redirect-uri https://shop.example.com/app/callback
  lingpai clients update shop-web --post-logout-redirect-uri "" --access-ttl 5m`,
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		client, err := o.clients().Find(ctx, o.actor, args[0])
		if err != nil {
			return err
		}
		fields := pflag.NewFlagSet("", pflag.ContinueOnError)
		defineClientFlags(fields, &client)
		if err := setFields(cmd, fields); err != nil {
			return err
		}
		changes, err := o.clients().Update(ctx, o.actor, client)
		if err != nil {
			return err
		}
		if err := printChanges(cmd, client.ID, changes, members{"client_id": client.ID}); err != nil {
			return err
		}
		return warnOfClient(ctx, cmd, o, client)
	}), 1, clientCandidates)
	addClientFlags(cmd, &identity.Client{})
	return cmd
}
