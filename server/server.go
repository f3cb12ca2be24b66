// Package server assembles a server process: the services over the stores, the handler of all endpoints, and
// background tasks. The commands serve and dev start it, as do tests of other packages.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/backchannel"
	"github.com/lingpai/lingpai/grants"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/internal/serve"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/password"
	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/provider/bounds"
	"github.com/lingpai/lingpai/pushes"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/server/telemetry"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/tokens"
)

// NoCache as [Config.RecordAge] disables the cache of clients and apps.
const NoCache time.Duration = -1

// Config configures a server process. Settings and Stores are required; zero values of the other fields are the
// defaults of production.
type Config struct {
	Settings settings.Settings // at least [settings.Defaults] with an issuer, and a master key if Ring is nil
	Stores   Stores

	Volatile  identity.Volatile                           // nil: according to Settings
	Ring      *keys.Ring                                  // nil: from the master key in Settings
	Keys      Keys                                        // nil: a [keys.Keeper] over Stores.Keys
	Now       func() time.Time                            // nil: [time.Now]
	Logger    *slog.Logger                                // nil: according to Settings, to standard error
	Hasher    password.Options                            // limits of password hashing
	InFlight  int                                         // see [provider.Config]
	RecordAge time.Duration                               // how long clients and apps are cached; 0: 1 s; or NoCache
	Ready     func(context.Context) []provider.ReadyCheck // nil: database, keys, Redis and simulators

	// Accounts changes the configuration of the accounts service, for tests; nil: no change.
	Accounts func(*accounts.Config)

	WechatOpenFor time.Duration // how long WeChat's circuit breaker stays open; see [wechat.Config]
}

// Stores are the persistent stores of a process. Tests may wrap any of them.
type Stores struct {
	Clients   identity.Clients
	Apps      identity.Apps
	Users     identity.Users
	Accounts  identity.Accounts
	Deletions identity.Deletions
	Profiles  identity.Profiles
	Sessions  identity.Sessions
	Browsers  identity.BrowserSessions
	Consents  identity.Consents
	Notices   identity.LogoutNotices
	Pushes    identity.Pushes
	// Withdrawals applies what users have withdrawn at WeChat, and WithdrawalNotices has what is still to be applied.
	Withdrawals       identity.Withdrawals
	WithdrawalNotices identity.WithdrawalNotices
	Events            identity.Events
	Keys              keys.Store
	// CheckDatabase returns an error if the database does not answer, does not have the required schema or cannot be
	// written. Only readiness calls it.
	CheckDatabase func(context.Context) error
	// Clock returns the time of the database's clock; nil: not compared. Only readiness calls it.
	Clock func(context.Context) (time.Time, error)
	// ClosedApps returns the apps whose AppSecrets cannot be decrypted; nil: not checked. Only readiness calls it.
	ClosedApps func(context.Context) ([]identity.App, error)
}

// StoresOf returns the stores of a migrated database.
func StoresOf(database *sql.DB) Stores {
	return Stores{
		Clients: database.Clients(), Apps: database.Apps(), Users: database.Users(),
		Accounts: database.Accounts(), Deletions: database.Deletions(),
		Profiles: database.Profiles(), Sessions: database.Sessions(), Events: database.Events(),
		Browsers: database.BrowserSessions(), Consents: database.Consents(),
		Notices: database.LogoutNotices(), Pushes: database.Apps().Pushes(),
		WithdrawalNotices: database.Apps().Pushes().WithdrawalNotices(),
		Withdrawals:       database.Deletions().Withdrawals(),
		Keys:              database.Keys(), CheckDatabase: checkOf(database), Clock: database.Clock,
		ClosedApps: database.Apps().Closed,
	}
}

// Keys provides the keys of the server: a [keys.Keeper], or a constant [keys.Set].
type Keys interface {
	tokens.Keys
	PublicSet() (jwks []byte, etag string)
	Backend() string
}

