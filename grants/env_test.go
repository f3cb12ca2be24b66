package grants_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-oauth2/oauth2/v4"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/grants"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/memory"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/tokens"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const (
	testIssuer   = "https://login.example.com"
	testAudience = "https://api.example.com"
	testApp      = "wx0123456789abcdef"
	otherApp     = "wxfedcba9876543210"
	testSecret   = "lp_cs_of-the-test"
	testPassword = "correct horse battery staple"
)

// env is a complete provider below HTTP with a real SQLite database, real keys and a WeChat simulator. It can be
// restarted on an older copy of its database.
type env struct {
	t         testing.TB
	clock     *dbtest.ProcessClock
	store     store
	policy    tokens.RotationPolicy
	idle      time.Duration
	absolute  time.Duration
	ring      *keys.Ring
	simulator *wechattest.Simulator
	wechatURL string
	log       *lockedBuffer

	database *sql.DB
	keys     *keys.Set
	config   server.Config
	issuer   *tokens.Issuer
	manager  *grants.Manager
	access   *access.Service
}

type option func(*env)

func withPolicy(policy tokens.RotationPolicy) option { return func(w *env) { w.policy = policy } }

// withoutExpiry makes sessions last longer than any random walk.
func withoutExpiry(w *env) { w.idle, w.absolute = 10*365*24*time.Hour, 10*365*24*time.Hour }

func newEnv(t testing.TB, options ...option) *env {
	t.Helper()
	w := &env{
		t: t, clock: &dbtest.ProcessClock{}, log: &lockedBuffer{},
		policy: tokens.RotationPolicy{Window: 30 * time.Second}, idle: 7 * 24 * time.Hour,
		absolute: 90 * 24 * time.Hour,
	}
	for _, set := range options {
		set(w)
	}
	w.store = newStore(t, w.clock)
	w.simulator = wechattest.New(wechattest.Options{Now: w.clock.Now})
	server := httptest.NewServer(w.simulator)
	t.Cleanup(server.Close)
	w.wechatURL = server.URL
	for _, app := range []string{testApp, otherApp} {
		require.NoError(t, w.simulator.AddApp(wechattest.App{AppID: app, Secret: "simulator-" + app}))
	}
	master, err := keys.NewMasterKey(time.Now())
	require.NoError(t, err)
	w.ring, err = keys.ParseRing(master)
	require.NoError(t, err)
	w.open()
	t.Cleanup(func() { w.database.Close() })
	w.seed()
	return w
}

// open opens the database and creates the services, as the server does when it starts.
func (w *env) open() {
	ctx := context.Background()
	database, err := sql.Open(ctx, sql.Options{URL: w.store.url(), Ring: w.ring, Now: w.clock.Now})
	require.NoError(w.t, err)
	_, err = database.Schema().MigrateUp(ctx)
	require.NoError(w.t, err)
	w.database = database
	keeper, err := keys.Open(ctx, database.Keys(), w.ring, keys.Options{Now: w.clock.Now})
	require.NoError(w.t, err)
	w.keys = keeper.Current()
	c := settings.Defaults()
	c.Issuer, c.WechatBaseURL, c.RefreshGrace, c.RefuseAhead = testIssuer, w.wechatURL, w.policy.Window,
		w.policy.RefuseAhead
	c.SessionIdle, c.SessionAbsolute = w.idle, w.absolute
	w.config = server.Config{
		Settings: c, Stores: server.StoresOf(database), Volatile: memory.New(memory.Options{Now: w.clock.Now}),
		Ring: w.ring, Keys: w.keys, Now: w.clock.Now, Logger: slog.New(slog.NewJSONHandler(w.log, nil)),
		Hasher: password.Options{MaxWaiting: 1000}, RecordAge: server.NoCache,
	}
	w.rewire(func(*server.Config) {})
}

// rewire changes the configuration and creates the services again.
func (w *env) rewire(change func(*server.Config)) {
	w.t.Helper()
	change(&w.config)
	process, err := server.New(context.Background(), w.config)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, process.Close()) })
	w.issuer, w.manager, w.access = process.Issuer, process.Grants, process.Access
}

