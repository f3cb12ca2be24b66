package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

func importUsersCommand() *cobra.Command {
	var options importOptions
	cmd := addOutputFlag(admin(&cobra.Command{
		Use: "import FILE|-", Short: "Add the people of another program, from CSV or JSON lines",
		Args: cobra.ExactArgs(1),
		Long: `Add the people of another program, from a file of CSV or JSON lines, or from standard input ("-"). One row is one person:

  sub            the id to keep as "sub" of every token; left out: a new one is made
  username, password_hash (bcrypt or argon2id, as "users create --hash" takes it)
  name, nickname, picture, gender, locale, email, phone, created_at, disabled (true: cannot sign in until "users enable")
  roles          a JSON array; in CSV separated by spaces
  app, openid, unionid: an account at WeChat or QQ. JSON lines may have several: "accounts": [{"app": …, "openid": …}]

A row has sub, username or an account; all else may be left out. Apps are added before (lingpai apps add).

Who is there already is left as he is, so the same command goes on where an import stopped. A row that contradicts a user
or an earlier row is refused, and keeps no other row out; --report tells of each with its line.

--dry-run checks everything and writes nothing. To find who is twice in the file, it remembers every sub, user name, account
and unionid, in up to 100 bytes of memory each; an import needs the same memory for files of any size.`,
		Example: `  lingpai users import people.csv --dry-run --report rehearsal.csv
  lingpai users import people.jsonl --report refused.csv
  zcat people.jsonl.gz | lingpai users import - --format jsonl`,
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		return importUsers(ctx, cmd, database, args[0], options)
	}))
	cmd.Flags().StringVar(&options.format, "format", "",
		"csv or jsonl; default: as the file's name ends (.csv, .jsonl, .ndjson)")
	cmd.Flags().StringVar(&options.report, "report", "",
		"file to make, as CSV: line, outcome (refused or warned), sub and reason of each such row")
	cmd.Flags().BoolVar(&options.dryRun, "dry-run", false, "check everything and write nothing")
	return cmd
}

type importOptions struct {
	format, report string
	dryRun         bool
}

func importUsers(ctx context.Context, cmd *cobra.Command, database *sql.DB, path string, options importOptions) error {
	apps, err := database.Apps().List(ctx)
	if err != nil {
		return err
	}
	source, err := openImport(ctx, cmd.InOrStdin(), path)
	if err != nil {
		return err
	}
	defer source.Close()
	rows, err := source.rows(options.format)
	if err != nil {
		return err
	}
	run := importRun{newcomers: database.Newcomers(), progress: newImportProgress(cmd.ErrOrStderr(), source.size),
		dryRun: options.dryRun}
	if run.report, err = newImportReport(options.report, run.progress); err != nil {
		return err
	}
	if options.dryRun {
		run.newcomers = run.newcomers.Rehearse()
	}
	fault := run.all(ctx, readImport(source, rows, newImportApps(apps)))
	run.progress.end()
	if !options.dryRun {
		event := identity.Event{Kind: identity.EventUsersImported, Detail: run.report.counts.detail()}
		fault = errors.Join(fault, database.Events().Record(context.WithoutCancel(ctx), event))
	}
	return errors.Join(fault, run.report.close(), run.report.counts.print(cmd, options))
}

// importRun is one run of the command.
type importRun struct {
	newcomers identity.Newcomers
	report    *importReport
	progress  importProgress
	dryRun    bool
}

// all imports batch after batch, until the file or the context ends.
func (r importRun) all(ctx context.Context, batches <-chan importBatch) error {
	last := 0
	for {
		var batch importBatch
		select {
		case batch = <-batches:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return r.stopped(last, context.Cause(ctx))
		}
		if err := r.one(context.WithoutCancel(ctx), batch); err != nil { // what has begun is carried through
			return r.stopped(last, err)
		}
		if batch.end != nil {
			return batch.fault()
		}
		last = batch.rows[len(batch.rows)-1].Line
	}
}

// one imports a batch, and tells of its rows in their order.
func (r importRun) one(ctx context.Context, batch importBatch) error {
	var newcomers []identity.Newcomer
	for _, row := range batch.rows {
		if row.fault == nil {
			newcomers = append(newcomers, row.Newcomer)
		}
	}
	arrivals, err := r.newcomers.Import(ctx, newcomers)
	for _, row := range batch.rows {
		arrival := identity.Arrival{}
		switch {
		case row.fault != nil:
			arrival.Reason = row.fault.Error()
		case len(arrivals) == 0: // from here on nothing was done
			return errors.Join(err, r.report.flush())
		default:
			arrival, arrivals = arrivals[0], arrivals[1:]
		}
		r.report.tell(row, arrival)
	}
	r.progress.moved(r.report.counts.rows(), batch.read)
	return errors.Join(err, r.report.flush())
}

// stopped says how to go on.
func (r importRun) stopped(line int, cause error) error {
	text := "the same command goes on from there"
	if r.dryRun {
		text = "nothing was written"
	} else if r.report.path != "" {
		text += " (with another --report)"
	}
	return fmt.Errorf("stopped after line %d: %w; %s", line, cause, text)
}
