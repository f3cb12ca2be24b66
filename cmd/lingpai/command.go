package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/password"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/sql"
)

// operation is what a command works with: the migrated database of its configuration.
type operation struct {
	config   settings.Settings
	database *sql.DB
	actor    identity.Actor
}

// operate makes a command that works on the migrated database.
func operate(cmd *cobra.Command, run func(ctx context.Context, cmd *cobra.Command, o operation,
	args []string) error) *cobra.Command {
	return onDatabase(cmd, server.OpenMigratedDatabase, func(cmd *cobra.Command, c settings.Settings,
		database *sql.DB, args []string) error {
		err := run(cmd.Context(), cmd, operation{c, database, actor(cmd)}, args)
		return terminal.NameFlags(err, func(flag string) bool { return cmd.Flags().Lookup(flag) != nil })
	})
}

// actor names the command and the operating system user who runs it, for the audit log.
func actor(cmd *cobra.Command) identity.Actor {
	name := "uid " + strconv.Itoa(os.Getuid())
	if who, err := user.Current(); err == nil {
		name = who.Username
	}
	return identity.Actor{Name: fmt.Sprintf("%s (%s)", cmd.CommandPath(), name)}
}

func (o operation) clients() *admin.Clients {
	return admin.NewClients(o.database.Clients(), o.database.Apps())
}

func (o operation) apps() *admin.Apps { return admin.NewApps(o.database.Apps(), o.database.Clients()) }

func (o operation) users() *admin.Users {
	return admin.NewUsers(admin.UsersConfig{
		Users: o.database.Users(), Accounts: o.database.Accounts(), Entitlements: o.database.Entitlements(),
		Deletions: o.database.Deletions(), Sessions: o.database.Sessions(), Hasher: password.New(password.Options{}),
	})
}

func (o operation) imports() *admin.Imports {
	return admin.NewImports(o.database.Imports(), o.database.Apps())
}

func (o operation) merges() *admin.Merges {
	return admin.NewMerges(o.database.Merges(), o.database.Sessions())
}

func (o operation) sessions() *admin.Sessions {
	return admin.NewSessions(o.database.Sessions(), o.database.BrowserSessions())
}

func (o operation) consents() *admin.Consents { return admin.NewConsents(o.database.Consents()) }

func (o operation) events() *admin.Events { return admin.NewEvents(o.database.Events(), o.users()) }

// keys returns the keys of the database, opened with the configured master key if there is one.
func (o operation) keys() (*admin.Keys, error) {
	var ring *keys.Ring
	if o.config.MasterKey != "" {
		var err error
		if ring, err = keys.ParseRing(o.config.MasterKey.Reveal()); err != nil {
			return nil, err
		}
	}
	return admin.NewKeys(admin.KeysConfig{
		Store: o.database.Keys(), Clock: o.database.Clock, Policy: o.config.KeyPolicy(), Ring: ring,
		Secrets: o.database.Apps(), Accounts: o.database.Accounts(),
	}), nil
}

// checkMasterKey rejects a master key that is not the one of this installation, before anything is encrypted with it.
func (o operation) checkMasterKey(ctx context.Context) error {
	k, err := o.keys()
	if err != nil {
		return err
	}
	return k.CheckMasterKey(ctx, o.actor)
}

// onDatabase makes a command that works on a database, which open opens. It adds --config, and --output if the command
// has none.
func onDatabase(cmd *cobra.Command, open func(context.Context, settings.Settings) (*sql.DB, error),
	run func(cmd *cobra.Command, c settings.Settings, database *sql.DB, args []string) error,
) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkOutput(cmd); err != nil {
			return err
		}
		c, err := settings.Load(cmd.Flags(), settings.LoadOptions{})
		if err != nil {
			return err
		}
		database, err := open(cmd.Context(), c)
		if err != nil {
			return err
		}
		defer database.Close()
		return run(cmd, c, database, args)
	}
	cmd.Flags().String("config", "", "YAML file with the settings of the servers (also LINGPAI_CONFIG)")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml") // does not fail: the flag exists
	if cmd.Flags().Lookup("output") == nil {
		addOutputFlag(cmd, formatText)
	}
	return cmd
}

// group makes a command that only has subcommands.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, DisableFlagsInUseLine: true,
		Args: cobra.NoArgs, // otherwise a misspelt command would print the help and succeed
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(commands...)
	return cmd
}

// hideAliases leaves aliases out of the help: they are former names, which only keep existing scripts working.
func hideAliases(root *cobra.Command) {
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.Aliases = nil // the command has been found by now
		help(cmd, args)
	})
}

// explainUse makes every command explain wrong arguments and flags, and suggest what was probably intended.
func explainUse(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
			if name := suggestFlag(cmd, unknown.GetSpecifiedName()); name != "" {
				return fmt.Errorf("%w; did you mean --%s? see: %s --help", err, name, cmd.CommandPath())
			}
		}
		return fmt.Errorf("%w; see: %s --help", err, cmd.CommandPath())
	})
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		switch {
		case err == nil:
			return checkChoices(cmd)
		case !cmd.HasSubCommands():
			return fmt.Errorf("%w; usage: %s", err, cmd.UseLine())
		}
		if name := suggestCommand(cmd, args[0]); name != "" {
			return fmt.Errorf("%w; did you mean %q? see: %s --help", err, name, cmd.CommandPath())
		}
		return fmt.Errorf("%w; see: %s --help", err, cmd.CommandPath())
	}
	if cmd.ValidArgsFunction == nil && !strings.Contains(cmd.Use, "FILE") {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, child := range cmd.Commands() {
		explainUse(child)
	}
}
