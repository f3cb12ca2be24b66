package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

func joinCommand() *cobra.Command {
	var yes bool
	cmd := admin(&cobra.Command{
		Use: "join RETIRED SURVIVOR", Short: "Make one user of two who are the same person; shows what " +
			"would happen, and does it with --yes", Args: cobra.ExactArgs(2),
		Long: `Make one user of two who are the same person, each named by sub or user name. All accounts of
RETIRED lead to SURVIVOR from then on, and so do user name and password, if SURVIVOR has neither. The sub of
RETIRED is nobody else's ever. Roles, claims, profile and phone number stay behind: what a person may do is
not the sum of what two could.

Without --yes nothing is done but shown. "lingpai users unjoin" takes a join back.`,
		Example: "  lingpai users join u_8fK2mQ carol\n  lingpai users join u_8fK2mQ carol --yes",
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		retired, err := findUser(ctx, database, args[0])
		if err != nil {
			return err
		}
		survivor, err := findUser(ctx, database, args[1])
		if err != nil {
			return err
		}
		if yes {
			join, err := database.Joins().Join(ctx, retired.ID, survivor.ID)
			if err != nil {
				return notJoined(err)
			}
			cmd.Printf("joined %s into %s: %s; take it back with: lingpai users unjoin %s\n", retired.ID,
				survivor.ID, tellMoved(join.Moved), join.ID)
			return nil
		}
		join, err := database.Joins().Preview(ctx, retired.ID, survivor.ID)
		if err != nil {
			return notJoined(err)
		}
		sessions, err := database.Sessions().List(ctx, retired.ID)
		if err != nil {
			return err
		}
		preview(cmd, retired, survivor, join.Moved, len(sessions))
		return nil
	})
	cmd.Flags().BoolVar(&yes, "yes", false, "do it, rather than show what would happen")
	return cmd
}

// preview says what a join would do, and what an operator may not have thought of.
func preview(cmd *cobra.Command, retired, survivor identity.User, moved identity.Moved, sessions int) {
	cmd.Printf("%s would be retired, and be %s from then on\n", naming(retired), naming(survivor))
	for _, a := range moved.Accounts {
		cmd.Printf("  moves    account %s\n", strings.Join(cells([]string{a.Platform, a.App, a.Subject}), " "))
	}
	for _, u := range moved.Unions {
		cmd.Printf("  moves    union %s\n", strings.Join(cells([]string{u.Platform, u.OpenPlatform, u.UnionID}), " "))
	}
	switch {
	case moved.Username:
		cmd.Printf("  moves    user name %q, with its password\n", retired.Username)
	case retired.Username != "":
		cmd.Printf("  stays    user name %q, with which nobody can sign in any more\n", retired.Username)
	}
	if len(retired.Roles) > 0 || retired.Claims != "" {
		cmd.Printf("  stays    roles and claims of %s: %s %s\n", retired.ID,
			orDash(strings.Join(retired.Roles, " ")), retired.Claims)
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

// notJoined says why two users stay two, or one stays one.
func notJoined(err error) error {
	if reason, refused := strings.CutPrefix(err.Error(), identity.ErrExists.Error()+": "); refused &&
		errors.Is(err, identity.ErrExists) {
		return errors.New("that cannot be: " + reason)
	}
	if errors.Is(err, identity.ErrNotFound) {
		return errors.New("one of the two users has been deleted meanwhile")
	}
	return err
}