func (w *env) seed() {
	ctx := context.Background()
	for _, app := range []string{testApp, otherApp} {
		require.NoError(w.t, w.database.Apps().Add(ctx, identity.App{
			Platform: identity.PlatformWechat, ID: app, Kind: identity.KindMiniProgram,
			Secret: identity.Secret("simulator-" + app),
		}))
	}
	for _, client := range []identity.Client{
		publicClient("mini", oauth.GrantWechatCode, oauth.GrantRefreshToken),
		publicClient("mini-2", oauth.GrantWechatCode, oauth.GrantRefreshToken),
		strictClient(keyed),
		publicClient("codes-only", oauth.GrantWechatCode),
		confidentialClient("backend", oauth.GrantWechatCode, oauth.GrantPassword, oauth.GrantRefreshToken),
		confidentialClient("service", oauth.GrantClientCredentials),
	} {
		require.NoError(w.t, w.database.Clients().Create(ctx, client))
	}
	hash, err := password.New(password.Options{}).Hash(ctx, password.Caller{}, testPassword)
	require.NoError(w.t, err)
	_, err = w.database.Users().Create(ctx, "alice", hash)
	require.NoError(w.t, err)
}

func publicClient(id string, names ...string) identity.Client {
	return identity.Client{
		ID: id, Grants: names, Apps: []string{testApp}, Audience: []string{testAudience},
		Scopes: []string{"openid", "profile", "offline_access", "api", "api.write"}, DefaultScopes: []string{"api"},
	}
}

func strictClient(id string) identity.Client {
	client := publicClient(id, oauth.GrantWechatCode, oauth.GrantRefreshToken)
	client.RefreshKeys = true
	return client
}

func confidentialClient(id string, names ...string) identity.Client {
	client := publicClient(id, names...)
	client.Confidential, client.FirstParty, client.SecretHash = true, true, identity.HashSecret(testSecret)
	return client
}

// restart closes and reopens everything, as a new process would.
func (w *env) restart() {
	require.NoError(w.t, w.database.Close())
	w.open()
}

// backup copies the database, as an operator does; restore replaces the database with the copy.
func (w *env) backup() {
	require.NoError(w.t, w.database.Close())
	w.store.backup()
	w.open()
}

func (w *env) restore() {
	require.NoError(w.t, w.database.Close())
	w.store.restore()
	w.clock.Move(0) // the restored database has an older clock
	w.open()
}

// form is a token request; names that begin with ":" are header names.
type form map[string]string

func (w *env) token(f form) (oauth2.TokenInfo, error) { return w.tokenFrom("192.0.2.1", f) }

func (w *env) tokenFrom(address string, f form) (oauth2.TokenInfo, error) {
	values := url.Values{}
	header := http.Header{}
	for name, value := range f {
		if headerName, ok := strings.CutPrefix(name, ":"); ok {
			header.Set(headerName, value)
			continue
		}
		values.Set(name, value)
	}
	request := httptest.NewRequest(http.MethodPost, "/token", nil)
	request.Header, request.PostForm, request.RemoteAddr = header, values, address
	return w.manager.GenerateAccessToken(context.Background(), oauth2.GrantType(f["grant_type"]),
		&oauth2.TokenGenerateRequest{Request: request})
}

// code mints a login code, as wx.login would.
func (w *env) code(user string) string {
	w.t.Helper()
	code, err := w.simulator.MintCode(testApp, user)
	require.NoError(w.t, err)
	return code
}

func (w *env) signIn(user string) oauth2.TokenInfo {
	w.t.Helper()
	info, err := w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": "mini", "code": w.code(user)})
	require.NoError(w.t, err)
	return info
}

func (w *env) refresh(token, key string) (oauth2.TokenInfo, error) {
	f := form{"grant_type": oauth.GrantRefreshToken, "client_id": "mini", "refresh_token": token}
	if key != "" {
		f[":Idempotency-Key"] = key
	}
	return w.token(f)
}

// session returns the session of a refresh token of any generation.
func (w *env) session(refresh string) identity.Session {
	w.t.Helper()
	read, err := w.issuer.ReadRefreshToken(refresh)
	require.NoError(w.t, err)
	session, _, err := w.database.Sessions().Find(context.Background(), read.SessionID)
	require.NoError(w.t, err)
	return session
}

// events returns the audit events of a kind.
func (w *env) events(kind string) []identity.Event {
	w.t.Helper()
	all, err := w.database.Events().List(context.Background(), identity.EventsOf{}, 1000)
	require.NoError(w.t, err)
	var found []identity.Event
	for _, event := range all {
		if event.Kind == kind {
			found = append(found, event)
		}
	}
	return found
}

// lockedBuffer holds a log that several goroutines write to.
type lockedBuffer struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}
