package accounts

import (
	"context"
	"log/slog"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
)

// defaultGrace is how long a deletion can be taken back: a holiday without the phone.
const defaultGrace = 14 * 24 * time.Hour

// Config is what people's accounts need.
type Config struct {
	Users         identity.Users
	Accounts      identity.Accounts
	Deletions     identity.Deletions
	Profiles      identity.Profiles
	Sessions      identity.Sessions
	Events        identity.Events
	Volatile      identity.Volatile
	Hasher        Hasher
	Prover        Prover
	Registrations RegistrationPolicy
	Grace         time.Duration // how long a deletion can be taken back; 0: 14 days
	Now           func() time.Time
	Logger        *slog.Logger
}

// Hasher is what hashes passwords: password.Hasher.
type Hasher interface {
	Hash(ctx context.Context, address, password string) (string, error)
}

// Accounts does what people ask for. Use New to make one. It is safe for parallel use. Every error of its methods is
// an [oauth.Error].
type Accounts struct {
	users         identity.Users
	links         identity.Accounts
	deletions     identity.Deletions
	profiles      identity.Profiles
	sessions      identity.Sessions
	events        identity.Events
	limiter       *limits.Limiter
	hasher        Hasher
	prover        Prover
	registrations RegistrationPolicy
	grace         time.Duration
	now           func() time.Time
	logger        *slog.Logger
}

// New makes accounts.
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
		events: c.Events, limiter: limits.New(c.Volatile), hasher: c.Hasher, prover: c.Prover,
		registrations: c.Registrations.orDefaults(), grace: c.Grace, now: c.Now, logger: c.Logger,
	}
}

// Caller is the user whose access token this is, by which client and session. Whoever makes one has checked
// the token, that its session is alive, and that it is for this server.
type Caller struct {
	UserID    string
	ClientID  string
	SessionID string
	Scope     string
	Address   string // where the request comes from, for rates; empty: unknown
}

// enter returns the caller's user as it is now. oauth.InsufficientScope; oauth.InvalidToken: the user is gone,
// disabled, leaving or merged into another one, whatever the token still says.
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
