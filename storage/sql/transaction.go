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

// maxTries limits how often work is retried because of concurrent changes to the same rows or tables.
const maxTries = 9

// transaction runs work in one transaction of the write pool, with the time of the store's clock. Whatever the
// server's default is, each statement sees what was committed before it began, so that after waiting for a row it
// sees the row's latest version.
func (db *DB) transaction(ctx context.Context, work func(tx *gorm.DB, now time.Time) error) error {
	return isolated(ctx, db, db.write, sql.LevelReadCommitted, work)
}

// isolated runs work in one transaction of a pool at an isolation level. SQLite has only one level.
func isolated(ctx context.Context, db *DB, pool *gorm.DB, level sql.IsolationLevel, work func(tx *gorm.DB,
	now time.Time) error) error {
	var options *sql.TxOptions
	if db.timeout > 0 {
		options = &sql.TxOptions{Isolation: level}
	}
	return db.withRetries(ctx, func(ctx context.Context) error {
		return ended(ctx, pool.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			now, err := db.clock(tx)
			if err != nil {
				return err
			}
			return work(tx, now)
		}, options))
	})
}

// withRetries runs do within the timeout, and again if the database rolled it back.
func (db *DB) withRetries(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel, err := withTimeout(ctx, db.timeout)
	if err != nil {
		return err
	}
	defer cancel()
	return retry(ctx, func() error { return do(ctx) })
}

// retry runs do until the database does not roll it back, at most maxTries times.
func retry(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if !isUndone(err) || try == maxTries {
			return advised(err)
		}
		select {
		case <-time.After(rand.N(time.Millisecond << try)):
		case <-ctx.Done():
			return err
		}
	}
}

// isUndone reports whether the database rolled back work that would succeed if repeated: PostgreSQL's serialization
// failures and deadlocks, the optimistic conflicts of compatible databases, and statements that a connection compiled
// before a migration changed their tables.
func isUndone(err error) bool {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (failure.Code == "40001" || failure.Code == "40P01" || failure.Code == "0A000" &&
		failure.Routine == "RevalidateCachedQuery")
}

// withTimeout limits the time of calls that wait for another process, by a timeout (0: none), or by the caller's
// deadline if that is earlier. They are not canceled with the caller's context: that would cost the connection, and
// leave it unknown whether anything was written.
func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc, error) {
	if ctx.Err() != nil || timeout == 0 {
		return ctx, func() {}, ctx.Err()
	}
	end := time.Now().Add(timeout)
	if theirs, ok := ctx.Deadline(); ok && theirs.Before(end) {
		end = theirs
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), end)
	return ctx, cancel, nil
}
