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

func mergeCommand() *cobra.Command {
	var yes bool
	cmd := completeArguments(operate(&cobra.Command{
		Use: "merge RETIRED SURVIVOR", Short: "Merge two users who are the same person (a preview without --yes)",
		Args: cobra.ExactArgs(2), Aliases: []string{"join"},
		Long: `Merge two users who are the same person, each given by sub or user name. All accounts of RETIRED
sign in as SURVIVOR from then on, and so do its user name and password if SURVIVOR has neither. The sub of
RETIRED is never reused. Roles, claims, profile and phone number are not moved, so that the merged user does not
combine the permissions of both.

Without --yes the command only prints what it would do. "lingpai users unmerge" undoes a merge.`,
		Example: "  lingpai users merge u_8fK2mQ carol\n  lingpai users merge u_8fK2mQ carol --yes",
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
			merge, err := o.merges().Merge(ctx, o.actor, retired.ID, survivor.ID)
			if err != nil {
				return err
			}
			say(cmd, "merged %s into %s: %s; undo it with: lingpai users unmerge %s\n", retired.ID,
				survivor.ID, describeMoved(merge.Moved), merge.ID)
			return printResult(cmd, admin.ViewMerge(merge))
		}
		merge, err := o.merges().Preview(ctx, o.actor, retired.ID, survivor.ID)
		if err != nil {
			return err
		}
		preview(cmd, retired, survivor, merge.Moved, merge.Sessions)
		return printResult(cmd, members{"preview": true, "retired": retired.ID, "survivor": survivor.ID,
			"accounts": len(merge.Moved.Accounts), "unions": len(merge.Moved.Unions),
			"username": merge.Moved.Username, "sessions": merge.Sessions})
	}), 2, userCandidates)
	cmd.Flags().BoolVar(&yes, "yes", false, "merge, instead of printing what a merge would do")
	return cmd
}

// preview prints what a merge would do, with warnings that an operator may not have thought of.
func preview(cmd *cobra.Command, retired, survivor identity.User, moved identity.Moved, sessions int) {
	say(cmd, "%s would be retired and become %s\n", naming(retired), naming(survivor))
	for _, a := range moved.Accounts {
		say(cmd, "  moves    account %s\n",
			strings.Join(terminal.Printable([]string{a.Platform, a.App, a.Subject}), " "))
	}
	for _, u := range moved.Unions {
		say(cmd, "  moves    union %s\n", strings.Join(terminal.Printable([]string{u.Platform, u.OpenPlatform,
			u.UnionID}), " "))
	}
	switch {
	case moved.Username:
		say(cmd, "  moves    user name %q, with its password\n", retired.Username)
	case retired.Username != "":
		say(cmd, "  keeps    user name %q, which can no longer sign in\n", retired.Username)
	}
	if len(retired.Roles) > 0 || retired.Claims != "" {
		say(cmd, "  keeps    roles and claims of %s: %s %s\n", retired.ID,
			terminal.OrDash(strings.Join(retired.Roles, " ")), retired.Claims)
	}
	say(cmd, "  ends     %s of %s\n", terminal.Plural(sessions, "session"), retired.ID)
	if retired.Disabled() {
		say(cmd, "  warning  %s is disabled, and could sign in again as %s\n", retired.ID, survivor.ID)
	}
	if survivor.Disabled() {
		say(cmd, "  warning  %s is disabled, so %s could no longer sign in either\n", survivor.ID, retired.ID)
	}
	say(cmd, "nothing was changed; to merge: lingpai users merge %s %s --yes\n", retired.ID, survivor.ID)
}

// naming returns what operators know a user by: the id, and the name if there is one.
func naming(user identity.User) string {
	if user.Username == "" {
		return user.ID
	}
	return fmt.Sprintf("%s (%q)", user.ID, user.Username)
}

// describeMoved summarizes what a merge moved.
func describeMoved(m identity.Moved) string {
	text := terminal.Plural(len(m.Accounts), "account") + ", " + terminal.Plural(len(m.Unions), "union")
	if m.Username {
		text += ", user name and password"
	}
	return text
}

