package sql

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/dbtest"
)

// shortPatience is enough for calls that nobody holds up, and tests do not wait long for those that somebody does.
const shortPatience = time.Second

// requireRefusals wants every call to fail in time, with an error that nobody takes for an answer.
func requireRefusals(t *testing.T, calls []call) {
	t.Helper()
	failures, longest := atOnce(t.Context(), calls)
	require.Less(t, longest, 4*shortPatience)
	for name, failure := range failures {
		require.Error(t, failure, name)
		requireNoMeaning(t, name, failure)
	}
}

func requireNoMeaning(t *testing.T, name string, failure error) {
	t.Helper()
	for _, meaning := range []error{identity.ErrNotFound, identity.ErrExists, identity.ErrStale, ErrSchema} {
		require.NotErrorIs(t, failure, meaning, name)
	}
}

// requireRecovery wants every call to succeed soon, over the same handle.
func requireRecovery(t *testing.T, calls []call) {
	t.Helper()
	var failures []error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
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

func TestOutagesOfPostgreSQLAreOverWhenTheyEnd(t *testing.T) {
	t.Parallel()
	server := dbtest.TemporaryPostgreSQL(t)
	database := server.URL()
	tapped, wire := tap(t, database)
	db, over := openMigratedURL(t, database, 0), openURL(t, tapped, 0)
	db.patience, over.patience = shortPatience, shortPatience
	session := signIn(t, db, "alice")
	all, allOver := calls(db, session), calls(over, session)
	requireRecovery(t, all)
	requireRecovery(t, allOver)

	t.Run("stopped", func(t *testing.T) {
		server.Stop()
		requireRefusals(t, all)
		requireRefusals(t, all)
		_, err := Open(t.Context(), Options{URL: database})
		require.Error(t, err)
		require.NoError(t, server.Start())
		requireRecovery(t, all)
		requireRecovery(t, allOver)
	})
	t.Run("stopped and started unnoticed", func(t *testing.T) {
		server.Stop()
		require.NoError(t, server.Start())
		requireRecovery(t, all)
		requireRecovery(t, allOver)
	})
	t.Run("silent", func(t *testing.T) {
		wire.silence.Lock()
		requireRefusals(t, allOver)
		requireRefusals(t, allOver)
		requireRecovery(t, all)
		wire.silence.Unlock()
		requireRecovery(t, allOver)
	})
	t.Run("full", func(t *testing.T) {
		o := newOperator(t, database)
		o.do("ALTER SYSTEM SET max_connections = 14")
		server.Stop()
		require.NoError(t, server.Start())
		requireRecovery(t, all[:1])
		others := crowd(t, database)
		failures, longest := atOnce(t.Context(), all)
		require.Less(t, longest, 4*shortPatience)
		for name, failure := range failures {
			requireNoMeaning(t, name, failure)
		}
		for _, other := range others {
			require.NoError(t, other.Close(t.Context()))
		}
		requireRecovery(t, all)
	})
	found, _, err := db.Sessions().Find(t.Context(), session.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1, found.Generation)
}

// crowd connects until the server takes nobody any more.
func crowd(t *testing.T, database string) (others []*pgx.Conn) {
	t.Helper()
	for range 100 {
		connection, err := pgx.Connect(t.Context(), database)
		if err != nil {
			require.ErrorContains(t, err, "53300")
			require.NotEmpty(t, others)
			return others
		}
		others = append(others, connection)
	}
	require.Fail(t, "the server takes everybody")
	return nil
}

// TestLostAnswersAreErrors loses the answers of writes that PostgreSQL has made: nobody can say what became
// of them, and nothing does.
func TestLostAnswersAreErrors(t *testing.T) {
	t.Parallel()
	tapped, wire := tap(t, migrated.Copy(t))
	db := openMigratedURL(t, tapped, 0)
	session := signIn(t, db, "alice")
	user, err := db.Users().Find(t.Context(), session.UserID)
	require.NoError(t, err)
	lose := func(statement string) {
		wire.mutex.Lock()
		defer wire.mutex.Unlock()
		wire.lose = func(executed string) bool { return statement != "" && strings.HasPrefix(executed, statement) }
	}
	lose("UPDATE sessions")
	_, err = db.Sessions().Rotate(t.Context(), rotated(session), session.Generation)
	require.Error(t, err)
	requireNoMeaning(t, "Rotate", err)
	lose("WITH clock")
	lost := newSession(user)
	_, err = db.Sessions().Open(t.Context(), lost, user.AuthEpoch, lifetimes(), 1)
	require.Error(t, err)
	requireNoMeaning(t, "Open", err)
	lose("commit")
	err = db.Users().Disable(t.Context(), user.ID)
	require.Error(t, err)
	requireNoMeaning(t, "Disable", err)
	lose("")

	found, _, err := db.Sessions().Find(t.Context(), session.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1, found.Generation, "once, though the driver might have tried again")
	_, _, err = db.Sessions().Find(t.Context(), lost.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1, epoch(t, db, user.ID))
}
