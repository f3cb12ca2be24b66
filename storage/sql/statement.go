package sql

import (
	"cmp"
	"context"
	"database/sql"
	"strings"
	"sync"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// statement is one of the hot statements. It is compiled once for each connection, here for SQLite and by pgx for
// PostgreSQL, and bypasses gorm, which would take a third of its time.
type statement struct {
	db   *DB
	pool *gorm.DB
	text string
	// asksTime is whether the text contains {clock}; callers give the values after it.
	asksTime bool

	mutex    sync.Mutex
	prepared *sql.Stmt
}

func newStatement(db *DB, pool *gorm.DB, text string) *statement {
	return &statement{db: db, pool: pool, text: db.dialect.statement(text), asksTime: strings.Contains(text, "{clock}")}
}

// withClock returns all values of the text: unless the database has a clock of its own, the time comes first.
func (s *statement) withClock(values []any) []any {
	if !s.asksTime || s.db.now == nil {
		return values
	}
	return append([]any{s.db.now().UnixMilli()}, values...)
}

// row scans the first row into targets, or returns identity.ErrNotFound if there is none and identity.ErrExists if an
// INSERT violates a key. It reads all rows, since SQLite commits at their end.
func (s *statement) row(ctx context.Context, targets []any, values ...any) error {
	return s.rows(ctx, func(rows *sql.Rows) error {
		if !rows.Next() {
			return cmp.Or(rows.Err(), identity.ErrNotFound)
		}
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		for rows.Next() {
			continue
		}
		return nil
	}, values...)
}

// rows calls read, which reads the rows to the end, and again if the statement is repeated.
func (s *statement) rows(ctx context.Context, read func(*sql.Rows) error, values ...any) error {
	values = s.withClock(values)
	return s.run(ctx, func(ctx context.Context, on executor) error {
		rows, err := on.query(ctx, values)
		if err != nil {
			return err
		}
		defer rows.Close()
		return cmp.Or(read(rows), rows.Err())
	})
}

// exec returns how many rows were changed. It returns identity.ErrExists if a key is violated.
func (s *statement) exec(ctx context.Context, values ...any) (changed int64, err error) {
	values = s.withClock(values)
	err = s.run(ctx, func(ctx context.Context, on executor) error {
		result, err := on.execute(ctx, values)
		if err != nil {
			return err
		}
		changed, err = result.RowsAffected()
		return err
	})
	return changed, err
}

// run completes the statement even if the caller's context ends, so that no write is left half done. In SQLite a
// statement takes less time than watching for the end of the context would.
func (s *statement) run(ctx context.Context, do func(context.Context, executor) error) error {
	err := s.db.withRetries(ctx, func(ctx context.Context) error {
		pool, err := s.pool.DB()
		if err != nil {
			return err
		}
		// pgx compiles by itself, in the mode that its URL asks for; poolers in front of PostgreSQL need a mode
		// other than the default
		if s.db.timeout > 0 {
			return do(ctx, executor{text: s.text, pool: pool})
		}
		ctx = context.WithoutCancel(ctx)
		compiled, err := s.compiled(ctx, pool)
		if err != nil {
			return err
		}
		if s.pool == s.db.write {
			return s.db.group.run(ctx, func(ctx context.Context, tx *sql.Tx) error {
				if tx == nil {
					return do(ctx, executor{compiled: compiled})
				}
				return do(ctx, executor{compiled: tx.StmtContext(ctx, compiled)})
			})
		}
		return do(ctx, executor{compiled: compiled})
	})
	return exists(translated(s.pool, err))
}

// compiled compiles the statement at its first use, since the tables may not exist when the database is opened.
func (s *statement) compiled(ctx context.Context, pool *sql.DB) (*sql.Stmt, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.prepared != nil {
		return s.prepared, nil
	}
	var err error
	s.prepared, err = pool.PrepareContext(ctx, s.text)
	return s.prepared, err
}

// executor runs a statement, either compiled or as text.
type executor struct {
	compiled *sql.Stmt
	text     string
	pool     *sql.DB
}

func (e executor) query(ctx context.Context, values []any) (*sql.Rows, error) {
	if e.compiled != nil {
		return e.compiled.QueryContext(ctx, values...)
	}
	return e.pool.QueryContext(ctx, e.text, values...)
}

func (e executor) execute(ctx context.Context, values []any) (sql.Result, error) {
	if e.compiled != nil {
		return e.compiled.ExecContext(ctx, values...)
	}
	return e.pool.ExecContext(ctx, e.text, values...)
}
