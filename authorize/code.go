package authorize

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/oauth"
)

const (
	codePrefix  = "lp_ac_"
	codePurpose = "authorization code"
	codeRandom  = 16 // bytes
	maxCode     = 1024
	minVerifier = 43

	// CodeLifetime is how long a code can be used (RFC 6749 §4.1.2 recommends ten minutes at most).
	CodeLifetime = time.Minute
)

// Code is what an authorization code grants. It is stored nowhere: the code is the sealed grant itself. The names of
// its JSON members are short, since a code has at most 1024 characters.
type Code struct {
	ClientID    string   `json:"c"`
	RedirectURI []byte   `json:"r"` // its SHA-256
	Challenge   string   `json:"p,omitempty"`
	Nonce       string   `json:"n,omitempty"`
	Scope       string   `json:"s,omitempty"`
	Resource    string   `json:"t,omitempty"`
	Claims      string   `json:"l,omitempty"` // identity.RequestedClaims as text
	UserID      string   `json:"u"`
	Epoch       int64    `json:"e"`
	Account     []string `json:"k,omitempty"` // platform, app and subject; nil: by password
	Method      string   `json:"m"`
	AuthTime    int64    `json:"a"` // Unix time in milliseconds; the next one, too
	Expires     int64    `json:"x"`
	Browser     string   `json:"b"` // id of the browser session
	Random      []byte   `json:"i"` // of this code alone
}

// ErrBadCode means that a text is not an authorization code of this server.
var ErrBadCode = errors.New("bad authorization code")

var errCodeTooLong = errors.New("the authorization code would be too long")

// newCode returns the code for a request of a user. It returns tokens.ErrNotSigned if there is no secret.
func newCode(set *keys.Set, r Request, user identity.SignedIn, now time.Time) (string, error) {
	redirect := sha256.Sum256([]byte(r.RedirectURI))
	code := Code{
		ClientID: r.Client.ID, RedirectURI: redirect[:], Challenge: r.Challenge, Nonce: r.Nonce,
		Scope:    scopeFor(user, r.Scope),
		Resource: r.Resource, Claims: r.Claims.String(), UserID: user.UserID, Epoch: user.Epoch, Method: user.Method,
		AuthTime: user.AuthTime.UnixMilli(), Expires: now.Add(CodeLifetime).UnixMilli(), Browser: user.ID,
		Random: make([]byte, codeRandom),
	}
	rand.Read(code.Random) // never returns an error (crypto/rand)
	if user.Account != (identity.AccountKey{}) {
		code.Account = []string{user.Account.Platform, user.Account.App, user.Account.Subject}
	}
	plain, err := json.Marshal(code)
	if err != nil {
		return "", err
	}
	sealed, err := seal(set, codePurpose, nil, plain)
	switch {
	case err != nil:
		return "", err
	case len(codePrefix)+len(sealed) > maxCode:
		return "", errCodeTooLong
	}
	return codePrefix + sealed, nil
}

// scopeFor returns the part of a scope that a session of a browser session may have. One that was signed in by a scan
// or a hand-off works only with its user: somebody who was tricked into one must be able to end it.
func scopeFor(user identity.SignedIn, scope string) string {
	if user.Method != identity.MethodScan && user.Method != identity.MethodHandOff {
		return scope
	}
	return strings.Join(slices.DeleteFunc(strings.Fields(scope), func(name string) bool {
		return name == oauth.ScopeOfflineAccess
	}), " ")
}

// OpenCode returns what a code grants, or ErrBadCode. It does not check whether the code has expired or was used.
func OpenCode(set *keys.Set, text string) (Code, error) {
	encoded, ok := strings.CutPrefix(text, codePrefix)
	if !ok || len(text) > maxCode {
		return Code{}, ErrBadCode
	}
	plain, err := unseal(set, codePurpose, nil, encoded)
	var code Code
	if err != nil || json.Unmarshal(plain, &code) != nil {
		return Code{}, ErrBadCode
	}
	return code, nil
}

// IsFor reports whether the code was issued to a client for a redirect URI.
func (c Code) IsFor(clientID, redirectURI string) bool {
	sum := sha256.Sum256([]byte(redirectURI))
	return c.ClientID == clientID && subtle.ConstantTimeCompare(sum[:], c.RedirectURI) == 1
}

// ProvedBy reports whether a code_verifier is the one that the code was requested with (RFC 7636 §4.6). One that is too
// short (§4.1) is not, since it could be guessed. For a code that was requested without a challenge only an absent
// verifier is: otherwise an attacker could strip the challenge from the request (RFC 9700 §4.8.2).
func (c Code) ProvedBy(verifier string) bool {
	if c.Challenge == "" {
		return verifier == ""
	}
	if len(verifier) < minVerifier {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(challenge), []byte(c.Challenge)) == 1
}

// By returns whose code it is: the browser session, of which only what the code has is set.
func (c Code) By() identity.BrowserSession {
	by := identity.BrowserSession{ID: c.Browser, UserID: c.UserID, Epoch: c.Epoch, Method: c.Method,
		AuthTime: time.UnixMilli(c.AuthTime)}
	if len(c.Account) == 3 {
		by.Account = identity.AccountKey{Platform: c.Account[0], App: c.Account[1], Subject: c.Account[2]}
	}
	return by
}

// OpenedBy returns the value by which the session of a code is found. It depends on no secret that rotates, so that a
// code is used once whatever rotates meanwhile.
func (c Code) OpenedBy() []byte {
	sum := sha256.Sum256(append([]byte("code"), c.Random...))
	return sum[:]
}
