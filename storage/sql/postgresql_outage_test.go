package sql

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/dbtest"
)

const (
	// shortTimeout is for calls that fail by waiting.
	shortTimeout = time.Second
	// patience is how long a test waits for what must come.
	patience = time.Minute
)

// requireFailures requires every call to fail, though PostgreSQL says nothing, with an error that has no meaning to
// the caller.
func requireFailures(t *testing.T, db *DB, calls []call) {
	t.Helper()
	for name, failure := range failuresOf(t, db, calls) {
		require.Error(t, failure, name)
		requireNoIdentityError(t, name, failure)
	}
}

// failuresOf makes calls with a short timeout, and returns the error of each.
func failuresOf(t *testing.T, db *DB, calls []call) map[string]error {
	t.Helper()
	defer func(usual time.Duration) { db.timeout = usual }(db.timeout)
	db.timeout = shortTimeout
	failures, longest := atOnce(t.Context(), calls)
	require.Less(t, longest, patience, "a call ignored its timeout")
	return failures
}

func requireNoIdentityError(t *testing.T, name string, failure error) {
	t.Helper()
	for _, meaning := range []error{identity.ErrNotFound, identity.ErrExists, identity.ErrStale, ErrSchema} {
		require.NotErrorIs(t, failure, meaning, name)
	}
}

// requireRecovery requires every call to succeed soon, over the same handle.
func requireRecovery(t *testing.T, calls []call) {
	t.Helper()
	var failures []error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		failures = nil
		answers, _ := atOnce(t.Context(), calls)
		for _, failure := range answers {
			if failure != nil {
				failures = append(failures, failure)
			}
		}
		if len(failures) == 0 {
			return
		}
	}
	require.Empty(t, failures)
}

func TestRecoveryFromOutagesOfPostgreSQL(t *testing.T) {
	t.Parallel()
	server := dbtest.TemporaryPostgreSQL(t)
	database := server.URL()
	proxiedURL, proxy := startProxy(t, database)
	db, proxied := openMigratedURL(t, database, 0), openURL(t, proxiedURL, 0)
	session := signIn(t, db, "alice")
	all, allProxied := calls(db, session), calls(proxied, session)
	requireRecovery(t, all)
	requireRecovery(t, allProxied)

	t.Run("stopped", func(t *testing.T) {
		server.Stop()
		requireFailures(t, db, all)
		requireFailures(t, db, all)
		_, err := Open(t.Context(), Options{URL: database})
		require.Error(t, err)
		require.NoError(t, server.Start())
		requireRecovery(t, all)
		requireRecovery(t, allProxied)
	})
	t.Run("stopped and started unnoticed", func(t *testing.T) {
		server.Stop()
		require.NoError(t, server.Start())
		requireRecovery(t, all)
		requireRecovery(t, allProxied)
	})
	t.Run("silent", func(t *testing.T) {
		proxy.silence.Lock()
		requireFailures(t, proxied, allProxied)
		requireFailures(t, proxied, allProxied)
		requireRecovery(t, all)
		proxy.silence.Unlock()
		requireRecovery(t, allProxied)
	})
	t.Run("full", func(t *testing.T) {
		server.LimitConnections(t, 14)
		requireRecovery(t, all[:1])
		disconnect := dbtest.FillPostgreSQL(t, database)
		for name, failure := range failuresOf(t, db, all) {
			requireNoIdentityError(t, name, failure)
		}
		disconnect()
		requireRecovery(t, all)
	})
	found, _, err := db.Sessions().Find(t.Context(), session.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1, found.Generation)
}

// TestLostResponsesAreErrors drops the responses of writes that PostgreSQL has committed. Their outcome is unknown,
// and must not be reported as a success or an ordinary refusal.
func TestLostResponsesAreErrors(t *testing.T) {
	t.Parallel()
	proxiedURL, proxy := startProxy(t, migrated.Copy(t))
	db := openMigratedURL(t, proxiedURL, 0)
	session := signIn(t, db, "alice")
	user, err := db.Users().Find(t.Context(), session.UserID)
	require.NoError(t, err)
	lose := func(statement string) {
		proxy.mutex.Lock()
		defer proxy.mutex.Unlock()
		proxy.lose = func(executed string) bool { return statement != "" && strings.HasPrefix(executed, statement) }
	}
	lose("UPDATE sessions")
	_, err = db.Sessions().Rotate(t.Context(), rotated(session), session.Generation)
	require.Error(t, err)
	requireNoIdentityError(t, "Rotate", err)
	lose("WITH clock")
	lost := newSession(user)
	_, err = db.Sessions().Open(t.Context(), lost, user.AuthEpoch, lifetimes(), 1)
	require.Error(t, err)
	requireNoIdentityError(t, "Open", err)
	lose("commit")
	err = db.Users().Disable(t.Context(), user.ID)
	require.Error(t, err)
	requireNoIdentityError(t, "Disable", err)
	lose("")

	found, _, err := db.Sessions().Find(t.Context(), session.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1, found.Generation, "written once, although the driver might have retried")
	_, _, err = db.Sessions().Find(t.Context(), lost.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1, epoch(t, db, user.ID))
}
