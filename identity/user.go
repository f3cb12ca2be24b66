package identity

import (
	"context"
	"time"
)

// User is a person. Its ID is the "sub" of every token: text of 1 to 255 printable ASCII characters, immutable, never given to
// anybody else.
type User struct {
	ID           string
	Username     string // as the person writes it; empty: signs in by other means
	PasswordHash string // PHC string; empty: no password
	AuthEpoch    int64  // grows whenever sessions opened on older knowledge must not live
	CreatedAt    time.Time
	DisabledAt   time.Time // zero: enabled
}

// Disabled says whether the user may not sign in.
func (u User) Disabled() bool { return !u.DisabledAt.IsZero() }

// Users is what a store does for users and their accounts.
type Users interface {
	// Create adds a user who signs in by name and password. ErrExists: the name is taken, in whichever spelling.
	Create(ctx context.Context, username, passwordHash string) (User, error)
	// Find returns ErrNotFound for an unknown id.
	Find(ctx context.Context, id string) (User, error)
	// FindByUsername looks up by canonical form. ErrNotFound: nobody has that name, or it cannot be a name.
	FindByUsername(ctx context.Context, username string) (User, error)
	// FindOrCreateByAccount returns the user of an account that a platform vouched for, and makes both at first sight; created says
	// so. Any number of parallel first sights make one user. A union id links an account's user to the union if that is free; it
	// never moves an account, and a conflict is recorded as an event.
	FindOrCreateByAccount(ctx context.Context, sighting Sighting) (user User, created bool, err error)
	// FindAccount returns ErrNotFound for an account that never signed in.
	FindAccount(ctx context.Context, key AccountKey) (Account, error)
	// Disable ends all sessions of the user and keeps new ones from opening, in one transaction. ErrNotFound.
	Disable(ctx context.Context, id string) error
	// Enable lets the user sign in again. ErrNotFound.
	Enable(ctx context.Context, id string) error
	// SetPassword replaces the hash and ends all sessions of the user, in one transaction. ErrNotFound.
	SetPassword(ctx context.Context, id, passwordHash string) error
	// List returns up to limit users whose id follows after, in the order of ids.
	List(ctx context.Context, after string, limit int) ([]User, error)
}
