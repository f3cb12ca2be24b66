package identity

import "time"

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

// Sighting is what a platform said when somebody signed in.
type Sighting struct {
	AccountKey
	// UnionID names the person across all apps of OpenPlatform. Either may be empty: the app is not bound (yet).
	UnionID      string
	OpenPlatform string
}

// HasUnion says whether the sighting names a union.
func (s Sighting) HasUnion() bool { return s.UnionID != "" && s.OpenPlatform != "" }
