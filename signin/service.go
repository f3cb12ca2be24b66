package signin

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
	"github.com/lingpai/lingpai/wechat"
)

// Config holds the dependencies of a Service. All fields are required.
type Config struct {
	Clients   *clients.Registry
	Apps      identity.Apps
	Users     identity.Users
	Accounts  identity.Accounts
	Deletions identity.Deletions
	Events    identity.Events
	Volatile  identity.Volatile
	Platforms map[string]Platform // by grant type
	Vault     *wechat.Vault
	Sealer    wechat.PerIdentitySealer
	Hasher    *password.Hasher
	Limiter   *limits.Limiter
	Now       func() time.Time
	Logger    *slog.Logger
}

// Service authenticates users. It is safe for concurrent use.
type Service struct {
	clients   *clients.Registry
	apps      identity.Apps
	users     identity.Users
	accounts  identity.Accounts
	deletions identity.Deletions
	events    identity.Events
	volatile  identity.Volatile
	limiter   *limits.Limiter
	known     networkMemory
	platforms map[string]Platform
	vault     *wechat.Vault
	sealer    wechat.PerIdentitySealer
	hasher    *password.Hasher
	now       func() time.Time
	logger    *slog.Logger
}

// New returns a Service.
func New(c Config) *Service {
	return &Service{
		clients: c.Clients, apps: c.Apps, users: c.Users, accounts: c.Accounts, deletions: c.Deletions,
		events: c.Events, volatile: c.Volatile, limiter: c.Limiter, platforms: c.Platforms,
		known: networkMemory{c.Volatile, c.Now, c.Logger},
		vault: c.Vault, sealer: c.Sealer, hasher: c.Hasher,
		now: c.Now, logger: c.Logger,
	}
}

// Request holds what a sign-in needs besides the credentials.
type Request struct {
	Client         clients.Client
	Address        string // the caller's IP address, as reported by a trusted proxy if there is one
	Device         string // from the User-Agent header
	RestoreAccount bool   // cancels a requested deletion of the account

	userID string // who sends a code as a proof; "" for a sign-in
	atPage bool   // a code came to a page of this server, in the browser that had been sent for it
}

// Platforms returns the platforms by grant type.
func (s *Service) Platforms() map[string]Platform { return s.platforms }

// FindApp returns a registered app with its secret. It returns oauth.ServerError if the app is not registered here,
// and oauth.TemporarilyUnavailable if the store fails.
func FindApp(ctx context.Context, apps identity.Apps, platform, id string) (identity.App, error) {
	app, err := apps.Find(ctx, platform, id)
	switch {
	case isNotFound(err):
		return app, oauth.NewError(oauth.ServerError,
			"The app of the client is not registered here. The operator must add it with: lingpai apps add "+id)
	case err != nil:
		return app, oauth.StoreFailed(err)
	}
	return app, nil
}

func isNotFound(err error) bool { return errors.Is(err, identity.ErrNotFound) }
