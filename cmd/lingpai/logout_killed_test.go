package main

import (
	"crypto/sha256"
	stdsql "database/sql"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

// toldSessions is a client's back-channel logout endpoint: it counts the notices of each session.
type toldSessions struct {
	*httptest.Server
	hold  atomic.Bool // it does not answer
	begun atomic.Int64
	mutex sync.Mutex
	times map[string]int
}

func newToldSessions(t *testing.T) *toldSessions {
	t.Helper()
	told := &toldSessions{times: map[string]int{}}
	told.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		token := r.PostFormValue("logout_token")
		told.begun.Add(1)
		if told.hold.Load() {
			<-r.Context().Done()
			return
		}
		var claims struct {
			SID string `json:"sid"`
		}
		payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(token+"..", ".")[1])
		_ = json.Unmarshal(payload, &claims)
		told.mutex.Lock()
		defer told.mutex.Unlock()
		told.times[claims.SID]++
	}))
	t.Cleanup(told.Close)
	return told
}

// require waits until each session was told once.
func (told *toldSessions) require(t *testing.T, sessions []string) {
	t.Helper()
	require.Eventually(t, func() bool {
		told.mutex.Lock()
		defer told.mutex.Unlock()
		return len(told.times) == len(sessions)
	}, patience, 20*time.Millisecond)
	told.mutex.Lock()
	defer told.mutex.Unlock()
	for _, session := range sessions {
		require.Equal(t, 1, told.times[session])
	}
	told.times = map[string]int{}
}

// signInsFromBrowser opens a user's sessions at a client from one browser.
func signInsFromBrowser(t *testing.T, db *sql.DB, user, client string, sessions int) (ids []string) {
	t.Helper()
	lifetimes := identity.Lifetimes{Idle: time.Hour, Absolute: time.Hour}
	created, err := db.Users().Create(t.Context(), user, "hash")
	require.NoError(t, err)
	browser, err := db.BrowserSessions().Open(t.Context(), identity.BrowserSession{ID: identity.NewSessionID(),
		UserID: created.ID, SecretHash: sha256.Sum256([]byte(user)), Epoch: created.AuthEpoch, Method: "pwd"},
		lifetimes, "")
	require.NoError(t, err)
	for range sessions {
		session, err := db.Sessions().Open(t.Context(), identity.Session{ID: identity.NewSessionID(),
			UserID: created.ID, ClientID: client, Browser: browser.ID, Scope: "openid", Method: "pwd"},
			created.AuthEpoch, lifetimes, 0)
		require.NoError(t, err)
		ids = append(ids, session.ID)
	}
	return ids
}

// TestKillingServersLosesNoNotice kills servers after the end of sessions and before they tell the client, and while
// they do. Two replicas send each notice once, and again only after one was killed.
func TestKillingServersLosesNoNotice(t *testing.T) {
	t.Parallel()
	f := onSharedServers(t, "LINGPAI_SERVER_ISSUER=http://127.0.0.1:1")
	told := newToldSessions(t)
	f.ok("clients", "create", "web", "--grant", "authorization_code", "--redirect-uri", callback,
		"--backchannel-logout-uri", told.URL)
	url := f.variable("LINGPAI_DATABASE_URL")
	db, err := sql.Open(t.Context(), sql.Options{URL: url})
	require.NoError(t, err)
	defer db.Close()
	const sessions = 150

	first := signInsFromBrowser(t, db, "alice", "web", sessions)
	for _, replica := range f.replicas {
		replica.kill()
	}
	f.ok("sessions", "revoke", "--user", "alice")
	for _, replica := range f.replicas {
		require.NoError(t, replica.start())
	}
	told.require(t, first)

	second := signInsFromBrowser(t, db, "bob", "web", sessions)
	told.hold.Store(true)
	told.begun.Store(0)
	f.ok("sessions", "revoke", "--user", "bob")
	require.Eventually(t, func() bool { return told.begun.Load() > 0 }, patience, 10*time.Millisecond)
	for _, replica := range f.replicas {
		replica.kill()
	}
	told.hold.Store(false)
	connection, err := stdsql.Open("pgx", url)
	require.NoError(t, err)
	defer connection.Close()
	_, err = connection.ExecContext(t.Context(), "UPDATE logout_notices SET due_at = 0") // the lease is over
	require.NoError(t, err)
	for _, replica := range f.replicas {
		require.NoError(t, replica.start())
	}
	told.require(t, second)
	require.Eventually(t, func() bool {
		var left int
		err := connection.QueryRowContext(t.Context(), "SELECT count(*) FROM logout_notices").Scan(&left)
		return err == nil && left == 0
	}, patience, 20*time.Millisecond)
}
