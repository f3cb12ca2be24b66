package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
)

func joinCommand() *cobra.Command {
	var yes bool
	cmd := operate(&cobra.Command{
		Use: "join RETIRED SURVIVOR", Short: "Make one user of two who are the same person; shows what " +
			"would happen, and does it with --yes", Args: cobra.ExactArgs(2),
		Long: `Make one user of two who are the same person, each named by sub or user name. All accounts of
RETIRED lead to SURVIVOR from then on, and so do user name and password, if SURVIVOR has neither. The sub of
RETIRED is nobody else's ever. Roles, claims, profile and phone number stay behind: what a person may do is
not the sum of what two could.

Without --yes nothing is done but shown. "lingpai users unjoin" takes a join back.`,
		Example: "  lingpai users join u_8fK2mQ carol\n  lingpai users join u_8fK2mQ carol --yes",
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		retired, err := o.users().Find(ctx, o.actor, args[0])
		if err != nil {
			return err
		}
		survivor, err := o.users().Find(ctx, o.actor, args[1])
		if err != nil {
			return err
		}
		if yes {
			join, err := o.merges().Merge(ctx, o.actor, retired.ID, survivor.ID)
			if err != nil {
				return err
			}
			cmd.Printf("joined %s into %s: %s; take it back with: lingpai users unjoin %s\n", retired.ID,
				survivor.ID, tellMoved(join.Moved), join.ID)
			return nil
		}
		merge, err := o.merges().Preview(ctx, o.actor, retired.ID, survivor.ID)
		if err != nil {
			return err
		}
		preview(cmd, retired, survivor, merge.Moved, merge.Sessions)
		return nil
	})
	cmd.Flags().BoolVar(&yes, "yes", false, "do it, rather than show what would happen")
	return cmd
}

// preview says what a join would do, and what an operator may not have thought of.
func preview(cmd *cobra.Command, retired, survivor identity.User, moved identity.Moved, sessions int) {
	cmd.Printf("%s would be retired, and be %s from then on\n", naming(retired), naming(survivor))
	for _, a := range moved.Accounts {
		cmd.Printf("  moves    account %s\n",
			strings.Join(terminal.Printable([]string{a.Platform, a.App, a.Subject}), " "))
	}
	for _, u := range moved.Unions {
		cmd.Printf("  moves    union %s\n", strings.Join(terminal.Printable([]string{u.Platform, u.OpenPlatform,
			u.UnionID}), " "))
	}
	switch {
	case moved.Username:
		cmd.Printf("  moves    user name %q, with its password\n", retired.Username)
	case retired.Username != "":
		cmd.Printf("  stays    user name %q, with which nobody can sign in any more\n", retired.Username)
	}
	if len(retired.Roles) > 0 || retired.Claims != "" {
		cmd.Printf("  stays    roles and claims of %s: %s %s\n", retired.ID,
			terminal.OrDash(strings.Join(retired.Roles, " ")), retired.Claims)
	}
	cmd.Printf("  ends     %d session(s) of %s\n", sessions, retired.ID)
	if retired.Disabled() {
		cmd.Printf("  beware   %s is disabled, and could sign in again as %s\n", retired.ID, survivor.ID)
	}
	if survivor.Disabled() {
		cmd.Printf("  beware   %s is disabled, so %s could not sign in any more either\n", survivor.ID, retired.ID)
	}
	cmd.Printf("nothing was done; go on with: lingpai users join %s %s --yes\n", retired.ID, survivor.ID)
}

// naming names a user as operators know it.
func naming(user identity.User) string {
	if user.Username == "" {
		return user.ID
	}
	return fmt.Sprintf("%s (%q)", user.ID, user.Username)
}

// tellMoved says in a word what went from one user to another.
func tellMoved(m identity.Moved) string {
	text := fmt.Sprintf("%d account(s), %d union(s)", len(m.Accounts), len(m.Unions))
	if m.Username {
		text += ", user name and password"
	}
	return text
}

func twinsCommand() *cobra.Command {
	var after string
	var limit int
	cmd := addOutputFlag(operate(&cobra.Command{
		Use: "twins", Short: "List pairs of users whom a platform calls one person, in the order that " +
			"\"users join\" takes them", Args: cobra.NoArgs,
		Long: `List pairs of users whom a platform calls one person: their accounts have the same unionid, but
an app was bound to its Open Platform account only after both had signed in. The columns RETIRED and SURVIVOR
are the arguments of "lingpai users join".`,
	}, func(ctx context.Context, cmd *cobra.Command, o operation, _ []string) error {
		pairs, err := o.merges().Duplicates(ctx, o.actor, after, limit)
		if err != nil {
			return err
		}
		if len(pairs) == limit {
			cmd.PrintErrf("there may be more: go on with --after %s\n",
				strconv.Quote(admin.DuplicateCursor(pairs[limit-1])))
		}
		return printRows(cmd, views(pairs, admin.ViewDuplicate),
			[]string{"RETIRED", "SURVIVOR", "PLATFORM", "OPEN PLATFORM", "UNIONID"},
			func(p admin.DuplicateView) []string {
				return []string{p.Retired, p.Survivor, p.Platform, p.OpenPlatform, p.UnionID}
			})
	}))
	cmd.Flags().StringVar(&after, "after", "", "show pairs that follow this one, as the command prints it")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many to show at most")
	return cmd
}

func listJoinsCommand() *cobra.Command {
	var limit int
	cmd := addOutputFlag(operate(&cobra.Command{Use: "joins", Short: "List joins, the newest first, and what moved",
		Args: cobra.NoArgs},
		func(ctx context.Context, cmd *cobra.Command, o operation, _ []string) error {
			joins, err := o.merges().List(ctx, o.actor, limit)
			if err != nil {
				return err
			}
			return printRows(cmd, views(joins, admin.ViewMerge), []string{"ID", "RETIRED", "SURVIVOR", "ACCOUNTS",
				"UNIONS", "USERNAME",
				"JOINED", "UNDONE"}, func(j admin.MergeView) []string {
				return []string{j.ID, j.Retired, j.Survivor, strconv.Itoa(j.Accounts), strconv.Itoa(j.Unions),
					yesNo(j.Username), j.At, terminal.OrDash(j.UndoneAt)}
			})
		}))
	cmd.Flags().IntVar(&limit, "limit", 100, "how many to show at most")
	return cmd
}

func unjoinCommand() *cobra.Command {
	return operate(&cobra.Command{
		Use: "unjoin JOIN_ID", Short: "Take a join back: give the retired user what the survivor still has " +
			"of it, and end the survivor's sessions", Args: cobra.ExactArgs(1),
		Long: `Take a join back: give the retired user what the survivor still has of it, and what came by
that since, such as an account at another app of the same Open Platform account. A user name goes back without
its password if that is not the one that moved. All sessions of the survivor end. Lines that begin with
"beware" tell what else came since the join and may be the wrong person's: nobody but you can judge it.`,
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		join, err := o.merges().Undo(ctx, o.actor, args[0])
		if err != nil {
			return err
		}
		cmd.Printf("%s is a user again and got back %s; ended all sessions of %s\n", join.Retired,
			tellMoved(join.Moved), join.Survivor)
		for _, doubt := range terminal.Printable(join.Doubts) {
			cmd.Printf("  beware   %s\n", doubt)
		}
		return nil
	})
}
