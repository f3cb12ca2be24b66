package provider_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/backchannel"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/password"
	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/pushes"
	"github.com/lingpai/lingpai/server"
	serversettings "github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/memory"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/tokens"
	"github.com/lingpai/lingpai/wechat/qq/qqtest"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const (
	testAudience     = "https://api.example.com"
	testOrigin       = "https://h5.example.com"
	testApp          = "wx0123456789abcdef"
	otherApp         = "wxfedcba9876543210"
	testOpenPlatform = "the-open-platform" // apps of the simulator are bound to none until a test binds them
	testSecret       = "lp_cs_of-the-test"
	oddSecret        = "a:b%+c" // every character that means something to HTTP Basic or to forms
	testPassword     = "correct horse battery staple"
	testKey          = "a-key-of-at-least-128-random-bits"
)

// env is an installation with the helpers of the tests. Helpers of one feature are in a type of their own.
type env struct {
	*installation
	records
	browser
	wechatUsers
	tokenCalls
	appTokenCalls
	wechatDataCalls
	accountCalls
}

func newEnv(t testing.TB, options ...option) *env {
	t.Helper()
	w := newInstallation(t, options...)
	calls := tokenCalls{w, browser{w}, wechatUsers{w}}
	return &env{w, records{w}, calls.browser, calls.wechatUsers, calls, appTokenCalls{calls},
		wechatDataCalls{calls}, accountCalls{calls}}
}

// records changes and reads the stores of the installation directly.
type records struct{ *installation }

// browser sends requests and returns the answers unchanged.
type browser struct{ *installation }

// wechatUsers are users of WeChat or QQ: they get codes and encrypted data from its simulator.
type wechatUsers struct{ *installation }

// tokenCalls calls the endpoints that issue, check and revoke tokens.
type tokenCalls struct {
	*installation
	browser
	wechatUsers
}

// appTokenCalls requests app tokens as back ends do.
type appTokenCalls struct{ tokenCalls }

// wechatDataCalls calls the endpoints that decrypt and verify WeChat's data.
type wechatDataCalls struct{ tokenCalls }

// accountCalls calls the account API.
type accountCalls struct{ tokenCalls }

// installation is a complete provider: a real HTTP server, real SQLite, real keys, and WeChat's simulator behind HTTP.
type installation struct {
	t         testing.TB
	clock     *dbtest.ProcessClock
	settings  settings
	simulator *wechattest.Simulator
	qq        *qqtest.Simulator
	database  *sql.DB
	// of the database, for other connections
	databaseURL string
	keys        *keys.Set
	slow        *slowSessions
	ring        *keys.Ring
	volatile    *breakable
	server      *httptest.Server
	issuer      string
	notices     *backchannel.Sender
	pushes      *pushes.Service
	log         *lockedBuffer
	asked       *lockedBuffer // the clients that were looked up in the store
	touched     *lockedBuffer // the sessions that were looked up or ended
}

// askedClients records which clients are looked up.
type askedClients struct {
	identity.Clients
	w *installation
}

func (c *askedClients) Find(ctx context.Context, id string) (identity.Client, error) {
	_, _ = c.w.asked.Write([]byte(id + "\n"))
	return c.Clients.Find(ctx, id)
}

func (c *askedClients) List(ctx context.Context) ([]identity.Client, error) {
	_, _ = c.w.asked.Write([]byte("all\n"))
	return c.Clients.List(ctx)
}

// touchedSessions records which sessions are looked up and ended.
type touchedSessions struct {
	identity.Sessions
	w *installation
}

func (s *touchedSessions) Find(ctx context.Context, id string) (identity.Session, time.Time, error) {
	_, _ = s.w.touched.Write([]byte("find " + id + "\n"))
	return s.Sessions.Find(ctx, id)
}

func (s *touchedSessions) End(ctx context.Context, id, reason string) (bool, error) {
	_, _ = s.w.touched.Write([]byte("end " + id + "\n"))
	return s.Sessions.End(ctx, id, reason)
}

// settings are the options of an installation.
type settings struct {
	path          string // of the issuer
	proxies       []netip.Prefix
	perAddress    int
	rotation      tokens.RotationPolicy
	idle          time.Duration
	absolute      time.Duration
	wechatTimeout time.Duration
	hasher        password.Options
	inFlight      int
	connections   int
	configure     func(*serversettings.Settings) // nil: no change
	stores        func(*server.Stores)           // changes the stores; nil: does not
}

