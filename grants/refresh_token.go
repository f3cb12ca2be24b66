package grants

import (
	"context"
	"fmt"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// maxRotationTries bounds how often a refresh reads and decides again because another one moved the row. The
// second reading finds the presented token retired, so more than three tries mean that something else is
// wrong.
const maxRotationTries = 5

var errBadRefreshToken = oauth.NewError(oauth.InvalidGrant,
	"The refresh token is invalid, expired, or was used before. Sign in again.")

// refreshToken is the grant of RFC 6749 §6 with rotation: read, decide, sign, write if nobody else has. No
// lock is held while signing.
func (m *Manager) refreshToken(ctx context.Context, r Request) (tokens.Set, error) {
	text := r.Parameter("refresh_token")
	if text == "" {
		return tokens.Set{}, oauth.NewError(oauth.InvalidRequest, "refresh_token is missing.")
	}
	key := tokens.HashKey(r.Key)
	for range maxRotationTries {
		presented, session, now, err := m.presented(ctx, text)
		if err != nil {
			return tokens.Set{}, err
		}
		// before anything is decided: a stranger's try must not end the owner's session
		if session.ClientID != r.Client.ID {
			return tokens.Set{}, errBadRefreshToken
		}
		decision := tokens.Decide(session, presented.Generation, key, now, m.Rotation)
		set, moved, err := m.carryOut(ctx, r, presented, session, decision, now)
		if err != nil || moved {
			m.Meter.Refreshed(verdictName(decision))
			return set, err
		}
	}
	return tokens.Set{}, oauth.Unavailable("Too many refreshes of this session at once. Try again.", time.Second, nil)
}

// presented returns the live session that a genuine refresh token opens.
func (m *Manager) presented(ctx context.Context, text string) (tokens.RefreshToken, identity.Session, time.Time,
	error) {
	token, session, now, err := m.opened(ctx, text)
	if err == nil && !session.Alive(now) {
		err = errBadRefreshToken
	}
	return token, session, now, err
}

// opened returns the session that a genuine refresh token opens, alive or not.
func (m *Manager) opened(ctx context.Context, text string) (tokens.RefreshToken, identity.Session, time.Time, error) {
	token, err := m.Issuer.ReadRefreshToken(text)
	if err != nil {
		return token, identity.Session{}, time.Time{}, errBadRefreshToken
	}
	session, now, err := m.Sessions.Find(ctx, token.SessionID)
	switch {
	case isNotFound(err):
		return token, session, now, errBadRefreshToken
	case err != nil:
		return token, session, now, oauth.StoreFailed(err)
	case !token.Opens(session):
		return token, session, now, errBadRefreshToken
	}
	return token, session, now, nil
}

// carryOut does what was decided. It reports false when the row moved in the meantime, so that all must be
// decided again.
func (m *Manager) carryOut(ctx context.Context, r Request, presented tokens.RefreshToken, session identity.Session,
	decision tokens.Decision, now time.Time,
) (tokens.Set, bool, error) {
	switch decision.Verdict {
	case tokens.Rotate, tokens.Repeat:
	case tokens.Refuse:
		m.recordRefusal(ctx, session, presented.Generation, decision.Ahead)
		return tokens.Set{}, true, errBadRefreshToken
	case tokens.Theft:
		// The verdict stands, also when the presenter hangs up.
		if _, err := m.Sessions.End(context.WithoutCancel(ctx), session.ID, identity.EndedByTheft); err != nil {
			return tokens.Set{}, true, oauth.StoreFailed(err)
		}
		m.Logger.WarnContext(ctx, "a retired refresh token was used again; its session was ended", "session",
			session.ID, "client", r.Client.ID)
		return tokens.Set{}, true, errBadRefreshToken
	}
	scope, err := narrowedScope(session.Scope, r.Scope)
	if err != nil {
		return tokens.Set{}, true, err
	}
	set, err := m.Issuer.Renew(ctx, tokens.Renewal{
		Client: r.Client, Session: session, Scope: scope,
		WithIDToken: oauth.HasScope(r.Scope, oauth.ScopeOpenID), // asked for in this request
	})
	if err != nil {
		return tokens.Set{}, true, tokens.Failed(err)
	}
	if decision.Verdict == tokens.Rotate {
		decision.Session.IdleExpiresAt = earlier(now.Add(m.Issuer.IdleTTL(r.Client)), session.ExpiresAt)
		moved, err := m.Sessions.Rotate(ctx, decision.Session, session.Generation)
		if err != nil {
			return tokens.Set{}, true, oauth.StoreFailed(err)
		}
		if !moved {
			return tokens.Set{}, false, nil
		}
	}
	if decision.Ahead {
		m.recordAhead(ctx, session, presented.Generation)
	}
	set.RefreshToken, err = m.Issuer.Successor(presented, decision.Session)
	return set, true, err
}

// refusalPeriod is how long refusals of one token are told once.
const refusalPeriod = time.Minute

// recordRefusal tells of a refused token once in a while: who has one could fill the audit log with it.
func (m *Manager) recordRefusal(ctx context.Context, session identity.Session, presented uint32, ahead bool) {
	key := fmt.Sprintf("refused/%s/%d", session.ID, presented)
	first, err := m.Volatile.PutIfAbsent(ctx, key, []byte{1}, refusalPeriod)
	if err != nil { // it cannot be told from a repeat, of which there may be any number
		m.Logger.WarnContext(ctx, "a refresh token was refused, and the audit log does not tell", "session",
			session.ID, "error", err)
	}
	if err != nil || !first {
		return
	}
	if ahead {
		m.recordAhead(ctx, session, presented)
		return
	}
	m.record(ctx, identity.Event{Kind: identity.EventRefreshRefused, UserID: session.UserID,
		ClientID: session.ClientID, SessionID: session.ID})
}

// recordAhead tells the operator that the store lost commits.
func (m *Manager) recordAhead(ctx context.Context, session identity.Session, presented uint32) {
	m.Logger.WarnContext(ctx, "a refresh token is newer than its session's row: the store has lost commits",
		"session", session.ID)
	m.record(ctx, identity.Event{
		Kind: identity.EventRefreshAhead, UserID: session.UserID, ClientID: session.ClientID, SessionID: session.ID,
		Detail: fmt.Sprintf("row at %d, token at %d", session.Generation, presented),
	})
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
