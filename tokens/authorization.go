package tokens

import (
	"time"

	"github.com/lingpai/lingpai/identity"
)

// Authorization is the result of a grant that has authenticated a user. It determines the contents of the tokens.
type Authorization struct {
	Client   identity.Client
	User     identity.User
	Account  identity.AccountKey // the account that signed in; zero for a password
	UnionID  string              // of the account; "" if it has none
	Scope    string              // granted, space-separated
	Resource string              // that the sign-in names; "" if it names none
	Claims   identity.RequestedClaims
	Target   Target // of the access token
	Method   string // identity.MethodPassword, or the platform of the code
	AuthTime time.Time
	Device   string   // label of the session; may be empty
	Browser  string   // id of the browser session that it comes from; "" if none
	Nonce    string   // for the ID token; may be empty
	Opening  *Opening // makes the sign-in repeatable if not nil
}

// newUser reports whether this is the user's first sign-in: AuthTime of the sign-in that creates a user is equal to
// the user's CreatedAt.
func (a Authorization) newUser() bool { return a.AuthTime.Equal(a.User.CreatedAt) }

// resources returns identity.Session.Resources.
func (a Authorization) resources() []string {
	if a.Resource == "" {
		return nil
	}
	return []string{a.Resource}
}

// Set is the result of a token request. RefreshToken and IDToken may be empty.
type Set struct {
	AccessToken  string
	ExpiresIn    time.Duration
	RefreshToken string
	IDToken      string
	Scope        string // of the access token
	Session      identity.Session
	// IssuedTokenType is the type of the token that a token exchange has issued (RFC 8693 §2.2.1); "" for other grants.
	IssuedTokenType string
	// Notices are the outcomes of the request's extras, by the name of a response member; nil if it had none.
	Notices map[string]string
}
