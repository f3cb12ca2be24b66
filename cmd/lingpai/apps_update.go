package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server"
)

func updateAppCommand() *cobra.Command {
	cmd := completeArguments(operate(&cobra.Command{
		Use: "update APPID", SuggestFor: []string{"set", "edit", "change"},
		Short: "Change the fields of an app's record that flags name, and print what changed",
		Long: `Change an app's record. Only what flags name is changed; an empty value ("") removes a name. The result
must satisfy the same rules as a new app. To replace the AppSecret use: lingpai apps rotate-secret`,
		Example: `  lingpai apps update wx0123456789abcdef --name "My shop" --open-platform main`,
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		app, err := o.apps().Find(ctx, o.actor, args[0])
		if err != nil {
			return err
		}
		fields := pflag.NewFlagSet("", pflag.ContinueOnError)
		defineAppFlags(fields, &app)
		if err := setFields(cmd, fields); err != nil {
			return err
		}
		changes, err := o.apps().Update(ctx, o.actor, app)
		if err != nil {
			return err
		}
		return printChanges(cmd, app.ID, changes, members{"appid": app.ID})
	}), 1, appCandidates)
	defineAppFlags(cmd.Flags(), &identity.App{})
	limitChoices(cmd, "kind", identity.Kinds()...)
	return cmd
}

func removeAppCommand() *cobra.Command {
	var force bool
	cmd := completeArguments(operate(&cobra.Command{
		Use: "remove APPID", SuggestFor: []string{"delete", "rm"},
		Short: "Remove an app with its AppSecret; the accounts of its users stay",
		Long: `Remove an app with its AppSecret. Nobody can sign in with it any more. The accounts of its users stay, so
if it is added again, they are the same users. Sessions continue; to end them, see: lingpai sessions revoke --help`,
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		clients, err := o.apps().Remove(ctx, o.actor, args[0], force)
		if _, ok := errors.AsType[admin.RefusedError](err); ok {
			return fmt.Errorf("%w; take the app from each with lingpai clients update CLIENT_ID --app …, or remove it "+
				"anyway with --force", err)
		}
		if err != nil {
			return err
		}
		say(cmd, "removed %s; running servers reject it within %s\n", args[0], server.RecordAge)
		if len(clients) > 0 {
			cmd.PrintErrf("warning: sign-ins with %s at %s fail from now on\n", args[0], strings.Join(clients, ", "))
		}
		return printResult(cmd, members{"appid": args[0], "removed": true, "clients": append([]string{}, clients...)})
	}), 1, appCandidates)
	cmd.Flags().BoolVar(&force, "force", false,
		"remove the app even if clients have it: sign-ins of their users with it fail from then on")
	return cmd
}
