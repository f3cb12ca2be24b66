package sql

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// TestAllSessionsEndInBatches: after a restore, which may bring stolen sessions back, ending all of them must not
// depend on one statement to finish in time.
func TestAllSessionsEndInBatches(t *testing.T) {
	t.Parallel()
	everywhere(t, allSessionsEnd)
}

func allSessionsEnd(t *testing.T, open func() *DB) {
	t.Helper()
	db := open()
	_, err := db.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	first := signIn(t, db, "alice")
	before := count(t, db, "events")
	const more = 2*endBatch - 1 // so that the last batch is full
	require.NoError(t, db.write.Exec(`INSERT INTO sessions (id, user_id, client_id, scope, method, auth_time,
		generation, secret_hash,
					idle_expires_at, expires_at, last_seen_at, device)
				WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
				SELECT 'more-' || i, user_id, client_id, scope, method, auth_time, 0, secret_hash,
					idle_expires_at, expires_at, last_seen_at, device
				FROM sessions, n`, more).Error)

	ended, err := db.Sessions().EndSince(t.Context(), time.Now().Add(time.Hour), identity.EndedByOperator)
	require.NoError(t, err)
	require.Zero(t, ended)
	require.Equal(t, before, count(t, db, "events"))

	ended, err = db.Sessions().EndBefore(t.Context(), time.Now(), identity.EndedByOperator)
	require.NoError(t, err)
	require.EqualValues(t, more+1, ended)
	require.Equal(t, before+2, count(t, db, "events"), "one event for each batch")
	var active int64
	require.NoError(t, db.read.Raw("SELECT count(*) FROM sessions WHERE ended_at IS NULL").Scan(&active).Error)
	require.Zero(t, active)
	found, _, err := db.Sessions().Find(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, identity.EndedByOperator, found.EndReason)
}

// TestALimitThatCannotBeEnforcedIsLogged, and the new session is open.
func TestALimitThatCannotBeEnforcedIsLogged(t *testing.T) {
	db := openMigrated(t)
	var log bytes.Buffer
	db.LogTo(slog.New(slog.NewTextHandler(&log, nil)))
	first := signIn(t, db, "alice")
	user, err := db.Users().Find(t.Context(), first.UserID)
	require.NoError(t, err)
	require.NoError(t, db.write.Exec("CREATE TRIGGER broken BEFORE INSERT ON events BEGIN SELECT "+
		"RAISE(ABORT, 'full'); END").Error)
	second, err := db.Sessions().Open(t.Context(), newSession(user), user.AuthEpoch, lifetimes(), 1)
	require.NoError(t, err)
	active, err := db.Sessions().List(t.Context(), user.ID)
	require.NoError(t, err)
	require.Len(t, active, 2, "the next sign-in enforces the limit")
	require.Contains(t, log.String(), "level=WARN")
	require.Contains(t, log.String(), "full")
	require.Contains(t, log.String(), user.ID)
	require.Contains(t, log.String(), second.ID)
}
