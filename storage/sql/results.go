package sql

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// ended says a fault that came of an ending context in the context's words; the driver calls it an
// interruption, database/sql a transaction that is over.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// scanAll scans all rows of a query. None is nil, as it is once it was kept as JSON.
func scanAll[V any](tx *gorm.DB, query string, values ...any) ([]V, error) {
	var rows []V
	result := tx.Raw(query, values...).Scan(&rows)
	return append([]V(nil), rows...), ended(result.Statement.Context, result.Error)
}

// listed scans all rows of a query, and returns what each of them tells of.
func listed[R, V any](tx *gorm.DB, told func(R) V, query string, values ...any) ([]V, error) {
	rows, err := scanAll[R](tx, query, values...)
	all := make([]V, len(rows))
	for n, row := range rows {
		all[n] = told(row)
	}
	return all, err
}

// one scans the first row of a query, or returns ErrNotFound.
func one(query *gorm.DB, row any) error {
	result := query.Scan(row)
	switch {
	case result.Error != nil:
		return ended(result.Statement.Context, result.Error)
	case result.RowsAffected == 0:
		return identity.ErrNotFound
	}
	return nil
}

// changed turns a statement that found no row into ErrNotFound.
func changed(result *gorm.DB) error {
	if err := wrote(result); err != nil {
		return err
	}
	if result.RowsAffected == 0 {
		return identity.ErrNotFound
	}
	return nil
}

// wrote returns why a statement did not write.
func wrote(result *gorm.DB) error { return ended(result.Statement.Context, exists(result.Error)) }

// exists says a violated key in the nouns' words.
func exists(err error) error {
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return identity.ErrExists
	}
	return err
}

// storable refuses texts that a database would: NUL and invalid UTF-8.
func storable(texts ...string) error {
	for _, text := range texts {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return errors.New("a text to store has a NUL or is not UTF-8")
		}
	}
	return nil
}

// millis is an instant as it is stored: NULL for zero.
func millis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

// instant is the inverse of millis.
func instant(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return time.UnixMilli(*ms)
}
