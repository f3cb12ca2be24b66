package sql

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// endInBulk inserts ended sessions of the user of a session, with the given expression for their buckets. i is the
// number of the session, from 1 on.
func endInBulk(t testing.TB, db *DB, of identity.Session, count int, bucket string, at time.Time) {
	t.Helper()
	require.NoError(t, db.write.Exec(`INSERT INTO sessions (id, user_id, client_id, scope, method, auth_time,
			generation, secret_hash, idle_expires_at, expires_at, last_seen_at, device, ended_at, end_reason, bucket)
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		SELECT 'bulk-' || CAST(? AS TEXT) || '-' || i, user_id, client_id, scope, method, auth_time, 0, secret_hash,
			idle_expires_at, expires_at, last_seen_at, device, CAST(? AS BIGINT) + i, 'operator', `+bucket+`
		FROM sessions, n WHERE id = ?`, count, identity.NewSessionID(), at.UnixMilli(), of.ID).Error)
}

// TestTheListReadsFewRowsOfSQLite asks for the plans of the statements of the list, also of one with too many sessions.
func TestTheListReadsFewRowsOfSQLite(t *testing.T) {
	t.Parallel()
	plain := openMigrated(t)
	endInBulk(t, plain, signIn(t, plain, "alice"), 20, "i % 3", time.Now().Add(-time.Minute))
	db, executed := recorded(plain)
	_, err := db.Sessions().Ended(t.Context(), time.Hour, 10)
	require.NoError(t, err)
	require.Len(t, executed.statements, 2+1+16+1, "and the clients, and 4096 buckets at a time")
	const ofBuckets = "INDEX sessions_of_bucket (bucket=? AND <expr><?)"
	for n, statement := range executed.statements[1:] {
		index := ofBuckets
		switch n {
		case 0:
			index = "INDEX sessions_listed (ended_at>?)"
		case len(executed.statements) - 2:
			index = "INDEX ended_sessions_of_time (ended_at>?)"
		}
		steps := plan(t, plain, statement)
		require.Contains(t, steps, index, statement)
		require.NotContains(t, steps, "SCAN sessions", statement)
		require.NotContains(t, steps, "B-TREE", statement)
	}
}

// TestTheListHasEndingsOfThePreviousVersion: its servers store no bucket, and may run beside those of this version.
func TestTheListHasEndingsOfThePreviousVersion(t *testing.T) {
	t.Parallel()
	everywhere(t, endingsOfThePreviousVersion)
}

func endingsOfThePreviousVersion(t *testing.T, open func() *DB) {
	t.Helper()
	db := open()
	_, err := db.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	began := time.Now().Add(-time.Minute)
	alice := signIn(t, db, "alice")
	endInBulk(t, db, alice, 10, "NULL", began)
	bucket := identity.EndedBucket{Bucket: identity.Bucket(alice.UserID), At: time.UnixMilli(began.UnixMilli() + 2)}
	list := func(limit int) identity.EndedSessions {
		endings, err := db.Sessions().Ended(t.Context(), time.Hour, limit)
		require.NoError(t, err)
		return endings
	}
	for _, limit := range []int{100, 10} { // with its user's bucket, though that is not stored
		require.Len(t, list(limit).SessionIDs, 8)
		require.Equal(t, []identity.EndedBucket{bucket}, list(limit).Buckets)
	}
	deleted := make([]string, 20)
	for n := range deleted {
		deleted[n] = fmt.Sprint("deleted-", n)
		require.NoError(t, db.write.Exec("INSERT INTO ended_sessions (id, ended_at) VALUES (?, ?)", deleted[n],
			began.UnixMilli()+int64(n)).Error)
	}
	require.Subset(t, list(100).SessionIDs, deleted, "their users are not known, so they are listed individually")
	require.Subset(t, list(30).SessionIDs, deleted)
	require.Len(t, list(30).SessionIDs, 28)
	endInBulk(t, db, signIn(t, db, "bob"), 30, "NULL", began)
	covered := list(30)
	require.Len(t, covered.Buckets, 1<<16, "more of the previous version than can be listed cover all buckets")
	require.LessOrEqual(t, len(covered.SessionIDs), 30)
	for _, of := range covered.Buckets {
		require.False(t, of.At.Before(began), "%+v", of)
		require.False(t, of.At.After(began.Add(time.Minute)), "%+v", of)
	}
}
