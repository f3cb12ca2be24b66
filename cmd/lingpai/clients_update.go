package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server"
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

// setFields sets the fields of a record to the values of the flags that were given. An empty value stands for an empty
// list. It returns an error if no flag of a field was given.
func setFields(cmd *cobra.Command, fields *pflag.FlagSet) (err error) {
	given := false
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		field := fields.Lookup(flag.Name)
		if field == nil || err != nil {
			return
		}
		given = true
		list, ok := flag.Value.(pflag.SliceValue)
		if !ok {
			err = field.Value.Set(flag.Value.String())
			return
		}
		values := list.GetSlice()
		if slices.Equal(values, []string{""}) {
			values = nil
		}
		err = field.Value.(pflag.SliceValue).Replace(values)
	})
	if !given {
		return fmt.Errorf("no flag names a field to change; see: %s --help", cmd.CommandPath())
	}
	return err
}

// printChanges prints what an update of a record changed. result is what to print as JSON besides the changes.
func printChanges(cmd *cobra.Command, id string, changes []admin.Change, result members) error {
	if len(changes) == 0 {
		say(cmd, "%s is already so; nothing was changed\n", id)
	} else {
		say(cmd, "updated %s; running servers use it within %s\n", id, server.RecordAge)
	}
	for _, change := range changes {
		say(cmd, "%s\n  before  %s\n  after   %s\n", change.Field, describeValue(change.Before),
			describeValue(change.After))
	}
	result["changes"] = append([]admin.Change{}, changes...) // no change is [], not null
	return printResult(cmd, result)
}

// describeValue formats the value of a field for people.
func describeValue(value any) string {
	text := fmt.Sprint(value)
	if list, ok := value.([]string); ok {
		text = strings.Join(list, " ")
	}
	return terminal.OrDash(terminal.Printable([]string{text})[0])
}
