package sql

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/storagetest"
)

// signInMany creates users with one session each.
func signInMany(t *testing.T, db *DB, many int) []identity.Session {
	t.Helper()
	sessions := make([]identity.Session, many)
	for n := range sessions {
		sessions[n] = signIn(t, db, identity.NewSessionID())
	}
	return sessions
}

// refreshAll refreshes each session the given number of times, in random order and several at a time.
func refreshAll(t *testing.T, db *DB, sessions []identity.Session, times int) {
	t.Helper()
	const callers = 8
	var running sync.WaitGroup
	failures := make([]error, callers)
	for caller := range callers {
		running.Go(func() {
			var own []*identity.Session
			for n := caller; n < len(sessions); n += callers {
				own = append(own, &sessions[n])
			}
			for turn := 0; turn < times*len(own) && failures[caller] == nil; turn++ {
				session := own[rand.IntN(len(own))]
				next := rotated(*session)
				moved, err := db.Sessions().Rotate(t.Context(), next, session.Generation)
				if failures[caller] = err; moved {
					*session = next
				}
			}
		})
	}
	running.Wait()
	for _, failure := range failures {
		require.NoError(t, failure)
	}
}

// TestARefreshWritesOnePage checks that refreshes are heap-only tuple updates: no index is written, nothing is left
// for a vacuum, and the table does not grow with the refreshes. A long transaction in any database of the server,
// which other tests share, keeps dead rows for as long as it runs, so one good round of several is enough: an index
// on a refreshed column, or pages without room, would spoil all rounds.
func TestARefreshWritesOnePage(t *testing.T) {
	sessions, times := 200, 20
	if storagetest.Long() {
		sessions, times = 500, 30
	}
	var inPlace float64
	var size int64
	for round := 0; round < 8 && !(inPlace >= 0.95 && size <= int64(2048*sessions)); round++ {
		inPlace, size = refreshInPlace(t, sessions, times)
	}
	require.GreaterOrEqual(t, inPlace, 0.95)
	require.LessOrEqual(t, size, int64(2048*sessions))
}

// refreshInPlace refreshes sessions in a new database. It returns the fraction of refreshes that wrote no index, and
// the size of the table in bytes.
func refreshInPlace(t *testing.T, sessions, times int) (inPlace float64, size int64) {
	t.Helper()
	// Rows that have not reached the disk cannot be pruned by later updates.
	database := with(t, migrated.Copy(t), "synchronous_commit", "on")
	db, o := openURL(t, database, 0), newOperator(t, database)
	o.do("ALTER TABLE sessions SET (autovacuum_enabled = false)")
	many := signInMany(t, db, sessions)
	refreshAll(t, db, many, times)
	onEveryConnection(t, db, "SELECT pg_stat_force_next_flush()") // each connection reports its counts
	updated := o.number("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'sessions'")
	hot := o.number("SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'sessions'")
	require.EqualValues(t, sessions*times, updated)
	require.EqualValues(t, sessions, count(t, db, "sessions"))
	return float64(hot) / float64(updated), o.number("SELECT pg_table_size('sessions')")
}

// TestNoIndexOfPostgreSQLContainsColumnsThatARefreshChanges includes the expressions and
// conditions of indexes.
func TestNoIndexOfPostgreSQLContainsColumnsThatARefreshChanges(t *testing.T) {
	t.Parallel()
	db, _ := openPostgreSQL(t)
	var indexed []string
	require.NoError(t, db.read.Raw(`SELECT DISTINCT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid
		WHERE indrelid = 'sessions'::regclass AND (attnum = ANY (indkey) OR
			pg_get_indexdef(indexrelid) ~ ('\m' || attname || '\M'))
		ORDER BY attname`).Scan(&indexed).Error)
	require.Equal(t, []string{"bucket", "client_id", "ended_at", "id", "opened_by", "user_id"}, indexed)
}

// TestConnectionsArePooled checks that idle connections are kept between bursts.
func TestConnectionsArePooled(t *testing.T) {
	db, _ := openPostgreSQL(t)
	session := signIn(t, db, "alice")
	burst := make([]call, 4*DefaultConnections)
	for n := range burst {
		burst[n] = call{identity.NewSessionID(),
			func(ctx context.Context) error { return errorOfTwo(db.Sessions().Find(ctx, session.ID)) }}
	}
	pool, err := db.read.DB()
	require.NoError(t, err)
	for range 5 {
		failures, _ := atOnce(t.Context(), burst)
		for _, failure := range failures {
			require.NoError(t, failure)
		}
		time.Sleep(time.Millisecond)
	}
	require.LessOrEqual(t, pool.Stats().OpenConnections, DefaultConnections)
	require.Zero(t, pool.Stats().MaxIdleClosed)
}
