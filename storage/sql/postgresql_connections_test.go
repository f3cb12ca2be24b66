package sql

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lingpai/lingpai/identity"
)

// TestWaitingForALockedRowTimesOut: a call that timed out has not written, does not write later, and leaves no
// waiting connection.
func TestWaitingForALockedRowTimesOut(t *testing.T) {
	t.Parallel()
	db, database := openPostgreSQL(t)
	session := signIn(t, db, "alice")
	user, err := db.Users().Find(t.Context(), session.UserID)
	require.NoError(t, err)
	holder, o := newOperator(t, database), newOperator(t, database)
	before := o.content()
	holder.do("BEGIN")
	holder.do("SELECT 1 FROM users, sessions FOR UPDATE")
	waiting := []call{
		{"Open", func(ctx context.Context) error {
			return errorOf(db.Sessions().Open(ctx, newSession(user), user.AuthEpoch, lifetimes(), 1))
		}},
		{"End", func(ctx context.Context) error {
			return errorOf(db.Sessions().End(ctx, session.ID, identity.EndedByClient))
		}},
		{"Disable", func(ctx context.Context) error { return db.Users().Disable(ctx, user.ID) }},
	}
	for n := range 2 * DefaultConnections {
		waiting = append(waiting, call{fmt.Sprint("Rotate ", n), func(ctx context.Context) error {
			return errorOf(db.Sessions().Rotate(ctx, rotated(session), session.Generation))
		}})
	}
	requireFailures(t, db, waiting)
	require.Eventually(t, func() bool {
		return o.number("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "+
			"wait_event_type = 'Lock'") == 0
	}, patience, 10*time.Millisecond)
	holder.do("ROLLBACK")
	require.Equal(t, before, o.content())
	requireRecovery(t, waiting[3:4])
}

// TestEveryConnectionOfPostgreSQLHasItsSettings even if the database has other defaults.
func TestEveryConnectionOfPostgreSQLHasItsSettings(t *testing.T) {
	database := migrated.Copy(t)
	newOperator(t, database).do(`DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable',
		current_database()); END $$`)
	db := openURL(t, database, 3)
	onEveryConnection(t, db, `DO $$ BEGIN
		ASSERT current_setting('transaction_isolation') = 'read committed';
		ASSERT current_setting('idle_in_transaction_session_timeout') = '10s'; END $$`)
}

// refresher refreshes sessions without a pause, each in a goroutine of its own.
type refresher struct {
	t                    *testing.T
	db                   *DB
	stop                 context.CancelFunc
	running              sync.WaitGroup
	acknowledged, failed atomic.Int64 // of all sessions
}

// keepRefreshing starts to refresh sessions.
func keepRefreshing(t *testing.T, db *DB, sessions []identity.Session) *refresher {
	t.Helper()
	r := &refresher{t: t, db: db}
	var ctx context.Context
	ctx, r.stop = context.WithCancel(t.Context())
	t.Cleanup(r.end)
	for _, session := range sessions {
		r.running.Go(func() { r.refresh(ctx, session) })
	}
	return r
}

// end stops.
func (r *refresher) end() {
	r.stop()
	r.running.Wait()
}

// refresh refreshes a session until the context ends, and then requires that no acknowledged refresh was lost.
func (r *refresher) refresh(ctx context.Context, session identity.Session) {
	acknowledged, failed := 0, 0
	current := session
	for ctx.Err() == nil {
		next := rotated(current)
		moved, err := r.db.Sessions().Rotate(context.WithoutCancel(ctx), next, current.Generation)
		if moved {
			acknowledged++
			r.acknowledged.Add(1)
			current = next
		}
		for err != nil || !moved { // only the row shows whether it was written
			failed++
			r.failed.Add(1)
			if time.Sleep(time.Millisecond); ctx.Err() != nil {
				break
			}
			found, _, failure := r.db.Sessions().Find(context.WithoutCancel(ctx), session.ID)
			if err, moved = failure, failure == nil; moved {
				current = found
			}
		}
	}
	var found identity.Session
	assert.Eventually(r.t, func() (ok bool) { // a connection may still be one that was terminated just now
		var err error
		found, _, err = r.db.Sessions().Find(context.WithoutCancel(ctx), session.ID)
		return err == nil
	}, time.Minute, time.Millisecond, "calls succeed again")
	assert.GreaterOrEqual(r.t, int(found.Generation), acknowledged)
	assert.LessOrEqual(r.t, int(found.Generation), acknowledged+failed)
}

// requireMore requires that more refreshes are acknowledged, soon.
func (r *refresher) requireMore() {
	r.t.Helper()
	before := r.acknowledged.Load()
	require.Eventually(r.t, func() bool { return r.acknowledged.Load() > before+100 }, time.Minute,
		10*time.Millisecond)
}

// TestTerminatedConnectionsLoseNoAcknowledgedWrite terminates all connections repeatedly while sessions are
// refreshed.
func TestTerminatedConnectionsLoseNoAcknowledgedWrite(t *testing.T) {
	database := migrated.Copy(t)
	o := newOperator(t, database)
	leaks := goleak.IgnoreCurrent()
	db, err := Open(t.Context(), Options{URL: database})
	require.NoError(t, err)
	_, err = db.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	sessions := signInMany(t, db, 8)
	refreshing := keepRefreshing(t, db, sessions)
	var ended int64
	for begun := time.Now(); ended <= 20 || time.Since(begun) < 1500*time.Millisecond; {
		ended += o.number("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = " +
			"current_database() AND pid <> pg_backend_pid()")
		time.Sleep(30 * time.Millisecond)
	}
	refreshing.end()
	require.Positive(t, refreshing.failed.Load(), "no call failed")
	require.NoError(t, db.Close())
	require.NoError(t, o.connection.Close(t.Context())) // its reader may have started meanwhile
	goleak.VerifyNone(t, leaks)
}

// TestNoTransactionWaitsForASecondConnection makes all calls over one connection, and then many at the same time over
// few.
func TestNoTransactionWaitsForASecondConnection(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	single := openMigratedURL(t, database, 1)
	_, err := single.Schema().MigrateDown(t.Context())
	require.NoError(t, err)
	_, err = single.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	_, err = single.Schema().Status(t.Context())
	require.NoError(t, err)
	for _, connections := range []int{1, 2, DefaultConnections} {
		db := openURL(t, database, connections)
		session := signIn(t, db, identity.NewSessionID())
		for _, call := range calls(db, session) {
			require.NoError(t, call.do(t.Context()), call.name)
		}
		const callers = 64
		failures := make([]error, callers)
		var running sync.WaitGroup
		for caller := range callers {
			running.Go(func() {
				all := calls(db, session)
				for n := range 10 {
					call := all[(3*n+caller)%len(all)]
					if err := call.do(t.Context()); err != nil {
						failures[caller] = errors.Join(failures[caller], fmt.Errorf("%s: %w", call.name, err))
					}
				}
			})
		}
		running.Wait()
		require.NoError(t, errors.Join(failures...))
		pool, err := db.read.DB()
		require.NoError(t, err)
		require.LessOrEqual(t, pool.Stats().OpenConnections, connections)
		require.Zero(t, pool.Stats().InUse)
	}
	session := signIn(t, single, "alice")
	require.NoError(t, single.Clients().Create(t.Context(), identity.Client{ID: session.ClientID}))
	for _, write := range writes(single, session) {
		require.NoError(t, write.do(t.Context()), write.name)
	}
}
