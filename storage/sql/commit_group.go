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

// commitGroup lets hot statements that write to SQLite at the same time share one transaction, and so one
// flush to the disk: nobody is answered before the flush, and under load it is a third of a statement's cost.
type commitGroup struct {
	pool    *sql.DB
	turn    sync.Mutex // held by who runs a group
	mutex   sync.Mutex // guards waiting
	waiting []*groupedWrite
}

// groupedWrite is one statement of a group: do runs it, within a transaction unless that is nil.
type groupedWrite struct {
	do   func(ctx context.Context, tx *sql.Tx) error
	err  error
	done chan struct{}
}

var errNotRun = errors.New("the statement was not run: another one of its group broke off")

// run runs a write with those that are waiting with it. SQLite undoes a single statement that breaks a
// constraint, and leaves the others.
func (g *commitGroup) run(ctx context.Context, do func(ctx context.Context, tx *sql.Tx) error) error {
	write := &groupedWrite{do: do, done: make(chan struct{})}
	g.mutex.Lock()
	g.waiting = append(g.waiting, write)
	leads := len(g.waiting) == 1
	g.mutex.Unlock()
	if !leads {
		<-write.done
		return write.err
	}
	g.turn.Lock()
	defer g.turn.Unlock()
	runtime.Gosched() // requests that are ready to come this far do so first; if there are none, it takes no time
	g.mutex.Lock()
	group := g.waiting
	g.waiting = nil
	g.mutex.Unlock()
	defer func() { // also after a panic, which would leave the others waiting
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
	if err := g.together(ctx, group); err != nil {
		for _, write := range group {
			write.err = err
		}
	}
}

// together returns an error if none of the group was written.
func (g *commitGroup) together(ctx context.Context, group []*groupedWrite) error {
	tx, err := g.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after a commit
	for _, write := range group {
		if write.err = write.do(ctx, tx); undoesMore(write.err) {
			return write.err
		}
	}
	return tx.Commit()
}

// undoesMore says whether SQLite may have undone more than the statement that failed, as it does when a disk is full.
func undoesMore(err error) bool {
	var failure *sqlite.Error
	return errors.As(err, &failure) && failure.Code()&0xff != sqlite3.SQLITE_CONSTRAINT
}
