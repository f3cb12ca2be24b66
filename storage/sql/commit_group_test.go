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

// openTogether opens sessions that share one commit: it takes the turn, so that all gather behind it.
func openTogether(t *testing.T, db *DB, user identity.User, sessions []identity.Session) []error {
	t.Helper()
	faults := make([]error, len(sessions))
	var writers sync.WaitGroup
	db.group.turn.Lock()
	for n := range sessions {
		writers.Go(func() {
			_, faults[n] = db.Sessions().Open(t.Context(), sessions[n], user.AuthEpoch, lifetimes(), 0)
		})
	}
	require.Eventually(t, func() bool {
		db.group.mutex.Lock()
		defer db.group.mutex.Unlock()
		return len(db.group.waiting) == len(sessions)
	}, 10*time.Second, time.Millisecond)
	db.group.turn.Unlock()
	writers.Wait()
	return faults
}

func newSessions(user identity.User, count int) []identity.Session {
	sessions := make([]identity.Session, count)
	for n := range sessions {
		sessions[n] = newSession(user)
		sessions[n].OpenedBy = fmt.Appendf(nil, "opening %d", n)
	}
	return sessions
}

// TestOneRefusedWriteSparesItsGroup gives two sign-ins of one group the same code.
func TestOneRefusedWriteSparesItsGroup(t *testing.T) {
	db := openMigrated(t)
	user, err := db.Users().Create(t.Context(), "alice", "hash")
	require.NoError(t, err)
	sessions := newSessions(user, 8)
	sessions[5].OpenedBy = sessions[2].OpenedBy
	sessions[6].UserID = "nobody"
	faults := openTogether(t, db, user, sessions)
	require.ErrorIs(t, faults[6], identity.ErrStale)
	require.Equal(t, []error{identity.ErrExists}, without(nil, []error{faults[2], faults[5]}))
	for n, fault := range faults {
		_, _, err := db.Sessions().Find(t.Context(), sessions[n].ID)
		require.Equal(t, fault == nil, err == nil, "session %d: %v, %v", n, fault, err)
	}
	require.EqualValues(t, 6, count(t, db, "sessions"))
}

func without(unwanted error, faults []error) (kept []error) {
	for _, fault := range faults {
		if !errors.Is(fault, unwanted) {
			kept = append(kept, fault)
		}
	}
	return kept
}

// TestFullDiskFailsTheWholeGroup: SQLite undoes a transaction as it likes when the disk is full, so none of
// the group may be told that it is in.
func TestFullDiskFailsTheWholeGroup(t *testing.T) {
	db := openMigrated(t)
	user, err := db.Users().Create(t.Context(), "alice", "hash")
	require.NoError(t, err)
	limit := func(pages string) { require.NoError(t, db.write.Exec("PRAGMA max_page_count = "+pages).Error) }
	limit("1") // SQLite takes the present size instead
	const many = 200
	faults := openTogether(t, db, user, newSessions(user, many))
	for _, fault := range faults {
		require.Error(t, fault)
	}
	require.Zero(t, count(t, db, "sessions"))

	limit("1000000")
	for _, fault := range openTogether(t, db, user, newSessions(user, many)) {
		require.NoError(t, fault)
	}
	require.EqualValues(t, many, count(t, db, "sessions"))
}

// TestGroupWaitsForAnothersTransaction: the one connection that writes is also that of every other change.
func TestGroupWaitsForAnothersTransaction(t *testing.T) {
	db := openMigrated(t)
	user, err := db.Users().Create(t.Context(), "alice", "hash")
	require.NoError(t, err)
	var opened sync.WaitGroup
	faults := make([]error, 4)
	require.NoError(t, db.write.Transaction(func(tx *gorm.DB) error {
		for n, session := range newSessions(user, len(faults)) {
			opened.Go(func() {
				_, faults[n] = db.Sessions().Open(t.Context(), session, user.AuthEpoch, lifetimes(),
					0)
			})
		}
		return tx.Exec("UPDATE users SET disabled_at = 1 WHERE id = ?", user.ID).Error
	}))
	opened.Wait()
	for _, fault := range faults {
		require.ErrorIs(t, fault, identity.ErrStale)
	}
}

// TestAPanicLeavesNobodyWaiting, and the one connection that writes to others.
func TestAPanicLeavesNobodyWaiting(t *testing.T) {
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
	faults := make([]error, 3)
	db.group.turn.Lock()
	for n := range faults {
		writers.Go(func() {
			faults[n] = write(func(context.Context, *sql.Tx) error { panic("a fault of ours") })
		})
	}
	require.Eventually(t, func() bool {
		db.group.mutex.Lock()
		defer db.group.mutex.Unlock()
		return len(db.group.waiting) == len(faults)
	}, 10*time.Second, time.Millisecond)
	db.group.turn.Unlock()
	writers.Wait()
	for _, fault := range faults {
		require.Error(t, fault)
	}
	_, err := db.Users().Create(t.Context(), "alice", "hash")
	require.NoError(t, err)
}
