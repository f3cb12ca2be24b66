package sql

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/dbtest"
)

// signInInBrowser signs a user in at n clients in a browser, each of which wants notices, and returns the browser
// session.
func signInInBrowser(t *testing.T, db *DB, clients int) identity.BrowserSession {
	t.Helper()
	ctx, lifetimes := t.Context(), identity.Lifetimes{Idle: time.Hour, Absolute: time.Hour}
	user, err := db.Users().Create(ctx, identity.NewClientID(), "hash")
	require.NoError(t, err)
	id := identity.NewSessionID()
	browser, err := db.BrowserSessions().Open(ctx, identity.BrowserSession{ID: id, UserID: user.ID,
		SecretHash: sha256.Sum256([]byte(id)), Epoch: user.AuthEpoch, Method: "pwd"}, lifetimes, "")
	require.NoError(t, err)
	for n := range clients {
		client := identity.Client{ID: identity.NewClientID(), Name: "Client",
			BackchannelLogoutURI: fmt.Sprintf("https://%d.example.com/logout", n)}
		require.NoError(t, db.Clients().Create(ctx, client))
		_, err = db.Sessions().Open(ctx, identity.Session{ID: identity.NewSessionID(), UserID: user.ID,
			ClientID: client.ID, Browser: browser.ID, Scope: "openid", Method: "pwd"}, user.AuthEpoch, lifetimes, 0)
		require.NoError(t, err)
	}
	return browser
}

// TestNoticesAreClaimedOnce by any number of replicas, and again after a lease that grows.
func TestNoticesAreClaimedOnce(t *testing.T) {
	t.Parallel()
	db, database := openPostgreSQL(t)
	replicas := []*DB{db, openURL(t, database, 0)}
	const clients = 50
	browser := signInInBrowser(t, db, clients)
	_, err := db.BrowserSessions().End(t.Context(), browser.ID, identity.EndedBySignOut, false)
	require.NoError(t, err)
	var mutex sync.Mutex
	claims := map[string]int{}
	var claiming sync.WaitGroup
	for n := range 8 {
		claiming.Go(func() {
			for range 20 {
				notices, _, err := replicas[n%2].LogoutNotices().Claim(t.Context(), 10)
				mutex.Lock()
				if err != nil {
					t.Errorf("Claim: %v", err)
				}
				for _, notice := range notices {
					claims[notice.SessionID]++
				}
				mutex.Unlock()
			}
		})
	}
	claiming.Wait()
	require.Len(t, claims, clients)
	for _, times := range claims {
		require.Equal(t, 1, times)
	}
}

// TestLeasesOfNotices: a notice that is neither deleted nor given up is due again later and later.
func TestLeasesOfNotices(t *testing.T) {
	t.Parallel()
	clock := &dbtest.ProcessClock{}
	db := openMigrated(t)
	db.now = clock.Now
	browser := signInInBrowser(t, db, 1)
	_, err := db.BrowserSessions().End(t.Context(), browser.ID, identity.EndedBySignOut, false)
	require.NoError(t, err)
	for attempt, lease := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		notices, _, err := db.LogoutNotices().Claim(t.Context(), 10)
		require.NoError(t, err)
		require.Len(t, notices, 1)
		require.Equal(t, attempt+1, notices[0].Attempts)
		clock.Move(lease*time.Minute - time.Second)
		none, _, err := db.LogoutNotices().Claim(t.Context(), 10)
		require.NoError(t, err)
		require.Empty(t, none)
		clock.Move(2 * time.Second)
	}
	notices, _, err := db.LogoutNotices().Claim(t.Context(), 10)
	require.NoError(t, err)
	require.NoError(t, db.LogoutNotices().GiveUp(t.Context(), notices[0], "the client answered 500"))
	clock.Move(2 * time.Hour)
	notices, _, err = db.LogoutNotices().Claim(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, notices)
	events, err := db.Events().List(t.Context(), identity.EventsOf{}, 1)
	require.NoError(t, err)
	require.Equal(t, identity.EventNoticeUndelivered, events[0].Kind)
}

// TestUndeliveredNotices are counted by client: those that wait for long, and those that were given up lately.
func TestUndeliveredNotices(t *testing.T) {
	t.Parallel()
	postgresql, _ := openPostgreSQL(t)
	for name, db := range map[string]*DB{"SQLite": openMigrated(t), "PostgreSQL": postgresql} {
		t.Run(name, func(t *testing.T) {
			undelivered := func() []UndeliveredNotices {
				clients, err := db.LogoutNotices().Undelivered(t.Context(), time.Hour, 24*time.Hour)
				require.NoError(t, err)
				for n := range clients {
					clients[n].Oldest = clients[n].Oldest.Truncate(time.Hour)
				}
				return clients
			}
			require.Empty(t, undelivered())
			now, err := db.Clock(t.Context())
			require.NoError(t, err)
			wait := func(client string, ended time.Duration, attempts int) {
				require.NoError(t, db.write.Exec("INSERT INTO logout_notices (session_id, user_id, client_id, "+
					"ended_at, due_at, attempts) VALUES (?, 'user', ?, ?, ?, ?)", identity.NewSessionID(), client,
					now.Add(-ended).UnixMilli(), now.UnixMilli(), attempts).Error)
			}
			wait("new", 30*time.Minute, 5)
			wait("tried", 30*time.Minute, 5)
			wait("tried", 90*time.Minute, 6)
			wait("tried", 150*time.Minute, 7)
			wait("untried", 61*time.Minute, 0)
			for n := range 12 { // some are counted in one row
				notice := identity.LogoutNotice{SessionID: fmt.Sprint("session ", n), UserID: "user", ClientID: "tried"}
				require.NoError(t, db.LogoutNotices().GiveUp(t.Context(), notice, "the client answered 500"))
			}
			require.NoError(t, db.Events().Record(t.Context(), identity.Event{Kind: identity.EventSignInFailed,
				ClientID: "new"}))
			old, err := newEventID(now.Add(-25 * time.Hour))
			require.NoError(t, err)
			require.NoError(t, db.write.Exec("INSERT INTO events (id, at, kind, user_id, client_id, session_id, "+
				"detail) VALUES (?, ?, ?, '', 'new', '', '')", old, now.Add(-25*time.Hour).UnixMilli(),
				identity.EventNoticeUndelivered).Error)
			require.Equal(t, []UndeliveredNotices{
				{ClientID: "tried", Waiting: 2, Oldest: 2 * time.Hour, Tried: true, GivenUp: 12},
				{ClientID: "untried", Waiting: 1, Oldest: time.Hour},
			}, undelivered())
		})
	}
}
