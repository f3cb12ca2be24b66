package sql

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
)

// maxTries bounds how often something is done again because others were changing the same rows or tables.
const maxTries = 9

// transaction runs work in one transaction of the write pool, with the store's clock. Whatever a server's
// default is, a statement sees what was committed before it began, so that who has waited for a row sees what
// it has become.
func (db *DB) transaction(ctx context.Context, work func(tx *gorm.DB, now time.Time) error) error {
	return db.isolated(ctx, db.write, sql.LevelReadCommitted, work)
}

// isolated runs work in one transaction of a pool. SQLite has one level only.
func (db *DB) isolated(ctx context.Context, pool *gorm.DB, level sql.IsolationLevel, work func(tx *gorm.DB,
	now time.Time) error) error {
	var options *sql.TxOptions
	if db.patience > 0 {
		options = &sql.TxOptions{Isolation: level}
	}
	return db.again(ctx, func(ctx context.Context) error {
		return ended(ctx, pool.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			now, err := db.clock(tx)
			if err != nil {
				return err
			}
			return work(tx, now)
		}, options))
	})
}

// again does something within our patience, and does it again if the database undid it.
func (db *DB) again(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel, err := db.carry(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	return repeat(ctx, func() error { return do(ctx) })
}

// repeat does something until the database does not undo it.
func repeat(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if !undone(err) || try == maxTries {
			return err
		}
		select {
		case <-time.After(rand.N(time.Millisecond << try)):
		case <-ctx.Done():
			return err
		}
	}
}

// undone says whether the database undid what it was doing, and would do it if asked again: PostgreSQL's
// serialization failures and deadlocks, the optimistic conflicts of its relatives, and statements that a
// connection compiled before somebody migrated their tables.
func undone(err error) bool {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (failure.Code == "40001" || failure.Code == "40P01" || failure.Code == "0A000" &&
		failure.Routine == "RevalidateCachedQuery")
}

// carry bounds what waits for another process, by our patience or by its caller's if that ends sooner. It is
// carried through even if its caller leaves: to break off would cost the connection, and would leave it open
// whether anything was written.
func (db *DB) carry(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if ctx.Err() != nil || db.patience == 0 {
		return ctx, func() {}, ctx.Err()
	}
	end := time.Now().Add(db.patience)
	if theirs, ok := ctx.Deadline(); ok && theirs.Before(end) {
		end = theirs
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), end)
	return ctx, cancel, nil
}
