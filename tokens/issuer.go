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

// ErrBadToken means that a token was not issued by this issuer, or has expired.
var ErrBadToken = errors.New("bad token")

// ErrNotSigned means that a token could not be signed. It is an internal error: trying again does not help.
var ErrNotSigned = errors.New("a token could not be signed")

// Failed converts an error of [Issuer] or [Revocations] to one for the client. It returns ErrNotSigned unchanged, and
// oauth.TemporarilyUnavailable for a failure of the store.
func Failed(err error) error {
	if errors.Is(err, ErrNotSigned) {
		return err
	}
	return oauth.StoreFailed(err)
}

// Config holds the settings and dependencies of an Issuer. All fields but SessionLimit, ContextClasses and
// MaxAccessTTL are required.
type Config struct {
	Issuer       string
	Keys         Keys
	Sessions     identity.Sessions
	Users        identity.Users
	Accounts     identity.Accounts
	Profiles     identity.Profiles
	AccessTTL    time.Duration // default if the client's record has none
	IdleTTL      time.Duration // default if the client's record has none
	AbsoluteTTL  time.Duration // default if the client's record has none
	SessionLimit int           // maximum of active sessions of a user at a client; 0 means no limit
	Now          func() time.Time

	// ContextClasses are the values of acr; nil: tokens have none.
	ContextClasses identity.ContextClasses

	// MaxAccessTTL is the upper limit for the client's record, because keys are removed some time after they have
	// signed; 0 means no limit.
	MaxAccessTTL time.Duration
}

// Keys returns the current set of keys; see [keys.Keeper].
type Keys interface{ Current() *keys.Set }

// Issuer issues and reads tokens. It is safe for concurrent use.
type Issuer struct {
	config Config
}

// New returns an Issuer.
func New(config Config) *Issuer { return &Issuer{config: config} }

// ContextClasses returns the values of acr in an issuer's tokens.
func ContextClasses(i *Issuer) identity.ContextClasses { return i.config.ContextClasses }

// Issue signs the tokens of a new sign-in and then opens its session, so that nothing is written if signing fails. It
// returns identity.ErrStale if the user was disabled or changed since it was authenticated, identity.ErrExists if a
// duplicate request has opened the session already, ErrNotSigned, or another error of the store.
func (i *Issuer) Issue(ctx context.Context, a Authorization) (Set, error) {
	now := i.config.Now()
	secret, openedBy := a.sessionSecret()
	session := identity.Session{
		ID:         identity.NewSessionID(),
		UserID:     a.User.ID,
		Account:    a.Account,
		ClientID:   a.Client.ID,
		Browser:    a.Browser,
		Scope:      a.Scope,
		Resources:  a.resources(),
		Claims:     a.Claims,
		Method:     a.Method,
		AuthTime:   a.AuthTime,
		OpenedBy:   openedBy,
		SecretHash: hashSecret(secret),
		Device:     a.Device,
		ExpiresAt:  now.Add(i.lifetimes(a.Client).Absolute), // for the access token; the store replaces it
	}
	set, err := i.mint(ctx, a, session, secret, now)
	if err != nil {
		return Set{}, err
	}
	set.Session, err = i.config.Sessions.Open(ctx, session, a.User.AuthEpoch, i.lifetimes(a.Client),
		i.config.SessionLimit)
	opened := set.Session.LastSeenAt // by the store's clock
	if err != nil || issuedJustBefore(now, opened) {
		return set, err
	}
	return i.mint(ctx, a, set.Session, secret, opened)
}

// issuedJustBefore reports whether a token that was issued before its session was opened, by this server's clock, can
// be used: if it seemed younger than the session, a list of revocations might not cover it, and if it seemed much
// older, the list might cover it soon. Only if the clocks differ does a sign-in need a second signature.
func issuedJustBefore(issued, opened time.Time) bool {
	age := opened.Unix() - issued.Unix()
	return age == 0 || age == 1
}

