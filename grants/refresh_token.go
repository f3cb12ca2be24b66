package grants

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// maxRotationTries bounds how often a refresh reads and decides again because another one moved the row. The
// second reading finds the presented token retired, so more than three tries mean that something else is
// wrong.
const maxRotationTries = 5

// refreshToken is the grant of RFC 6749 §6 with rotation: read, decide, sign, write if nobody else has. No lock is
// held while signing.
func (m *Manager) refreshToken(ctx context.Context, r request) (tokens.Set, error) {
	text := r.Parameters.Get("refresh_token")
	if text == "" {
		return tokens.Set{}, oauth.NewError(oauth.InvalidRequest, "refresh_token is missing.")
	}
	key := tokens.HashKey(r.Key)
	for range maxRotationTries {
		presented, err := m.access.RefreshToken(ctx, text)
		if err != nil {
			return tokens.Set{}, err
		}
		// before anything is decided: a stranger's try must not end the owner's session
		if presented.Session.ClientID != r.Client.ID {
			return tokens.Set{}, access.ErrBadRefreshToken
		}
		decision := tokens.Decide(presented.Session, presented.Token.Generation, key, presented.Now, m.rotation)
		set, moved, err := m.apply(ctx, r, presented, decision)
		if err != nil || moved {
			m.meter.Refreshed(verdictName(decision))
			return set, err
		}
	}
	return tokens.Set{}, oauth.Unavailable("Too many refreshes of this session at once. Try again.", time.Second, nil)
}

// apply does what was decided. It reports false when the row moved in the meantime, so that all must be decided
// again.
func (m *Manager) apply(ctx context.Context, r request, presented access.RefreshToken, decision tokens.Decision,
) (tokens.Set, bool, error) {
	session := presented.Session
	switch decision.Verdict {
	case tokens.Rotate, tokens.Repeat:
	case tokens.Refuse:
		m.recordRefusal(ctx, session, presented.Token.Generation, decision.Ahead)
		return tokens.Set{}, true, access.ErrBadRefreshToken
	case tokens.Theft:
		// The verdict stands, also when the presenter hangs up.
		if _, err := m.sessions.End(context.WithoutCancel(ctx), session.ID, identity.EndedByTheft); err != nil {
			return tokens.Set{}, true, oauth.StoreFailed(err)
		}
		m.logger.WarnContext(ctx, "a retired refresh token was used again; its session was ended", "session",
			session.ID, "client", r.Client.ID)
		return tokens.Set{}, true, access.ErrBadRefreshToken
	}
	scope, err := narrowedScope(session.Scope, r.Scope)
	if err != nil {
		return tokens.Set{}, true, err
	}
	set, err := m.issuer.Renew(ctx, tokens.Renewal{
		Client: r.Client.Client, Session: session, Scope: scope,
		WithIDToken: oauth.HasScope(r.Scope, oauth.ScopeOpenID), // asked for in this request
	})
	if err != nil {
		return tokens.Set{}, true, tokens.Failed(err)
	}
	if decision.Verdict == tokens.Rotate {
		decision.Session.IdleExpiresAt = presented.Now.Add(m.issuer.IdleTTL(r.Client.Client))
		decision.Session.IdleExpiresAt = decision.Session.Expiry()
		moved, err := m.sessions.Rotate(ctx, decision.Session, session.Generation)
		if err != nil {
			return tokens.Set{}, true, oauth.StoreFailed(err)
		}
		if !moved {
			return tokens.Set{}, false, nil
		}
	}
	if decision.Ahead {
		m.recordAhead(ctx, session, presented.Token.Generation)
	}
	set.RefreshToken, err = m.issuer.Successor(presented.Token, decision.Session)
	return set, true, err
}

// narrowedScope is what a refresh gets: the session's scope, or a part of it (RFC 6749 §6).
func narrowedScope(granted, requested string) (string, error) {
	if requested == "" {
		return granted, nil
	}
	names, err := oauth.ParseScope(requested)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if !oauth.HasScope(granted, name) {
			return "", oauth.NewError(oauth.InvalidScope, "A refresh cannot ask for more than the sign-in was granted.")
		}
	}
	return strings.Join(names, " "), nil
}

// refusalPeriod is how long refusals of one token are told once.
const refusalPeriod = time.Minute

// recordRefusal tells of a refused token once in a while: who has one could fill the audit log with it.
func (m *Manager) recordRefusal(ctx context.Context, session identity.Session, presented uint32, ahead bool) {
	key := fmt.Sprintf("refused/%s/%d", session.ID, presented)
	first, err := m.volatile.PutIfAbsent(ctx, key, []byte{1}, refusalPeriod)
	if err != nil { // it cannot be told from a repeat, of which there may be any number
		m.logger.WarnContext(ctx, "a refresh token was refused, and the audit log does not tell", "session",
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
	m.logger.WarnContext(ctx, "a refresh token is newer than its session's row: the store has lost commits",
		"session", session.ID)
	m.record(ctx, identity.Event{
		Kind: identity.EventRefreshAhead, UserID: session.UserID, ClientID: session.ClientID, SessionID: session.ID,
		Detail: fmt.Sprintf("row at %d, token at %d", session.Generation, presented),
	})
}
