package accounts_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/sql"
)

func TestMain(m *testing.M) { dbtest.Run(m) }

const (
	miniApp      = "wx0123456789abcdef"
	otherApp     = "wxfedcba9876543210"
	openPlatform = "op-1"
	client       = "mini"
	address      = "192.0.2.1"
	oldPassword  = "correct horse battery staple"
	newPassword  = "eleven grey umbrellas"
)

// env has a real SQLite database, a real hasher, and a fake prover.
type env struct {
	t        testing.TB
	database *sql.DB
	hasher   *countingHasher
	prover   *fakeProver
	accounts *accounts.Accounts
}

func newEnv(t testing.TB, options ...func(*accounts.Config)) *env {
	t.Helper()
	ctx := context.Background()
	database, err := sql.Open(ctx, sql.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "lingpai.db") +
		"?synchronous=off"})
	require.NoError(t, err)
	t.Cleanup(func() { database.Close() })
	_, err = database.Schema().MigrateUp(ctx)
	require.NoError(t, err)
	require.NoError(t, database.Clients().Create(ctx, identity.Client{ID: client, Apps: []string{miniApp, otherApp}}))
	master, err := keys.NewMasterKey(time.Now())
	require.NoError(t, err)
	ring, err := keys.ParseRing(master)
	require.NoError(t, err)
	hasher := &countingHasher{Hasher: password.New(password.Options{MaxWaiting: 1000})}
	prover := &fakeProver{hasher: hasher.Hasher, codes: map[string]identity.ExternalIdentity{}}
	configured := settings.Defaults()
	configured.Issuer = "https://login.example.com"
	process, err := server.New(ctx, server.Config{
		Settings: configured, Stores: server.StoresOf(database), Ring: ring, Keys: noKeys{},
		Logger: slog.New(slog.DiscardHandler),
		Accounts: func(c *accounts.Config) {
			c.Hasher, c.Prover = hasher, prover
			for _, set := range options {
				set(c)
			}
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, process.Close()) })
	return &env{t, database, hasher, prover, process.Accounts}
}

// noKeys cannot sign: these tests issue no tokens.
type noKeys struct{}

func (noKeys) Current() *keys.Set          { return nil }
func (noKeys) PublicSet() ([]byte, string) { return nil, "" }
func (noKeys) Backend() string             { return "" }

// countingHasher counts expensive hashes.
type countingHasher struct {
	*password.Hasher
	hashes atomic.Int64
}

func (h *countingHasher) Hash(ctx context.Context, caller password.Caller, secret string) (string, error) {
	h.hashes.Add(1)
	return h.Hasher.Hash(ctx, caller, secret)
}

// code returns a new login code of an account at an app.
func (w *env) code(app, openID string) string {
	return w.codeOf(identity.ExternalIdentity{AccountKey: wechatAccount(app, openID)})
}

func (w *env) codeOf(s identity.ExternalIdentity) string {
	w.prover.mutex.Lock()
	defer w.prover.mutex.Unlock()
	code := "code-" + identity.NewSessionID()
	w.prover.codes[code] = s
	return code
}

// unused reports whether a code has not been exchanged yet.
func (w *env) unused(code string) bool {
	w.prover.mutex.Lock()
	defer w.prover.mutex.Unlock()
	_, unused := w.prover.codes[code]
	return unused
}

func wechatAccount(app, openID string) identity.AccountKey {
	return identity.AccountKey{Platform: identity.PlatformWechat, App: app, Subject: openID}
}

// cheapHash returns an imported hash with a low cost, which makes the tests fast.
var cheapHash = sync.OnceValue(func() string {
	hash, err := bcrypt.GenerateFromPassword([]byte(oldPassword), bcrypt.MinCost)
	if err != nil {
		panic(err)
	}
	return string(hash)
})

// passwordUser creates a user with a password and signs them in.
func (w *env) passwordUser(username string) accounts.Caller {
	w.t.Helper()
	user, err := w.database.Users().Create(context.Background(), username, cheapHash())
	require.NoError(w.t, err)
	return w.signedIn(user, identity.AccountKey{})
}

// wechatUser creates a user with a WeChat account and signs them in.
func (w *env) wechatUser(openID string) accounts.Caller {
	w.t.Helper()
	key := wechatAccount(miniApp, openID)
	user, _, err := w.database.Accounts().FindOrCreateUser(context.Background(),
		identity.ExternalIdentity{AccountKey: key})
	require.NoError(w.t, err)
	return w.signedIn(user, key)
}

