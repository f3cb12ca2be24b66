package server_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
)

// configured returns a configuration with a new database and the defaults of production.
func configured(t *testing.T) server.Config {
	t.Helper()
	s := settings.Defaults()
	s.Issuer = "https://login.example.com"
	master, err := keys.NewMasterKey(time.Now())
	require.NoError(t, err)
	s.MasterKey = identity.Secret(master)
	s.DatabaseURL = identity.Secret("sqlite:" + filepath.Join(t.TempDir(), "lingpai.db"))
	database, err := server.OpenDatabase(t.Context(), s)
	require.NoError(t, err)
	t.Cleanup(func() { database.Close() })
	_, err = database.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	return server.Config{Settings: s, Stores: server.StoresOf(database), Logger: slog.New(slog.DiscardHandler)}
}

func started(t *testing.T, c server.Config) *server.Server {
	t.Helper()
	s, err := server.New(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func status(s *server.Server, path string) int {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	return w.Code
}

func TestAProcessIsReadyWithTheDefaults(t *testing.T) {
	s := started(t, configured(t))
	require.NoError(t, s.Start(t.Context()))
	require.Equal(t, http.StatusOK, status(s, "/.well-known/openid-configuration"))
	require.Equal(t, http.StatusOK, status(s, "/readyz"))
}

func TestWithoutAMasterKeyNothingStarts(t *testing.T) {
	c := configured(t)
	c.Settings.MasterKey = ""
	_, err := server.New(t.Context(), c)
	require.Error(t, err)
}

// askedClients counts look-ups.
type askedClients struct {
	identity.Clients
	asked atomic.Int64
}

func (c *askedClients) Find(ctx context.Context, id string) (identity.Client, error) {
	c.asked.Add(1)
	return c.Clients.Find(ctx, id)
}

// TestStoresAndKeysCanBeReplaced, as fixtures of other packages do.
func TestStoresAndKeysCanBeReplaced(t *testing.T) {
	c := configured(t)
	ring, err := keys.ParseRing(c.Settings.MasterKey.Reveal())
	require.NoError(t, err)
	keeper, err := keys.Open(t.Context(), c.Stores.Keys, ring, keys.Options{Now: time.Now})
	require.NoError(t, err)
	asked := &askedClients{Clients: c.Stores.Clients}
	c.Settings.MasterKey, c.Ring, c.Keys, c.Stores.Clients = "", ring, keeper.Current(), asked
	require.NoError(t, asked.Create(t.Context(), identity.Client{ID: "shop",
		Audience: []string{"https://api.example.com"}}))
	lookUps := func(age time.Duration) int64 {
		c.RecordAge = age
		asked.asked.Store(0)
		s := started(t, c)
		for range 3 {
			form := strings.NewReader("grant_type=refresh_token&client_id=shop&refresh_token=none")
			request := httptest.NewRequest(http.MethodPost, "/token", form)
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			s.Handler().ServeHTTP(httptest.NewRecorder(), request)
		}
		return asked.asked.Load()
	}
	require.EqualValues(t, 3, lookUps(server.NoCache))
	require.EqualValues(t, 1, lookUps(time.Hour))
	require.Equal(t, http.StatusOK, status(started(t, c), "/readyz"))
}
