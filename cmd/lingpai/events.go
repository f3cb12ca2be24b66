package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
)

func newEventsCommand() *cobra.Command {
	return group("events", "What the audit log tells", listEventsCommand())
}

func listEventsCommand() *cobra.Command {
	var of identity.EventsOf
	limit := 50
	cmd := addOutputFlag(operate(&cobra.Command{
		Use:   "list [SUB|USERNAME]",
		Short: "List the newest events, of all or of one user",
		Long: `List the newest events first: sessions that ended and why, refresh tokens that were refused,
passwords that were set, accounts that were linked, users that were disabled, joined or deleted, and what was done
to clients, apps and keys. The audit log holds no secret and no token. Of a user who was deleted, ask by sub.`,
		Example: `  lingpai events list alice
  lingpai events list --kind session.ended --limit 10
  lingpai events list --session 0199f2c4-7f6e-7000-8000-3f1c5a2b9d10 --output json`,
		Args: cobra.MaximumNArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		if len(args) > 0 && args[0] == "" {
			return errors.New("SUB|USERNAME is empty; leave it away for the events of all")
		}
		if len(args) > 0 {
			of.UserID = args[0]
		}
		events, err := o.events().List(ctx, o.actor, of, limit)
		if err != nil {
			return err
		}
		return printEvents(cmd, events)
	}))
	cmd.Flags().StringVar(&of.Kind, "kind", "", "only events of this kind, such as session.ended")
	cmd.Flags().StringVar(&of.ClientID, "client", "", "only events of this client")
	cmd.Flags().StringVar(&of.SessionID, "session", "", "only events of this session")
	cmd.Flags().IntVar(&limit, "limit", limit, "how many at most")
	return cmd
}

func printEvents(cmd *cobra.Command, events []identity.Event) error {
	return printRows(cmd, views(events, admin.ViewEvent), []string{"AT", "KIND", "SUB", "CLIENT", "SID", "DETAIL",
		"ACTOR"},
		func(e admin.EventView) []string {
			return []string{e.At, e.Kind, terminal.OrDash(e.UserID), terminal.OrDash(e.ClientID),
				terminal.OrDash(e.SessionID), terminal.OrDash(e.Detail), terminal.OrDash(actorCell(e.Actor))}
		})
}

// actorCell shows who acted in a table.
func actorCell(actor *identity.Actor) string {
	if actor == nil {
		return ""
	}
	return actor.Name
}