// signedIn opens a session and returns its caller.
func (w *env) signedIn(user identity.User, account identity.AccountKey) accounts.Caller {
	w.t.Helper()
	method := identity.MethodPassword
	if account != (identity.AccountKey{}) {
		method = identity.PlatformWechat
	}
	session, err := w.database.Sessions().Open(context.Background(), identity.Session{
		ID: identity.NewSessionID(), UserID: user.ID, Account: account, ClientID: client, Scope: oauth.ScopeAccount,
		Method:   method,
		AuthTime: time.Now(), Device: "a phone",
	}, user.AuthEpoch, identity.Lifetimes{Idle: time.Hour, Absolute: time.Hour}, 0)
	require.NoError(w.t, err)
	return accounts.Caller{UserID: user.ID, ClientID: client, SessionID: session.ID,
		Scope: "openid email phone address " +
			oauth.ScopeAccount, Address: address}
}

// signInAgain opens another session of the caller's user.
func (w *env) signInAgain(c accounts.Caller) accounts.Caller {
	w.t.Helper()
	return w.signedIn(w.user(c), identity.AccountKey{})
}

// visit signs the caller's user in in a new browser.
func (w *env) visit(c accounts.Caller) identity.BrowserSession {
	w.t.Helper()
	id, user := identity.NewSessionID(), w.user(c)
	browser, err := w.database.BrowserSessions().Open(context.Background(), identity.BrowserSession{ID: id,
		SecretHash: sha256.Sum256([]byte(id)), UserID: user.ID, Epoch: user.AuthEpoch, Method: identity.MethodPassword,
		Device: "a browser"}, identity.Lifetimes{Idle: time.Hour, Absolute: time.Hour}, "")
	require.NoError(w.t, err)
	return browser
}

// openFrom opens a session of the caller's user from a browser session.
func (w *env) openFrom(c accounts.Caller, browser identity.BrowserSession) accounts.Caller {
	w.t.Helper()
	id, user := identity.NewSessionID(), w.user(c)
	_, err := w.database.Sessions().Open(context.Background(), identity.Session{ID: id, UserID: user.ID,
		ClientID: c.ClientID, Browser: browser.ID, Scope: c.Scope, Method: browser.Method, AuthTime: browser.AuthTime},
		user.AuthEpoch, identity.Lifetimes{Idle: time.Hour, Absolute: time.Hour}, 0)
	require.NoError(w.t, err)
	c.SessionID = id
	return c
}

func (w *env) user(c accounts.Caller) identity.User {
	w.t.Helper()
	user, err := w.database.Users().Find(context.Background(), c.UserID)
	require.NoError(w.t, err)
	return user
}

// active reports whether the caller's session is active.
func (w *env) active(c accounts.Caller) bool {
	w.t.Helper()
	session, now, err := w.database.Sessions().Find(context.Background(), c.SessionID)
	require.NoError(w.t, err)
	return session.Active(now)
}

// linkedAccounts returns the caller's accounts as "app/subject", separated by spaces.
func (w *env) linkedAccounts(c accounts.Caller) string {
	w.t.Helper()
	found, err := w.database.Accounts().List(context.Background(), c.UserID)
	require.NoError(w.t, err)
	var apps []string
	for _, account := range found {
		apps = append(apps, account.App+"/"+account.Subject)
	}
	return strings.Join(apps, " ")
}

// events returns the audit events of a kind about a user.
func (w *env) events(kind, userID string) []identity.Event {
	w.t.Helper()
	all, err := w.database.Events().List(context.Background(), identity.EventsOf{}, 1000)
	require.NoError(w.t, err)
	var found []identity.Event
	for _, event := range all {
		if event.Kind == kind && event.UserID == userID {
			found = append(found, event)
		}
	}
	return found
}

// requireError checks the code of an error, and its description against RFC 6749 §5.2.
func requireError(t testing.TB, err error, code oauth.Code) {
	t.Helper()
	refusal, ok := errors.AsType[*oauth.Error](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, code, refusal.Code, "%v", err)
	require.Regexp(t, `^[A-Za-z][ !#-\[\]-~]+\.$`, refusal.Description)
}

func byPassword() accounts.Proof { return accounts.Proof{Password: oldPassword} }

func byCode(code string) accounts.Proof { return accounts.Proof{Code: code} }
