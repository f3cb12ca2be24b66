package grants

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/signin"
	"github.com/lingpai/lingpai/tokens"
)

// duplicateWait is how long a duplicate waits for the request that it repeats; duplicatePoll is how often it looks.
const (
	duplicateWait = 3 * time.Second
	duplicatePoll = 50 * time.Millisecond
)

var errCodeTwice = oauth.NewError(oauth.InvalidGrant, "This code was traded before, with other parameters, or its "+
	"session has moved on. Get a fresh code.")

// openings are what the session of a request with an Idempotency-Key may have been opened by; none without.
func (m *Manager) openings(r codeRequest) []tokens.Opening {
	if r.Key == "" {
		return nil
	}
	return m.issuer.Openings(r.grantType, r.Client.ID, r.code.Text, r.Key)
}

// firstRequest is what became of the request that a duplicate repeats.
type firstRequest struct {
	set      tokens.Set
	answered bool   // with set
	release  func() // the lock of the one that goes on, if it was not
}

// awaitDuplicate acquires the lock of a sign-in in flight, here or on another replica, so that a duplicate of it
// waits for the answer instead of asking the platform with a code that is used up. If the sign-in was answered
// before, that is the answer. Otherwise the caller goes on, and calls release when it is done; if that leaves no
// session, one of those who wait takes its place.
func (m *Manager) awaitDuplicate(ctx context.Context, r codeRequest, openings []tokens.Opening) (firstRequest, error) {
	lock := r.lockName()
	deadline := time.After(duplicateWait)
	for {
		acquired, failed := m.volatile.PutIfAbsent(ctx, lock, []byte{1}, signin.CodeTimeout)
		// Asked after the lock: a request that released it has its session there.
		if set, found, err := m.repeat(ctx, r, openings); found || err != nil {
			if acquired {
				m.release(ctx, lock)
			}
			return firstRequest{set: set, answered: found}, err
		}
		if failed != nil { // without the lock a duplicate may come too early, and is told to sign in again
			m.logger.WarnContext(ctx, "cannot note a sign-in in flight", "error", failed)
			return firstRequest{release: func() {}}, nil
		}
		if acquired {
			return firstRequest{release: func() { m.release(ctx, lock) }}, nil
		}
		select {
		case <-deadline:
			return firstRequest{}, oauth.Unavailable(
				"The first request with this Idempotency-Key is still in flight. Repeat it.", time.Second, nil)
		case <-time.After(duplicatePoll):
		}
	}
}

// lockName names a sign-in, and not by what opens its session: the secret for that is another one on each replica
// while it rotates.
func (r codeRequest) lockName() string {
	name := sha256.New()
	for _, part := range []string{r.Client.ID, r.code.AppID, r.code.Text, r.Key} {
		fmt.Fprintf(name, "%d %s", len(part), part)
	}
	return "sign_in/" + base64.RawURLEncoding.EncodeToString(name.Sum(nil))
}

func (m *Manager) release(ctx context.Context, lock string) {
	if _, err := m.volatile.Take(context.WithoutCancel(ctx), lock); err != nil && !isNotFound(err) {
		m.logger.WarnContext(ctx, "cannot note the end of a sign-in", "error", err)
	}
}

// repeat answers a sign-in that was answered before: with the same refresh token, as long as nobody has used it.
func (m *Manager) repeat(ctx context.Context, r codeRequest, openings []tokens.Opening) (tokens.Set, bool, error) {
	if len(openings) == 0 {
		return tokens.Set{}, false, nil
	}
	var by [][]byte
	for _, opening := range openings {
		by = append(by, opening.By)
	}
	session, now, err := m.sessions.FindByOpening(ctx, by...)
	if isNotFound(err) {
		return tokens.Set{}, false, nil
	}
	if err != nil {
		return tokens.Set{}, false, oauth.StoreFailed(err)
	}
	if !session.Alive(now) || session.Generation != 0 || session.Scope != r.Scope ||
		session.Account.App != r.code.AppID {
		return tokens.Set{}, true, errCodeTwice
	}
	authorization, err := m.reauthorize(ctx, r.request, session)
	if isNotFound(err) { // unlinked or deleted since
		return tokens.Set{}, true, errCodeTwice
	}
	if err != nil {
		return tokens.Set{}, true, oauth.StoreFailed(err)
	}
	found := slices.IndexFunc(openings, func(o tokens.Opening) bool { return bytes.Equal(o.By, session.OpenedBy) })
	authorization.Opening = &openings[found]
	set, err := m.issuer.Reissue(ctx, authorization, session)
	return set, true, err
}

// reauthorize returns what the sign-in that opened a session proved.
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
		Method: session.Method, AuthTime: session.AuthTime,
	}, nil
}
