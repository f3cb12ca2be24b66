package tokens

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// MaxActors is how many actors a token may have, so that it cannot grow without end.
const MaxActors = 4

// Actor is a client that acts for the user of a token, since it has exchanged their token for this one. The actors
// before it are nested inside: they are a record, and permit nothing (RFC 8693 §4.1).
type Actor struct {
	Subject string `json:"sub"` // the client
	Actor   *Actor `json:"act,omitempty"`
}

// Depth returns how many actors there are; none if a is nil.
func (a *Actor) Depth() int {
	depth := 0
	for ; a != nil; a = a.Actor {
		depth++
	}
	return depth
}

// Exchanger issues access tokens for access tokens (RFC 8693). It is safe for concurrent use.
type Exchanger struct{ issuer *Issuer }

// NewExchanger returns an exchanger of an issuer's tokens.
func NewExchanger(issuer *Issuer) Exchanger { return Exchanger{issuer} }

var (
	errTwoTargets = oauth.NewError(oauth.InvalidTarget,
		"resource and audience name different APIs. Request one token for each.")
	errNoTarget = oauth.NewError(oauth.InvalidTarget,
		"The client has several audiences or none: name one of them with resource or audience.")
	errNotExchanged = oauth.NewError(oauth.InvalidTarget, "The client may not exchange tokens for this resource: it "+
		"is this server, or not one of the client's audiences, which are compared byte for byte, or was not granted "+
		"at the client's own sign-in.")
)

// Target decides what an exchanged token is for (RFC 8693 §2.1): the API that the request names as its resource or
// as its audience, or the client's only one. It is never for this server, and has no scopes about the user's identity.
// Target returns oauth.InvalidTarget if the client has no such API, and oauth.InvalidScope if the API serves none of
// the scopes that the request names.
func (x Exchanger) Target(r TargetRequest, audience string) (Target, error) {
	apis := x.issuer.apis(r)
	api := cmp.Or(r.Resource, audience)
	switch {
	case r.Resource != "" && !validResource(r.Resource):
		return Target{}, errResource
	case audience != "" && audience != api:
		return Target{}, errTwoTargets
	case api == "" && len(apis) == 1:
		api = apis[0]
	case api == "":
		return Target{}, errNoTarget
	case !slices.Contains(apis, api):
		return Target{}, errNotExchanged
	}
	scopes := slices.DeleteFunc(strings.Fields(cmp.Or(r.Scope, r.Granted)), func(name string) bool {
		return oauth.ServedHere(name) || oauth.AboutIdentity(name) || name == oauth.ScopeOfflineAccess
	})
	if r.Scope != "" && len(scopes) == 0 {
		return Target{}, errNotServed
	}
	return Target{Audience{api}, strings.Join(scopes, " ")}, nil
}

// Exchange determines the access token that a client gets for a user's access token (RFC 8693).
type Exchange struct {
	Client  identity.Client  // that exchanges, and becomes the actor
	Subject AccessClaims     // of the token that is exchanged
	Session identity.Session // of that token; its client may be another one
	Now     time.Time        // the store's time when it read the session
	Target  Target
}

// Issue signs an access token for the session of another one. It expires no later than that one, and has the claims
// of it that describe the sign-in, so that whatever ends the session ends the token too. Nothing is written. Issue
// returns ErrNotSigned, or an error of the store.
func (x Exchanger) Issue(ctx context.Context, e Exchange) (Set, error) {
	of, err := x.issuer.owner(ctx, Renewal{Client: e.Client, Session: e.Session, Target: e.Target})
	if err != nil {
		return Set{}, err
	}
	expires := e.Now.Add(x.issuer.accessTTL(e.Client))
	claims := x.issuer.accessClaims(e.Client, e.Subject.Subject, e.Target, e.Now, expires)
	claims.Expires = min(claims.Expires, e.Subject.Expires)
	claims.Session, claims.AuthTime, claims.Methods = e.Subject.Session, e.Subject.AuthTime, e.Subject.Methods
	claims.Class = e.Subject.Class
	claims.Actor = &Actor{Subject: e.Client.ID, Actor: e.Subject.Actor}
	claims.Wechat = wechatClaims(e.Client, e.Session, of)
	claims.UserClaims = userClaims(of.user, e.Target.Scope)
	token, err := x.issuer.sign(typeAccessToken, claims)
	return Set{AccessToken: token, ExpiresIn: time.Duration(claims.Expires-claims.IssuedAt) * time.Second,
		Scope: e.Target.Scope, Session: e.Session, IssuedTokenType: oauth.TokenTypeAccessToken}, err
}
