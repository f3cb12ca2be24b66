package userimport

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/lingpai/lingpai/identity"
)

// maxTold is how many rows are told of on standard error, if there is no report.
const maxTold = 20

// report lists rows that were refused, or came otherwise than as they were brought.
type report struct {
	path     string // empty: standard error
	progress progress
	file     *os.File
	rows     *csv.Writer
	told     int
	counts   Counts
}

// newReport makes the file, which must not be there yet: it may be the only account of another import.
func newReport(path string, progress progress) (*report, error) {
	r := &report{path: path, progress: progress}
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

// tell counts a row, and lists it if there is something to say.
func (r *report) tell(row parsedRow, arrival identity.ImportResult) {
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

func (r *report) write(row parsedRow, outcome, reason string) {
	switch {
	case r.rows != nil:
		// flush reports whether it failed
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

func (r *report) flush() error {
	if r.rows == nil {
		return nil
	}
	r.rows.Flush()
	return r.rows.Error()
}

func (r *report) close() error {
	if r.file == nil {
		return nil
	}
	return errors.Join(r.flush(), r.file.Close())
}

// Counts are what became of the rows. Those that came with a warning are imported too.
type Counts struct {
	Imported     int  `json:"imported"`
	AlreadyThere int  `json:"already_there"`
	Refused      int  `json:"refused"`
	Warned       int  `json:"warned"`
	DryRun       bool `json:"dry_run"`
}

// Rows counts all rows.
func (c Counts) Rows() int { return c.Imported + c.AlreadyThere + c.Refused }
