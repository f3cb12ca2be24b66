package accounts

import (
	"context"
	"log/slog"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
)

// defaultGrace is the default time between a user's request for deletion and the deletion. It is long enough for a
// holiday without a phone.
const defaultGrace = 14 * 24 * time.Hour

// Config holds the dependencies of Accounts. All fields but Grace, Now and Logger are required.
type Config struct {
	Users     identity.Users
	Accounts  identity.Accounts
	Deletions identity.Deletions
	Profiles  identity.Profiles
	Sessions  identity.Sessions
	Browsers  identity.BrowserSessions
	Consents  identity.Consents
	Events    identity.Events
	Limiter   *limits.Limiter
	Hasher    Hasher
	Prover    Prover
	Grace     time.Duration // how long a deletion can be canceled; 0 means 14 days
	Now       func() time.Time
	Logger    *slog.Logger
}

// Hasher hashes passwords. It is implemented by password.Hasher.
type Hasher interface {
	Hash(ctx context.Context, caller password.Caller, password string) (string, error)
}

// Accounts lets users manage their own account. It is safe for concurrent use. Every error is an [oauth.Error]. Besides
// the errors that a method documents,
//   - a method with a [Caller] returns oauth.InsufficientScope if the scope lacks account, and oauth.InvalidToken if
//     the user is gone, disabled, merged into another one or has requested deletion;
//   - a method with a [Proof] returns oauth.InsufficientUserAuthentication if the proof is missing or proves nothing,
//     oauth.InvalidRequest if there are two, and the other errors of the [Prover], such as oauth.TooManyRequests;
//   - every method returns oauth.TemporarilyUnavailable if the store fails.
type Accounts struct {
	users     identity.Users
	links     identity.Accounts
	deletions identity.Deletions
	profiles  identity.Profiles
	sessions  identity.Sessions
	browsers  identity.BrowserSessions
	consents  identity.Consents
	events    identity.Events
	limiter   *limits.Limiter
	hasher    Hasher
	prover    Prover
	grace     time.Duration
	now       func() time.Time
	logger    *slog.Logger
}

// New returns an Accounts.
func New(c Config) *Accounts {
	if c.Grace <= 0 {
		c.Grace = defaultGrace
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Accounts{
		users: c.Users, links: c.Accounts, deletions: c.Deletions, profiles: c.Profiles, sessions: c.Sessions,
		browsers: c.Browsers, consents: c.Consents, events: c.Events, limiter: c.Limiter, hasher: c.Hasher,
		prover: c.Prover, grace: c.Grace, now: c.Now, logger: c.Logger,
	}
}

// Caller is the user who is calling, with the client and the session of the access token. Before creating one, check
// that the token is valid and issued for this server and that its session is active.
type Caller struct {
	UserID    string
	ClientID  string
	SessionID string
	Scope     string
	Address   string // the caller's IP address, for rate limits; "" if unknown
}

// enter returns the caller's user from the store. It returns oauth.InsufficientScope if the scope lacks account, and
// oauth.InvalidToken if the user is gone, disabled, merged into another one or has requested deletion.
func (a *Accounts) enter(ctx context.Context, c Caller) (identity.User, error) {
	if !oauth.HasScope(c.Scope, oauth.ScopeAccount) {
		return identity.User{}, &oauth.Error{Code: oauth.InsufficientScope,
			Description: "The access token lacks the scope account."}
	}
	user, err := a.users.Find(ctx, c.UserID)
	if err != nil {
		return identity.User{}, userFailed(err)
	}
	if user.Disabled() || user.DeletionRequested() {
		return identity.User{}, errInvalidToken
	}
	return user, nil
}
