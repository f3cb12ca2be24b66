package grants

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// repeatLifetime is how long a repeated sign-in is answered.
const repeatLifetime = time.Hour

var errCodeReused = oauth.NewError(oauth.InvalidGrant, "This code was already used: with other parameters, more "+
	"than an hour ago, or its session has been refreshed or has ended. Get a new code.")

// repeated answers a sign-in that was answered before with the same refresh token and the same statuses of its extras,
// for repeatLifetime and as long as that token has not been used. It returns false if there is no session with one of
// the openings.
func (m *Manager) repeated(ctx context.Context, r codeRequest) (tokens.Set, bool, error) {
	if len(r.openings) == 0 {
		return tokens.Set{}, false, nil
	}
	var by [][]byte
	for _, opening := range r.openings {
		by = append(by, opening.By)
	}
	session, now, err := m.sessions.FindByOpening(ctx, by...)
	if isNotFound(err) {
		return tokens.Set{}, false, nil
	}
	if err != nil {
		return tokens.Set{}, false, oauth.StoreFailed(err)
	}
	opened := session.LastSeenAt // until the first refresh
	if !session.Active(now) || session.Generation != 0 || now.Sub(opened) > repeatLifetime ||
		session.Scope != r.Scope || strings.Join(session.Resources, " ") != r.Resource ||
		session.Account.App != r.code.AppID {
		return tokens.Set{}, true, errCodeReused
	}
	authorization, err := m.reauthorize(ctx, r.request, session)
	if isNotFound(err) { // unlinked or deleted since
		return tokens.Set{}, true, errCodeReused
	}
	if err != nil {
		return tokens.Set{}, true, oauth.StoreFailed(err)
	}
	found := slices.IndexFunc(r.openings, func(o tokens.Opening) bool { return bytes.Equal(o.By, session.OpenedBy) })
	authorization.Opening = &r.openings[found]
	set, err := m.issuer.Reissue(ctx, authorization, session, now)
	r.repeat.Recall(ctx, keptNotices, &set.Notices)
	return set, true, err
}

// reauthorize rebuilds the authorization of the sign-in that opened a session. It returns identity.ErrNotFound if
// the user or the account is gone.
func (m *Manager) reauthorize(ctx context.Context, r request, session identity.Session) (tokens.Authorization, error) {
	user, err := m.users.Find(ctx, session.UserID)
	if err != nil {
		return tokens.Authorization{}, err
	}
	account, err := m.accounts.Find(ctx, session.Account)
	if err != nil {
		return tokens.Authorization{}, err
	}
	return tokens.Authorization{
		Client: r.Client.Client, User: user, Account: session.Account, UnionID: account.UnionID, Scope: session.Scope,
		Target: r.Target, Method: session.Method, AuthTime: session.AuthTime,
	}, nil
}
