package userimport

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/internal/pattern"
)

// csvRows reads CSV (RFC 4180) whose first line names the columns.
type csvRows struct {
	source  *inputFile
	reader  *csv.Reader
	columns []string
	line    int   // of the previous row
	offset  int64 // where it ended
}

func newCSVRows(source *inputFile) (*csvRows, error) {
	r := &csvRows{source: source, reader: csv.NewReader(source)}
	r.reader.ReuseRecord = true
	header, err := r.read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("the file has no header line with the names of its columns")
	case err != nil:
		return nil, fmt.Errorf("the first line must name the columns: %w", err)
	}
	r.columns, r.offset = slices.Clone(header), r.reader.InputOffset()
	return r, checkColumns(r.columns)
}

// plainName matches names that may be quoted in a message. Anything else in the place of a name may be a secret.
var plainName = pattern.Lazy(`^[A-Za-z_][A-Za-z_-]{0,39}$`)

func quotedName(name string) string {
	if plainName().MatchString(name) {
		return fmt.Sprintf("%q", name)
	}
	return "(not shown)"
}

func checkColumns(columns []string) error {
	known := Columns()
	for n, column := range columns {
		if !slices.Contains(known, column) {
			return fmt.Errorf("column %d has the name %s, which is unknown: the first line must name the "+
				"columns, separated by commas, and each must be one of %s",
				n+1, quotedName(column), strings.Join(known, ", "))
		}
		if slices.Contains(columns[:n], column) {
			return fmt.Errorf("column %q occurs twice in the first line", column)
		}
	}
	return nil
}

// read reads a record, and keeps at most maxRow bytes of it in memory.
func (r *csvRows) read() ([]string, error) {
	r.source.bound.Store(r.source.passed.Load() + maxRow)
	return r.reader.Read()
}

// next implements rowReader.
func (r *csvRows) next() (rowFields, error) {
	record, err := r.read()
	var wrong *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return rowFields{}, err
	case errors.Is(err, errRowTooLong):
		return rowFields{}, fmt.Errorf(
			"the row after line %d does not end within 64 KiB: is a quote not closed?", r.line)
	case errors.As(err, &wrong) && !errors.Is(err, csv.ErrFieldCount):
		return r.misquoted(wrong)
	case err != nil && wrong == nil:
		return rowFields{}, err
	}
	r.line, _ = r.reader.FieldPos(0)
	fields := rowFields{line: r.line}
	size := r.reader.InputOffset() - r.offset
	r.offset = r.reader.InputOffset()
	switch {
	case err != nil:
		fields.fault = fmt.Errorf("the row has %d columns, and the first line names %d", len(record), len(r.columns))
	case size > maxRow:
		fields.fault = fmt.Errorf("%w, with the empty lines before it", errTooLong)
	default:
		r.fill(&fields, record)
	}
	return fields, nil
}

// misquoted rejects a row whose quotes are wrong. If it spans several lines, the rest of the file cannot be read, since
// it is unknown where the next row begins.
func (r *csvRows) misquoted(wrong *csv.ParseError) (rowFields, error) {
	const right = "a field with quotes, commas or line breaks must be quoted, and each quote in it doubled"
	if wrong.StartLine != wrong.Line {
		return rowFields{}, fmt.Errorf("the quotes of the row from line %d to %d are wrong: %s", wrong.StartLine,
			wrong.Line, right)
	}
	r.line, r.offset = wrong.Line, r.reader.InputOffset()
	return rowFields{line: wrong.Line, fault: errors.New("the quotes are wrong: " + right)}, nil
}

func (r *csvRows) fill(fields *rowFields, record []string) {
	fields.texts = make(map[string]string, len(record))
	for n, text := range record {
		if fields.fault = checkText(text); fields.fault != nil {
			return
		}
		switch r.columns[n] {
		case "roles":
			fields.roles = strings.Fields(text)
		case "disabled":
			if fields.disabled, fields.fault = parseDisabled(text); fields.fault != nil {
				return
			}
		default:
			fields.texts[r.columns[n]] = text
		}
	}
}

// parseDisabled accepts capitals as well, since spreadsheets write them.
func parseDisabled(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	}
	return false, errDisabled
}
