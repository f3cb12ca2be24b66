package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
)

func newEventsCommand() *cobra.Command {
	return group("events", "Show the audit log", listEventsCommand())
}

func listEventsCommand() *cobra.Command {
	var of identity.EventsOf
	limit := 50
	cmd := completeArguments(operate(asTable(&cobra.Command{
		Use:   "list [SUB|USERNAME]",
		Short: "List events, newest first, of all users or of one",
		Long: `List events, newest first: ended sessions with their reasons, rejected refresh tokens, password changes,
linked accounts, disabled, merged and deleted users, and changes to clients, apps and keys. The audit log contains no
secrets and no tokens. Use the sub of a deleted user, not the user name. COUNT is how many events a row stands for: of
an event that is repeated more than ten times within an hour, the tenth row counts the further ones.`,
		Example: `  lingpai events list alice
  lingpai events list --kind session.ended --limit 10
  lingpai events list --session 0199f2c4-7f6e-7000-8000-3f1c5a2b9d10 --output json`,
		SuggestFor: []string{"ls", "show"}, Args: cobra.MaximumNArgs(1),
	}), func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		if len(args) > 0 && args[0] == "" {
			return errors.New("SUB|USERNAME is empty; omit it to list the events of all users")
		}
		if len(args) > 0 {
			of.UserID = args[0]
		}
		events, err := o.events().List(ctx, o.actor, of, limit)
		if err != nil {
			return err
		}
		return printEvents(cmd, events)
	}), 1, userCandidates)
	cmd.Flags().StringVar(&of.Kind, "kind", "", "only events of this kind, such as session.ended")
	limitChoices(cmd, "kind", eventKinds()...)
	cmd.Flags().StringVar(&of.ClientID, "client", "", "only events of this client")
	completeFlag(cmd, "client", clientCandidates)
	cmd.Flags().StringVar(&of.SessionID, "session", "", "only events of this session")
	cmd.Flags().IntVar(&limit, "limit", limit, "maximum number of events")
	return cmd
}

func printEvents(cmd *cobra.Command, events []identity.Event) error {
	return printRows(cmd, views(events, admin.ViewEvent), []string{"AT", "KIND", "SUB", "CLIENT", "SID", "COUNT",
		"DETAIL", "ACTOR"},
		func(e admin.EventView) []string {
			return []string{e.At, e.Kind, terminal.OrDash(e.UserID), terminal.OrDash(e.ClientID),
				terminal.OrDash(e.SessionID), strconv.Itoa(e.Count), terminal.OrDash(e.Detail),
				terminal.OrDash(actorCell(e.Actor))}
		})
}

// actorCell returns, for a table, who acted.
func actorCell(actor *identity.Actor) string {
	if actor == nil {
		return ""
	}
	return actor.Name
}
