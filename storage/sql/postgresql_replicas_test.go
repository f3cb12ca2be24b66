package sql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// TestPruningUsesTheOrderOfBytes, whatever the database's collation: a cursor in another order than the query's would
// skip sessions.
func TestPruningUsesTheOrderOfBytes(t *testing.T) {
	t.Parallel()
	db, database := openPostgreSQL(t)
	o := newOperator(t, database)
	session := signIn(t, db, "alice")
	ids := []string{"-", "A", "B", "Z", "_", "a", "b", "a-b", "aB", "ä", "z", "Ä", "令", "😀", "0", "9"}
	for _, id := range ids {
		o.do(`INSERT INTO sessions SELECT $2, user_id, account_platform, account_app, account_subject,
			client_id, scope, method, auth_time, generation,
			rotations, NULL, secret_hash, 1, 1, 1, device, ended_at, end_reason FROM sessions
			WHERE id = $1`, session.ID, id)
	}
	ids = append(ids, session.ID)
	slices.Sort(ids)
	for n := 0; n < len(ids); n += 2 {
		_, end, err := db.Sessions().Prune(t.Context(), time.Hour, 2)
		require.NoError(t, err)
		require.Equal(t, n+2 > len(ids), end)
		cursor, err := db.Marks().Marked(t.Context(), pruneCursor)
		require.NoError(t, err)
		if !end {
			require.Equal(t, ids[n+1], cursor)
		}
	}
	require.EqualValues(t, 1, count(t, db, "sessions"), "only the active one is left")
}

// TestReplicasPruneAtOnce prunes the same sessions from two servers, while others refresh active sessions and end
// sessions.
func TestReplicasPruneAtOnce(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	replicas := []*DB{openMigratedURL(t, database, 0), openURL(t, database, 0)}
	live := signInMany(t, replicas[0], 20)
	o := newOperator(t, database)
	const over = 400
	o.do(`INSERT INTO sessions SELECT gen_random_uuid()::text, user_id, account_platform, account_app,
		account_subject, client_id, scope, method,
		auth_time, generation, rotations, NULL, secret_hash, 1, 1, 1, device, ended_at, end_reason
		FROM sessions, generate_series(1, $2::int) WHERE id = $1`, live[0].ID, over)
	ctx, stop := context.WithCancel(t.Context())
	failures := make([]error, 4)
	pruned := make([]int, 2)
	var pruning, refreshing sync.WaitGroup
	for n := range 4 {
		db := replicas[n%2]
		if n < 2 {
			pruning.Go(func() {
				for range 120 {
					deleted, _, err := db.Sessions().Prune(t.Context(), time.Hour, 7)
					pruned[n] += deleted
					failures[n] = errors.Join(failures[n], err)
				}
			})
			continue
		}
		refreshing.Go(func() {
			for turn := 0; ctx.Err() == nil; turn++ {
				session := live[turn%len(live)]
				current, _, found := db.Sessions().Find(t.Context(), session.ID)
				_, rotate := db.Sessions().Rotate(t.Context(), rotated(current), current.Generation)
				_, ended := db.Sessions().EndSince(t.Context(), time.Now().Add(time.Hour), identity.EndedByOperator)
				failures[n] = errors.Join(failures[n], found, rotate, ended)
			}
		})
	}
	pruning.Wait()
	stop()
	refreshing.Wait()
	require.NoError(t, errors.Join(failures...))
	require.Equal(t, over, pruned[0]+pruned[1], "each session is deleted and counted once")
	require.EqualValues(t, len(live), count(t, replicas[0], "sessions"))
}

// TestReplicasUseTheClockOfTheDatabase runs servers whose own clocks are wrong, which must not affect any row.
func TestReplicasUseTheClockOfTheDatabase(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	wrongClock := func() time.Time { return time.Unix(0, 0) }
	for n := range 2 {
		db, err := Open(t.Context(), Options{URL: database, Now: wrongClock})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		_, err = db.Schema().MigrateUp(t.Context())
		require.NoError(t, err)
		session := signIn(t, db, fmt.Sprint("user", n))
		_, now, err := db.Sessions().Find(t.Context(), session.ID)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), now, time.Minute)
		require.WithinDuration(t, now, session.LastSeenAt, time.Minute)
		require.NoError(t, db.Users().Disable(t.Context(), session.UserID))
		events, err := db.Events().List(t.Context(), identity.EventsOf{}, 1)
		require.NoError(t, err)
		require.WithinDuration(t, now, events[0].At, time.Minute)
	}
}