// Server is a server process. Its services share the given stores.
type Server struct {
	Grants   *grants.Manager
	Access   *access.Service
	Accounts *accounts.Accounts
	Issuer   *tokens.Issuer
	Notices  *backchannel.Sender
	Pushes   *pushes.Service

	keys        Keys
	metrics     *telemetry.Metrics
	scans       *authorize.Scans
	connections *bounds.Connections
	bodies      *bounds.Bodies
	handler     http.Handler
	settings    settings.Settings
	stores      Stores
	hasher      *password.Hasher
	logger      *slog.Logger
	stopping    atomic.Bool
	close       []func() error
}

// Handler returns the handler of all endpoints.
func (s *Server) Handler() http.Handler { return s.handler }

// MetricsHandler returns the handler of GET /metrics, which Start serves at an address of its own.
func (s *Server) MetricsHandler() http.Handler { return s.metrics.Handler() }

// Serve serves a handler, which is Handler or calls it, with a bound on connections until the context ends. Then it
// goes on for server.shutdown_delay, but is not ready and closes connections after their requests, so that load
// balancers send requests elsewhere. At the end it lets requests in flight finish.
func (s *Server) Serve(ctx context.Context, handler http.Handler, listener net.Listener) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	cancelled := context.AfterFunc(ctx, func() {
		s.stopping.Store(true)
		s.scans.StopWaiting()
		s.logger.Info("stopping", "delay", s.settings.ShutdownDelay.String())
		select {
		case <-time.After(s.settings.ShutdownDelay):
			stop()
		case <-serving.Done():
		}
	})
	defer cancelled()
	server := provider.NewHTTPServer(s.closingWhenStopped(handler), s.logger)
	return serve.UntilDone(serving, server, s.Bound(server, listener))
}

func (s *Server) closingWhenStopped(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.stopping.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// readyUntilStopped returns the checks of a server, or a failed one if it is stopping.
func (s *Server) readyUntilStopped(checks func(context.Context) []provider.ReadyCheck) func(
	context.Context) []provider.ReadyCheck {
	return func(ctx context.Context) []provider.ReadyCheck {
		if s.stopping.Load() {
			return []provider.ReadyCheck{{Name: "server", Note: "is stopping"}}
		}
		return checks(ctx)
	}
}

// Bound returns a listener that bounds the connections. The server must serve Handler on it, and must not serve yet.
func (s *Server) Bound(server *http.Server, listener net.Listener) net.Listener {
	return s.connections.Bound(server, listener)
}

// Start starts the background tasks, which run until the context ends: reading and rotating keys, deleting ended
// sessions, users and old events, telling clients about ended sessions, applying what users have withdrawn, counting
// the kinds of password hashes, and serving metrics if configured. It returns an error if it cannot listen at the
// address of metrics.
func (s *Server) Start(ctx context.Context) error {
	if s.settings.MetricsAddr != "" {
		if err := s.serveMetrics(ctx); err != nil {
			return err
		}
	}
	if keeper, ok := s.keys.(*keys.Keeper); ok {
		go keeper.Run(ctx)
	}
	go pruneRegularly(ctx, s.stores, s.settings.AuditRetention, s.logger)
	go repeat(ctx, nil, s.logger, "cannot read logout notices; they are sent later", s.Notices.SendDue)
	go repeat(ctx, s.Pushes.Wake(), s.logger, "cannot apply what users have withdrawn at WeChat; it is tried again",
		s.Pushes.ApplyDue)
	go followHashes(ctx, s.stores.Users, s.hasher, s.logger)
	return nil
}

// Close closes everything that New opened. The caller closes the stores.
func (s *Server) Close() error {
	var faults []error
	for _, shut := range s.close {
		faults = append(faults, shut())
	}
	return errors.Join(faults...)
}

// serveMetrics answers GET /metrics at an address of its own until the context ends.
func (s *Server) serveMetrics(ctx context.Context) error {
	listener, err := serve.Listen("metrics.addr", s.settings.MetricsAddr)
	if err != nil {
		return err
	}
	s.logger.Info("metrics", "addr", listener.Addr().String())
	go func() {
		server := provider.NewHTTPServer(s.MetricsHandler(), s.logger)
		if err := serve.UntilDone(ctx, server, listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.logger.Error("metrics are no longer served", "error", err)
		}
	}()
	return nil
}
