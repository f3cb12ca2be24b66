package tokens

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/oauth"
)

// ErrBadToken says that a token is not one of ours, or not one any more.
var ErrBadToken = errors.New("bad token")

// ErrNotSigned says that a token could not be signed: a fault of ours, which trying again does not mend.
var ErrNotSigned = errors.New("a token could not be signed")

// Failed turns an error of an [Issuer] or of [Revocations] into one for the client: a store's own failure may be
// tried again, ErrNotSigned stays an internal error.
func Failed(err error) error {
	if errors.Is(err, ErrNotSigned) {
		return err
	}
	return oauth.StoreFailed(err)
}

// Config says how tokens are made. All fields but the last are required; SessionLimit 0 means no limit.
type Config struct {
	Issuer       string
	Keys         Keys
	Sessions     identity.Sessions
	Users        identity.Users
	Accounts     identity.Accounts
	Profiles     identity.Profiles
	AccessTTL    time.Duration // where the client's record says nothing; likewise the next two
	IdleTTL      time.Duration
	AbsoluteTTL  time.Duration
	SessionLimit int // live sessions of a user at a client
	Now          func() time.Time

	// MaxAccessTTL bounds what a client's record says, since a key is gone some time after it signed; 0: nothing does.
	MaxAccessTTL time.Duration
}

// Keys has the set of keys that is used now; see [keys.Keeper].
type Keys interface{ Current() *keys.Set }

// Issuer is the one mint.
type Issuer struct {
	config Config
}

// New makes an issuer.
func New(config Config) *Issuer { return &Issuer{config: config} }

// Issue signs the tokens of a new sign-in and then opens its session, so that nothing is written unless there
// is an answer to give. identity.ErrStale: the user was disabled or changed since it was proved.
// identity.ErrExists: a twin request opened it first.
func (i *Issuer) Issue(ctx context.Context, a Authorization) (Set, error) {
	secret, openedBy := a.sessionSecret()
	session := identity.Session{
		ID:         identity.NewSessionID(),
		UserID:     a.User.ID,
		Account:    a.Account,
		ClientID:   a.Client.ID,
		Scope:      a.Scope,
		Method:     a.Method,
		AuthTime:   a.AuthTime,
		OpenedBy:   openedBy,
		SecretHash: hashSecret(secret),
		Device:     a.Device,
		ExpiresAt:  i.config.Now().Add(i.lifetimes(a.Client).Absolute), // for the access token; the store sets its own
	}
	set, err := i.mint(ctx, a, session, secret)
	if err != nil {
		return Set{}, err
	}
	set.Session, err = i.config.Sessions.Open(ctx, session, a.User.AuthEpoch, i.lifetimes(a.Client),
		i.config.SessionLimit)
	return set, err
}

// Reissue answers a repeated sign-in with its session's first refresh token. a is what the first request proved.
func (i *Issuer) Reissue(ctx context.Context, a Authorization, session identity.Session) (Set, error) {
	secret, _ := a.sessionSecret()
	return i.mint(ctx, a, session, secret)
}

// mint makes the tokens of a session's generation 0.
func (i *Issuer) mint(ctx context.Context, a Authorization, session identity.Session,
	secret [sessionSecretSize]byte) (Set, error) {
	set := Set{Scope: a.Scope, Session: session}
	var err error
	if set.AccessToken, set.ExpiresIn, err = i.accessToken(a.Client, session, a.Scope,
		owner{a.User, a.UnionID}); err != nil {
		return Set{}, err
	}
	if oauth.HasScope(a.Scope, oauth.ScopeOpenID) {
		if set.IDToken, err = i.idToken(ctx,
			idSubject{a.Client, session, a.User, a.Scope, set.AccessToken, a.newUser()}); err != nil {
			return Set{}, err
		}
	}
	if a.Client.Allows(oauth.GrantRefreshToken) {
		set.RefreshToken, err = i.writeRefreshToken(RefreshToken{SessionID: session.ID, secret: secret})
	}
	return set, err
}

// Renewal is what a refresh is answered with, whatever the session's generation turns out to be.
type Renewal struct {
	Client      identity.Client
	Session     identity.Session
	Scope       string // of the access token; within the session's
	WithIDToken bool
}

// Renew signs the access token, and the ID token if one was asked for, of a refresh. It writes nothing and
// makes no refresh token: see Successor.
func (i *Issuer) Renew(ctx context.Context, r Renewal) (Set, error) {
	set := Set{Scope: r.Scope, Session: r.Session}
	of, err := i.owner(ctx, r)
	if err != nil {
		return Set{}, err
	}
	if set.AccessToken, set.ExpiresIn, err = i.accessToken(r.Client, r.Session, r.Scope, of); err != nil {
		return Set{}, err
	}
	if r.WithIDToken {
		set.IDToken, err = i.idToken(ctx, idSubject{r.Client, r.Session, of.user, r.Scope, set.AccessToken, false})
	}
	return set, err
}

// Successor is the current refresh token of the session that presented belongs to.
func (i *Issuer) Successor(presented RefreshToken, session identity.Session) (string, error) {
	return i.writeRefreshToken(RefreshToken{SessionID: session.ID, Generation: session.Generation,
		secret: presented.secret})
}

// IdleTTL is how long a session of a client lives on after a refresh.
func (i *Issuer) IdleTTL(client identity.Client) time.Duration { return i.lifetimes(client).Idle }

func (i *Issuer) accessTTL(client identity.Client) time.Duration {
	ttl := cmp.Or(client.AccessTTL, i.config.AccessTTL)
	if i.config.MaxAccessTTL > 0 {
		ttl = min(ttl, i.config.MaxAccessTTL)
	}
	return ttl
}

// lifetimes of a session that nobody can refresh are those of its access token.
func (i *Issuer) lifetimes(client identity.Client) identity.Lifetimes {
	if !client.Allows(oauth.GrantRefreshToken) {
		return identity.Lifetimes{Idle: i.accessTTL(client), Absolute: i.accessTTL(client)}
	}
	return identity.Lifetimes{
		Idle:     cmp.Or(client.IdleTTL, i.config.IdleTTL),
		Absolute: cmp.Or(client.AbsoluteTTL, i.config.AbsoluteTTL),
	}
}

func (i *Issuer) sign(typ string, claims any) (string, error) {
	token, err := written(claims, typ, i.config.Keys.Current().Sign)
	return string(token), err
}

func written(claims any, typ string, sign func(typ string, payload []byte) ([]byte, error)) ([]byte, error) {
	var payload bytes.Buffer
	encoder := json.NewEncoder(&payload)
	// a token is in no page, and six bytes for each & would make one of a long profile too large
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(claims); err != nil {
		return nil, err
	}
	token, err := sign(typ, bytes.TrimSuffix(payload.Bytes(), []byte{'\n'}))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotSigned, err)
	}
	return token, nil
}

func newTokenID() string { return base64.RawURLEncoding.EncodeToString(randomBytes(16)) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand)
	return b
}
