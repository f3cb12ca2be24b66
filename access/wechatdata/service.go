package wechatdata

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/idempotency"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/signin"
	"github.com/lingpai/lingpai/wechat"
)

// Config holds the dependencies of a Service and AppTokens. All fields but Meter are required.
type Config struct {
	Access    *access.Service
	Apps      identity.Apps
	Users     identity.Users
	Accounts  identity.Accounts
	Profiles  identity.Profiles
	Events    identity.Events
	Volatile  identity.Volatile
	Limiter   *limits.Limiter
	Repeats   *idempotency.Requests
	AppTokens *wechat.AppTokens
	Vault     *wechat.Vault
	Meter     Meter // nil: nothing is counted
	Now       func() time.Time
	Logger    *slog.Logger
}

// Meter counts events for metrics.
type Meter interface {
	// PhoneRequested counts a request for a phone number by its outcome: verified, refused, over_budget or unavailable.
	PhoneRequested(appID, outcome string)
}

// noMeter counts nothing.
type noMeter struct{}

func (noMeter) PhoneRequested(string, string) {}

// Service serves requests that need the session key or the phone number of a user. It is safe for
// concurrent use.
type Service struct {
	access    *access.Service
	apps      identity.Apps
	users     identity.Users
	accounts  identity.Accounts
	profiles  identity.Profiles
	events    identity.Events
	volatile  identity.Volatile
	repeats   *idempotency.Requests
	limiter   *limits.Limiter
	appTokens *wechat.AppTokens
	vault     *wechat.Vault
	meter     Meter
	now       func() time.Time
	logger    *slog.Logger
}

// New returns a Service.
func New(c Config) *Service {
	if c.Meter == nil {
		c.Meter = noMeter{}
	}
	return &Service{
		access: c.Access, apps: c.Apps, users: c.Users, accounts: c.Accounts, profiles: c.Profiles,
		events: c.Events, volatile: c.Volatile, repeats: c.Repeats, limiter: c.Limiter,
		appTokens: c.AppTokens, vault: c.Vault, meter: c.Meter, now: c.Now, logger: c.Logger,
	}
}

// credentialsOf returns the AppID and the AppSecret of an app.
func (s *Service) credentialsOf(ctx context.Context, appID string) (wechat.Credentials, error) {
	return credentialsOf(ctx, s.apps, appID)
}

func credentialsOf(ctx context.Context, apps identity.Apps, appID string) (wechat.Credentials, error) {
	app, err := signin.FindApp(ctx, apps, identity.PlatformWechat, appID)
	return signin.Credentials(app), err
}

func isNotFound(err error) bool { return errors.Is(err, identity.ErrNotFound) }

func invalidRequest(description string) error {
	return oauth.NewError(oauth.InvalidRequest, description)
}
