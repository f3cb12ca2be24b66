package identity

import (
	"context"
	"time"
)

// LogoutNotice tells a client that one of its sessions has ended (OpenID Connect Back-Channel Logout 1.0).
type LogoutNotice struct {
	SessionID string // of the client's session, the claim sid of its ID tokens
	UserID    string
	ClientID  string
	EndedAt   time.Time
	Attempts  int // to send it, with the current one
}

// LogoutNotices stores the notices that are not delivered yet. The transaction that ends a session stores them, for
// clients with a BackchannelLogoutURI and sessions that came from a browser: when the session ends, unless its client
// ended it or opened too many, and when its browser session ends by anything but expiry or a new sign-in.
type LogoutNotices interface {
	// Claim returns at most batch notices that are due, and the time of the store's clock. It makes each of them due
	// again after a minute, twice as long after each further attempt, and at most an hour. So a notice is sent by one
	// caller at a time, and again if that caller fails or ends.
	Claim(ctx context.Context, batch int) ([]LogoutNotice, time.Time, error)
	// Delete deletes a notice that was delivered, or that its client does not want any more.
	Delete(ctx context.Context, sessionID string) error
	// GiveUp deletes a notice that cannot be delivered, and records EventNoticeUndelivered with the reason.
	GiveUp(ctx context.Context, notice LogoutNotice, reason string) error
}
