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

// Config is what a Service works with. All fields are required.
type Config struct {
	Clients   *clients.Registry
	Apps      identity.Apps
	Users     identity.Users
	Accounts  identity.Accounts
	Deletions identity.Deletions
	Events    identity.Events
	Volatile  identity.Volatile
	Platforms map[string]Platform // by the grant type that trades their codes
	Vault     *wechat.Vault
	Hasher    *password.Hasher
	Attempts  AttemptPolicy
	Now       func() time.Time
	Logger    *slog.Logger
}

// Service proves people. Use New to make one. It is safe for parallel use.
type Service struct {
	clients   *clients.Registry
	apps      identity.Apps
	users     identity.Users
	accounts  identity.Accounts
	deletions identity.Deletions
	events    identity.Events
	volatile  identity.Volatile
	limiter   *limits.Limiter
	platforms map[string]Platform
	vault     *wechat.Vault
	hasher    *password.Hasher
	attempts  AttemptPolicy
	now       func() time.Time
	logger    *slog.Logger
}

// New makes a service.
func New(c Config) *Service {
	return &Service{
		clients: c.Clients, apps: c.Apps, users: c.Users, accounts: c.Accounts, deletions: c.Deletions,
		events: c.Events, volatile: c.Volatile, limiter: limits.New(c.Volatile), platforms: c.Platforms,
		vault: c.Vault, hasher: c.Hasher, attempts: c.Attempts, now: c.Now, logger: c.Logger,
	}
}

// Request is what a sign-in needs to know beside its credentials.
type Request struct {
	Client         clients.Client
	Address        string // of the caller, as the server believes it
	RestoreAccount bool   // the person wants an account back that is to be deleted
}

// Platforms are those whose codes can be traded, by the grant type that does.
func (s *Service) Platforms() map[string]Platform { return s.platforms }

// FindApp returns a registered app, with its secret. Its errors are those of a client whose app nobody has added
// (server_error), and of a store that failed.
func FindApp(ctx context.Context, apps identity.Apps, platform, id string) (identity.App, error) {
	app, err := apps.Find(ctx, platform, id)
	switch {
	case isNotFound(err):
		return app, oauth.NewError(oauth.ServerError,
			"The client's app is not registered here. Its operator must add it.")
	case err != nil:
		return app, oauth.StoreFailed(err)
	}
	return app, nil
}

func isNotFound(err error) bool { return errors.Is(err, identity.ErrNotFound) }
