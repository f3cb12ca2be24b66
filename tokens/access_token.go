package tokens

import (
	"encoding/json"
	"time"

	"github.com/lingpai/lingpai/identity"
)

const (
	typeAccessToken = "at+jwt" // RFC 9068 §2.1
	typeIDToken     = "JWT"
)

// AccessClaims are the claims of an access token (RFC 9068 §2.2). Times are Unix times in seconds.
type AccessClaims struct {
	Issuer   string        `json:"iss"`
	Subject  string        `json:"sub"`
	Audience Audience      `json:"aud"`
	ClientID string        `json:"client_id"`
	Scope    string        `json:"scope,omitempty"`
	IssuedAt int64         `json:"iat"`
	Expires  int64         `json:"exp"`
	ID       string        `json:"jti"`
	Session  string        `json:"sid,omitempty"`
	AuthTime int64         `json:"auth_time,omitempty"`
	Methods  []string      `json:"amr,omitempty"`
	Class    string        `json:"acr,omitempty"`
	Wechat   *WechatClaims `json:"wechat,omitempty"`
	Actor    *Actor        `json:"act,omitempty"` // nil: the token is not from a token exchange
	UserClaims
}

// WechatClaims identify the WeChat account that signed in. Only clients that are registered for them get them.
type WechatClaims struct {
	AppID   string `json:"appid"`
	OpenID  string `json:"openid"`
	UnionID string `json:"unionid,omitempty"`
}

// Audience is a list of audiences. In JSON a single audience is a string, because some verifiers need that (RFC 7519
// §4.1.3 allows both).
type Audience []string

// MarshalJSON implements json.Marshaler.
func (a Audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *Audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = Audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// accessToken signs an access token for a session, which expires no later than the session. now is by the store's
// clock, since verifiers compare the time of issue with the times when sessions ended; see [Revocations].
func (i *Issuer) accessToken(client identity.Client, session identity.Session, target Target, of owner,
	now time.Time) (string, time.Duration, error) {
	expires := now.Add(i.accessTTL(client))
	if !session.ExpiresAt.IsZero() && expires.After(session.ExpiresAt) {
		expires = session.ExpiresAt
	}
	claims := i.accessClaims(client, session.UserID, target, now, expires)
	claims.Session, claims.AuthTime, claims.Methods = session.ID, session.AuthTime.Unix(), []string{session.Method}
	claims.Class = i.config.ContextClasses[session.Method]
	claims.Wechat = wechatClaims(client, session, of)
	claims.UserClaims = userClaims(of.user, target.Scope)
	token, err := i.sign(typeAccessToken, claims)
	return token, expires.Sub(now), err
}

// wechatClaims returns nil if the client is not registered for them, or the user did not sign in with WeChat.
func wechatClaims(client identity.Client, session identity.Session, of owner) *WechatClaims {
	if !client.WechatClaims || session.Account.Platform != identity.PlatformWechat {
		return nil
	}
	return &WechatClaims{AppID: session.Account.App, OpenID: session.Account.Subject, UnionID: of.unionID}
}

// IssueToClient signs an access token for a client that acts for itself (RFC 6749 §4.4). The token has no session, so
// nothing is written. It returns ErrNotSigned if the token cannot be signed.
func (i *Issuer) IssueToClient(client identity.Client, target Target) (Set, error) {
	now := i.config.Now()
	expires := now.Add(i.accessTTL(client))
	token, err := i.sign(typeAccessToken, i.accessClaims(client, client.ID, target, now, expires))
	return Set{AccessToken: token, ExpiresIn: expires.Sub(now), Scope: target.Scope}, err
}

// accessClaims returns the claims that every access token has.
func (i *Issuer) accessClaims(client identity.Client, subject string, target Target, now,
	expires time.Time) AccessClaims {
	return AccessClaims{
		Issuer:   i.config.Issuer,
		Subject:  subject,
		Audience: target.Audience,
		ClientID: client.ID,
		Scope:    target.Scope,
		IssuedAt: now.Unix(),
		Expires:  expires.Unix(),
		ID:       newTokenID(),
	}
}

// ReadAccessToken verifies an access token and returns its claims. It does not check the session. It returns
// ErrBadToken if the token was not issued by this issuer or has expired.
func (i *Issuer) ReadAccessToken(token string) (AccessClaims, error) {
	claims, expired, err := i.ReadExpiredAccessToken(token)
	if err != nil || expired >= 0 {
		return AccessClaims{}, ErrBadToken
	}
	return claims, nil
}

// ReadExpiredAccessToken is like [Issuer.ReadAccessToken], but accepts expired tokens, as long as their key is known.
// It also returns for how long the token has been expired, which is negative if it has not.
func (i *Issuer) ReadExpiredAccessToken(token string) (AccessClaims, time.Duration, error) {
	var claims AccessClaims
	payload, err := i.config.Keys.Current().Verify([]byte(token), typeAccessToken)
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Issuer != i.config.Issuer {
		return AccessClaims{}, 0, ErrBadToken
	}
	return claims, time.Duration(i.config.Now().Unix()-claims.Expires) * time.Second, nil
}
