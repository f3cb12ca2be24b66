package sql

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// commitGroup lets concurrent hot statements that write to SQLite share one transaction, and so one flush to disk,
// which under load is a third of a statement's cost. No request is answered before the flush.
type commitGroup struct {
	pool    *sql.DB
	turn    sync.Mutex // held while a group runs
	mutex   sync.Mutex // guards waiting
	waiting []*groupedWrite
}

// groupedWrite is one statement of a group. do runs it, outside of a transaction if tx is nil.
type groupedWrite struct {
	do   func(ctx context.Context, tx *sql.Tx) error
	err  error
	done chan struct{}
}

var errNotRun = errors.New("the statement was not run: another one in its group failed")

// run runs a write together with those that are waiting. If one statement violates a constraint, SQLite undoes only
// that statement.
func (g *commitGroup) run(ctx context.Context, do func(ctx context.Context, tx *sql.Tx) error) error {
	write := &groupedWrite{do: do, done: make(chan struct{})}
	g.mutex.Lock()
	g.waiting = append(g.waiting, write)
	isLeader := len(g.waiting) == 1
	g.mutex.Unlock()
	if !isLeader {
		<-write.done
		return write.err
	}
	g.turn.Lock()
	defer g.turn.Unlock()
	runtime.Gosched() // let other requests that are ready join; takes no time if there are none
	g.mutex.Lock()
	group := g.waiting
	g.waiting = nil
	g.mutex.Unlock()
	defer func() { // even after a panic, so that the others do not wait forever
		for _, other := range group[1:] {
			close(other.done)
		}
	}()
	for _, waiting := range group {
		waiting.err = errNotRun
	}
	g.commit(ctx, group)
	return write.err
}

func (g *commitGroup) commit(ctx context.Context, group []*groupedWrite) {
	if len(group) == 1 {
		group[0].err = group[0].do(ctx, nil)
		return
	}
	if err := g.commitTogether(ctx, group); err != nil {
		for _, write := range group {
			write.err = err
		}
	}
}

// commitTogether returns an error if no write of the group was committed.
func (g *commitGroup) commitTogether(ctx context.Context, group []*groupedWrite) error {
	tx, err := g.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after a commit
	for _, write := range group {
		if write.err = write.do(ctx, tx); mayUndoMore(write.err) {
			return write.err
		}
	}
	return tx.Commit()
}

// mayUndoMore reports whether SQLite may have undone more than the failed statement, as it does when the disk is
// full.
func mayUndoMore(err error) bool {
	var failure *sqlite.Error
	return errors.As(err, &failure) && failure.Code()&primaryCode != sqlite3.SQLITE_CONSTRAINT
}
