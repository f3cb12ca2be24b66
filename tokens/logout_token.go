package tokens

import (
	"time"

	"github.com/lingpai/lingpai/identity"
)

const typeLogoutToken = "logout+jwt" // Back-Channel Logout §2.4

// logoutTokenLife is short, since a logout token is signed when it is sent (Back-Channel Logout §4).
const logoutTokenLife = 2 * time.Minute

// logoutClaims are the claims of a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4).
type logoutClaims struct {
	Issuer   string              `json:"iss"`
	Subject  string              `json:"sub"`
	Audience string              `json:"aud"`
	IssuedAt int64               `json:"iat"`
	Expires  int64               `json:"exp"`
	ID       string              `json:"jti"`
	Session  string              `json:"sid"`
	Events   map[string]struct{} `json:"events"`
}

// SignLogoutToken signs the logout token of a notice. It returns ErrNotSigned if there is no key.
func SignLogoutToken(i *Issuer, notice identity.LogoutNotice) (string, error) {
	now := i.config.Now()
	return i.sign(typeLogoutToken, logoutClaims{
		Issuer: i.config.Issuer, Subject: notice.UserID, Audience: notice.ClientID, IssuedAt: now.Unix(),
		Expires: now.Add(logoutTokenLife).Unix(), ID: newTokenID(), Session: notice.SessionID,
		Events: map[string]struct{}{"http://schemas.openid.net/event/backchannel-logout": {}},
	})
}
