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

// duplicateWait is how long a duplicate request waits for the first one; duplicatePoll is how often it looks.
const (
	duplicateWait = 3 * time.Second
	duplicatePoll = 50 * time.Millisecond
)

var errCodeReused = oauth.NewError(oauth.InvalidGrant, "This code was already used: with other parameters, or its "+
	"session has been refreshed or has ended. Get a new code.")

// openings returns the openings that the session of a request with an Idempotency-Key may have, see
// [tokens.Issuer.Openings]. It returns nil without a key.
func (m *Manager) openings(r codeRequest) []tokens.Opening {
	if r.Key == "" {
		return nil
	}
	return m.issuer.Openings(r.grantType, r.Client.ID, r.code.Text, r.Key)
}

// firstRequest is the outcome of the request that a duplicate repeats.
type firstRequest struct {
	set      tokens.Set
	answered bool   // reports whether set is the answer
	release  func() // releases the lock; nil if answered
}

// awaitDuplicate acquires the lock of a sign-in, which all replicas share, so that a duplicate request waits for the
// answer instead of sending a used code to the platform. If the sign-in was answered before, it returns that answer.
// Otherwise the caller signs the user in and then calls release; if that opened no session, a waiting duplicate goes
// on in its place. It returns oauth.TemporarilyUnavailable if the first request takes longer than duplicateWait or
// the store fails, and oauth.InvalidGrant if the first answer is no longer valid.
func (m *Manager) awaitDuplicate(ctx context.Context, r codeRequest, openings []tokens.Opening) (firstRequest, error) {
	lock := r.lockName()
	deadline := time.After(duplicateWait)
	for {
		acquired, failed := m.volatile.PutIfAbsent(ctx, lock, []byte{1}, signin.CodeTimeout)
		// Look after locking: a request that released the lock has stored its session.
		if set, found, err := m.repeat(ctx, r, openings); found || err != nil {
			if acquired {
				m.release(ctx, lock)
			}
			return firstRequest{set: set, answered: found}, err
		}
		if failed != nil { // without the lock a duplicate may come too early and is asked to sign in again
			m.logger.WarnContext(ctx, "cannot lock a sign-in", "error", failed)
			return firstRequest{release: func() {}}, nil
		}
		if acquired {
			return firstRequest{release: func() { m.release(ctx, lock) }}, nil
		}
		select {
		case <-deadline:
			return firstRequest{}, oauth.Unavailable(
				"The first request with this Idempotency-Key is still in progress. Try again.", time.Second, nil)
		case <-time.After(duplicatePoll):
		}
	}
}

// lockName returns the name of a sign-in's lock. It is not derived from the opening, whose secret differs between
// replicas during a key rotation.
func (r codeRequest) lockName() string {
	name := sha256.New()
	for _, part := range []string{r.Client.ID, r.code.AppID, r.code.Text, r.Key} {
		fmt.Fprintf(name, "%d %s", len(part), part)
	}
	return "sign_in/" + base64.RawURLEncoding.EncodeToString(name.Sum(nil))
}

func (m *Manager) release(ctx context.Context, lock string) {
	if _, err := m.volatile.Take(context.WithoutCancel(ctx), lock); err != nil && !isNotFound(err) {
		m.logger.WarnContext(ctx, "cannot unlock a sign-in", "error", err)
	}
}

// repeat answers a sign-in that was answered before with the same refresh token, as long as that has not been used.
// It returns false if there is no session with one of the openings.
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
		return tokens.Set{}, true, errCodeReused
	}
	authorization, err := m.reauthorize(ctx, r.request, session)
	if isNotFound(err) { // unlinked or deleted since
		return tokens.Set{}, true, errCodeReused
	}
	if err != nil {
		return tokens.Set{}, true, oauth.StoreFailed(err)
	}
	found := slices.IndexFunc(openings, func(o tokens.Opening) bool { return bytes.Equal(o.By, session.OpenedBy) })
	authorization.Opening = &openings[found]
	set, err := m.issuer.Reissue(ctx, authorization, session, now)
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
		Method: session.Method, AuthTime: session.AuthTime,
	}, nil
}
