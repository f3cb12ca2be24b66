package identity

import (
	"context"
	"time"
)

// User is a person who signs in. Its ID is the "sub" of every token: 1 to 255 printable ASCII characters, immutable,
// never reused.
type User struct {
	ID                 string
	Username           string   // as the user wrote it; empty: signs in by other means
	PasswordHash       string   // PHC string, or an imported bcrypt hash; empty: no password
	Roles              []string // sorted, without duplicates: see NormalizeRoles
	Claims             Claims
	AuthEpoch          int64 // increases to reject sign-ins that read the user before; see Sessions.Open
	CreatedAt          time.Time
	DisabledAt         time.Time // zero: enabled
	DeletesAt          time.Time // when the user will be deleted; zero: no deletion is scheduled
	DeletionByOperator bool      // deletion scheduled by an operator; the user cannot cancel it
	MergedInto         string    // the user that survived a merge with this one; empty: none
}

// Disabled reports whether the user may not sign in.
func (u User) Disabled() bool { return !u.DisabledAt.IsZero() || u.MergedInto != "" }

// DeletionRequested reports whether the user will be deleted at DeletesAt, unless that is canceled.
func (u User) DeletionRequested() bool { return !u.DeletesAt.IsZero() }

// Users stores users: who they are, and whether they may sign in.
type Users interface {
	// CheckUsername returns an error of NewUsername, or ErrExists if a user has the name, in any spelling, or one that
	// resembles it (see Username.Resembles). Create, SetUsername and Imports.Import check the same again, in the
	// transaction that takes the name: of two names that resemble each other and are taken in parallel only one is.
	CheckUsername(ctx context.Context, username string) error
	// Create adds a user who signs in by name and password. It returns an error of CheckUsername.
	Create(ctx context.Context, username, passwordHash string) (User, error)
	// Find returns a user, or ErrNotFound.
	Find(ctx context.Context, id string) (User, error)
	// FindByUsername finds a user by the canonical form of the name. It returns ErrNotFound if nobody has that name,
	// or if it is not a valid name.
	FindByUsername(ctx context.Context, username string) (User, error)
	// List returns up to limit users whose ids are greater than after, ordered by id.
	List(ctx context.Context, after string, limit int) ([]User, error)
	// Disable ends all sessions of the user and prevents new ones, in one transaction. It returns ErrNotFound for an
	// unknown user.
	Disable(ctx context.Context, id string) error
	// Enable lets the user sign in again. It returns ErrNotFound for an unknown user.
	Enable(ctx context.Context, id string) error
	// SetPassword replaces the hash and ends all sessions of the user, in one transaction. It returns ErrNotFound for
	// an unknown user, and for a user who was merged into another one, even if that happened after the caller read the
	// user. The same holds for SetUsername, Accounts.Link, Accounts.Unlink, and everything that Deletions and Profiles
	// write.
	SetPassword(ctx context.Context, id, passwordHash string) error
	// ReplacePasswordHash replaces the hash old with another hash of the same password, and ends no sessions. It
	// returns false if the hash is no longer old, if there is none, or if the user is disabled or unknown; a
	// concurrent change of the password wins.
	ReplacePasswordHash(ctx context.Context, id, old, passwordHash string) (bool, error)
	// SetUsername gives a user name to a user who has none, or changes the spelling of an existing one. It ends no
	// sessions. It returns an error of CheckUsername, or ErrExists if the user has a different name; of two concurrent
	// calls for the same user, the first one wins. It returns ErrNotFound for an unknown user.
	SetUsername(ctx context.Context, id, username string) error
	// FillSkeletons adds the skeletons of up to limit names that an earlier version stored, of users whose ids are
	// greater than after. It returns the last of these ids, or "" if there are no more, and which of the names are now
	// found to resemble another one. All users keep their names.
	FillSkeletons(ctx context.Context, after string, limit int) (found []Resemblance, last string, err error)
	// HashParameters counts the password hashes by what precedes the salt, such as "$2b$12$" or
	// "$argon2id$v=19$m=19456,t=2,p=1$". On PostgreSQL it counts a sample if there are many users.
	HashParameters(ctx context.Context) (map[string]int, error)
}

// Resemblance is a user whose name can be mistaken for that of another user.
type Resemblance struct{ UserID, Username, OtherID string }
