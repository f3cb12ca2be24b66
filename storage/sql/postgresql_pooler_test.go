package sql

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/storagetest"
)

// fewConnections are fewer than the tests have callers, so that a pooler gives each caller another one all the time.
const fewConnections = 3

const execMode = "default_query_exec_mode"

// pooled returns the URL of a database through a pooler in transaction mode, with the parameter that it needs.
func pooled(t *testing.T, database string) string {
	t.Helper()
	return with(t, dbtest.Pooler(t, database, "transaction", fewConnections), execMode, "exec")
}

func TestPoolerInTransactionModeIsNoticed(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	for name, connections := range map[string]int{"one connection": 1, "several connections": fewConnections} {
		t.Run(name, func(t *testing.T) {
			pooler := dbtest.Pooler(t, database, "transaction", connections)
			for range 3 {
				err := CheckPooler(t.Context(), openURL(t, pooler, 0))
				require.ErrorIs(t, err, ErrPooler)
				require.ErrorContains(t, err, "add default_query_exec_mode=exec to the parameters of database.url")
			}
		})
	}
}

// TestBusyPoolerIsNoticed does not know over which connections the pooler executes what.
func TestBusyPoolerIsNoticed(t *testing.T) {
	t.Parallel()
	pooler := dbtest.Pooler(t, migrated.Copy(t), "transaction", fewConnections)
	others := openURL(t, with(t, pooler, execMode, "exec"), 0)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range DefaultConnections {
		running.Go(func() {
			for ctx.Err() == nil {
				_, _ = others.Clock(ctx)
			}
		})
	}
	defer running.Wait()
	defer stop()
	noticed := 0
	for range 10 {
		if err := CheckPooler(t.Context(), openURL(t, pooler, 0)); err != nil {
			require.ErrorIs(t, err, ErrPooler)
			noticed++
		}
	}
	require.GreaterOrEqual(t, noticed, 5)
}

// TestErrorsCausedByAPoolerContainAdvice covers a pooler that is put in front of PostgreSQL while a server runs.
func TestErrorsCausedByAPoolerContainAdvice(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	session := signIn(t, openURL(t, database, 0), "alice")
	db := openURL(t, dbtest.Pooler(t, database, "transaction", fewConnections), 0)
	all := append(calls(db, session),
		call{"Schema.Status", func(ctx context.Context) error { return errorOf(db.Schema().Status(ctx)) }},
		call{"Schema.MigrateUp", func(ctx context.Context) error { return errorOf(db.Schema().MigrateUp(ctx)) }})
	var noticed int
	for range 3 {
		failures, _ := atOnce(t.Context(), all)
		for name, failure := range failures {
			if failure != nil {
				require.ErrorIs(t, failure, ErrPooler, name)
				noticed++
			}
		}
	}
	require.Positive(t, noticed)
}

func TestParametersThatAPoolerRejectsAreExplained(t *testing.T) {
	t.Parallel()
	pooler := dbtest.Pooler(t, dbtest.PostgreSQL(t), "session", fewConnections)
	_, err := Open(t.Context(), Options{URL: with(t, pooler, "search_path", "own")})
	require.ErrorContains(t, err, "search_path")
	require.ErrorContains(t, err, "remove the parameter from database.url")
}

// TestUnnamedStatementsOfOthersAreNotExecuted rejects the mode in which one client of a pooler executes, and gets the
// rows of, what another client has compiled.
func TestUnnamedStatementsOfOthersAreNotExecuted(t *testing.T) {
	require.ErrorContains(t, CheckURL("postgres://localhost/db?default_query_exec_mode=describe_exec"), "use exec")
}

// TestEveryExecModeOfPgx covers URLs for PostgreSQL itself and for poolers.
func TestEveryExecModeOfPgx(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "cache_describe", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			requireServesPooled(t, with(t, migrated.Copy(t), execMode, mode))
		})
	}
	for _, mode := range []string{"cache_describe", "exec", "simple_protocol"} {
		t.Run(mode+" behind a pooler in transaction mode", func(t *testing.T) {
			t.Parallel()
			pooler := dbtest.Pooler(t, migrated.Copy(t), "transaction", fewConnections)
			requireServesPooled(t, with(t, pooler, execMode, mode))
		})
	}
	t.Run("the default behind a pooler in session mode", func(t *testing.T) {
		t.Parallel()
		requireServesPooled(t, dbtest.Pooler(t, migrated.Copy(t), "session", DefaultConnections))
	})
}

