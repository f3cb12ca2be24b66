package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

func newSessionsCommand() *cobra.Command {
	return group("sessions", "Sign-ins that are alive", listSessionsCommand(), revokeSessionsCommand())
}

// shownSession is what an operator is shown of a session.
type shownSession struct {
	ID         string `json:"sid"`
	ClientID   string `json:"client_id"`
	Method     string `json:"method"`
	Scope      string `json:"scope"`
	Device     string `json:"device,omitempty"`
	AuthTime   string `json:"auth_time"`
	LastSeenAt string `json:"last_seen_at"`
	Refreshes  uint32 `json:"refreshes"`
	ExpiresAt  string `json:"expires_at"`
}

func listSessionsCommand() *cobra.Command {
	return addOutputFlag(admin(&cobra.Command{Use: "list SUB|USERNAME", Short: "List a user's live sessions",
		Args: cobra.ExactArgs(1)},
		onUser(func(ctx context.Context, cmd *cobra.Command, database *sql.DB, id string) error {
			sessions, err := database.Sessions().List(ctx, id)
			if err != nil {
				return err
			}
			shown := make([]shownSession, len(sessions))
			for n, s := range sessions {
				shown[n] = shownSession{s.ID, s.ClientID, s.Method, s.Scope, s.Device, moment(s.AuthTime),
					moment(s.LastSeenAt), s.Generation, moment(s.ExpiresAt)}
			}
			return printRows(cmd, shown, []string{"SID", "CLIENT", "METHOD", "SIGNED IN", "LAST SEEN", "REFRESHES",
				"EXPIRES", "DEVICE"}, func(s shownSession) []string {
				return []string{s.ID, s.ClientID, s.Method, s.AuthTime, s.LastSeenAt, fmt.Sprint(s.Refreshes),
					s.ExpiresAt, orDash(s.Device)}
			})
		})))
}

func revokeSessionsCommand() *cobra.Command {
	var user, since, before string
	cmd := admin(&cobra.Command{
		Use:   "revoke [SID]",
		Short: "End one session, all of a user, or all that were opened before or used since an instant",
		Long: `End one session (SID), all sessions of a user (--user), all that were opened at or before an
instant (--before), or all that were opened or refreshed at or after one (--since). Access tokens that
services verify offline live on until they expire.

After restoring a backup, what was ended since it was made is alive again, and nobody knows which: end all that it holds
with --before and the present time. Mini-programs sign in again by themselves.`,
		Example: `  lingpai sessions revoke 0199f2c4-7f6e-7000-8000-3f1c5a2b9d10
  lingpai sessions revoke --user alice
  lingpai sessions revoke --before 2026-11-20T08:00:00Z`,
		Args: cobra.MaximumNArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		if given := len(args) + count(user) + count(since) + count(before); given != 1 {
			return errors.New("say which: a SID, --user, --before, or --since")
		}
		switch {
		case user != "":
			return onUser(func(ctx context.Context, cmd *cobra.Command, database *sql.DB, id string) error {
				ended, err := database.Sessions().EndAll(ctx, id, identity.EndedByOperator)
				return reportEnded(cmd, ended, err)
			})(ctx, cmd, database, []string{user})
		case since != "":
			return revokeByTime(ctx, cmd, "since", since, database.Sessions().EndSince)
		case before != "":
			return revokeByTime(ctx, cmd, "before", before, database.Sessions().EndBefore)
		}
		ended, err := database.Sessions().End(ctx, args[0], identity.EndedByOperator)
		if err == nil && !ended {
			return fmt.Errorf("there is no live session %q", args[0])
		}
		return reportEnded(cmd, 1, err)
	})
	cmd.Flags().StringVar(&user, "user", "", "sub or user name whose sessions end")
	cmd.Flags().StringVar(&before, "before", "", "instant (RFC 3339); sessions opened by then end")
	cmd.Flags().StringVar(&since, "since", "", "instant (RFC 3339); sessions opened or refreshed since then end")
	return cmd
}

func revokeByTime(ctx context.Context, cmd *cobra.Command, flag, text string, end func(context.Context, time.Time,
	string) (int64, error)) error {
	instant, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return fmt.Errorf("--%s: %q is not an instant such as 2026-11-20T08:00:00Z", flag, text)
	}
	ended, err := end(ctx, instant, identity.EndedByOperator)
	return reportEnded(cmd, ended, err)
}

func count(text string) int {
	if text == "" {
		return 0
	}
	return 1
}

func reportEnded(cmd *cobra.Command, ended int64, err error) error {
	if err == nil {
		cmd.Printf("ended %d session(s)\n", ended)
	}
	return err
}
