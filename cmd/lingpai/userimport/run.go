// Package userimport adds the people of another program: it reads CSV or JSON lines, checks each row, and gives them to
// the store in batches.
package userimport

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/identity"
)

// Config is what an import works on.
type Config struct {
	Path   string // of a file; "-": Stdin
	Format string // csv or jsonl; empty: as Path ends
	Report string // path of a file to make, for the rows that were refused or warned of; empty: Stderr
	DryRun bool   // checks everything and writes nothing

	Stdin  io.Reader
	Stderr io.Writer // shows progress

	Imports *admin.Imports
	Actor   identity.Actor // who imports
}

// Run is one run of the command.
type Run struct {
	people   *admin.Imports
	actor    identity.Actor
	input    *inputFile
	rows     rowReader
	apps     knownApps
	report   *report
	progress progress
	dryRun   bool
}

// Open opens the input, and makes the report. Nothing is imported yet.
func Open(ctx context.Context, c Config) (*Run, error) {
	apps, err := c.Imports.Apps(ctx, c.Actor)
	if err != nil {
		return nil, err
	}
	input, err := openInput(ctx, c.Stdin, c.Path)
	if err != nil {
		return nil, err
	}
	r := &Run{people: c.Imports, actor: c.Actor, input: input, apps: newKnownApps(apps),
		progress: newProgress(c.Stderr, input.size), dryRun: c.DryRun}
	if r.rows, err = input.rows(c.Format); err != nil {
		return nil, errors.Join(err, input.Close())
	}
	if r.report, err = newReport(c.Report, r.progress); err != nil {
		return nil, errors.Join(err, input.Close())
	}
	if c.DryRun {
		r.people = c.Imports.Rehearse()
	}
	return r, nil
}

// Close closes the input.
func (r *Run) Close() error { return r.input.Close() }

// All imports the whole input, and closes the report. The counts are of what was done, also if there is an error.
func (r *Run) All(ctx context.Context) (Counts, error) {
	fault := r.batches(ctx, readBatches(r.input, r.rows, r.apps))
	r.progress.end()
	counts := r.report.counts
	counts.DryRun = r.dryRun
	return counts, errors.Join(fault, r.report.close())
}

// batches imports batch after batch, until the file or the context ends.
func (r *Run) batches(ctx context.Context, read <-chan rowBatch) error {
	last := 0
	for {
		var batch rowBatch
		select {
		case batch = <-read:
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

// one imports a batch, and reports its rows in their order.
func (r *Run) one(ctx context.Context, batch rowBatch) error {
	var people []identity.ImportedUser
	for _, row := range batch.rows {
		if row.fault == nil {
			people = append(people, row.ImportedUser)
		}
	}
	arrivals, err := r.people.Import(ctx, r.actor, people)
	for _, row := range batch.rows {
		arrival := identity.ImportResult{}
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
	r.progress.moved(r.report.counts.Rows(), batch.read)
	return errors.Join(err, r.report.flush())
}

// stopped is a fault that says how to go on.
func (r *Run) stopped(line int, cause error) error {
	text := "the same command goes on from there"
	if r.dryRun {
		text = "nothing was written"
	} else if r.report.path != "" {
		text += " (with another --report)"
	}
	return fmt.Errorf("stopped after line %d: %w; %s", line, cause, text)
}
