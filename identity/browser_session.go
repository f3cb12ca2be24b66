package identity

import (
	"cmp"
	"context"
	"time"
)

// MaxBrowserSessions is how many users may be signed in in one browser.
const MaxBrowserSessions = 5

// BrowserTouchInterval is the time between two changes of a browser session by BrowserSessions.Touch.
const BrowserTouchInterval = time.Minute

// BrowserSession is one user who is signed in in one browser: one row from sign-in to expiry. A cookie holds its
// secret. Clients get sessions of their own from it (Session.Browser).
type BrowserSession struct {
	ID            string
	SecretHash    [32]byte // SHA-256 of the 256 random bits in the browser's cookie
	UserID        string
	Epoch         int64      // User.AuthEpoch at the sign-in
	Account       AccountKey // that signed in; zero: by password
	ClientID      string     // the one client that it counts for; "": all
	HandedBy      string     // id of the session of a client that it was handed over from; "": none
	Method        string     // as Session.Method
	AuthTime      time.Time
	Device        string // how the browser described itself at the sign-in
	IdleExpiresAt time.Time
	ExpiresAt     time.Time
	LastSeenAt    time.Time
	EndedAt       time.Time
	EndReason     string
}

// TouchedRecently reports whether BrowserSessions.Touch would do nothing at a given time, since it was called less than
// BrowserTouchInterval ago. A session that was only opened was not touched.
func (s BrowserSession) TouchedRecently(now time.Time) bool {
	return !s.LastSeenAt.Equal(s.AuthTime) && now.Sub(s.LastSeenAt) < BrowserTouchInterval
}

// SignedIn is an active browser session with its user.
type SignedIn struct {
	BrowserSession
	User User
}

// Name returns how the user is called on pages.
func (s SignedIn) Name() string { return cmp.Or(s.User.Username, s.UserID) }

// BrowserSessions stores browser sessions. As for Sessions, only the store's clock decides whether one is valid.
type BrowserSessions interface {
	// Open stores a new session and sets its times, also AuthTime unless that is set. In the same transaction it ends
	// the user's session with the id replaced, which may be empty, without ending the sessions of clients, which go on
	// with the new one: a browser gets a new secret at each sign-in, so that one from before the sign-in is of no use.
	// It does not end a session of another user. It returns ErrExists if there is a session with its id, whether active
	// or not, and ErrStale if the user is disabled or the user's AuthEpoch is no longer session.Epoch, or if the
	// session HandedBy has ended. Whatever ends that one later ends this one, with the sessions of clients that came
	// from it.
	Open(ctx context.Context, session BrowserSession, lifetimes Lifetimes, replaced string) (BrowserSession, error)
	// Find returns the active sessions with any of up to MaxBrowserSessions secrets, in the order of the hashes, with
	// their users, and the time of the store's clock. A session is active if it has not ended or expired, and its user
	// is enabled and has the AuthEpoch of the sign-in.
	Find(ctx context.Context, secretHashes ...[32]byte) ([]SignedIn, time.Time, error)
	// Touch sets LastSeenAt to now, and IdleExpiresAt to now and idle, but for at most ExpiresAt. It does nothing if
	// the session was touched less than BrowserTouchInterval ago, or is not active.
	Touch(ctx context.Context, id string, idle time.Duration) error
	// End ends a browser session, which may have expired, and the sessions of clients that came from it: all of them,
	// or those without the scope offline_access. It records one event. It returns false if the session had ended
	// already or does not exist.
	End(ctx context.Context, id, reason string, all bool) (bool, error)
	// List returns a user's active browser sessions, the most recently seen first.
	List(ctx context.Context, userID string) ([]BrowserSession, error)
	// Prune deletes at most batch sessions that ended, or reached ExpiresAt, longer than keep ago. It returns how many.
	Prune(ctx context.Context, keep time.Duration, batch int) (int, error)
}
