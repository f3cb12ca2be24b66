package server

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/access/wechatdata"
	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/backchannel"
	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/grants"
	"github.com/lingpai/lingpai/idempotency"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/password"
	"github.com/lingpai/lingpai/places"
	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/provider/bounds"
	"github.com/lingpai/lingpai/provider/browser"
	"github.com/lingpai/lingpai/provider/pages"
	"github.com/lingpai/lingpai/pushes"
	"github.com/lingpai/lingpai/server/telemetry"
	"github.com/lingpai/lingpai/signin"
	"github.com/lingpai/lingpai/storage/memory"
	"github.com/lingpai/lingpai/tokens"
	"github.com/lingpai/lingpai/wechat"
)

// RecordAge is how long records of clients and apps are cached.
const RecordAge = time.Second

// New assembles a server. The context limits only its start, which creates keys if there are none. [Server.Close]
// closes everything that New opened.
func New(ctx context.Context, c Config) (*Server, error) {
	w, err := open(ctx, c)
	if err != nil {
		return nil, errors.Join(err, w.server.Close())
	}
	if w.server.handler, err = w.handler(w.wire()); err != nil {
		return nil, errors.Join(err, w.server.Close())
	}
	return w.server, nil
}

// wiring is a configuration with all defaults filled in, and the parts that were created so far.
type wiring struct {
	config    Config
	places    *places.Places // nil: none
	platforms Platforms
	hasher    *password.Hasher
	server    *Server
}

