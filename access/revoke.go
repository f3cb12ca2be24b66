package access

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// expiredGrace is how long an access token can end its session after it has expired: a browser that was closed for the
// night has no newer one. Later, only a client that authenticates can, since an old token may come from a log.
const expiredGrace = 24 * time.Hour

// revokeTimeout bounds a revocation, storage included.
const revokeTimeout = 5 * time.Second

var (
	// errForeignToken tells a client that a token belongs to another client (RFC 7009 §2.1). Otherwise it would
	// believe that it had signed its user out. The error does not reveal whether the session is active.
	errForeignToken = oauth.NewError(oauth.InvalidGrant,
		"The token was issued to another client, and only that client can revoke it.")
	errNoSession = &oauth.Error{
		Code:        oauth.UnsupportedTokenType,
		Description: "An access token from client_credentials has no session to end. It is valid until it expires.",
	}
	// errActorRevokes protects a user's session at one client from the others that act for them.
	errActorRevokes = &oauth.Error{
		Code: oauth.UnsupportedTokenType,
		Description: "An access token from a token exchange belongs to a session at another client, which only that " +
			"client can end. It is valid until it expires or the session ends.",
	}
)

// Revoke ends the session of a token (RFC 7009), and with it every token of that session. A refresh token may be of
// any generation, and is never treated as stolen. The kind of a token is recognized by its form, so token_type_hint is
// ignored. An invalid token is not an error (§2.2). Neither is an access token that expired more than a day ago, which
// ends the session only if the client authenticates with a secret. r must have its PostForm parsed. Revoke returns
//   - oauth.InvalidClient if the client does not authenticate,
//   - oauth.InvalidRequest if the token is missing or there are two kinds of client authentication,
//   - oauth.InvalidGrant if the token was issued to another client,
//   - oauth.UnsupportedTokenType for an access token from client_credentials or from a token exchange,
//   - oauth.TemporarilyUnavailable if the store fails.
func (s *Service) Revoke(ctx context.Context, r *http.Request) error {
	// Go on if the client disconnects: apps are often closed right after signing out.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	client, err := s.clients.Authenticate(ctx, r)
	if err != nil {
		return err
	}
	token := r.PostForm.Get("token")
	if token == "" {
		return oauth.NewError(oauth.InvalidRequest, "token is missing.")
	}
	session, err := s.sessionToEnd(ctx, client, token)
	if err != nil || session == "" {
		return err
	}
	// End an expired session too: a refresh that read it before it expired might prolong it.
	if _, err := s.sessions.End(ctx, session, identity.EndedByClient); err != nil {
		return oauth.StoreFailed(err)
	}
	return nil
}

// sessionToEnd returns the session id of a client's token, or "" if the token is not valid.
func (s *Service) sessionToEnd(ctx context.Context, client clients.Client, token string) (string, error) {
	if claims, expired, err := s.issuer.ReadExpiredAccessToken(token); err == nil {
		switch {
		case expired >= expiredGrace && !client.Confidential:
			return "", nil
		case claims.ClientID != client.ID:
			return "", errForeignToken
		case expired >= 0 && (claims.Session == "" || claims.Actor != nil):
			return "", nil
		case claims.Session == "":
			return "", errNoSession
		case claims.Actor != nil:
			return "", errActorRevokes
		}
		return claims.Session, nil
	}
	presented, err := s.OpenRefreshToken(ctx, token)
	switch {
	case errors.Is(err, oauth.InvalidGrant):
		return "", nil
	case err != nil:
		return "", err
	case presented.Session.ClientID != client.ID:
		return "", errForeignToken
	}
	return presented.Session.ID, nil
}
