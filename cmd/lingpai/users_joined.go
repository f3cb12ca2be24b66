package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

// shownTwins is what an operator is shown of two users who are one person.
type shownTwins struct {
	Retired      string `json:"retired"`
	Survivor     string `json:"survivor"`
	Platform     string `json:"platform"`
	OpenPlatform string `json:"open_platform"`
	UnionID      string `json:"unionid"`
}

func twinsCommand() *cobra.Command {
	var after string
	var limit int
	cmd := addOutputFlag(admin(&cobra.Command{
		Use: "twins", Short: "List pairs of users whom a platform calls one person, in the order that " +
			"\"users join\" takes them", Args: cobra.NoArgs,
		Long: `List pairs of users whom a platform calls one person: their accounts have the same unionid, but
an app was bound to its Open Platform account only after both had signed in. The columns RETIRED and SURVIVOR
are the arguments of "lingpai users join".`,
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, _ []string) error {
		if limit < 1 {
			return errors.New("--limit: at least 1")
		}
		from, err := parsePlace(after)
		if err != nil {
			return err
		}
		pairs, err := database.Joins().Twins(ctx, from, limit)
		if err != nil {
			return err
		}
		if len(pairs) == limit {
			cmd.PrintErrf("there may be more: go on with --after %s\n", place(pairs[limit-1]))
		}
		shown := make([]shownTwins, len(pairs))
		for n, p := range pairs {
			shown[n] = shownTwins{p.Other, p.Owner, p.Platform, p.OpenPlatform, p.UnionID}
		}
		return printRows(cmd, shown, []string{"RETIRED", "SURVIVOR", "PLATFORM", "OPEN PLATFORM", "UNIONID"},
			func(p shownTwins) []string {
				return []string{p.Retired, p.Survivor, p.Platform, p.OpenPlatform, p.UnionID}
			})
	}))
	cmd.Flags().StringVar(&after, "after", "", "show pairs that follow this one, as the command prints it")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many to show at most")
	return cmd
}

// place is where a pair is in the listing. Neither platforms, unionids nor subs have a slash in them; names
// of Open Platform accounts may.
func place(p identity.Twins) string {
	return strconv.Quote(p.Platform + "/" + p.OpenPlatform + "/" + p.UnionID + "/" + p.Other)
}

func parsePlace(text string) (identity.Twins, error) {
	parts := strings.Split(text, "/")
	last := len(parts) - 1
	switch {
	case text == "":
		return identity.Twins{}, nil
	case last < 3:
		return identity.Twins{}, errors.New("--after: give what the command printed, such as wechat/main/UNIONID/SUB")
	}
	return identity.Twins{
		Platform: parts[0], OpenPlatform: strings.Join(parts[1:last-1], "/"), UnionID: parts[last-1],
		Other: parts[last],
	}, nil
}

// shownJoin is what an operator is shown of a join.
type shownJoin struct {
	ID       string `json:"id"`
	Retired  string `json:"retired"`
	Survivor string `json:"survivor"`
	Accounts int    `json:"accounts"`
	Unions   int    `json:"unions"`
	Username bool   `json:"username"`
	At       string `json:"at"`
	UndoneAt string `json:"undone_at,omitempty"`
}

func listJoinsCommand() *cobra.Command {
	var limit int
	cmd := addOutputFlag(admin(&cobra.Command{Use: "joins", Short: "List joins, the newest first, and what moved",
		Args: cobra.NoArgs},
		func(ctx context.Context, cmd *cobra.Command, database *sql.DB, _ []string) error {
			if limit < 1 {
				return errors.New("--limit: at least 1")
			}
			joins, err := database.Joins().List(ctx, limit)
			if err != nil {
				return err
			}
			shown := make([]shownJoin, len(joins))
			for n, j := range joins {
				shown[n] = shownJoin{
					j.ID, j.Retired, j.Survivor, len(j.Moved.Accounts), len(j.Moved.Unions), j.Moved.Username,
					moment(j.At), moment(j.UndoneAt),
				}
			}
			return printRows(cmd, shown, []string{"ID", "RETIRED", "SURVIVOR", "ACCOUNTS", "UNIONS", "USERNAME",
				"JOINED", "UNDONE"}, func(j shownJoin) []string {
				return []string{j.ID, j.Retired, j.Survivor, strconv.Itoa(j.Accounts), strconv.Itoa(j.Unions),
					yesNo(j.Username), j.At, orDash(j.UndoneAt)}
			})
		}))
	cmd.Flags().IntVar(&limit, "limit", 100, "how many to show at most")
	return cmd
}

func unjoinCommand() *cobra.Command {
	return admin(&cobra.Command{
		Use: "unjoin JOIN_ID", Short: "Take a join back: give the retired user what the survivor still has " +
			"of it, and end the survivor's sessions", Args: cobra.ExactArgs(1),
		Long: `Take a join back: give the retired user what the survivor still has of it, and what came by
that since, such as an account at another app of the same Open Platform account. A user name goes back without
its password if that is not the one that moved. All sessions of the survivor end. Lines that begin with
"beware" tell what else came since the join and may be the wrong person's: nobody but you can judge it.`,
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		join, err := database.Joins().Undo(ctx, args[0])
		if errors.Is(err, identity.ErrNotFound) {
			return fmt.Errorf("there is no join %q, or it was undone: see lingpai users joins", args[0])
		}
		if err != nil {
			return notJoined(err)
		}
		cmd.Printf("%s is a user again and got back %s; ended all sessions of %s\n", join.Retired,
			tellMoved(join.Moved), join.Survivor)
		for _, doubt := range cells(join.Doubts) {
			cmd.Printf("  beware   %s\n", doubt)
		}
		return nil
	})
}
