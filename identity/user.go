package identity

import (
	"context"
	"time"
)

// User is a person. Its ID is the "sub" of every token: text of 1 to 255 printable ASCII characters,
// immutable, never given to anybody else.
type User struct {
	ID           string
	Username     string   // as the person writes it; empty: signs in by other means
	PasswordHash string   // PHC string, or one of bcrypt that was imported; empty: no password
	Roles        []string // a set, in order: see NormalizeRoles
	Claims       Claims
	AuthEpoch    int64 // grows whenever sessions opened on older knowledge must not live
	CreatedAt    time.Time
	DisabledAt   time.Time // zero: enabled
	DeletesAt    time.Time // when all of it will be gone; zero: stays
	Dismissed    bool      // an operator said so, not its person, who cannot take it back
	MergedInto   string    // the user that this one turned out to be; empty: none
}

// Disabled says whether the user may not sign in.
func (u User) Disabled() bool { return !u.DisabledAt.IsZero() || u.MergedInto != "" }

// Leaving says whether the user asked to be deleted and may still change his mind.
func (u User) DeletionRequested() bool { return !u.DeletesAt.IsZero() }

// Users is what a store does for users: who they are, and whether they may sign in.
type Users interface {
	// Create adds a user who signs in by name and password. ErrExists: the name is taken, in whichever spelling.
	Create(ctx context.Context, username, passwordHash string) (User, error)
	// Find returns ErrNotFound for an unknown id.
	Find(ctx context.Context, id string) (User, error)
	// FindByUsername looks up by canonical form. ErrNotFound: nobody has that name, or it cannot be a name.
	FindByUsername(ctx context.Context, username string) (User, error)
	// List returns up to limit users whose id follows after, in the order of ids.
	List(ctx context.Context, after string, limit int) ([]User, error)
	// Disable ends all sessions of the user and keeps new ones from opening, in one transaction. ErrNotFound.
	Disable(ctx context.Context, id string) error
	// Enable lets the user sign in again. ErrNotFound.
	Enable(ctx context.Context, id string) error
	// SetPassword replaces the hash and ends all sessions of the user, in one transaction. ErrNotFound, also
	// if the user was merged into another one, perhaps since the caller looked; likewise Name, Accounts.Link,
	// Accounts.Unlink, what Deletions writes, and what Profiles writes.
	SetPassword(ctx context.Context, id, passwordHash string) error
	// ReplacePasswordHash puts another hash of the same password in the place of old and ends nothing. False:
	// the hash is not old any more, there is none, or the user is disabled or unknown; whoever changed the
	// password meanwhile wins.
	ReplacePasswordHash(ctx context.Context, id, old, passwordHash string) (bool, error)
	// Name gives a user name to a user who has none, or another spelling of it to a user who has. ErrExists:
	// it is taken, in whichever spelling, or the user has another one; of two names for one user the first
	// stays. ErrNotFound, or what CanonicalUsername says. It ends nothing.
	Name(ctx context.Context, id, username string) error
}
