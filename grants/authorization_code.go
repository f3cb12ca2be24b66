package grants

import (
	"context"
	"errors"
	"time"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// authorizationCode is the grant of RFC 6749 §4.1.3. A code is stored nowhere.
type authorizationCode struct {
	browserGrant
	keys tokens.Keys
}

// longExpired is by how much a code has expired at least if it has by every server's clock.
const longExpired = time.Minute

var (
	errBadCode = oauth.NewError(oauth.InvalidGrant, "The code is not one of this server, or was not issued to this "+
		"client for this redirect_uri.")
	errBadVerifier = oauth.NewError(oauth.InvalidGrant, "code_verifier does not match the code_challenge of the "+
		"authorization request, or has fewer than 43 characters (RFC 7636).")
	errCodeExpired = oauth.NewError(oauth.InvalidGrant, "The code has expired: it is good for a minute.")
	errCodeUsed    = oauth.NewError(oauth.InvalidGrant, "The code was already used. Its session was ended, since one "+
		"of the two may be an attacker. Start again at the authorization endpoint.")
)

// redeem exchanges a code. What identifies the request is checked first, and a failure there ends nothing: a code that
// somebody else has caught must not be worth anything, not even to end the owner's session.
func (g authorizationCode) redeem(ctx context.Context, r request) (tokens.Set, error) {
	redirectURI := r.Parameters.Get("redirect_uri")
	code, err := authorize.OpenCode(g.keys.Current(), r.Parameters.Get("code"))
	switch {
	case r.Parameters.Get("code") == "" || redirectURI == "":
		return tokens.Set{}, oauth.NewError(oauth.InvalidRequest, "code or redirect_uri is missing.")
	case err != nil || !code.IsFor(r.Client.ID, redirectURI) || !r.Client.MatchesRedirectURI(redirectURI):
		return tokens.Set{}, errBadCode
	case !code.ProvedBy(r.Parameters.Get("code_verifier")):
		return tokens.Set{}, errBadVerifier
	}
	authorization, openings, err := g.authorization(ctx, r, approved{by: code.By(), scope: code.Scope,
		resource: code.Resource, openedBy: code.OpenedBy()}, oauth.GrantAuthorizationCode, r.Parameters.Get("code"))
	if err != nil {
		return tokens.Set{}, err
	}
	authorization.Nonce, authorization.Claims = code.Nonce, identity.ParseRequestedClaims(code.Claims)
	return g.open(context.WithoutCancel(ctx), authorization, code, openings) // a repeated request needs the session
}

// open opens the session of a code, or answers a second use. The store's clock decides whether the code has expired.
func (g authorizationCode) open(ctx context.Context, a tokens.Authorization, code authorize.Code,
	openings []tokens.Opening) (tokens.Set, error) {
	expires := time.UnixMilli(code.Expires)
	if g.now().Sub(expires) > longExpired {
		return g.secondUse(ctx, a, openings, errCodeExpired)
	}
	set, err := g.issuer.Issue(ctx, a)
	switch {
	case errors.Is(err, identity.ErrExists):
		return g.secondUse(ctx, a, openings, errCodeUsed)
	case errors.Is(err, identity.ErrStale): // since it was used, perhaps
		return g.secondUse(ctx, a, openings, errUserChanged)
	case err != nil:
		return tokens.Set{}, tokens.Failed(err)
	case !set.Session.LastSeenAt.Before(expires):
		if _, err := g.sessions.End(ctx, set.Session.ID, identity.EndedByCode); err != nil {
			return tokens.Set{}, oauth.StoreFailed(err)
		}
		return tokens.Set{}, errCodeExpired
	}
	return set, nil
}

// secondUse answers a repeated request, which proves with its Idempotency-Key that it is one, with the same refresh
// token. Any other second use ends the session: the second one may be the owner, and the first the thief
// (RFC 6749 §4.1.2). Without a session it returns notFound.
func (g authorizationCode) secondUse(ctx context.Context, a tokens.Authorization, openings []tokens.Opening,
	notFound error) (tokens.Set, error) {
	session, now, err := g.sessions.FindByOpening(ctx, openings[0].By)
	if isNotFound(err) {
		return tokens.Set{}, notFound
	}
	if err != nil {
		return tokens.Set{}, oauth.StoreFailed(err)
	}
	set, err := g.repeat(ctx, a, openings, session, now)
	if errors.Is(err, errNotRepeated) {
		if _, err := g.sessions.End(ctx, session.ID, identity.EndedByCode); err != nil {
			return tokens.Set{}, oauth.StoreFailed(err)
		}
		return tokens.Set{}, errCodeUsed
	}
	return set, err
}