// requireServesPooled requires all calls to read what was written.
func requireServesPooled(t *testing.T, database string) {
	t.Helper()
	db := openMigratedURL(t, database, 0)
	user, _, err := db.Accounts().FindOrCreateUser(t.Context(),
		identity.ExternalIdentity{AccountKey: identity.AccountKey{Platform: "p", App: "a", Subject: `s'"\`}})
	require.NoError(t, err)
	session := newSession(user)
	session.OpenedBy, session.SecretHash, session.Device = []byte{0, 0xff, '\''}, [32]byte{0, 0xff, '\\'},
		`'; DROP TABLE users; --`
	session.Account = identity.AccountKey{Platform: "p", App: "a", Subject: `s'"\`}
	opened, err := db.Sessions().Open(t.Context(), session, user.AuthEpoch, lifetimes(), 20)
	require.NoError(t, err)
	for range identity.MaxRotations + 1 {
		moved, err := db.Sessions().Rotate(t.Context(), rotated(opened), opened.Generation)
		require.NoError(t, err)
		require.True(t, moved)
		opened = rotated(opened)
	}
	found, _, err := db.Sessions().FindByOpening(t.Context(), session.OpenedBy)
	require.NoError(t, err)
	require.Equal(t, opened.Generation, found.Generation)
	require.Len(t, found.Rotations, identity.MaxRotations)
	require.Equal(t, session.SecretHash, found.SecretHash)
	require.Equal(t, session.Device, found.Device)
	require.Equal(t, session.Account, found.Account)
	client := identity.Client{ID: identity.NewClientID(), Confidential: true, SecretHash: []byte{0, 0xff},
		Grants: []string{`"a"`, "b'"}}
	require.NoError(t, db.Clients().Create(t.Context(), client))
	kept, err := db.Clients().Find(t.Context(), client.ID)
	require.NoError(t, err)
	require.Equal(t, client.Grants, kept.Grants)
	require.Equal(t, client.SecretHash, kept.SecretHash)
	for _, call := range append(calls(db, found), writes(db, found)...) {
		if !strings.HasPrefix(call.name, "Clients.") { // of another client
			require.NoError(t, call.do(t.Context()), call.name)
		}
	}
	require.EqualValues(t, 3, epoch(t, db, user.ID))
}

// TestMigrationsBehindAPooler migrates an empty database by several servers at the same time.
func TestMigrationsBehindAPooler(t *testing.T) {
	t.Parallel()
	database := pooled(t, dbtest.PostgreSQL(t))
	var running sync.WaitGroup
	failures := make([]error, 4)
	for n := range failures {
		db := openURL(t, database, 2)
		running.Go(func() { _, failures[n] = db.Schema().MigrateUp(t.Context()) })
	}
	running.Wait()
	require.NoError(t, errors.Join(failures...))
	db := openURL(t, database, 2)
	requireStatus(t, db, true)
	requireOnce(t, db)
	for range requireStatus(t, db, true) {
		_, err := db.Schema().MigrateDown(t.Context())
		require.NoError(t, err)
	}
}

// TestSettingsDoNotReachOtherClientsOfAPooler looks at the connections that the next client gets.
func TestSettingsDoNotReachOtherClientsOfAPooler(t *testing.T) {
	t.Parallel()
	database := with(t, dbtest.Pooler(t, migrated.Copy(t), "transaction", 1), execMode, "exec")
	signIn(t, openURL(t, database, 0), "alice")
	require.Zero(t, newOperator(t, database).number(`SELECT count(*) FROM pg_settings WHERE source = 'session' AND name
		IN ('default_transaction_isolation', 'idle_in_transaction_session_timeout')`))
}

// TestConformanceBehindAPooler runs two servers on one database, over fewer connections than they have callers. It runs
// only the races unless -storagetest.long is given.
func TestConformanceBehindAPooler(t *testing.T) {
	t.Parallel()
	run := storagetest.RunRaces
	if storagetest.Long() {
		run = storagetest.Run
	}
	ring := newRing(t)
	run(t, func(t *testing.T) (storagetest.Stores, func(time.Duration)) {
		database := migrated.Copy(t)
		_, clock := dbtest.MovableClock(t, database)
		newOperator(t, database).do(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, moved,
			pg_catalog', current_database()); END $$`) // a pooler rejects it as a parameter of the URL
		options := Options{URL: pooled(t, database), Ring: ring, Connections: DefaultConnections / 2}
		stores, replica := openStores(t, options), openStores(t, options)
		stores.Replica = &replica
		return stores, clock.Move
	})
}
