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

// maxTries bounds how often something is done again because others were changing the same rows.
const maxTries = 6

// transaction runs work in one transaction of the write pool, with the store's clock.
func (db *DB) transaction(ctx context.Context, work func(tx *gorm.DB, now time.Time) error) error {
	return db.again(ctx, func(ctx context.Context) error {
		return ended(ctx, db.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			now, err := db.clock(tx)
			if err != nil {
				return err
			}
			return work(tx, now)
		}, db.isolation()))
	})
}

// isolation is what our transactions are written for, whatever a server's default is: a statement sees what was committed before it began,
// so that who has waited for a row sees what it has become.
func (db *DB) isolation() *sql.TxOptions {
	if db.patience == 0 {
		return nil
	}
	return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
}

// again does something, and does it again if the database undid it because of others: PostgreSQL's serialization failures and deadlocks,
// and the optimistic conflicts of its relatives.
func (db *DB) again(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel, err := db.carry(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	for try := 1; ; try++ {
		err := do(ctx)
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

// undone says whether the database undid what it was doing, and asks to try again.
func undone(err error) bool {
	var failure *pgconn.PgError
	return errors.As(err, &failure) && (failure.Code == "40001" || failure.Code == "40P01")
}

// carry bounds what waits for another process. It is carried through even if its caller leaves: to break off would cost the connection, and
// would leave it open whether anything was written.
func (db *DB) carry(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if ctx.Err() != nil || db.patience == 0 {
		return ctx, func() {}, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), db.patience)
	return ctx, cancel, nil
}