func duplicatesCommand() *cobra.Command {
	var after string
	var limit int
	cmd := operate(asTable(&cobra.Command{
		Use: "duplicates", Short: "List pairs of users that WeChat or QQ reports as the same person",
		Args: cobra.NoArgs, Aliases: []string{"twins"},
		Long: `List pairs of users that WeChat or QQ reports as the same person: their accounts share a unionid, but an
app was bound to its Open Platform account only after both had signed in. The columns RETIRED and SURVIVOR are
the arguments of "lingpai users merge".`,
	}), func(ctx context.Context, cmd *cobra.Command, o operation, _ []string) error {
		pairs, err := o.merges().Duplicates(ctx, o.actor, after, limit)
		if err != nil {
			return err
		}
		if len(pairs) == limit {
			cmd.PrintErrf("there may be more; continue with --after %s\n",
				strconv.Quote(admin.DuplicateCursor(pairs[limit-1])))
		}
		return printRows(cmd, views(pairs, admin.ViewDuplicate),
			[]string{"RETIRED", "SURVIVOR", "PLATFORM", "OPEN PLATFORM", "UNIONID"},
			func(p admin.DuplicateView) []string {
				return []string{p.Retired, p.Survivor, p.Platform, p.OpenPlatform, p.UnionID}
			})
	})
	cmd.Flags().StringVar(&after, "after", "", "show pairs after this one; the command prints the value to use")
	cmd.Flags().IntVar(&limit, "limit", 100, "maximum number of pairs")
	return cmd
}

func listMergesCommand() *cobra.Command {
	var limit int
	cmd := operate(asTable(&cobra.Command{Use: "merges", Short: "List merges, newest first, and what they moved",
		Args: cobra.NoArgs, Aliases: []string{"joins"}}),
		func(ctx context.Context, cmd *cobra.Command, o operation, _ []string) error {
			merges, err := o.merges().List(ctx, o.actor, limit)
			if err != nil {
				return err
			}
			return printRows(cmd, views(merges, admin.ViewMerge), []string{"ID", "RETIRED", "SURVIVOR", "ACCOUNTS",
				"UNIONS", "USERNAME", "MERGED", "UNDONE"}, func(m admin.MergeView) []string {
				return []string{m.ID, m.Retired, m.Survivor, strconv.Itoa(m.Accounts), strconv.Itoa(m.Unions),
					yesNo(m.Username), m.At, terminal.OrDash(m.UndoneAt)}
			})
		})
	cmd.Flags().IntVar(&limit, "limit", 100, "maximum number of merges")
	return cmd
}

func unmergeCommand() *cobra.Command {
	return completeArguments(operate(&cobra.Command{
		Use: "unmerge MERGE_ID", Short: "Undo a merge, and end the survivor's sessions",
		Args: cobra.ExactArgs(1), Aliases: []string{"unjoin"},
		Long: `Undo a merge. The retired user gets back what the merge moved and the survivor still has, and what the
moved accounts have added since, such as an account at another app of the same Open Platform account. A user name is
returned without its password if the password was changed since the merge. All sessions of the survivor end. Lines
that begin with "warning" list what else was added since and may belong to the wrong person; only you can tell.`,
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		merge, err := o.merges().Undo(ctx, o.actor, args[0])
		if err != nil {
			return err
		}
		say(cmd, "restored %s with %s; ended all sessions of %s\n", merge.Retired,
			describeMoved(merge.Moved), merge.Survivor)
		result := struct {
			admin.MergeView
			Warnings []string `json:"warnings"`
		}{admin.ViewMerge(merge), append([]string{}, merge.Warnings...)}
		for _, warning := range terminal.Printable(merge.Warnings) {
			say(cmd, "  warning  %s\n", warning)
		}
		return printResult(cmd, result)
	}), 1, mergeCandidates)
}
