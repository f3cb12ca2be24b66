package identity

import (
	"context"
	"time"
)

// PlatformWechat is the platform of every app that api.weixin.qq.com vouches for.
const PlatformWechat = "wechat"

// PlatformQQ is the platform of QQ's mini-programs.
const PlatformQQ = "qq"

// AccountKey names an account: who somebody is at one app of one platform. Subject is WeChat's openid, which
// means nothing without the app.
type AccountKey struct {
	Platform string
	App      string
	Subject  string
}

// Account ties an account to its user.
type Account struct {
	AccountKey
	UserID    string
	UnionID   string // as last seen; empty: none yet
	CreatedAt time.Time
}

// ExternalIdentity is what a platform said when somebody signed in.
type ExternalIdentity struct {
	AccountKey
	// UnionID names the person across all apps of OpenPlatform. Either may be empty: the app is not bound (yet).
	UnionID      string
	OpenPlatform string
}

// HasUnion says whether the sighting names a union.
func (s ExternalIdentity) HasUnion() bool { return s.UnionID != "" && s.OpenPlatform != "" }

// Accounts is what a store does for the accounts that users have at platforms.
type Accounts interface {
	// FindOrCreateUser returns the user of an account that a platform vouched for, and makes both at
	// first sight; created says so. Any number of parallel first sights make one user. A union id links an
	// account's user to the union if that is free; it never moves an account, and a conflict is recorded as
	// an event.
	FindOrCreateUser(ctx context.Context, external ExternalIdentity) (user User, created bool, err error)
	// Find returns ErrNotFound for an account that never signed in.
	Find(ctx context.Context, key AccountKey) (Account, error)
	// FindByUser returns the one account that a user has at an app. ErrNotFound.
	FindByUser(ctx context.Context, userID, platform, app string) (Account, error)
	// List returns a user's accounts, in the order of their keys.
	List(ctx context.Context, userID string) ([]Account, error)
	// Link adds an account that a platform vouched for to a user, and its union if that is free; nothing, if
	// he has it already. ErrExists: the account or its union is another user's, or the user has another
	// account at that app. ErrNotFound. Of two users who link one account at once, one wins.
	Link(ctx context.Context, userID string, external ExternalIdentity) error
	// Unlink takes an account from a user, with all others of its union and the union itself, so that none of
	// them leads to this user again by itself. Neither does any other union at that platform that no account
	// of the user's names any more. It ends the sessions that they opened, in one transaction, no merge
	// remembers them any more, and it returns what it took. ErrNotFound: the account is not the user's.
	// ErrLastWayIn: the user has neither another account nor user name and password.
	Unlink(ctx context.Context, userID string, key AccountKey) ([]AccountKey, error)
}
