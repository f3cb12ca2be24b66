package sql

import (
	"context"
	"errors"

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
