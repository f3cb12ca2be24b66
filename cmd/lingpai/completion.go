package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
)

const (
	completionTime  = 2 * time.Second // the longest wait after the tab key is pressed
	completionLimit = 100             // the maximum number of users and merges that are read
)

// candidate is an id to complete, with a description.
type candidate struct{ id, description string }

// candidates lists ids that may begin with a prefix.
type candidates func(ctx context.Context, o operation, prefix string) ([]candidate, error)

// completeArguments completes up to the given number of a command's arguments from the database.
func completeArguments(cmd *cobra.Command, arguments int, list candidates) *cobra.Command {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, prefix string) ([]string,
		cobra.ShellCompDirective) {
		if len(args) >= arguments {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, prefix, list)
	}
	return cmd
}

// completeFlag completes the values of a flag from the database.
func completeFlag(cmd *cobra.Command, flag string, list candidates) {
	_ = cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, prefix string) ([]string,
		cobra.ShellCompDirective) {
		return complete(cmd, prefix, list)
	}) // does not fail: the flag exists and has no completion yet
}

// complete returns the candidates that begin with a prefix. Without a database that can be read, it returns nothing:
// an error would be printed into the line that somebody is typing.
func complete(cmd *cobra.Command, prefix string, list candidates) ([]string, cobra.ShellCompDirective) {
	const done = cobra.ShellCompDirectiveNoFileComp
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	c, err := settings.Load(cmd.Flags(), settings.LoadOptions{})
	if err != nil {
		return nil, done
	}
	database, err := server.OpenMigratedDatabase(ctx, c)
	if err != nil {
		return nil, done
	}
	defer database.Close()
	found, err := list(ctx, operation{c, database, actor(cmd)}, prefix)
	if err != nil {
		return nil, done
	}
	var completions []string
	for _, f := range found {
		if texts := terminal.Printable([]string{f.id, f.description}); strings.HasPrefix(f.id, prefix) && f.id != "" {
			completions = append(completions, cobra.CompletionWithDesc(texts[0], texts[1]))
		}
	}
	return completions, done
}

func appCandidates(ctx context.Context, o operation, _ string) ([]candidate, error) {
	apps, err := o.apps().List(ctx, o.actor)
	return views(apps, func(a admin.AppView) candidate { return candidate{a.ID, a.Name} }), err
}

func clientCandidates(ctx context.Context, o operation, _ string) ([]candidate, error) {
	clients, err := o.clients().List(ctx, o.actor)
	return views(clients, func(c identity.Client) candidate { return candidate{c.ID, c.Name} }), err
}

func keyCandidates(ctx context.Context, o operation, _ string) ([]candidate, error) {
	k, err := o.keys()
	if err != nil {
		return nil, err
	}
	keys, err := k.List(ctx, o.actor)
	return views(keys, func(k admin.KeyView) candidate {
		return candidate{k.ID, string(k.Purpose) + ", " + string(k.State)}
	}), err
}

func mergeCandidates(ctx context.Context, o operation, _ string) ([]candidate, error) {
	merges, err := o.merges().List(ctx, o.actor, completionLimit)
	var found []candidate
	for _, m := range merges {
		if m.UndoneAt.IsZero() {
			found = append(found, candidate{m.ID, m.Retired + " into " + m.Survivor})
		}
	}
	return found, err
}

// userCandidates lists the names of the first users, and the subs of the first users from the prefix on.
func userCandidates(ctx context.Context, o operation, prefix string) ([]candidate, error) {
	users, err := o.users().List(ctx, o.actor, "", completionLimit)
	if err != nil {
		return nil, err
	}
	var found []candidate
	for _, u := range users {
		found = append(found, candidate{u.Username, u.ID})
	}
	if len(users) == completionLimit {
		if users, err = o.users().List(ctx, o.actor, prefix, completionLimit); err != nil {
			return nil, err
		}
	}
	for _, u := range users {
		found = append(found, candidate{u.ID, u.Username})
	}
	return found, nil
}
