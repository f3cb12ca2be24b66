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
	cmd := addOutputFlag(operate(&cobra.Command{
		Use: "import FILE|-", Short: "Add the people of another program, from CSV or JSON lines",
		Args: cobra.ExactArgs(1),
		Long: `Add the people of another program, from a file of CSV or JSON lines, or from standard input
("-"). One row is one person:

  sub            the id to keep as "sub" of every token; left out: a new one is made
  username, password_hash (bcrypt or argon2id, as "users create --hash" takes it)
  name, nickname, picture, gender, locale, email, phone, created_at,
                 disabled (true: cannot sign in until "users enable")
  roles          a JSON array; in CSV separated by spaces
  app, openid, unionid: an account at WeChat or QQ. JSON lines may have several: "accounts": [{"app": …, "openid": …}]

A row has sub, username or an account; all else may be left out. Apps are added before (lingpai apps add).

Who is there already is left as he is, so the same command goes on where an import stopped. A row that
contradicts a user or an earlier row is refused, and keeps no other row out; --report tells of each with its
line.

--dry-run checks everything and writes nothing. To find who is twice in the file, it remembers every sub, user
name, account and unionid, in up to 100 bytes of memory each; an import needs the same memory for files of any
size.`,
		Example: `  lingpai users import people.csv --dry-run --report rehearsal.csv
  lingpai users import people.jsonl --report refused.csv
  zcat people.jsonl.gz | lingpai users import - --format jsonl`,
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		options.Path, options.Imports, options.Actor = args[0], o.people(), o.actor
		options.Stdin, options.Stderr = cmd.InOrStdin(), cmd.ErrOrStderr()
		return importUsers(ctx, cmd, options)
	}))
	cmd.Flags().StringVar(&options.Format, "format", "",
		"csv or jsonl; default: as the file's name ends (.csv, .jsonl, .ndjson)")
	cmd.Flags().StringVar(&options.Report, "report", "",
		"file to make, as CSV: line, outcome (refused or warned), sub and reason of each such row")
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

// printImport ends a run: it is a failure if rows were refused.
func printImport(cmd *cobra.Command, counts userimport.Counts, report string) error {
	imported := "imported"
	if counts.DryRun {
		imported = "dry run: would have imported"
	}
	if output, _ := cmd.Flags().GetString("output"); output == "json" {
		if err := printJSON(cmd, counts); err != nil {
			return err
		}
	} else {
		cmd.Printf("%s %s, already there %s, refused %s\n", imported, terminal.Grouped(counts.Imported),
			terminal.Grouped(counts.AlreadyThere), terminal.Grouped(counts.Refused))
	}
	if counts.Refused == 0 {
		return nil
	}
	where := cmp.Or(report, "the lines above; --report FILE tells of all")
	return fmt.Errorf("%s of %s rows were refused: see %s", terminal.Grouped(counts.Refused),
		terminal.Grouped(counts.Rows()), where)
}
