package main

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
)

// maxTold is how many rows are told of on standard error, if there is no report.
const maxTold = 20

// importReport tells of rows that were refused, or came otherwise than as they were brought.
type importReport struct {
	path     string // empty: standard error
	progress importProgress
	file     *os.File
	rows     *csv.Writer
	told     int
	counts   importCounts
}

// newImportReport makes the file, which must not be there yet: it may be the only account of another import.
func newImportReport(path string, progress importProgress) (*importReport, error) {
	r := &importReport{path: path, progress: progress}
	if path == "" {
		return r, nil
	}
	var err error
	if r.file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("--report: %s is there already: name another file, or remove it", path)
	} else if err != nil {
		return nil, fmt.Errorf("--report: %w", err)
	}
	r.rows = csv.NewWriter(r.file)
	return r, errors.Join(r.rows.Write([]string{"line", "outcome", "sub", "reason"}), r.flush())
}

// tell counts a row, and tells of it if there is something to tell.
func (r *importReport) tell(row importedRow, arrival identity.Arrival) {
	switch arrival.Outcome {
	case identity.Imported:
		r.counts.Imported++
	case identity.AlreadyThere:
		r.counts.AlreadyThere++
	case identity.Refused:
		r.counts.Refused++
		r.write(row, "refused", arrival.Reason)
	}
	if len(arrival.Warnings) > 0 {
		r.counts.Warned++
		row.ID = arrival.UserID
		r.write(row, "warned", "imported, but "+strings.Join(arrival.Warnings, ", and "))
	}
}

func (r *importReport) write(row importedRow, outcome, reason string) {
	switch {
	case r.rows != nil:
		// flush says whether it failed
		_ = r.rows.Write([]string{strconv.Itoa(row.Line), outcome, harmless(row.ID), reason})
	case r.told < maxTold:
		r.told++
		r.progress.say(fmt.Sprintf("line %d %s: %s", row.Line, outcome, reason))
	case r.told == maxTold:
		r.told++
		r.progress.say("there are more; --report FILE tells of all")
	}
}

// harmless is an id as it may stand in a table that a spreadsheet opens: nothing that it would run.
func harmless(id string) string {
	switch {
	case identity.ValidSubject(id) != nil:
		return ""
	case strings.ContainsRune("=+-@", rune(id[0])):
		return "'" + id
	}
	return id
}

func (r *importReport) flush() error {
	if r.rows == nil {
		return nil
	}
	r.rows.Flush()
	return r.rows.Error()
}

func (r *importReport) close() error {
	if r.file == nil {
		return nil
	}
	return errors.Join(r.flush(), r.file.Close())
}

// importCounts is what became of the rows. Those that came with a warning are imported too.
type importCounts struct {
	Imported     int  `json:"imported"`
	AlreadyThere int  `json:"already_there"`
	Refused      int  `json:"refused"`
	Warned       int  `json:"warned"`
	DryRun       bool `json:"dry_run"`
}

func (c importCounts) rows() int { return c.Imported + c.AlreadyThere + c.Refused }

// detail is what the audit log says of a run.
func (c importCounts) detail() string {
	return fmt.Sprintf("imported %d, already there %d, refused %d, warned %d", c.Imported, c.AlreadyThere,
		c.Refused, c.Warned)
}

// print ends a run: it is a failure if rows were refused.
func (c importCounts) print(cmd *cobra.Command, options importOptions) error {
	c.DryRun = options.dryRun
	imported := "imported"
	if c.DryRun {
		imported = "dry run: would have imported"
	}
	if output, _ := cmd.Flags().GetString("output"); output == "json" {
		if err := printJSON(cmd, c); err != nil {
			return err
		}
	} else {
		cmd.Printf("%s %s, already there %s, refused %s\n", imported, grouped(c.Imported), grouped(c.AlreadyThere),
			grouped(c.Refused))
	}
	if c.Refused == 0 {
		return nil
	}
	where := cmp.Or(options.report, "the lines above; --report FILE tells of all")
	return fmt.Errorf("%s of %s rows were refused: see %s", grouped(c.Refused), grouped(c.rows()), where)
}

// grouped writes a number for people: 1 000 000.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + " " + text[at:]
	}
	return text
}
