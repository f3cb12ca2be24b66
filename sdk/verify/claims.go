package verify

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Claims are the claims of an access token (RFC 9068 §2.2). Times have whole seconds. Claims that the token does not
// have are empty or zero. The caller may change the Claims.
type Claims struct {
	Issuer    string
	Subject   string // the user, or the client itself if IsUser is false
	Audience  []string
	ClientID  string // the program that the token was issued to
	Scope     string // separated by spaces; see HasScope
	ID        string // of the token
	Session   string // the sign-in that the token comes from; empty if a client acts for itself
	IssuedAt  time.Time
	Expires   time.Time
	NotBefore time.Time       // not set by Lingpai
	AuthTime  time.Time       // when the user signed in
	Methods   []string        // how the user signed in (RFC 8176 §2, or a value that Lingpai defines)
	ACR       string          // what that counts for, if the operator has set it (OpenID Connect Core §2)
	Roles     []string        // if Scope has "roles"
	Ext       json.RawMessage // an object of claims that the operator set for the user, if Scope has "claims"
	Wechat    Wechat          // if the client is registered for it
	Actors    []string        // the clients that have exchanged the token, ClientID first (RFC 8693 §4.1); often none
}

// Wechat is the WeChat account that signed in.
type Wechat struct {
	AppID   string
	OpenID  string
	UnionID string // empty if WeChat gave none
}

// IsUser reports whether a user signed in. If not, the client acts for itself, and Subject is the client's id, which
// must not be treated as a user's.
func (c Claims) IsUser() bool { return c.Session != "" }

// Scopes returns the members of Scope (RFC 6749 §3.3).
func (c Claims) Scopes() []string { return strings.Fields(c.Scope) }

// HasScope reports whether Scope has a member of that name.
func (c Claims) HasScope(name string) bool { return slices.Contains(c.Scopes(), name) }

// HasRole reports whether the user has that role.
func (c Claims) HasRole(name string) bool { return slices.Contains(c.Roles, name) }

// clone returns a deep copy.
func (c *Claims) clone() Claims {
	claims := *c
	claims.Audience, claims.Methods, claims.Roles = slices.Clone(c.Audience), slices.Clone(c.Methods),
		slices.Clone(c.Roles)
	claims.Ext, claims.Actors = slices.Clone(c.Ext), slices.Clone(c.Actors)
	return claims
}

// payload is the JSON form of Claims. Times are seconds since 1970 (RFC 7519 §2).
type payload struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  audience        `json:"aud"`
	ClientID  string          `json:"client_id"`
	Scope     string          `json:"scope"`
	ID        string          `json:"jti"`
	Session   string          `json:"sid"`
	IssuedAt  instant         `json:"iat"`
	Expires   instant         `json:"exp"`
	NotBefore instant         `json:"nbf"`
	AuthTime  instant         `json:"auth_time"`
	Methods   []string        `json:"amr"`
	ACR       string          `json:"acr"`
	Roles     []string        `json:"roles"`
	Ext       json.RawMessage `json:"ext"`
	Wechat    wechat          `json:"wechat"`
	Actors    actors          `json:"act"`
}

// wechat is the JSON form of Wechat.
type wechat struct {
	AppID   string `json:"appid"`
	OpenID  string `json:"openid"`
	UnionID string `json:"unionid"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (w *wechat) UnmarshalJSON(text []byte) error {
	type members wechat
	return readObject(text, (*members)(w))
}

// actors is the JSON form of Actors: each is an object that contains the one before it.
type actors []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *actors) UnmarshalJSON(text []byte) error {
	var actor struct {
		Subject string `json:"sub"`
		Before  actors `json:"act"`
	}
	err := readObject(text, &actor)
	if err == nil && actor.Subject == "" {
		err = errNoActor
	}
	*a = append(actors{actor.Subject}, actor.Before...)
	return err
}

// audience is written as a string or as a list of strings (RFC 7519 §4.1.3).
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return json.Unmarshal(text, (*[]string)(a))
	}
	var one string
	err := json.Unmarshal(text, &one)
	*a = audience{one}
	return err
}

// instant is a time in seconds since 1970, up to the year 9999.
type instant int64

const lastInstant = 253402300799 // 9999-12-31T23:59:59Z

func (i instant) time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.Unix(int64(i), 0)
}

// readClaims parses the payload of a token whose signature is valid.
func readClaims(text []byte) (*Claims, error) {
	var p payload
	if readObject(text, &p) != nil {
		return nil, badClaims
	}
	for _, i := range []instant{p.IssuedAt, p.Expires, p.NotBefore, p.AuthTime} {
		if i < 0 || i > lastInstant {
			return nil, badClaims
		}
	}
	if p.Ext != nil && p.Ext[0] != '{' {
		return nil, badClaims
	}
	if p.Issuer == "" || p.Subject == "" || len(p.Audience) == 0 || p.ClientID == "" || p.ID == "" ||
		p.IssuedAt == 0 || p.Expires == 0 {
		return nil, missingClaim
	}
	return &Claims{
		Issuer: p.Issuer, Subject: p.Subject, Audience: p.Audience, ClientID: p.ClientID, Scope: p.Scope, ID: p.ID,
		Session:  p.Session,
		IssuedAt: p.IssuedAt.time(), Expires: p.Expires.time(), NotBefore: p.NotBefore.time(),
		AuthTime: p.AuthTime.time(),
		Methods:  p.Methods, ACR: p.ACR, Roles: p.Roles, Ext: p.Ext, Wechat: Wechat(p.Wechat),
		Actors: p.Actors,
	}, nil
}

// checkTime returns an error for a token that is not valid yet or has expired. The leeway is for clocks that differ
// (RFC 9068 §4).
func (c *Claims) checkTime(now time.Time, leeway time.Duration) error {
	if !now.Before(c.Expires.Add(leeway)) {
		return expired
	}
	if latest := now.Add(leeway); c.IssuedAt.After(latest) || c.NotBefore.After(latest) {
		return tooEarly
	}
	return nil
}
