package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// openTogether opens sessions that share one commit: it holds the lock until all of them wait.
func openTogether(t *testing.T, db *DB, user identity.User, sessions []identity.Session) []error {
	t.Helper()
	failures := make([]error, len(sessions))
	var writers sync.WaitGroup
	db.group.turn.Lock()
	for n := range sessions {
		writers.Go(func() {
			_, failures[n] = db.Sessions().Open(t.Context(), sessions[n], user.AuthEpoch, lifetimes(), 0)
		})
	}
	require.Eventually(t, func() bool {
		db.group.mutex.Lock()
		defer db.group.mutex.Unlock()
		return len(db.group.waiting) == len(sessions)
	}, 10*time.Second, time.Millisecond)
	db.group.turn.Unlock()
	writers.Wait()
	return failures
}

func newSessions(user identity.User, count int) []identity.Session {
	sessions := make([]identity.Session, count)
	for n := range sessions {
		sessions[n] = newSession(user)
		sessions[n].OpenedBy = fmt.Appendf(nil, "opening %d", n)
	}
	return sessions
}

// TestARejectedWriteDoesNotFailItsGroup gives two sign-ins of one group the same code.
func TestARejectedWriteDoesNotFailItsGroup(t *testing.T) {
	db := openMigrated(t)
	user, err := db.Users().Create(t.Context(), "alice", "hash")
	require.NoError(t, err)
	sessions := newSessions(user, 8)
	sessions[5].OpenedBy = sessions[2].OpenedBy
	sessions[6].UserID = "nobody"
	failures := openTogether(t, db, user, sessions)
	require.ErrorIs(t, failures[6], identity.ErrStale)
	require.Equal(t, []error{identity.ErrExists}, without(nil, []error{failures[2], failures[5]}))
	for n, failure := range failures {
		_, _, err := db.Sessions().Find(t.Context(), sessions[n].ID)
		require.Equal(t, failure == nil, err == nil, "session %d: %v, %v", n, failure, err)
	}
	require.EqualValues(t, 6, count(t, db, "sessions"))
}

func without(unwanted error, failures []error) (kept []error) {
	for _, failure := range failures {
		if !errors.Is(failure, unwanted) {
			kept = append(kept, failure)
		}
	}
	return kept
}

// TestFullDiskFailsTheWholeGroup: when the disk is full, SQLite may undo the whole transaction, so no write of the
// group may be acknowledged.
func TestFullDiskFailsTheWholeGroup(t *testing.T) {
	db := openMigrated(t)
	user, err := db.Users().Create(t.Context(), "alice", "hash")
	require.NoError(t, err)
	limit := func(pages string) { require.NoError(t, db.write.Exec("PRAGMA max_page_count = "+pages).Error) }
	limit("1") // SQLite uses the present size instead
	const many = 200
	failures := openTogether(t, db, user, newSessions(user, many))
	for _, failure := range failures {
		require.Error(t, failure)
	}
	require.Zero(t, count(t, db, "sessions"))

	limit("1000000")
	for _, failure := range openTogether(t, db, user, newSessions(user, many)) {
		require.NoError(t, failure)
	}
	require.EqualValues(t, many, count(t, db, "sessions"))
}

// TestGroupWaitsForAnotherTransaction: a group writes on the same connection as every other change.
func TestGroupWaitsForAnotherTransaction(t *testing.T) {
	db := openMigrated(t)
	user, err := db.Users().Create(t.Context(), "alice", "hash")
	require.NoError(t, err)
	var opened sync.WaitGroup
	failures := make([]error, 4)
	require.NoError(t, db.write.Transaction(func(tx *gorm.DB) error {
		for n, session := range newSessions(user, len(failures)) {
			opened.Go(func() {
				_, failures[n] = db.Sessions().Open(t.Context(), session, user.AuthEpoch, lifetimes(),
					0)
			})
		}
		return tx.Exec("UPDATE users SET disabled_at = 1 WHERE id = ?", user.ID).Error
	}))
	opened.Wait()
	for _, failure := range failures {
		require.ErrorIs(t, failure, identity.ErrStale)
	}
}

// TestAPanicDoesNotBlockOtherWriters also checks that the one writing connection is free again.
func TestAPanicDoesNotBlockOtherWriters(t *testing.T) {
	db := openMigrated(t)
	write := func(do func(context.Context, *sql.Tx) error) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		return db.group.run(t.Context(), do)
	}
	var writers sync.WaitGroup
	failures := make([]error, 3)
	db.group.turn.Lock()
	for n := range failures {
		writers.Go(func() {
			failures[n] = write(func(context.Context, *sql.Tx) error { panic("internal error") })
		})
	}
	require.Eventually(t, func() bool {
		db.group.mutex.Lock()
		defer db.group.mutex.Unlock()
		return len(db.group.waiting) == len(failures)
	}, 10*time.Second, time.Millisecond)
	db.group.turn.Unlock()
	writers.Wait()
	for _, failure := range failures {
		require.Error(t, failure)
	}
	_, err := db.Users().Create(t.Context(), "alice", "hash")
	require.NoError(t, err)
}