// also changes the configuration in one more way.
func (s *settings) also(configure func(*serversettings.Settings)) {
	before := s.configure
	s.configure = func(c *serversettings.Settings) {
		if before != nil {
			before(c)
		}
		configure(c)
	}
}

type option func(*settings)

func newInstallation(t testing.TB, options ...option) *installation {
	t.Helper()
	w := &installation{t: t, clock: &dbtest.ProcessClock{},
		log: &lockedBuffer{}, asked: &lockedBuffer{}, touched: &lockedBuffer{},
		settings: settings{
			perAddress: 1000, connections: 2048, rotation: tokens.RotationPolicy{Window: 30 * time.Second},
			idle:          7 * 24 * time.Hour,
			absolute:      90 * 24 * time.Hour,
			wechatTimeout: 3 * time.Second, hasher: password.Options{MaxWaiting: 1000},
		}}
	for _, set := range options {
		set(&w.settings)
	}
	w.openDatabase()
	w.serve(w.startSimulator())
	return w
}

func (w *installation) startSimulator() string {
	w.simulator = wechattest.New(wechattest.Options{Now: w.clock.Now})
	server := httptest.NewUnstartedServer(w.simulator)
	// tests break connections on purpose
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	server.Start()
	w.t.Cleanup(server.Close)
	for _, app := range []string{testApp, otherApp} {
		require.NoError(w.t, w.simulator.AddApp(wechattest.App{AppID: app, Secret: "simulator-" + app}))
	}
	return server.URL
}

// serve starts the server that the command would start, on loopback, with stores that record calls.
func (w *installation) serve(wechatURL string) {
	logger := slog.New(provider.LogRequestIDs(slog.NewJSONHandler(w.log,
		&slog.HandlerOptions{Level: slog.LevelDebug})))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	w.issuer = "http://" + listener.Addr().String() + w.settings.path
	w.volatile = &breakable{Volatile: memory.New(memory.Options{Now: w.clock.Now})}
	stores := server.StoresOf(w.database)
	w.slow = &slowSessions{Sessions: &touchedSessions{stores.Sessions, w}}
	stores.Clients, stores.Sessions = &askedClients{stores.Clients, w}, w.slow
	if w.settings.stores != nil {
		w.settings.stores(&stores)
	}
	process, err := server.New(context.Background(), server.Config{
		Settings: w.configuration(wechatURL), Stores: stores, Volatile: w.volatile, Ring: w.ring, Keys: w.keys,
		Now: w.clock.Now, Logger: logger, Hasher: w.settings.hasher, InFlight: w.settings.inFlight,
		RecordAge: server.NoCache, WechatOpenFor: 300 * time.Millisecond,
		Ready: func(ctx context.Context) []provider.ReadyCheck {
			return []provider.ReadyCheck{{Name: "database", OK: w.database.Ping(ctx) == nil}}
		},
	})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, process.Close()) })
	w.notices, w.pushes = process.Notices, process.Pushes
	config := provider.NewHTTPServer(process.Handler(), logger)
	w.server = &httptest.Server{Listener: process.Bound(config, listener), Config: config}
	w.server.Start()
	w.t.Cleanup(w.server.Close)
}

// configuration returns the settings of the server.
func (w *installation) configuration(wechatURL string) serversettings.Settings {
	c := serversettings.Defaults()
	c.Issuer, c.TrustedProxies, c.AddressAttempts = w.issuer, w.settings.proxies, w.settings.perAddress
	c.WechatBaseURL, c.QQBaseURL, c.WechatTimeout = wechatURL, w.startQQ(), w.settings.wechatTimeout
	c.Connections = w.settings.connections
	c.RefreshGrace, c.RefuseAhead = w.settings.rotation.Window, w.settings.rotation.RefuseAhead
	c.SessionIdle, c.SessionAbsolute = w.settings.idle, w.settings.absolute
	if w.settings.configure != nil {
		w.settings.configure(&c)
	}
	return c
}

// lockedBuffer keeps a log that several goroutines write.
type lockedBuffer struct {
	mutex sync.Mutex
	text  []byte
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.text = append(b.text, p...)
	return len(p), nil
}

func (b *lockedBuffer) Reset() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.text = nil
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return string(b.text)
}

// quiet is a client that follows no redirects and reuses no connections, so that a test sees each answer unchanged.
var quiet = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       20 * time.Second,
}
