package tokens

import (
	"time"

	"github.com/lingpai/lingpai/identity"
)

// Authorization is the result of any grant that proved a user: what the tokens will say.
type Authorization struct {
	Client   identity.Client
	User     identity.User
	Account  identity.AccountKey // that signed in; zero for a password
	UnionID  string              // of that account; empty: none
	Scope    string              // space-separated
	Method   string              // identity.MethodPassword, or the platform whose code proved the user
	AuthTime time.Time
	Device   string   // label of the session; empty: none
	Opening  *Opening // makes the sign-in repeatable; nil: it is not
}

// newUser says whether this is the user's first sign-in: the one that created the user has its very instant.
func (a Authorization) newUser() bool { return a.AuthTime.Equal(a.User.CreatedAt) }

// Set is what a token request is answered with. RefreshToken and IDToken may be empty.
type Set struct {
	AccessToken  string
	ExpiresIn    time.Duration
	RefreshToken string
	IDToken      string
	Scope        string
	Session      identity.Session
	// members of the answer that tell what became of the request's extras; nil: it had none
	Notices map[string]string
}
