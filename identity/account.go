package identity

import (
	"context"
	"time"
)

// PlatformWechat is the platform of every app that api.weixin.qq.com vouches for.
const PlatformWechat = "wechat"

// PlatformQQ is the platform of QQ's mini-programs.
const PlatformQQ = "qq"

// AccountKey identifies an account: one user at one app of one platform. Subject is WeChat's openid, which is unique
// only within the app.
type AccountKey struct {
	Platform string
	App      string
	Subject  string
}

// Account links an account to its user.
type Account struct {
	AccountKey
	UserID    string
	UnionID   string // as last reported; empty: none yet
	CreatedAt time.Time
}

// ExternalIdentity is what a platform reports when somebody signs in.
type ExternalIdentity struct {
	AccountKey
	// UnionID identifies the person across all apps of OpenPlatform. Either may be empty if the app is not bound
	// (yet).
	UnionID      string
	OpenPlatform string
}

// HasUnion reports whether the platform reported a union id.
func (e ExternalIdentity) HasUnion() bool { return e.UnionID != "" && e.OpenPlatform != "" }

// Accounts stores the accounts that users have at platforms.
type Accounts interface {
	// FindOrCreateUser returns the user of an account that a platform vouched for. It creates both on first sign-in,
	// and created reports whether it did. Any number of parallel first sign-ins create one user. If the union id is
	// free, it is linked to the account's user. A union id never moves an account; a conflict is recorded as an
	// event.
	FindOrCreateUser(ctx context.Context, external ExternalIdentity) (user User, created bool, err error)
	// Find returns ErrNotFound for an account that never signed in.
	Find(ctx context.Context, key AccountKey) (Account, error)
	// FindByUser returns the one account that a user has at an app, or ErrNotFound.
	FindByUser(ctx context.Context, userID, platform, app string) (Account, error)
	// List returns a user's accounts, ordered by their keys.
	List(ctx context.Context, userID string) ([]Account, error)
	// Link adds an account that a platform vouched for to a user, and its union if that is free. It does nothing if
	// the user already has the account. It returns ErrExists if the account or its union belongs to another user, or
	// if the user has another account at that app; ErrNotFound if there is no such user. If two users link one
	// account at the same time, one of them succeeds.
	Link(ctx context.Context, userID string, external ExternalIdentity) error
	// Unlink removes an account from a user, together with all other accounts of its union and the union itself, so
	// that none of them leads back to this user automatically. It also removes every other union at that platform
	// that no account of the user is in any more. In the same transaction it ends the sessions that those accounts
	// opened and erases the accounts from all merges. It returns the accounts that it removed. It returns ErrNotFound
	// if the account is not the user's, and ErrLastWayIn if the user has neither another account nor a user name with
	// a password.
	Unlink(ctx context.Context, userID string, key AccountKey) ([]AccountKey, error)
}
