package grants

import (
	"bytes"
	"context"
	"slices"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

var errCodeTwice = oauth.NewError(oauth.InvalidGrant,
	"This code was traded before, with other parameters, or its session has "+
		"moved on. Get a fresh code.")

// repeat answers a sign-in that was answered before: with the same refresh token, as long as nobody has used it.
func (m *Manager) repeat(ctx context.Context, s signIn, openings []tokens.Opening) (tokens.Set, bool, error) {
	if len(openings) == 0 {
		return tokens.Set{}, false, nil
	}
	var by [][]byte
	for _, opening := range openings {
		by = append(by, opening.By)
	}
	session, now, err := m.Sessions.FindByOpening(ctx, by...)
	if isNotFound(err) {
		return tokens.Set{}, false, nil
	}
	if err != nil {
		return tokens.Set{}, false, oauth.StoreFailed(err)
	}
	if !session.Alive(now) || session.Generation != 0 || session.Scope != s.Scope || session.Account.App != s.appID {
		return tokens.Set{}, true, errCodeTwice
	}
	authorization, err := m.reauthorize(ctx, s.Request, session)
	if isNotFound(err) { // unlinked or deleted since
		return tokens.Set{}, true, errCodeTwice
	}
	if err != nil {
		return tokens.Set{}, true, oauth.StoreFailed(err)
	}
	found := slices.IndexFunc(openings, func(o tokens.Opening) bool { return bytes.Equal(o.By, session.OpenedBy) })
	authorization.Opening = &openings[found]
	set, err := m.Issuer.Reissue(ctx, authorization, session)
	return set, true, err
}

// reauthorize returns what the sign-in that opened a session proved.
func (m *Manager) reauthorize(ctx context.Context, r Request, session identity.Session) (tokens.Authorization, error) {
	user, err := m.Users.Find(ctx, session.UserID)
	if err != nil {
		return tokens.Authorization{}, err
	}
	account, err := m.Accounts.Find(ctx, session.Account)
	if err != nil {
		return tokens.Authorization{}, err
	}
	return tokens.Authorization{
		Client: r.Client, User: user, Account: session.Account, UnionID: account.UnionID, Scope: session.Scope,
		Method: session.Method, AuthTime: session.AuthTime,
	}, nil
}
