package server_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/dbtest"
)

// TestFaultsOfTheDatabaseAreLoggedFromTheStart, also those that the search for a pooler finds meanwhile.
func TestFaultsOfTheDatabaseAreLoggedFromTheStart(t *testing.T) {
	t.Parallel()
	postgresql := dbtest.TemporaryPostgreSQL(t)
	operator, err := pgx.Connect(t.Context(), postgresql.URL())
	require.NoError(t, err)
	defer operator.Close(t.Context())
	_, err = operator.Exec(t.Context(), "CREATE ROLE limited LOGIN CONNECTION LIMIT 1")
	require.NoError(t, err)
	master, err := keys.NewMasterKey(time.Now())
	require.NoError(t, err)
	s := settings.Defaults()
	s.Issuer, s.MasterKey = "https://login.example.com", identity.Secret(master)
	s.DatabaseURL = identity.Secret("postgres://limited@" + postgresql.Addr() + "/postgres?sslmode=disable")
	log := &syncBuffer{}
	err = server.Serve(t.Context(), s, slog.New(slog.NewTextHandler(log, nil)), "test")
	require.ErrorContains(t, err, "too many connections")
	require.Contains(t, log.String(), "PostgreSQL accepts no more connections")
}
