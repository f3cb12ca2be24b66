package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/cmd/lingpai/userimport"
)

func importUsersCommand() *cobra.Command {
	var options userimport.Config
	cmd := operate(asTable(&cobra.Command{
		Use: "import FILE|-", Short: "Import users from another program, as CSV or JSON lines",
		Args: cobra.ExactArgs(1),
		Long: `Import users from another program, as a file of CSV or JSON lines or from standard input ("-").
Each row is one user:

  sub            the id to keep as "sub" of every token; if omitted, a new one is generated
  username, password_hash (bcrypt or argon2id, in the form that "users create --hash" accepts)
  name, nickname, picture, gender, locale, email, address, phone, created_at,
                 disabled (true: cannot sign in until "users enable")
  roles          a JSON array; in CSV separated by spaces
  app, openid, unionid: an account at WeChat or QQ. JSON lines may have several: "accounts": [{"app": …, "openid": …}]

A row needs a sub, a username or an account; everything else is optional. Apps must be added first (lingpai apps
add).

Existing users are not changed, so run the same command again to resume an interrupted import. A row that contradicts
a user or an earlier row is rejected and does not affect other rows; --report lists each rejected row with its line.

--dry-run checks everything and writes nothing. To find duplicates within the file, it keeps every sub, user name,
account and unionid in memory, up to 100 bytes each. The memory of a real import does not grow with the file.`,
		Example: `  lingpai users import people.csv --dry-run --report rehearsal.csv
  lingpai users import people.jsonl --report refused.csv
  zcat people.jsonl.gz | lingpai users import - --format jsonl`,
	}), func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		options.Path, options.Imports, options.Actor = args[0], o.imports(), o.actor
		options.Stdin, options.Stderr = cmd.InOrStdin(), cmd.ErrOrStderr()
		return importUsers(ctx, cmd, options)
	})
	cmd.Flags().StringVar(&options.Format, "format", "",
		"format of the file: csv or jsonl (default: from its extension .csv, .jsonl or .ndjson)")
	limitChoices(cmd, "format", "csv", "jsonl")
	cmd.Flags().StringVar(&options.Report, "report", "",
		"write a CSV file with line, outcome (refused or warned), sub and reason of each rejected or doubtful row")
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "check everything and write nothing")
	return cmd
}

func importUsers(ctx context.Context, cmd *cobra.Command, options userimport.Config) error {
	run, err := userimport.Open(ctx, options)
	if err != nil {
		return err
	}
	defer run.Close()
	counts, err := run.All(ctx)
	return errors.Join(err, printImport(cmd, counts, options.Report))
}

// printImport prints the outcome of an import. It returns an error if rows were rejected.
func printImport(cmd *cobra.Command, counts userimport.Counts, report string) error {
	imported := "imported"
	if counts.DryRun {
		imported = "dry run: would have imported"
	}
	say(cmd, "%s %s, already there %s, refused %s\n", imported, terminal.Grouped(counts.Imported),
		terminal.Grouped(counts.AlreadyThere), terminal.Grouped(counts.Refused))
	if counts.Expensive > 0 {
		cmd.PrintErrf("warning: %s imported hashes are expensive (%s): %s\n", terminal.Grouped(counts.Expensive),
			expensiveHashes, adviceOnExpensive)
	}
	if err := printResult(cmd, counts); err != nil {
		return err
	}
	if counts.Refused == 0 {
		return nil
	}
	where := cmp.Or(report, "the lines above; --report FILE lists all of them")
	return fmt.Errorf("%s of %s rows were refused: see %s", terminal.Grouped(counts.Refused),
		terminal.Grouped(counts.Rows()), where)
}
