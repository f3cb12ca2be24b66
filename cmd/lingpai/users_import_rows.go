package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/lingpai/lingpai/identity"
)

// maxImportBatch is how many rows are imported in one transaction, and maxImportAccounts how many accounts
// end a batch sooner: who signs in with one of them at the same time, and with SQLite everybody who signs in,
// waits that long.
const maxImportBatch, maxImportAccounts = 500, 1000

// importRows reads the rows of a file. io.EOF: that was all. Another error: the rest cannot be read.
type importRows interface {
	next() (importFields, error)
}

// importFields is a row as it was written.
type importFields struct {
	line     int
	texts    map[string]string
	roles    []string
	disabled bool
	accounts []map[string]string
	fault    error // why the row is none
}

// importTexts are the members of a row that are text. In CSV all are.
var importTexts = []string{
	"sub", "username", "password_hash", "name", "nickname", "picture", "gender", "locale", "email", "phone",
	"created_at", "app", "openid", "unionid",
}

// importedRow is a row that was read: a newcomer, or why there is none.
type importedRow struct {
	identity.Newcomer
	fault error
}

// importBatch are rows that are imported together.
type importBatch struct {
	rows []importedRow
	read int64 // bytes of the file
	end  error // after these rows; nil: there are more
}

// fault says why the rest of the file was not read.
func (b importBatch) fault() error {
	if errors.Is(b.end, io.EOF) {
		return nil
	}
	return fmt.Errorf("%w; what stands before it is done, and the rest was not read", b.end)
}

// readImport reads a batch while another one is written. The last batch has an end, and nobody waits for one
// that is not fetched.
func readImport(source *importSource, rows importRows, apps importApps) <-chan importBatch {
	batches := make(chan importBatch)
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

func nextBatch(rows importRows, apps importApps) (batch importBatch) {
	for accounts := 0; len(batch.rows) < maxImportBatch && accounts < maxImportAccounts; {
		fields, err := rows.next()
		if err != nil {
			batch.end = err
			return batch
		}
		row := importedRow{fault: fields.fault}
		row.ID = fields.texts["sub"]
		if row.fault == nil {
			row.Newcomer, row.fault = fields.newcomer(apps)
		}
		row.Line = fields.line
		batch.rows = append(batch.rows, row)
		accounts += len(row.Sightings)
	}
	return batch
}
