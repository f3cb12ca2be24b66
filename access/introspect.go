package access

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// Introspection is the response of RFC 7662 §2.2. If Active is false, all other fields are empty.
type Introspection struct {
	Active    bool                 `json:"active"`
	TokenType string               `json:"token_type,omitempty"`
	Issuer    string               `json:"iss,omitempty"`
	Subject   string               `json:"sub,omitempty"`
	Audience  tokens.Audience      `json:"aud,omitempty"`
	ClientID  string               `json:"client_id,omitempty"`
	Scope     string               `json:"scope,omitempty"`
	IssuedAt  int64                `json:"iat,omitempty"`
	Expires   int64                `json:"exp,omitempty"`
	ID        string               `json:"jti,omitempty"`
	Session   string               `json:"sid,omitempty"`
	AuthTime  int64                `json:"auth_time,omitempty"`
	Methods   []string             `json:"amr,omitempty"`
	Class     string               `json:"acr,omitempty"`
	Wechat    *tokens.WechatClaims `json:"wechat,omitempty"`
	Actor     *tokens.Actor        `json:"act,omitempty"`
	tokens.UserClaims
}

var errPublicClient = &oauth.Error{
	Code:        oauth.InvalidClient,
	Description: "Only a confidential client can introspect tokens: a public one does not authenticate (RFC 7662 2.1).",
}

// Introspect describes a token to its client and to the APIs that it is for; for all others it is inactive (RFC 7662
// §2.2, §4). An API is a confidential client whose record lists the audiences that it is, or whose id is an audience.
// Introspection changes nothing: a retired refresh token neither rotates nor counts as stolen. r must have its PostForm
// parsed. Introspect returns oauth.InvalidClient if the caller does not authenticate or is a public client,
// oauth.InvalidRequest if the token is missing or there are two kinds of client authentication, and
// oauth.TemporarilyUnavailable if the store fails.
func (s *Service) Introspect(ctx context.Context, r *http.Request) (Introspection, error) {
	asking, err := s.clients.Authenticate(ctx, r)
	if err != nil {
		return Introspection{}, err
	}
	if !asking.Confidential {
		return Introspection{}, errPublicClient
	}
	token := r.PostForm.Get("token")
	if token == "" {
		return Introspection{}, oauth.NewError(oauth.InvalidRequest, "token is missing.")
	}
	answer, err := s.introspectAccessToken(ctx, asking, token)
	if errors.Is(err, tokens.ErrBadToken) {
		answer, err = s.introspectRefreshToken(ctx, asking, token)
	}
	if errors.Is(err, oauth.InvalidToken) || errors.Is(err, oauth.InvalidGrant) {
		return Introspection{}, nil
	}
	return answer, err
}

// introspectAccessToken returns tokens.ErrBadToken for a string that may be a refresh token.
func (s *Service) introspectAccessToken(ctx context.Context, asking clients.Client, token string) (Introspection,
	error) {
	claims, err := s.issuer.ReadAccessToken(token)
	if err != nil {
		return Introspection{}, err
	}
	isAudience := func(audience string) bool { return audience != claims.Issuer && asking.Is(audience) }
	if claims.ClientID != asking.ID && !slices.ContainsFunc(claims.Audience, isAudience) {
		return Introspection{}, errInvalidToken
	}
	if _, err := s.bearerOf(ctx, claims); err != nil {
		return Introspection{}, err
	}
	return Introspection{
		Active: true, TokenType: "Bearer", Issuer: claims.Issuer, Subject: claims.Subject,
		Audience: claims.Audience, ClientID: claims.ClientID,
		Scope: claims.Scope, IssuedAt: claims.IssuedAt, Expires: claims.Expires, ID: claims.ID, Session: claims.Session,
		AuthTime: claims.AuthTime, Methods: claims.Methods, Class: claims.Class, Wechat: claims.Wechat,
		Actor: claims.Actor, UserClaims: claims.UserClaims,
	}, nil
}

// introspectRefreshToken reports a refresh token as active if a refresh without an Idempotency-Key would succeed now.
// The response has neither token_type nor aud, so that it cannot be mistaken for that of an access token.
func (s *Service) introspectRefreshToken(ctx context.Context, asking clients.Client, token string) (Introspection,
	error) {
	presented, err := s.RefreshToken(ctx, asking, token)
	if err != nil {
		return Introspection{}, err
	}
	session := presented.Session
	refresh := tokens.Refresh{Generation: presented.Token.Generation, Strict: asking.RefreshKeys}
	verdict := tokens.Decide(session, refresh, presented.Now, s.rotation).Verdict
	if verdict != tokens.Rotate && verdict != tokens.Repeat {
		return Introspection{}, ErrBadRefreshToken
	}
	return Introspection{
		Active: true, Subject: session.UserID, ClientID: session.ClientID, Scope: session.Scope, Session: session.ID,
		Expires: session.Expiry().Unix(), AuthTime: session.AuthTime.Unix(),
		Methods: []string{session.Method}, Class: s.classes[session.Method],
	}, nil
}
