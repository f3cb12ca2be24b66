package identity

import (
	"context"
	"time"
)

// Why a session ended.
const (
	EndedByTheft    = "theft"    // a retired refresh token was used again
	EndedByLimit    = "limit"    // the user opened more sessions at the client than it may
	EndedByOperator = "operator" // revoked from the command line
	EndedByDisable  = "disabled" // its user was disabled
	EndedByPassword = "password" // its user's password was changed
	EndedByClient   = "revoked"  // its client gave a token back (RFC 7009)
	EndedByUser     = "user"     // its user ended it
	EndedByUnlink   = "unlinked" // the account that opened it was unlinked
	EndedByLeaving  = "leaving"  // its user asked to be deleted
	EndedByJoin     = "joined"   // its user was merged into another
)

// MethodPassword is how a user proved to be one, a value of "amr" (RFC 8176). The others are the names of
// platforms, for which that has none.
const MethodPassword = "pwd"

// MaxRotations is how many past rotations a session remembers.
const MaxRotations = 8

// KeyHashSize is how many bytes of an idempotency key's SHA-256 a rotation remembers.
const KeyHashSize = 16

// MaxOpenings is by how many values a session may be looked for at once.
const MaxOpenings = 3

// Session is one sign-in of one user at one client: one row from sign-in to expiry, however often it is refreshed.
type Session struct {
	ID            string
	UserID        string
	Account       AccountKey // that signed in; zero for a password
	ClientID      string
	Scope         string
	Method        string
	AuthTime      time.Time
	Generation    uint32     // of the one refresh token that is current
	Rotations     []Rotation // newest first, at most MaxRotations
	OpenedBy      []byte     // what an idempotent sign-in is found by; nil: not idempotent
	SecretHash    [32]byte   // SHA-256 of the session secret, which only refresh tokens carry
	IdleExpiresAt time.Time
	ExpiresAt     time.Time
	LastSeenAt    time.Time
	Device        string // what the client said of itself at sign-in
	EndedAt       time.Time
	EndReason     string
}

// Alive says whether the session can be used at an instant.
func (s Session) Alive(now time.Time) bool {
	return s.EndedAt.IsZero() && now.Before(s.IdleExpiresAt) && now.Before(s.ExpiresAt)
}

// Expiry is when the session is over unless it is refreshed: the earlier of its two instants.
func (s Session) Expiry() time.Time {
	if s.IdleExpiresAt.Before(s.ExpiresAt) {
		return s.IdleExpiresAt
	}
	return s.ExpiresAt
}

// Rotation remembers which generations one refresh retired, so that a repeat of it can be told from a theft.
type Rotation struct {
	Lowest, Highest uint32 // differ only when the row had lost its last commits
	At              time.Time
	KeyHash         []byte // KeyHashSize bytes of the idempotency key's SHA-256; nil: none was sent
	Sheltered       bool   // the window answers whoever repeats it
}

// Lifetimes of a session, counted by the store's clock from its opening.
type Lifetimes struct {
	Idle, Absolute time.Duration
}

// Endings are sessions that were ended.
type Endings struct {
	SessionIDs   []string  // the latest first
	MissingUntil time.Time // those that ended before it, or at it, may be missing; zero: all are here
	ReadAt       time.Time // by the store's clock: whatever ended before it is here
}

// Sessions is what a store does for sessions. It has the one clock by which all sessions are judged: a server
// whose own clock is wrong decides nothing wrong.
type Sessions interface {
	// Open keeps a new session, sets its instants, and ends the least recently seen ones beyond limit (0: no
	// limit) that the user has at the client. ErrStale: the user is disabled, or its epoch is no longer
	// epoch. ErrExists: OpenedBy is taken.
	Open(ctx context.Context, session Session, epoch int64, lifetimes Lifetimes, limit int) (Session, error)
	// Find returns a session by id, alive or not, and the store's clock. ErrNotFound.
	Find(ctx context.Context, id string) (Session, time.Time, error)
	// FindByOpening returns the session that an idempotent sign-in opened, and the store's clock. It may be
	// found by any of up to MaxOpenings values. ErrNotFound.
	FindByOpening(ctx context.Context, openedBy ...[]byte) (Session, time.Time, error)
	// Rotate writes Generation, Rotations, IdleExpiresAt and LastSeenAt of a session that is not ended and
	// still at generation from. It reports false when it is not: somebody else moved it.
	Rotate(ctx context.Context, session Session, from uint32) (bool, error)
	// End ends a session and records why, in one transaction. False: it was ended already, or never was.
	End(ctx context.Context, id, reason string) (bool, error)
	// EndBefore ends all sessions whose user signed in at or before an instant and tells how many. After a
	// restore from backup any of them may have been ended since the backup was made, and be alive again.
	EndBefore(ctx context.Context, before time.Time, reason string) (int64, error)
	// EndSince ends all sessions that were opened or refreshed at or after an instant and tells how many.
	EndSince(ctx context.Context, since time.Time, reason string) (int64, error)
	// EndAll ends all sessions of a user and tells how many.
	EndAll(ctx context.Context, userID, reason string) (int64, error)
	// Ended returns the latest sessions, limit of them at most, that ended so recently that access tokens of
	// theirs may live. accessTTL is the life of those whose client has none of its own; the longest of any
	// client counts for all. Sessions of deleted users are among them; those that nobody ended, and that are
	// over by their own time, are not.
	Ended(ctx context.Context, accessTTL time.Duration, limit int) (Endings, error)
	// Prune looks at the next batch of sessions, in the order of ids and from the start again at the end, and
	// deletes those that have been over for longer than keep. It tells how many it deleted, and whether it
	// came to the end.
	Prune(ctx context.Context, keep time.Duration, batch int) (pruned int, end bool, err error)
	// List returns a user's sessions that are alive, the most recently seen first.
	List(ctx context.Context, userID string) ([]Session, error)
}
