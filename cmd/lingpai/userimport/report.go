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
	"github.com/lingpai/lingpai/password"
)

// maxShown is how many rows are listed on standard error if there is no report.
const maxShown = 20

// report lists rows that were rejected, or imported with warnings.
type report struct {
	path     string // empty: standard error
	progress progress
	file     *os.File
	rows     *csv.Writer
	shown    int
	counts   Counts
}

// newReport creates the file, which must not exist: it may be the only record of another import.
func newReport(path string, progress progress) (*report, error) {
	r := &report{path: path, progress: progress}
	if path == "" {
		return r, nil
	}
	var err error
	if r.file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("--report: %s already exists: choose another file, or remove it", path)
	} else if err != nil {
		return nil, fmt.Errorf("--report: %w", err)
	}
	r.rows = csv.NewWriter(r.file)
	return r, errors.Join(r.rows.Write([]string{"line", "outcome", "sub", "reason"}), r.flush())
}

// add counts a row, and lists it if it was rejected or has warnings.
func (r *report) add(row parsedRow, result identity.ImportResult) {
	switch result.Outcome {
	case identity.Imported:
		r.counts.Imported++
		if password.IsExpensive(row.PasswordHash) {
			r.counts.Expensive++
		}
	case identity.AlreadyThere:
		r.counts.AlreadyThere++
	case identity.Refused:
		r.counts.Refused++
		r.write(row, "refused", result.Reason)
	}
	if len(result.Warnings) > 0 {
		r.counts.Warned++
		row.ID = result.UserID
		r.write(row, "warned", "imported, but "+strings.Join(result.Warnings, ", and "))
	}
}

func (r *report) write(row parsedRow, outcome, reason string) {
	switch {
	case r.rows != nil:
		// flush returns the error
		_ = r.rows.Write([]string{strconv.Itoa(row.Line), outcome, harmless(row.ID), reason})
	case r.shown < maxShown:
		r.shown++
		r.progress.say(fmt.Sprintf("line %d %s: %s", row.Line, outcome, reason))
	case r.shown == maxShown:
		r.shown++
		r.progress.say("there are more; --report FILE lists all of them")
	}
}

// harmless returns an id in a form that a spreadsheet does not run as a formula, or "" if it is invalid.
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

// Counts are the numbers of rows by outcome. Rows with a warning also count as imported.
type Counts struct {
	Imported     int  `json:"imported"`
	AlreadyThere int  `json:"already_there"`
	Refused      int  `json:"refused"`
	Warned       int  `json:"warned"`
	Expensive    int  `json:"expensive_hashes"` // imported, of which a check takes several times as long as is usual
	DryRun       bool `json:"dry_run"`
}

// Rows returns the number of all rows.
func (c Counts) Rows() int { return c.Imported + c.AlreadyThere + c.Refused }
