package main

import (
	"cmp"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

func newEventsCommand() *cobra.Command {
	return group("events", "What the audit log tells", listEventsCommand())
}

// shownEvent is what an operator is shown of an event.
type shownEvent struct {
	At        string `json:"at"`
	Kind      string `json:"kind"`
	UserID    string `json:"sub,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	SessionID string `json:"sid,omitempty"`
	Detail    string `json:"detail,omitempty"`
}

func listEventsCommand() *cobra.Command {
	var of identity.EventsOf
	limit := 50
	cmd := addOutputFlag(admin(&cobra.Command{
		Use:   "list [SUB|USERNAME]",
		Short: "List the newest events, of all or of one user",
		Long: `List the newest events first: sessions that ended and why, refresh tokens that were refused,
passwords that were set, accounts that were linked, users that were disabled, joined or deleted. The audit log
holds no secret and no token. Of a user who was deleted, ask by sub.`,
		Example: `  lingpai events list alice
  lingpai events list --kind session.ended --limit 10
  lingpai events list --session 0199f2c4-7f6e-7000-8000-3f1c5a2b9d10 --output json`,
		Args: cobra.MaximumNArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		if limit < 1 || limit > 100_000 {
			return errors.New("--limit: 1 to 100000")
		}
		var unknown error
		if len(args) > 0 && args[0] == "" {
			return errors.New("SUB|USERNAME is empty; leave it away for the events of all")
		}
		if len(args) > 0 {
			var user identity.User
			user, unknown = findUser(ctx, database, args[0])
			of.UserID = cmp.Or(user.ID, args[0])
		}
		events, err := database.Events().List(ctx, of, limit)
		if err != nil {
			return err
		}
		if len(events) == 0 && unknown != nil { // whoever was deleted is in the log all the same
			return unknown
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
	shown := make([]shownEvent, len(events))
	for n, e := range events {
		shown[n] = shownEvent{moment(e.At), e.Kind, e.UserID, e.ClientID, e.SessionID, e.Detail}
	}
	return printRows(cmd, shown, []string{"AT", "KIND", "SUB", "CLIENT", "SID", "DETAIL"}, func(e shownEvent) []string {
		return []string{e.At, e.Kind, orDash(e.UserID), orDash(e.ClientID), orDash(e.SessionID), orDash(e.Detail)}
	})
}
