package sql

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// statement is one that every token request makes: it is compiled once for each connection, and goes past gorm, whose work would be a
// third of its cost.
type statement struct {
	pool *gorm.DB
	text string

	mutex    sync.Mutex
	prepared *sql.Stmt
}

func newStatement(pool *gorm.DB, text string) *statement { return &statement{pool: pool, text: text} }

// get compiles the statement at its first use, since the tables need not be there when the database is opened.
func (s *statement) get(ctx context.Context) (*sql.Stmt, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.prepared != nil {
		return s.prepared, nil
	}
	pool, err := s.pool.DB()
	if err != nil {
		return nil, err
	}
	prepared, err := pool.PrepareContext(ctx, s.text)
	if err == nil {
		s.prepared = prepared
	}
	return prepared, err
}

// row scans the first row into targets, or returns identity.ErrNotFound. It is over sooner than a watch for the context's end would be
// set up.
func (s *statement) row(ctx context.Context, targets []any, values ...any) error {
	prepared, err := s.get(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err = prepared.QueryRowContext(context.WithoutCancel(ctx), values...).Scan(targets...)
	if errors.Is(err, sql.ErrNoRows) {
		return identity.ErrNotFound
	}
	return err
}

// exec returns how many rows were changed. ErrExists. What has begun is carried through: a caller who leaves does not learn of a write half done.
func (s *statement) exec(ctx context.Context, values ...any) (int64, error) {
	prepared, err := s.get(ctx)
	if err != nil {
		return 0, ended(ctx, err)
	}
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	result, err := prepared.ExecContext(context.WithoutCancel(ctx), values...)
	if translator, ok := s.pool.Dialector.(gorm.ErrorTranslator); ok && err != nil {
		err = translator.Translate(err)
	}
	if err != nil {
		return 0, exists(err)
	}
	return result.RowsAffected()
}
