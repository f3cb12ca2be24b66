package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
)

func newSessionsCommand() *cobra.Command {
	return group("sessions", "Manage sessions", listSessionsCommand(), revokeSessionsCommand())
}

func listSessionsCommand() *cobra.Command {
	return completeArguments(operate(asTable(&cobra.Command{Use: "list SUB|USERNAME", SuggestFor: []string{"ls"},
		Short: "List a user's active sessions, at clients and in browsers",
		Long: `List a user's active sessions. A session of the kind "browser" is a browser in which the user is signed
in; the sessions that clients got from it follow it, and have its SID as browser_session with --output json.`,
		Args: cobra.ExactArgs(1)}),
		onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
			sessions, err := o.sessions().List(ctx, o.actor, user.ID)
			if err != nil {
				return err
			}
			return printRows(cmd, sessions, []string{"SID", "KIND", "CLIENT", "METHOD", "SIGNED IN", "LAST SEEN",
				"REFRESHES", "EXPIRES", "DEVICE"}, func(s admin.SessionView) []string {
				return []string{s.ID, s.Kind, terminal.OrDash(s.ClientID), s.Method, s.AuthTime, s.LastSeenAt,
					fmt.Sprint(s.Refreshes), s.ExpiresAt, terminal.OrDash(s.Device)}
			})
		})), 1, userCandidates)
}

func revokeSessionsCommand() *cobra.Command {
	var user, since, before string
	cmd := operate(&cobra.Command{
		Use: "revoke [SID]", SuggestFor: []string{"end", "delete", "rm"},
		Short: "End one session, all sessions of a user, or all before or after a given time",
		Long: `End one session (SID), all sessions of a user (--user), all sessions that were opened at or before a
given time (--before), or all that were opened or refreshed at or after a given time (--since). If SID is that of a
browser session, the sessions that came from it end, too. Services that verify access tokens offline without the
revocation list accept them until they expire.

Restoring a backup also restores sessions that ended after it was made, and nothing distinguishes them from the
others. After a restore, end all sessions with --before and the current time. Mini-programs sign in again by
themselves.`,
		Example: `  lingpai sessions revoke 0199f2c4-7f6e-7000-8000-3f1c5a2b9d10
  lingpai sessions revoke --user alice
  lingpai sessions revoke --before 2026-11-20T08:00:00Z`,
		Args: cobra.MaximumNArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		if given := len(args) + count(user) + count(since) + count(before); given != 1 {
			return errors.New("give exactly one of: a SID, --user, --before, --since")
		}
		switch {
		case user != "":
			return onUser(func(ctx context.Context, cmd *cobra.Command, o operation, user identity.User) error {
				ended, err := o.sessions().EndAll(ctx, o.actor, user.ID)
				return reportEnded(cmd, ended, err)
			})(ctx, cmd, o, []string{user})
		case since != "":
			return revokeByTime(ctx, cmd, o, "since", since, o.sessions().EndSince)
		case before != "":
			return revokeByTime(ctx, cmd, o, "before", before, o.sessions().EndBefore)
		}
		return reportEnded(cmd, 1, o.sessions().End(ctx, o.actor, args[0]))
	})
	cmd.Flags().StringVar(&user, "user", "", "end all sessions of the user with this sub or user name")
	completeFlag(cmd, "user", userCandidates)
	cmd.Flags().StringVar(&before, "before", "", "end sessions opened at or before this instant (RFC 3339)")
	cmd.Flags().StringVar(&since, "since", "", "end sessions opened or refreshed at or after this instant (RFC 3339)")
	return cmd
}

func revokeByTime(ctx context.Context, cmd *cobra.Command, o operation, flag, text string,
	end func(context.Context, identity.Actor, time.Time) (int64, error)) error {
	instant, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return fmt.Errorf("--%s: %q is not an instant such as 2026-11-20T08:00:00Z", flag, text)
	}
	ended, err := end(ctx, o.actor, instant)
	return reportEnded(cmd, ended, err)
}

func count(text string) int {
	if text == "" {
		return 0
	}
	return 1
}

func reportEnded(cmd *cobra.Command, ended int64, err error) error {
	if err != nil {
		return err
	}
	say(cmd, "ended %s\n", terminal.Plural(int(ended), "session"))
	return printResult(cmd, members{"ended": ended})
}
