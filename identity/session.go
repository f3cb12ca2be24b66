package identity

import (
	"context"
	"time"
)

// Reasons why a session ended.
const (
	EndedByTheft    = "theft"    // a retired refresh token was used again
	EndedByLimit    = "limit"    // the user opened more sessions at the client than the limit
	EndedByOperator = "operator" // revoked from the command line
	EndedByDisable  = "disabled" // its user was disabled
	EndedByPassword = "password" // its user's password was changed
	EndedByClient   = "revoked"  // its client revoked a token (RFC 7009)
	EndedByUser     = "user"     // its user ended it
	EndedByUnlink   = "unlinked" // the account that opened it was unlinked
	EndedByDeletion = "leaving"  // its user asked to be deleted
	EndedByMerge    = "joined"   // its user was merged into another
	EndedBySignOut  = "signout"  // the browser session that it came from ended
	EndedByCode     = "code"     // its authorization code was used again
	EndedByPlatform = "withdrew" // its user withdrew permissions at the platform of the account that opened it
	EndedByRenewal  = "renewed"  // a browser session that a new sign-in in the same browser replaced
)

// MethodPassword is the value of "amr" for a password (RFC 8176). For sign-ins by a platform the method is the
// platform's name, since RFC 8176 has no value for them.
const MethodPassword = "pwd"

// MethodScan is the value of "amr" for a screen whose code was scanned with a phone. RFC 8176 has none for it either.
const MethodScan = "scan"

// MethodHandOff is the value of "amr" for a browser that a mini-program has handed its session.
const MethodHandOff = "handoff"

// MaxRotations is how many past rotations a session remembers.
const MaxRotations = 8

// KeyHashSize is how many bytes of an idempotency key's SHA-256 a rotation remembers.
const KeyHashSize = 16

// MaxOpenings is how many values FindByOpening accepts.
const MaxOpenings = 3

// Session is one sign-in of one user at one client: one row from sign-in to expiry, however often it is refreshed.
type Session struct {
	ID            string
	UserID        string
	Account       AccountKey // that signed in; zero: by password
	ClientID      string
	Browser       string // id of the browser session that it came from; "": none
	Scope         string
	Resources     []string // that the sign-in named (RFC 8707), and all that its tokens may be for; nil: it named none
	Claims        RequestedClaims
	Method        string
	AuthTime      time.Time
	Generation    uint32     // of the one refresh token that is current
	Rotations     []Rotation // newest first, at most MaxRotations
	OpenedBy      []byte     // the value by which an idempotent sign-in is found; nil: not idempotent
	SecretHash    [32]byte   // SHA-256 of the session secret, which only refresh tokens carry
	IdleExpiresAt time.Time
	ExpiresAt     time.Time
	LastSeenAt    time.Time
	Device        string // how the client described itself at sign-in
	EndedAt       time.Time
	EndReason     string
}

// Active reports whether the session can be used at a given time.
func (s Session) Active(now time.Time) bool {
	return s.EndedAt.IsZero() && now.Before(s.IdleExpiresAt) && now.Before(s.ExpiresAt)
}

// Expiry returns when the session expires unless it is refreshed: the earlier of its two expiry times.
func (s Session) Expiry() time.Time {
	if s.IdleExpiresAt.Before(s.ExpiresAt) {
		return s.IdleExpiresAt
	}
	return s.ExpiresAt
}

// Rotation records which generations one refresh retired, so that a repeated request can be distinguished from
// a theft.
type Rotation struct {
	Lowest, Highest uint32 // differ only if Lost, or if two rotations became one
	At              time.Time
	KeyHash         []byte // KeyHashSize bytes of the idempotency key's SHA-256; nil: none was sent
	Lost            bool   // the row had lost its last commits: Lowest < Highest
}

// Lifetimes are the lifetimes of a session, counted from its start by the store's clock.
type Lifetimes struct {
	Idle, Absolute time.Duration
}

// Sessions stores sessions. Only the store's clock decides whether a session is valid, so a server whose own clock is
// wrong does no harm.
type Sessions interface {
	// Open stores a new session, sets its times, and ends the least recently seen sessions of the user at the client
	// beyond limit (0: no limit). It returns ErrStale if the user is disabled, if the user's AuthEpoch is no longer
	// epoch, or if session.Browser is not an active browser session of the user, and ErrExists if OpenedBy is taken.
	Open(ctx context.Context, session Session, epoch int64, lifetimes Lifetimes, limit int) (Session, error)
	// Find returns a session, whether active or not, and the time of the store's clock. It returns ErrNotFound for an
	// unknown id.
	Find(ctx context.Context, id string) (Session, time.Time, error)
	// FindByOpening returns the session that an idempotent sign-in opened by any of up to MaxOpenings values, and the
	// time of the store's clock. It returns ErrNotFound if there is none.
	FindByOpening(ctx context.Context, openedBy ...[]byte) (Session, time.Time, error)
	// Rotate writes Generation, Rotations, IdleExpiresAt and LastSeenAt of a session that has not ended and is still
	// at generation from. Otherwise it returns false: a concurrent request changed the session.
	Rotate(ctx context.Context, session Session, from uint32) (bool, error)
	// End ends a session and records why, in one transaction. It returns false if the session had ended already or
	// does not exist.
	End(ctx context.Context, id, reason string) (bool, error)
	// EndBefore ends all sessions, also in browsers, whose user signed in at or before a given time, and returns how
	// many. Use it after a backup was restored, which reactivates sessions that had been ended since the backup.
	EndBefore(ctx context.Context, before time.Time, reason string) (int64, error)
	// EndSince ends all sessions, also in browsers, that were opened or refreshed at or after a given time, and returns
	// how many.
	EndSince(ctx context.Context, since time.Time, reason string) (int64, error)
	// EndAll ends all sessions of a user, also in browsers, and returns how many.
	EndAll(ctx context.Context, userID, reason string) (int64, error)
	// Ended returns the sessions that ended so recently that access tokens of them may still be valid, at most limit of
	// them individually, and at most MaxBucketEndings of a bucket: the latest ones. It is fast however many there are.
	// accessTTL is the lifetime of access tokens of clients that do not set their own; the longest of all clients
	// counts. Sessions of deleted users are included. Sessions that expired without being ended are not, nor are those
	// ended by EndedByLimit, which are as many as the sign-ins of users who never sign out.
	Ended(ctx context.Context, accessTTL time.Duration, limit int) (EndedSessions, error)
	// Prune examines the next batch of sessions in the order of ids, and starts again after the last. It deletes
	// those that have been over for longer than keep, unless their client must be told when the browser session ends
	// that they came from. It returns how many it deleted, and whether it reached the last session.
	Prune(ctx context.Context, keep time.Duration, batch int) (pruned int, end bool, err error)
	// List returns a user's active sessions, the most recently seen first.
	List(ctx context.Context, userID string) ([]Session, error)
}
