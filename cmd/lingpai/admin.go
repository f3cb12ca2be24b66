package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/storage/sql"
)

// admin makes a command that works on the migrated database and ends.
func admin(cmd *cobra.Command, run func(ctx context.Context, cmd *cobra.Command, database *sql.DB,
	args []string) error) *cobra.Command {
	return onDatabase(cmd, openMigrated, func(cmd *cobra.Command, _ config, database *sql.DB, args []string) error {
		return run(cmd.Context(), cmd, database, args)
	})
}

// sealing is admin for commands that seal something with the master key, which must be the one of this installation.
func sealing(cmd *cobra.Command, run func(ctx context.Context, cmd *cobra.Command, database *sql.DB,
	args []string) error) *cobra.Command {
	return onDatabase(cmd, openMigrated, func(cmd *cobra.Command, c config, database *sql.DB, args []string) error {
		records, err := database.Keys().Keys(cmd.Context())
		if err != nil {
			return err
		}
		// before the first start of serve there is nothing to compare it with
		if len(records) > 0 && c.MasterKey != "" {
			ring, err := keys.ParseRing(c.MasterKey.Reveal())
			if err != nil {
				return err
			}
			if err := keys.OpensKeysInUse(records, ring, time.Now()); err != nil {
				return err
			}
		}
		return run(cmd.Context(), cmd, database, args)
	})
}

// labels are how commands name the fields of records: by flag, or by argument. What is empty needs no name.
var labels = map[string]string{
	"client_id": "CLIENT_ID", "grants": "--grant", "scopes": "--scope", "default_scopes": "--default-scope",
	"audience": "--audience", "apps": "--app", "origins": "--origin", "access_ttl": "--access-ttl",
	"idle_ttl": "--idle-ttl", "absolute_ttl": "--absolute-ttl",
	"appid": "", "secret": "", "kind": "--kind", "phone_budget": "--phone-budget",
	"limit": "--limit", "after": "--after", "grace": "--grace", "role": "ROLE", "purpose": "--purpose",
}

// inFlags names the flag or argument that is wrong, where an error names a field of a record. It names no flag that has
// does not report.
func inFlags(err error, has func(flag string) bool) error {
	switch err := err.(type) { // what wraps a field's error has words of its own
	case clients.FieldErrors:
		lines := make([]error, len(err))
		for n, one := range err {
			lines[n] = inFlags(one, has)
		}
		return errors.Join(lines...)
	case clients.FieldError:
		label, known := labels[err.Field]
		flag, isFlag := strings.CutPrefix(label, "--")
		switch {
		case !known:
			return err
		case label == "" || isFlag && !has(flag):
			return errors.New(err.Reason)
		}
		return fmt.Errorf("%s: %s", label, err.Reason)
	}
	return err
}

// onDatabase makes a command that works on a database, opened in its own way, and ends.
func onDatabase(cmd *cobra.Command, open func(context.Context, config) (*sql.DB, error),
	run func(cmd *cobra.Command, c config, database *sql.DB, args []string) error,
) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkOutput(cmd); err != nil {
			return err
		}
		c, err := loadConfig(cmd, terms{})
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
	return cmd
}

// group makes a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, DisableFlagsInUseLine: true,
		Args: cobra.NoArgs, // else a misspelt command would print the help and count as success
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(commands...)
	return cmd
}

// explainUse makes every command say, when its arguments or flags are wrong, what is right.
func explainUse(cmd *cobra.Command) {
	help := func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see: %s --help", err, cmd.CommandPath())
	}
	cmd.SetFlagErrorFunc(help)
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		switch {
		case err == nil:
			return nil
		case cmd.HasSubCommands():
			return help(cmd, err)
		}
		return fmt.Errorf("%w; usage: %s", err, cmd.UseLine())
	}
	for _, held := range cmd.Commands() {
		explainUse(held)
	}
}
