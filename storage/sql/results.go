package sql

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// ended returns the context's error if the end of the context caused err, which the driver reports as an
// interruption and database/sql as a transaction that is over.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// scanAll returns all rows of a query, or nil if there are none, so that an empty list is the same as one that was
// stored as JSON.
func scanAll[V any](tx *gorm.DB, query string, values ...any) ([]V, error) {
	var rows []V
	result := tx.Raw(query, values...).Scan(&rows)
	return append([]V(nil), rows...), ended(result.Statement.Context, result.Error)
}

// listed returns all rows of a query, converted.
func listed[R, V any](tx *gorm.DB, convert func(R) V, query string, values ...any) ([]V, error) {
	rows, err := scanAll[R](tx, query, values...)
	all := make([]V, len(rows))
	for n, row := range rows {
		all[n] = convert(row)
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

// changed returns ErrNotFound for a statement that changed no row.
func changed(result *gorm.DB) error {
	if err := wrote(result); err != nil {
		return err
	}
	if result.RowsAffected == 0 {
		return identity.ErrNotFound
	}
	return nil
}

// wrote returns the error of a statement.
func wrote(result *gorm.DB) error { return ended(result.Statement.Context, exists(result.Error)) }

// exists returns ErrExists for a violated key.
func exists(err error) error {
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return identity.ErrExists
	}
	return err
}

// storable rejects texts that a database would reject: with NUL or invalid UTF-8.
func storable(texts ...string) error {
	for _, text := range texts {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return errors.New("a text contains NUL or is not valid UTF-8")
		}
	}
	return nil
}

// millis returns a time as it is stored: NULL for zero.
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

// textList is stored as a JSON array, both by gorm and by the statements that bypass it. Most lists are empty, and
// these are not parsed.
type textList []string

const emptyList = "[]"

// Value implements driver.Valuer.
func (l textList) Value() (driver.Value, error) {
	if len(l) == 0 {
		return emptyList, nil
	}
	text, err := json.Marshal([]string(l))
	return string(text), err
}

// Scan implements sql.Scanner.
func (l *textList) Scan(value any) error {
	*l = textList{}
	switch text := value.(type) {
	case string:
		if text == emptyList {
			return nil
		}
		return json.Unmarshal([]byte(text), (*[]string)(l))
	case []byte:
		return l.Scan(string(text))
	}
	return fmt.Errorf("lists are stored as text, not as %T", value)
}
