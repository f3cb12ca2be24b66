// Package server wires one process: the services over the stores, the handler of all endpoints, and what runs
// beside it. The commands serve and dev start it, and tests of other packages may.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/grants"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/password"
	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/server/telemetry"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/tokens"
)

// NoCache as [Config.RecordAge] has every request read the records of clients and apps anew.
const NoCache time.Duration = -1

// Config is what a process is made of. Settings and Stores are required; all else has the default of production
// if it is zero.
type Config struct {
	Settings settings.Settings // [settings.Defaults] and an issuer, at least; a master key, if Ring is nil
	Stores   Stores

	Volatile  identity.Volatile                           // nil: as Settings say
	Ring      *keys.Ring                                  // what seals; nil: of the master key in Settings
	Keys      Keys                                        // nil: a [keys.Keeper] over Stores.Keys
	Now       func() time.Time                            // nil: [time.Now]
	Logger    *slog.Logger                                // nil: as Settings say, to standard error
	Hasher    password.Options                            // bounds of password hashing
	InFlight  int                                         // see [provider.Config]
	RecordAge time.Duration                               // of a client's or app's record; 0: 1 s, or NoCache
	Ready     func(context.Context) []provider.ReadyCheck // nil: database, keys, Redis and simulators

	// Accounts changes what people's accounts are made of, as their tests do; nil: nothing.
	Accounts func(*accounts.Config)

	WechatOpenFor time.Duration // how long WeChat is left alone when it fails; see [wechat.Config]
}

// Stores is what a process remembers. Tests may wrap any of them.
type Stores struct {
	Clients   identity.Clients
	Apps      identity.Apps
	Users     identity.Users
	Accounts  identity.Accounts
	Deletions identity.Deletions
	Profiles  identity.Profiles
	Sessions  identity.Sessions
	Events    identity.Events
	Keys      keys.Store
	// CheckSchema fails if the database does not answer, or has not the shape that is needed. Only readiness asks.
	CheckSchema func(context.Context) error
}

// StoresOf returns the stores of a migrated database.
func StoresOf(database *sql.DB) Stores {
	return Stores{
		Clients: database.Clients(), Apps: database.Apps(), Users: database.Users(),
		Accounts: database.Accounts(), Deletions: database.Deletions(),
		Profiles: database.Profiles(), Sessions: database.Sessions(), Events: database.Events(),
		Keys: database.Keys(), CheckSchema: database.Schema().Check,
	}
}

// Keys sign tokens, and are published: a [keys.Keeper], or a [keys.Set] that stays as it is.
type Keys interface {
	tokens.Keys
	PublicSet() (jwks []byte, etag string)
	Backend() string
}

// Server is one process, wired. Its services share the stores that it was given.
type Server struct {
	Grants   *grants.Manager
	Access   *access.Service
	Accounts *accounts.Accounts
	Issuer   *tokens.Issuer

	keys     Keys
	metrics  *telemetry.Metrics
	handler  http.Handler
	settings settings.Settings
	stores   Stores
	logger   *slog.Logger
	close    []func() error
}

// Handler answers requests to all endpoints.
func (s *Server) Handler() http.Handler { return s.handler }

// Start starts what runs beside the handler until the context ends: it follows the keys, deletes what is over, and
// serves metrics where that is configured. It fails if the address for metrics cannot be listened at.
func (s *Server) Start(ctx context.Context) error {
	if s.settings.MetricsAddr != "" {
		if err := s.serveMetrics(ctx); err != nil {
			return err
		}
	}
	if keeper, ok := s.keys.(*keys.Keeper); ok {
		go keeper.Run(ctx)
	}
	go pruneRegularly(ctx, s.stores.Sessions, s.stores.Deletions, s.logger)
	return nil
}

// Close closes what New opened. The stores are the caller's.
func (s *Server) Close() error {
	var faults []error
	for _, shut := range s.close {
		faults = append(faults, shut())
	}
	return errors.Join(faults...)
}

// serveMetrics answers GET /metrics at an address of its own until the context ends.
func (s *Server) serveMetrics(ctx context.Context) error {
	listener, err := Listen("metrics.addr", s.settings.MetricsAddr)
	if err != nil {
		return err
	}
	s.logger.Info("metrics", "addr", listener.Addr().String())
	go func() {
		server := provider.NewHTTPServer(s.metrics.Handler(), s.logger)
		if err := ServeUntilDone(ctx, server, listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.logger.Error("metrics are not served any more", "error", err)
		}
	}()
	return nil
}
