package userimport

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lingpai/lingpai/identity"
)

// MaxBatch is how many rows are imported in one transaction. A batch is shorter if it reaches maxBatchAccounts
// accounts, since a user who signs in with one of them at the same time, and with SQLite every user who signs in, waits
// for the transaction.
const MaxBatch, maxBatchAccounts = 500, 1000

// rowReader reads the rows of a file. next returns io.EOF at the end, and any other error if the rest cannot be read.
type rowReader interface {
	next() (rowFields, error)
}

// rowFields is a row of the file.
type rowFields struct {
	line     int
	texts    map[string]string
	roles    []string
	disabled bool
	accounts []map[string]string
	fault    error // why the row is invalid
}

// textColumns are the members of a row that are strings.
var textColumns = []string{
	"sub", "username", "password_hash", "name", "nickname", "picture", "gender", "locale", "email", "address",
	"phone", "created_at", "app", "openid", "unionid",
}

// Columns returns the names that the first line of CSV may have.
func Columns() []string { return append(slices.Clone(textColumns), "roles", "disabled") }

// parsedRow is a row that was read: a user, or why it is invalid.
type parsedRow struct {
	identity.ImportedUser
	fault error
}

// rowBatch is a number of rows that are imported together.
type rowBatch struct {
	rows []parsedRow
	read int64 // bytes of the file
	end  error // why there are no more rows; nil: there are more
}

// fault returns why the rest of the file was not read, or nil.
func (b rowBatch) fault() error {
	if errors.Is(b.end, io.EOF) {
		return nil
	}
	return fmt.Errorf("%w; the rows before it were imported, and the rest was not read", b.end)
}

// readBatches reads a batch while the previous one is written. Only the last batch has its field end set. The
// goroutine leaks if the receiver stops earlier, which only happens when the process ends.
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
