package grants

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// repeatsFor is how long a repeated request is answered.
const repeatsFor = 10 * time.Minute

var (
	errTooLate = oauth.NewError(oauth.InvalidGrant, "This request was answered more than ten minutes ago, or its "+
		"refresh token was used since, or its session has ended.")
	errUserChanged = oauth.NewError(oauth.InvalidGrant, "The user has signed out, or was disabled or changed since "+
		"the code was issued or approved. Start again.")
	errNotRepeated = errors.New("not a repeated request")
)

// browserGrant is what grants have in common whose users decide in a browser. What they have approved is used once,
// because the session that it opens can be opened once.
type browserGrant struct{ *Manager }

// approved is what a user has approved in a browser.
type approved struct {
	by              identity.BrowserSession
	scope, resource string
	openedBy        []byte // by which the session is found that the code opens
}

// authorization returns the authorization of what was approved, and the openings of the session for it: several if the
// request can be repeated, since it has an Idempotency-Key. They depend on the code.
func (g browserGrant) authorization(ctx context.Context, r request, a approved, grant, code string) (
	tokens.Authorization, []tokens.Opening, error) {
	session := identity.Session{Scope: r.Client.Retained(a.scope)}
	if a.resource != "" {
		session.Resources = []string{a.resource}
	}
	target, err := g.userTarget(r, session.Scope, session)
	if err != nil {
		return tokens.Authorization{}, nil, err
	}
	openings := []tokens.Opening{tokens.OpeningBy(a.openedBy)}
	if r.Key != "" {
		openings = tokens.FoundBy(a.openedBy, g.issuer.Openings(grant, code, r.Key))
	}
	if len(openings) == 0 {
		return tokens.Authorization{}, nil, tokens.ErrNotSigned
	}
	user, unionID, err := g.approver(ctx, r, a.by)
	return tokens.Authorization{Client: r.Client.Client, User: user, Account: a.by.Account, UnionID: unionID,
		Target: target, Scope: session.Scope, Resource: a.resource, Method: a.by.Method, AuthTime: a.by.AuthTime,
		Device: r.Device, Browser: a.by.ID, Opening: &openings[0]}, openings, err
}

// approver reads the user of a browser session again, and the UnionID of the WeChat account that they have signed in
// with.
func (g browserGrant) approver(ctx context.Context, r request, by identity.BrowserSession) (identity.User, string,
	error) {
	user, err := g.users.Find(ctx, by.UserID)
	user.AuthEpoch = by.Epoch // the sign-in must not be older than a change of the user
	var account identity.Account
	if err == nil && by.Account != (identity.AccountKey{}) && r.Client.WechatClaims {
		account, err = g.accounts.Find(ctx, by.Account)
	}
	switch {
	case isNotFound(err): // deleted or unlinked since
		return user, "", errUserChanged
	case err != nil:
		return user, "", oauth.StoreFailed(err)
	}
	return user, account.UnionID, nil
}

// repeat answers a request whose code has opened a session, with the same refresh token, if its Idempotency-Key proves
// that it is the same request: it is in the openings. Otherwise it returns errNotRepeated.
func (g browserGrant) repeat(ctx context.Context, a tokens.Authorization, openings []tokens.Opening,
	session identity.Session, now time.Time) (tokens.Set, error) {
	n := slices.IndexFunc(openings, func(o tokens.Opening) bool { return o.Opened(session) })
	switch {
	case n < 0:
		return tokens.Set{}, errNotRepeated
	case !session.Active(now) || session.Generation != 0 || now.Sub(session.LastSeenAt) > repeatsFor:
		return tokens.Set{}, errTooLate
	}
	a.Opening = &openings[n]
	set, err := g.issuer.Reissue(ctx, a, session, now)
	if err != nil {
		return tokens.Set{}, tokens.Failed(err)
	}
	return set, nil
}
