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

// revokeTimeout bounds a revocation, storage included.
const revokeTimeout = 5 * time.Second

var (
	// Another client's token is refused and the client is told (RFC 7009 §2.1): an honest one would else
	// believe that it had signed its user out. Whether the token's session still lives is not told.
	errForeignToken = oauth.NewError(oauth.InvalidGrant,
		"The token was issued to another client. Only that client can revoke it.")
	errNoSession = &oauth.Error{
		Code: oauth.UnsupportedTokenType,
		Description: "An access token of client_credentials has no session that could be ended: it is good " +
			"until it expires.",
	}
)

// Revoke ends the session that a token belongs to (RFC 7009), and with it every token of that session. A
// refresh token may be of any generation: who gives one back does no theft. The two kinds are told apart by
// their form, so token_type_hint is not needed. A token that is no good is as good as revoked, so it is no
// error; that goes for expired access tokens too, which lie around in logs and must have no power.
func (s *Service) Revoke(ctx context.Context, r *http.Request) error {
	// Who signs out often goes away at once, and means it all the same.
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
	// Also if it has expired: a refresh that read it before may be about to prolong it.
	if _, err := s.sessions.End(ctx, session, identity.EndedByClient); err != nil {
		return oauth.StoreFailed(err)
	}
	return nil
}

// sessionToEnd returns the id of the session that a client's token belongs to, or "" for what is no token of ours.
func (s *Service) sessionToEnd(ctx context.Context, client clients.Client, token string) (string, error) {
	if claims, err := s.issuer.ReadAccessToken(token); err == nil {
		switch {
		case claims.ClientID != client.ID:
			return "", errForeignToken
		case claims.Session == "":
			return "", errNoSession
		}
		return claims.Session, nil
	}
	presented, err := s.openRefreshToken(ctx, token)
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
