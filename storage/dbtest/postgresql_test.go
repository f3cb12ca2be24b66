package dbtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
)

func TestMain(m *testing.M) { dbtest.Run(m) }

func TestEachTestHasItsDatabase(t *testing.T) {
	first, second := dbtest.PostgreSQL(t), dbtest.PostgreSQL(t)
	require.NotEqual(t, first, second)
	for _, database := range []string{first, second} {
		connection, err := pgx.Connect(t.Context(), database)
		require.NoError(t, err)
		_, err = connection.Exec(t.Context(), "CREATE TABLE mine (id text)")
		require.NoError(t, err)
		require.NoError(t, connection.Close(t.Context()))
	}
}

func TestATemporaryServerKeepsWhatIsCommitted(t *testing.T) {
	server := dbtest.TemporaryPostgreSQL(t)
	connection, err := pgx.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	_, err = connection.Exec(t.Context(), "CREATE TABLE kept (id text)")
	require.NoError(t, err)
	server.Stop()
	_, err = connection.Exec(t.Context(), "SELECT * FROM kept")
	require.Error(t, err)
	require.NoError(t, server.Start())
	connection, err = pgx.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	_, err = connection.Exec(t.Context(), "SELECT * FROM kept")
	require.NoError(t, err)
	require.NoError(t, connection.Close(t.Context()))
}
