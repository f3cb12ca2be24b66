package sql

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// Newcomers implements identity.Newcomers.
type Newcomers struct{ db *DB }

var _ identity.Newcomers = (*Newcomers)(nil)

// Newcomers returns the way into the database for people whom another program knew.
func (db *DB) Newcomers() *Newcomers { return &Newcomers{db} }

// Import implements identity.Newcomers.
func (n *Newcomers) Import(ctx context.Context, newcomers []identity.Newcomer) ([]identity.Arrival, error) {
	defer n.yield(time.Now())
	arrivals, err := n.together(ctx, newcomers)
	if !errors.Is(err, identity.ErrExists) {
		return arrivals, err
	}
	arrivals = nil
	for one := range newcomers {
		arrival, err := n.alone(ctx, newcomers[one:one+1])
		if err != nil {
			return arrivals, err
		}
		arrivals = append(arrivals, arrival...)
	}
	return arrivals, nil
}

// yield gives other processes a turn, in SQLite. Who waits there looks now and then whether nobody writes: of
// one batch right after another some would not see the end.
func (n *Newcomers) yield(begun time.Time) {
	if n.db.patience == 0 {
		time.Sleep(time.Since(begun) / 2)
	}
}

// alone starts over while others get what the newcomer brings. He is judged anew each time, and what they got
// is theirs, so that ends soon.
func (n *Newcomers) alone(ctx context.Context, newcomer []identity.Newcomer) ([]identity.Arrival, error) {
	for range maxSightingTries {
		if arrivals, err := n.together(ctx, newcomer); !errors.Is(err, identity.ErrExists) {
			return arrivals, err
		}
	}
	return nil, errors.New("what a newcomer brings is being changed over and over")
}

// together imports all in one transaction. ErrExists: somebody else got meanwhile what one of them brings,
// and nothing was written.
func (n *Newcomers) together(ctx context.Context, newcomers []identity.Newcomer) (arrivals []identity.Arrival,
	err error) {
	arriving := newArrivals(newcomers)
	err = atOneInstant(ctx, n.db, n.db.write, func(tx *gorm.DB, now time.Time) error {
		known, err := lookUp(tx, arriving)
		if err != nil {
			return err
		}
		added := additions{now: now}
		arrivals = make([]identity.Arrival, len(arriving)) // anew at each try
		for k, a := range arriving {
			arrivals[k] = known.judge(a, now)
			if arrivals[k].Outcome != identity.Imported {
				continue
			}
			if a.ID == "" {
				a.ID = identity.NewUserID()
			}
			arrivals[k].UserID = a.ID
			added.add(a, arrivals[k].Warnings, known.settle(a, a.ID))
		}
		return added.write(tx)
	})
	if err != nil {
		return nil, exists(err)
	}
	return arrivals, nil
}

// atOneInstant runs work in one transaction of a pool, all of which sees what was committed before it began:
// else who comes meanwhile would be seen by half, his account and not yet his name, and contradict himself.
func atOneInstant(ctx context.Context, db *DB, pool *gorm.DB, work func(tx *gorm.DB, now time.Time) error) error {
	return db.isolated(ctx, pool, sql.LevelRepeatableRead, work)
}