// Reissue answers a repeated sign-in with its session's first refresh token. a is the authorization of the first
// request, and now the store's time when it read the session. It returns ErrNotSigned, or an error of the store.
func (i *Issuer) Reissue(ctx context.Context, a Authorization, session identity.Session, now time.Time) (Set, error) {
	secret, _ := a.sessionSecret()
	return i.mint(ctx, a, session, secret, now)
}

// mint signs the tokens of a session's generation 0.
func (i *Issuer) mint(ctx context.Context, a Authorization, session identity.Session,
	secret [sessionSecretSize]byte, now time.Time) (Set, error) {
	set := Set{Scope: a.Target.Scope, Session: session}
	var err error
	if set.AccessToken, set.ExpiresIn, err = i.accessToken(a.Client, session, a.Target,
		owner{a.User, a.UnionID}, now); err != nil {
		return Set{}, err
	}
	if oauth.HasScope(a.Scope, oauth.ScopeOpenID) {
		if set.IDToken, err = i.idToken(ctx,
			idSubject{a.Client, session, a.User, a.Scope, set.AccessToken, a.Nonce, a.newUser(), now}); err != nil {
			return Set{}, err
		}
	}
	if a.Client.Allows(oauth.GrantRefreshToken) {
		set.RefreshToken, err = i.writeRefreshToken(RefreshToken{SessionID: session.ID, secret: secret})
	}
	return set, err
}

// Renewal determines the tokens of a refresh, except for the refresh token.
type Renewal struct {
	Client      identity.Client
	Session     identity.Session
	Now         time.Time // the store's time when it read the session
	Scope       string    // that is requested: the session's or a part of it
	Target      Target    // of the access token
	WithIDToken bool
}

// Renew signs the access token of a refresh, and the ID token if it was requested. It writes nothing and returns no
// refresh token; see [Issuer.Successor]. It returns ErrNotSigned, or an error of the store.
func (i *Issuer) Renew(ctx context.Context, r Renewal) (Set, error) {
	set := Set{Scope: r.Target.Scope, Session: r.Session}
	of, err := i.owner(ctx, r)
	if err != nil {
		return Set{}, err
	}
	if set.AccessToken, set.ExpiresIn, err = i.accessToken(r.Client, r.Session, r.Target, of, r.Now); err != nil {
		return Set{}, err
	}
	if r.WithIDToken {
		set.IDToken, err = i.idToken(ctx, idSubject{r.Client, r.Session, of.user, r.Scope, set.AccessToken, "",
			false, r.Now})
	}
	return set, err
}

// Successor returns the refresh token of a session's current generation. presented is a token of the same session. It
// returns ErrNotSigned if there is no key.
func (i *Issuer) Successor(presented RefreshToken, session identity.Session) (string, error) {
	return i.writeRefreshToken(RefreshToken{SessionID: session.ID, Generation: session.Generation,
		secret: presented.secret})
}

// IdleTTL returns how long a client's session stays active after a refresh.
func (i *Issuer) IdleTTL(client identity.Client) time.Duration { return i.lifetimes(client).Idle }

func (i *Issuer) accessTTL(client identity.Client) time.Duration {
	ttl := cmp.Or(client.AccessTTL, i.config.AccessTTL)
	if i.config.MaxAccessTTL > 0 {
		ttl = min(ttl, i.config.MaxAccessTTL)
	}
	return ttl
}

// lifetimes returns the lifetimes of a client's sessions. A session that cannot be refreshed lives as long as its
// access token.
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
	token, err := encodeAndSign(claims, typ, i.config.Keys.Current().Sign)
	return string(token), err
}

// encodeAndSign returns ErrNotSigned if sign fails.
func encodeAndSign(claims any, typ string, sign func(typ string, payload []byte) ([]byte, error)) ([]byte, error) {
	var payload bytes.Buffer
	encoder := json.NewEncoder(&payload)
	// A token is never part of an HTML page, and six bytes for each & could make a token with a long profile too
	// large.
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
	rand.Read(b) // never returns an error (crypto/rand)
	return b
}
