package userimport

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lingpai/lingpai/identity"
)

// MaxBatch is how many rows are imported in one transaction, and maxBatchAccounts how many accounts
// end a batch sooner: who signs in with one of them at the same time, and with SQLite everybody who signs in,
// waits that long.
const MaxBatch, maxBatchAccounts = 500, 1000

// rowReader reads the rows of a file. io.EOF: that was all. Another error: the rest cannot be read.
type rowReader interface {
	next() (rowFields, error)
}

// rowFields is a row as it was written.
type rowFields struct {
	line     int
	texts    map[string]string
	roles    []string
	disabled bool
	accounts []map[string]string
	fault    error // why the row is none
}

// textColumns are the members of a row that are text. In CSV all are.
var textColumns = []string{
	"sub", "username", "password_hash", "name", "nickname", "picture", "gender", "locale", "email", "phone",
	"created_at", "app", "openid", "unionid",
}

// Columns are the names that the first line of CSV may have.
func Columns() []string { return append(slices.Clone(textColumns), "roles", "disabled") }

// parsedRow is a row that was read: a newcomer, or why there is none.
type parsedRow struct {
	identity.ImportedUser
	fault error
}

// rowBatch is rows that are imported together.
type rowBatch struct {
	rows []parsedRow
	read int64 // bytes of the file
	end  error // after these rows; nil: there are more
}

// fault says why the rest of the file was not read.
func (b rowBatch) fault() error {
	if errors.Is(b.end, io.EOF) {
		return nil
	}
	return fmt.Errorf("%w; what stands before it is done, and the rest was not read", b.end)
}

// readBatches reads a batch while another one is written. The last batch has an end, and nobody waits for one
// that is not fetched.
func readBatches(source *inputFile, rows rowReader, apps knownApps) <-chan rowBatch {
	batches := make(chan rowBatch)
	go func() {
		for {
			batch := nextBatch(rows, apps)
			batch.read = source.passed.Load()
			batches <- batch
			if batch.end != nil {
				return
			}
		}
	}()
	return batches
}

func nextBatch(rows rowReader, apps knownApps) (batch rowBatch) {
	for accounts := 0; len(batch.rows) < MaxBatch && accounts < maxBatchAccounts; {
		fields, err := rows.next()
		if err != nil {
			batch.end = err
			return batch
		}
		row := parsedRow{fault: fields.fault}
		row.ID = fields.texts["sub"]
		if row.fault == nil {
			row.ImportedUser, row.fault = fields.person(apps)
		}
		row.Line = fields.line
		batch.rows = append(batch.rows, row)
		accounts += len(row.Identities)
	}
	return batch
}
