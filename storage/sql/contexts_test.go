package sql

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// TestWritersDoNotDeadlock writes the same rows inside and outside of transactions on a database that was just
// opened. With a cache of prepared statements a transaction could wait for a statement whose preparation waits for
// the transaction's connection.
func TestWritersDoNotDeadlock(t *testing.T) {
	for range 10 {
		db := openMigrated(t)
		session := signIn(t, db, "alice")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		const writers = 8
		failures := make([]error, 2*writers)
		var running sync.WaitGroup
		for n := range writers {
			running.Go(func() { failures[n] = db.Events().Record(ctx, identity.Event{Kind: "kind"}) })
			running.Go(func() { failures[writers+n] = db.Users().Disable(ctx, session.UserID) })
		}
		running.Wait()
		cancel()
		require.NoError(t, errors.Join(failures...))
	}
}

func TestACallerThatGivesUpFailsAlone(t *testing.T) {
	db := openMigrated(t)
	busy := db.write.Begin()
	pool, err := db.write.DB()
	require.NoError(t, err)
	waits := pool.Stats().WaitCount
	ask := func(ctx context.Context, username string) <-chan error {
		failed := make(chan error, 1)
		go func() { failed <- errorOf(db.Users().Create(ctx, username, "hash")) }()
		waits++
		require.Eventually(t, func() bool { return pool.Stats().WaitCount == waits }, patience, time.Millisecond)
		return failed
	}
	ctx, giveUp := context.WithCancel(t.Context())
	impatient, patient := ask(ctx, "bob"), ask(t.Context(), "carol")
	giveUp()
	require.ErrorIs(t, <-impatient, context.Canceled)
	require.NoError(t, busy.Rollback().Error)
	require.NoError(t, <-patient)
}

// TestContextsThatEndDuringACall cancels at every moment of a call. What is reported as done must be done, a
// transaction must be done completely or not at all, and every error must be the context's.
func TestContextsThatEndDuringACall(t *testing.T) {
	contextsEndDuringACall(t, openMigrated(t), 2*time.Second, 100*time.Nanosecond)
}

func TestContextsThatEndDuringACallOfPostgreSQL(t *testing.T) {
	db, _ := openPostgreSQL(t)
	contextsEndDuringACall(t, db, time.Second, time.Microsecond)
}

func contextsEndDuringACall(t *testing.T, db *DB, long, step time.Duration) {
	t.Helper()
	session := signIn(t, db, "alice")
	start := time.Now()
	for n := 0; time.Since(start) < long; n++ {
		ctx, cancel := context.WithCancel(t.Context())
		go cancelAfter(time.Duration(n%4000)*step, cancel)
		moved, err := db.Sessions().Rotate(ctx, rotated(session), session.Generation)
		requireCanceled(t, err)
		found, _, failure := db.Sessions().Find(t.Context(), session.ID)
		require.NoError(t, failure)
		if moved {
			require.Equal(t, session.Generation+1, found.Generation)
		} else if db.timeout > 0 { // what has begun is completed
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, session.Generation, found.Generation)
		}
		session = found

		epochs, events := epoch(t, db, session.UserID), sumOfEvents(t, db)
		err = db.Users().SetPassword(ctx, session.UserID, "new hash")
		requireCanceled(t, err)
		changed := epoch(t, db, session.UserID) - epochs
		require.Equal(t, err == nil, changed == 1)
		if more := sumOfEvents(t, db) - events; changed == 0 {
			require.Zero(t, more)
		} else {
			require.Positive(t, more)
			session = reopen(t, db, session.UserID)
		}
		cancel()
	}
}

// sumOfEvents counts events, also those that share a row.
func sumOfEvents(t *testing.T, db *DB) (events int64) {
	t.Helper()
	require.NoError(t, db.read.Raw("SELECT coalesce(sum(count), 0) FROM events").Scan(&events).Error)
	return events
}

// cancelAfter does not sleep, since a sleep takes longer than the calls that are to be canceled.
func cancelAfter(delay time.Duration, cancel func()) {
	for start := time.Now(); time.Since(start) < delay; {
		continue
	}
	cancel()
}

func requireCanceled(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		require.ErrorIs(t, err, context.Canceled)
	}
}

func epoch(t *testing.T, db *DB, userID string) int64 {
	t.Helper()
	user, err := db.Users().Find(t.Context(), userID)
	require.NoError(t, err)
	return user.AuthEpoch
}

func reopen(t *testing.T, db *DB, userID string) identity.Session {
	t.Helper()
	user, err := db.Users().Find(t.Context(), userID)
	require.NoError(t, err)
	session, err := db.Sessions().Open(t.Context(), newSession(user), user.AuthEpoch, lifetimes(), 0)
	require.NoError(t, err)
	return session
}