// open fills in the defaults, and opens keys, platforms and the volatile store.
func open(ctx context.Context, c Config) (w wiring, err error) {
	if c.Logger == nil {
		c.Logger = NewLogger(c.Settings, os.Stderr)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.RecordAge = cmp.Or(c.RecordAge, RecordAge)
	w = wiring{config: c, server: &Server{settings: c.Settings, stores: c.Stores, logger: c.Logger}}
	if w.places, err = ReadPlaces(c.Settings); err != nil {
		return w, err
	}
	if w.config.Ring == nil {
		if w.config.Ring, err = keys.ParseRing(c.Settings.MasterKey.Reveal()); err != nil {
			return w, err
		}
	}
	if w.config.Keys == nil {
		w.config.Keys, err = keys.Open(ctx, c.Stores.Keys, w.config.Ring,
			keys.Options{Now: c.Now, Policy: c.Settings.KeyPolicy(), Logger: c.Logger})
		if err != nil {
			return w, err
		}
	}
	if w.platforms, err = openPlatforms(c.Settings, c.WechatOpenFor, c.Logger); err != nil {
		return w, err
	}
	w.server.close = append(w.server.close, w.platforms.Close)
	if w.config.Volatile == nil {
		store, err := openVolatile(c.Settings, c.Now)
		if err != nil {
			return w, err
		}
		w.config.Volatile = store
		w.server.close = append(w.server.close, store.Close)
	}
	if c.Hasher.NameKey == nil {
		if c.Hasher.NameKey, err = w.config.Ring.Subkey("unknown names"); err != nil {
			return w, err
		}
	}
	w.hasher = password.New(c.Hasher) // one limit for all services that hash passwords
	w.server.hasher = w.hasher
	return w, nil
}

// services are the services that only the handler needs; Server has the others.
type services struct {
	clients    *clients.Registry
	authorize  *authorize.Service
	devices    *authorize.Devices
	handOffs   *authorize.HandOffs
	wechat     *authorize.Wechat
	wechatData *wechatdata.Service
	appTokens  *wechatdata.AppTokens
}

// wire creates the services in the order of their dependencies.
func (w wiring) wire() services {
	s, stores := w.config.Settings, w.config.Stores
	records, apps := stores.Clients, GuardApps(stores.Apps, s)
	if w.config.RecordAge > 0 {
		records, apps = memory.CacheClients(records, w.config.RecordAge), memory.CacheApps(apps, w.config.RecordAge)
	}
	registry := clients.NewRegistry(clients.Config{Store: records, Issuer: s.Issuer, Volatile: w.config.Volatile,
		Now: w.config.Now, Logger: w.config.Logger})
	metrics := telemetry.New(stores.Apps, w.config.Keys.Backend)
	rotation := tokens.RotationPolicy{Window: s.RefreshGrace, RefuseAhead: s.RefuseAhead}
	vault := wechat.NewVault(wechat.VaultConfig{Store: w.config.Volatile, NotFound: identity.ErrNotFound,
		Sealer:      w.config.Ring,
		KeyLifetime: s.SessionKeyLifetime, Now: w.config.Now, Logger: w.config.Logger})
	repeats := idempotency.New(w.config.Volatile, w.config.Ring, w.config.Logger)
	issuer := tokens.New(tokens.Config{
		Issuer: s.Issuer, Keys: w.config.Keys, Sessions: stores.Sessions, Users: stores.Users,
		Accounts: stores.Accounts,
		Profiles: stores.Profiles, AccessTTL: s.AccessTTL, IdleTTL: s.SessionIdle, AbsoluteTTL: s.SessionAbsolute,
		SessionLimit: s.SessionLimit, Now: w.config.Now, MaxAccessTTL: s.AccessTTLBound(),
		ContextClasses: s.ContextClasses,
	})
	limiter := limits.New(limits.Config{Store: w.config.Volatile, Events: stores.Events, Rates: s.Limits(),
		Meter: metrics, Now: w.config.Now, Logger: w.config.Logger})
	signIn := signin.New(signin.Config{
		Clients: registry, Apps: apps, Users: stores.Users, Accounts: stores.Accounts, Deletions: stores.Deletions,
		Events: stores.Events, Volatile: w.config.Volatile, Platforms: w.platforms.byGrant(), Vault: vault,
		Sealer: w.config.Ring, Hasher: w.hasher, Limiter: limiter, Now: w.config.Now, Logger: w.config.Logger,
	})
	accessService := access.New(access.Config{
		Clients: registry, Users: stores.Users, Profiles: stores.Profiles, Sessions: stores.Sessions, Issuer: issuer,
		Rotation: rotation, Meter: metrics,
	})
	wechatDataConfig := wechatdata.Config{
		Access: accessService, Apps: apps, Users: stores.Users, Accounts: stores.Accounts,
		Profiles: stores.Profiles, Events: stores.Events, Volatile: w.config.Volatile, Repeats: repeats, Vault: vault,
		Limiter: limiter,
		AppTokens: wechat.NewAppTokens(wechat.AppTokensConfig{Client: w.platforms.wechat, Store: w.config.Volatile,
			Sealer: w.config.Ring, Now: w.config.Now}),
		Meter: metrics, Now: w.config.Now, Logger: w.config.Logger,
	}
	w.server.keys, w.server.metrics, w.server.Issuer = w.config.Keys, metrics, issuer
	w.server.Access, w.server.Pushes = accessService, w.pushes(vault, limiter)
	w.bound(metrics)
	wechatData := wechatdata.New(wechatDataConfig)
	authorizeService := w.authorize(registry, signIn, issuer, limiter)
	devices := authorize.NewDevices(authorizeService, w.config.Volatile, w.config.Now)
	handOffs := authorize.NewHandOffs(authorizeService, stores.Users, stores.Profiles)
	w.server.Grants = grants.New(grants.Config{
		Clients: registry, SignIn: signIn, Devices: devices, HandOffs: handOffs,
		Access: accessService, WechatData: wechatData, Issuer: issuer, Keys: w.config.Keys,
		Users: stores.Users, Accounts: stores.Accounts, Sessions: stores.Sessions, Events: stores.Events,
		Volatile: w.config.Volatile, Repeats: repeats, Rotation: rotation, Now: w.config.Now,
		Logger: w.config.Logger, Meter: metrics,
	})
	accountsConfig := accounts.Config{
		Users: stores.Users, Accounts: stores.Accounts, Deletions: stores.Deletions, Profiles: stores.Profiles,
		Sessions: stores.Sessions, Browsers: stores.Browsers, Consents: stores.Consents, Events: stores.Events,
		Limiter: limiter, Hasher: w.hasher, Prover: signIn,
		Grace: s.DeletionGrace, Now: w.config.Now, Logger: w.config.Logger,
	}
	if w.config.Accounts != nil {
		w.config.Accounts(&accountsConfig)
	}
	w.server.Accounts = accounts.New(accountsConfig)
	w.server.Notices = backchannel.New(backchannel.Config{Issuer: s.Issuer, Notices: stores.Notices,
		Clients: stores.Clients, Tokens: issuer, Meter: metrics, Logger: w.config.Logger})
	w.server.scans = w.scans(authorizeService, apps, wechatDataConfig.AppTokens)
	return services{registry, authorizeService, devices, handOffs, w.wechat(authorizeService, signIn, apps),
		wechatData, wechatdata.NewAppTokens(wechatDataConfig)}
}

// pushes returns the service for what WeChat pushes.
func (w wiring) pushes(vault *wechat.Vault, limiter *limits.Limiter) *pushes.Service {
	return pushes.New(pushes.Config{Pushes: w.config.Stores.Pushes, Notices: w.config.Stores.WithdrawalNotices,
		Withdrawals: w.config.Stores.Withdrawals, Vault: vault, Limiter: limiter,
		Grace: w.config.Settings.DeletionGrace, Now: w.config.Now, Logger: w.config.Logger})
}

// authorize returns the service for authorization requests.
func (w wiring) authorize(registry *clients.Registry, signIn *signin.Service, issuer *tokens.Issuer,
	limiter *limits.Limiter) *authorize.Service {
	s := w.config.Settings
	return authorize.New(authorize.Config{
		Issuer: s.Issuer, Clients: registry, SignIn: signIn, Browsers: w.config.Stores.Browsers,
		Sessions: w.config.Stores.Sessions, Consents: w.config.Stores.Consents, Tokens: issuer, Keys: w.config.Keys,
		Lifetimes: identity.Lifetimes{Idle: s.BrowserIdle, Absolute: s.BrowserAbsolute},
		Volatile:  w.config.Volatile, Limiter: limiter, Terms: s.Pages.LinkedTerms(), Logger: w.config.Logger,
		Methods: s.BrowserMethods(),
	})
}

// scans returns the service for screens whose codes are scanned.
func (w wiring) scans(service *authorize.Service, apps identity.Apps, tokens *wechat.AppTokens) *authorize.Scans {
	s := w.config.Settings
	var codes *signin.MiniProgramCodes
	if s.ScanApp != "" {
		codes = &signin.MiniProgramCodes{Apps: apps, Tokens: tokens, AppID: s.ScanApp, Page: s.ScanPage,
			Version: s.ScanVersion, Unpublished: s.ScanUnpublished}
	}
	var links *signin.MiniProgramLinks
	if s.ScanLinkApp != "" {
		links = &signin.MiniProgramLinks{Apps: apps, Tokens: tokens, AppID: s.ScanLinkApp, Page: s.ScanPage,
			Version: s.ScanVersion, Now: w.config.Now}
	}
	config := authorize.ScansConfig{Service: service, Users: w.config.Stores.Users,
		Events: w.config.Stores.Events, Volatile: w.config.Volatile, Enabled: s.Scan,
		Numbers: authorize.NumberMatching(s.ScanNumber), Codes: codes, Links: links,
		Now: w.config.Now}
	if w.places != nil {
		config.Places = w.places
	}
	return authorize.NewScans(config)
}

// wechat returns the service for browsers that go to pages of WeChat.
func (w wiring) wechat(service *authorize.Service, signIn *signin.Service, apps identity.Apps) *authorize.Wechat {
	s := w.config.Settings
	return authorize.NewWechat(authorize.WechatConfig{
		Service: service, Scans: w.server.scans, Apps: apps, Profiles: w.config.Stores.Profiles,
		Pages:    signin.NewWechatPages(signIn, s.WechatConnectURL()),
		Callback: s.Issuer + browser.WechatReturnPath, Now: w.config.Now,
		AppIDs: s.WechatApps, Frame: s.WechatFrame, QuickLogin: s.WechatQuickLogin,
	})
}

// bound bounds connections and request bodies.
func (w wiring) bound(metrics *telemetry.Metrics) {
	logger, wanted := w.config.Logger, w.config.Settings.Connections
	most := bounds.Affordable(wanted)
	if most < wanted {
		logger.Warn("server.connections is more than three quarters of the files that this process may open "+
			"(ulimit -n): it is lowered", "server.connections", wanted, "lowered_to", most)
	}
	report := bounds.NewReport(metrics, logger, w.config.Now)
	w.server.connections = bounds.NewConnections(most, w.config.Settings.TrustedProxies, report)
	w.server.bodies = bounds.NewBodies(most, report)
	metrics.Watch(w.server.connections.Total, w.server.bodies.Total)
}

// handler returns the handler of all endpoints. It counts requests only if metrics are served.
func (w wiring) handler(s services) (http.Handler, error) {
	ready := w.config.Ready
	if ready == nil {
		checks := newReadiness(w.config)
		ready = checks.checks
		if w.config.Settings.DatabaseFile() == "" {
			w.server.metrics.WatchClock(checks.clockOffset)
		}
	}
	w.server.metrics.WatchChecks(func(ctx context.Context) map[string]bool {
		passed := map[string]bool{}
		for _, check := range ready(ctx) {
			passed[check.Name] = check.OK && !check.Degraded
		}
		return passed
	})
	var observe func(route string, next http.Handler) http.Handler
	if w.config.Settings.MetricsAddr != "" {
		observe = w.server.metrics.Observe
	}
	rendered, err := pages.New(w.config.Settings.Issuer, w.config.Settings.Pages)
	if err != nil {
		return nil, err
	}
	return provider.New(provider.Config{
		Issuer: w.config.Settings.Issuer, Clients: s.clients, Grants: w.server.Grants, Access: w.server.Access,
		Authorize: s.authorize, Devices: s.devices, Wechat: s.wechat, Scans: w.server.scans, HandOffs: s.handOffs,
		Pages:          rendered,
		ContextClasses: w.config.Settings.ContextClasses,
		WechatData:     s.wechatData, AppTokens: s.appTokens, Pushes: w.server.Pushes, Accounts: w.server.Accounts,
		WechatFiles: w.config.Settings.WechatFiles,
		KeySet:      w.config.Keys.PublicSet, KeySetAge: w.config.Settings.KeySetAge(),
		Ready: w.server.readyUntilStopped(ready), Observe: observe, Bodies: w.server.bodies,
		InFlight: w.config.InFlight, TrustedProxies: w.config.Settings.TrustedProxies, Logger: w.config.Logger,
	})
}
