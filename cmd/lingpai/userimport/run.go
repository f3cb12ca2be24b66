// Package userimport imports the users of another program: it reads CSV or JSON lines, checks each row, and passes them
// to the store in batches.
package userimport

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/identity"
)

// Config configures an import.
type Config struct {
	Path   string // of the input file; "-": Stdin
	Format string // csv or jsonl; empty: from the extension of Path
	Report string // path of a file to create that lists rejected rows and warnings; empty: Stderr
	DryRun bool   // checks everything and writes nothing

	Stdin  io.Reader
	Stderr io.Writer // shows progress

	Imports *admin.Imports
	Actor   identity.Actor // for the audit log
}

// Run is one import.
type Run struct {
	imports  *admin.Imports
	actor    identity.Actor
	input    *inputFile
	rows     rowReader
	apps     knownApps
	report   *report
	progress progress
	dryRun   bool
	line     int // of the last row that was completed
}

// Open opens the input and creates the report. It imports nothing yet.
func Open(ctx context.Context, c Config) (*Run, error) {
	apps, err := c.Imports.Apps(ctx, c.Actor)
	if err != nil {
		return nil, err
	}
	input, err := openInput(ctx, c.Stdin, c.Path)
	if err != nil {
		return nil, err
	}
	r := &Run{imports: c.Imports, actor: c.Actor, input: input, apps: newKnownApps(apps),
		progress: newProgress(c.Stderr, input.size), dryRun: c.DryRun}
	if r.rows, err = input.rows(c.Format); err != nil {
		return nil, errors.Join(err, input.Close())
	}
	if r.report, err = newReport(c.Report, r.progress); err != nil {
		return nil, errors.Join(err, input.Close())
	}
	if c.DryRun {
		r.imports = c.Imports.Rehearse()
	}
	return r, nil
}

// Close closes the input.
func (r *Run) Close() error { return r.input.Close() }

// All imports the whole input and closes the report. The counts are valid even if it returns an error.
func (r *Run) All(ctx context.Context) (Counts, error) {
	fault := r.importBatches(ctx, readBatches(r.input, r.rows, r.apps))
	r.progress.end()
	counts := r.report.counts
	counts.DryRun = r.dryRun
	return counts, errors.Join(fault, r.report.close())
}

// importBatches imports batch after batch, until the file or the context ends.
func (r *Run) importBatches(ctx context.Context, read <-chan rowBatch) error {
	for {
		var batch rowBatch
		select {
		case batch = <-read:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return r.stopped(context.Cause(ctx))
		}
		if err := r.importBatch(context.WithoutCancel(ctx), batch); err != nil { // a batch that has begun is completed
			return r.stopped(err)
		}
		if batch.end != nil {
			return batch.fault()
		}
	}
}

// importBatch imports a batch, and reports its rows in order.
func (r *Run) importBatch(ctx context.Context, batch rowBatch) error {
	var users []identity.ImportedUser
	for _, row := range batch.rows {
		if row.fault == nil {
			users = append(users, row.ImportedUser)
		}
	}
	results, err := r.imports.Import(ctx, r.actor, users)
	for _, row := range batch.rows {
		result := identity.ImportResult{}
		switch {
		case row.fault != nil:
			result.Reason = row.fault.Error()
		case len(results) == 0: // the remaining rows were not imported
			return errors.Join(err, r.report.flush())
		default:
			result, results = results[0], results[1:]
		}
		r.report.add(row, result)
		r.line = row.Line
	}
	r.progress.moved(r.report.counts.Rows(), batch.read)
	return errors.Join(err, r.report.flush())
}

// stopped returns an error that explains how to continue.
func (r *Run) stopped(cause error) error {
	text := "run the same command again to continue"
	if r.dryRun {
		text = "nothing was written"
	} else if r.report.path != "" {
		text += " (with another --report)"
	}
	return fmt.Errorf("stopped after line %d: %w; %s", r.line, cause, text)
}
