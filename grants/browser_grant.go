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

// approvedBy returns an authorization by the user of a browser session, who is read again.
func (g browserGrant) approvedBy(ctx context.Context, r request, by identity.BrowserSession) (tokens.Authorization,
	error) {
	user, err := g.users.Find(ctx, by.UserID)
	if isNotFound(err) {
		return tokens.Authorization{}, errUserChanged
	}
	if err != nil {
		return tokens.Authorization{}, oauth.StoreFailed(err)
	}
	user.AuthEpoch = by.Epoch // the sign-in must not be older than a change of the user
	authorization := tokens.Authorization{Client: r.Client.Client, User: user, Account: by.Account, Target: r.Target,
		Method: by.Method, AuthTime: by.AuthTime, Device: r.Device, Browser: by.ID}
	if by.Account == (identity.AccountKey{}) || !r.Client.WechatClaims {
		return authorization, nil
	}
	account, err := g.accounts.Find(ctx, by.Account)
	if isNotFound(err) { // unlinked since
		return tokens.Authorization{}, errUserChanged
	}
	if err != nil {
		return tokens.Authorization{}, oauth.StoreFailed(err)
	}
	authorization.UnionID = account.UnionID
	return authorization, nil
}

// approvedTarget returns what the access token for an approved scope and resource is for.
func (g browserGrant) approvedTarget(r request, scope, resource string) (tokens.Target, error) {
	session := identity.Session{Scope: scope}
	if resource != "" {
		session.Resources = []string{resource}
	}
	return g.userTarget(r, scope, session)
}

// openings returns the openings of a code's session, which is found by a given value: several if the request can be
// repeated, since it has an Idempotency-Key. The parts are those of the code.
func (g browserGrant) openings(r request, by []byte, parts ...string) ([]tokens.Opening, error) {
	if r.Key == "" {
		return []tokens.Opening{tokens.OpeningBy(by)}, nil
	}
	openings := tokens.FoundBy(by, g.issuer.Openings(append(parts, r.Key)...))
	if len(openings) == 0 {
		return nil, tokens.ErrNotSigned
	}
	return openings, nil
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
