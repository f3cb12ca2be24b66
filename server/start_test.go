package server_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/places/placestest"
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

// TestAWrongFileOfPlacesIsRefused before anything is written.
func TestAWrongFileOfPlacesIsRefused(t *testing.T) {
	t.Parallel()
	c := configured(t)
	c.Settings.ScanPlaces = placestest.Write(t, placestest.ASN, map[string]placestest.Place{"192.0.2.0/24": {}})
	_, err := server.New(t.Context(), c)
	require.ErrorContains(t, err, "browser.scan_places (LINGPAI_BROWSER_SCAN_PLACES): ")
	require.ErrorContains(t, err, `type "GeoLite2-ASN"`)
	stored, err := c.Stores.Keys.Keys(t.Context())
	require.NoError(t, err)
	require.Empty(t, stored)
	c.Settings.ScanPlaces = placestest.File(t)
	started(t, c)
}
