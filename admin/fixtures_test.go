package admin_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/password"
	"github.com/lingpai/lingpai/storage/sql"
)

const (
	appID    = "wx0123456789abcdef"
	otherApp = "wx00000000000000aa"
	qqID     = "1112345678"
	audience = "https://api.example.com"
	secret   = "0123456789abcdef0123456789abcdef"
	good     = "a good password" // for a user
)

// operator is the actor in tests.
var operator = identity.Actor{Name: "lingpai test (root)", Address: "192.0.2.7", RequestID: "r-1"}

// env has a migrated database and admin services whose stores check the actor.
type env struct {
	database *sql.DB
	recorder *recorder
	clients  *admin.Clients
	apps     *admin.Apps
	users    *admin.Users
	imports  *admin.Imports
	merges   *admin.Merges
	sessions *admin.Sessions
	consents *admin.Consents
	events   *admin.Events
	keys     *admin.Keys
	ring     *keys.Ring
	policy   keys.Policy
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := &env{ring: newRing(t), recorder: &recorder{t: t}, policy: keys.Policy{
		Signing: keys.Schedule{Interval: 720 * time.Hour, Announce: 24 * time.Hour, Retire: 25 * time.Hour},
		Refresh: keys.Schedule{Interval: 720 * time.Hour, Announce: 24 * time.Hour, Retire: 9000 * time.Hour},
	}}
	var err error
	e.database, err = sql.Open(t.Context(), sql.Options{URL: "sqlite:" + t.TempDir() + "/test.db?synchronous=off",
		Ring: e.ring})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.database.Close()) })
	_, err = e.database.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	db, r := e.database, e.recorder
	sessions := recordedSessions{db.Sessions(), r}
	e.clients = admin.NewClients(recordedClients{db.Clients(), r}, recordedApps{db.Apps(), r})
	e.apps = admin.NewApps(recordedApps{db.Apps(), r}, recordedClients{db.Clients(), r})
	e.users = admin.NewUsers(admin.UsersConfig{
		Users: recordedUsers{db.Users(), r}, Accounts: recordedAccounts{db.Accounts(), r},
		Entitlements: recordedEntitlements{db.Entitlements(), r}, Deletions: recordedDeletions{db.Deletions(), r},
		Sessions: sessions, Hasher: fakeHasher{},
	})
	e.imports = admin.NewImports(recordedImports{db.Imports(), r}, recordedApps{db.Apps(), r})
	e.merges = admin.NewMerges(recordedMerges{db.Merges(), r}, sessions)
	e.sessions = admin.NewSessions(sessions, recordedBrowsers{db.BrowserSessions(), r})
	e.consents = admin.NewConsents(recordedConsents{db.Consents(), r})
	e.events = admin.NewEvents(recordedEvents{db.Events(), r}, e.users)
	e.keys = e.newKeys(e.ring)
	return e
}

func (e *env) newKeys(ring *keys.Ring) *admin.Keys {
	return admin.NewKeys(admin.KeysConfig{
		Store: recordedKeys{e.database.Keys(), e.recorder}, Clock: e.database.Clock, Policy: e.policy,
		Ring:    ring,
		Secrets: recordedRest{e.database, e.recorder}, Accounts: recordedRest{e.database, e.recorder},
	})
}

func newRing(t *testing.T) *keys.Ring {
	t.Helper()
	master, err := keys.NewMasterKey(time.Now())
	require.NoError(t, err)
	ring, err := keys.ParseRing(master)
	require.NoError(t, err)
	return ring
}

// fakeHasher returns a fake hash, since a real one is slow.
type fakeHasher struct{}

func (fakeHasher) Hash(_ context.Context, _ password.Caller, text string) (string, error) {
	return "hash of " + text, nil
}

func (e *env) addUser(t *testing.T, username string) identity.User {
	t.Helper()
	user, err := e.database.Users().Create(t.Context(), username, "hash")
	require.NoError(t, err)
	return user
}

// signIn opens a session of a user.
func (e *env) signIn(t *testing.T, user identity.User) identity.Session {
	t.Helper()
	user, err := e.database.Users().Find(t.Context(), user.ID)
	require.NoError(t, err)
	return e.open(t, user, "")
}

// open opens a session from a browser session, or from none.
func (e *env) open(t *testing.T, user identity.User, browser string) identity.Session {
	t.Helper()
	session, err := e.database.Sessions().Open(t.Context(), identity.Session{ID: identity.NewSessionID(),
		UserID: user.ID, Browser: browser, ClientID: "shop", Scope: "openid", Method: identity.MethodPassword,
		AuthTime: time.Now()}, user.AuthEpoch, identity.Lifetimes{Idle: time.Hour, Absolute: time.Hour}, 0)
	require.NoError(t, err)
	return session
}

// duplicates creates two users that are the same person according to WeChat: the retired one and the survivor.
func (e *env) duplicates(t *testing.T, name string) (retired, survivor identity.User) {
	t.Helper()
	signInAt := func(app, union string) identity.User {
		s := identity.ExternalIdentity{AccountKey: identity.AccountKey{Platform: identity.PlatformWechat,
			App: app, Subject: name}}
		if union != "" {
			s.UnionID, s.OpenPlatform = union, "main/shop"
		}
		user, _, err := e.database.Accounts().FindOrCreateUser(t.Context(), s)
		require.NoError(t, err)
		return user
	}
	survivor, retired = signInAt(appID, "union-"+name), signInAt(otherApp, "")
	require.NotEqual(t, survivor.ID, retired.ID)
	signInAt(otherApp, "union-"+name) // the app is now bound to its Open Platform account
	return retired, survivor
}

// recorded returns the kinds of the events of a user, or of all users if userID is empty, the newest first.
func (e *env) recorded(t *testing.T, userID string) []string {
	t.Helper()
	events, err := e.database.Events().List(t.Context(), identity.EventsOf{UserID: userID}, 100)
	require.NoError(t, err)
	kinds := make([]string, len(events))
	for n, event := range events {
		kinds[n] = event.Kind
	}
	return kinds
}

// recordedOf returns the events of a kind, the newest first.
func (e *env) recordedOf(t *testing.T, kind string) []identity.Event {
	t.Helper()
	events, err := e.database.Events().List(t.Context(), identity.EventsOf{Kind: kind}, 1000)
	require.NoError(t, err)
	return events
}

func requireUnknown(t *testing.T, err error, what, name string) {
	t.Helper()
	require.Equal(t, admin.UnknownError{What: what, Name: name}, err)
	require.ErrorIs(t, err, identity.ErrNotFound)
}

func requireRefused(t *testing.T, err error, text string) {
	t.Helper()
	var refused admin.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, text, err.Error())
}

func requireField(t *testing.T, err error, field, reason string) {
	t.Helper()
	var wrong clients.FieldError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, field, wrong.Field)
	require.Contains(t, wrong.Reason, reason)
}
