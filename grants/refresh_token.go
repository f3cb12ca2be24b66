package grants

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// maxRotationTries limits how often a refresh reads the session and decides, in case concurrent refreshes change the
// row. The second try usually finds the presented token retired and writes nothing, so if five tries are not enough,
// something else is wrong.
const maxRotationTries = 5

// refreshToken implements the grant of RFC 6749 §6 with rotation: read, decide, sign, and write if the row has not
// changed. It holds no lock while signing.
func (m *Manager) refreshToken(ctx context.Context, r request) (tokens.Set, error) {
	text := r.Parameters.Get("refresh_token")
	if text == "" {
		return tokens.Set{}, oauth.NewError(oauth.InvalidRequest, "refresh_token is missing.")
	}
	refresh := tokens.Refresh{KeyHash: tokens.HashKey(r.Key), Strict: r.Client.RefreshKeys}
	for range maxRotationTries {
		presented, err := m.access.RefreshToken(ctx, r.Client, text)
		if err != nil {
			return tokens.Set{}, err
		}
		refresh.Generation = presented.Token.Generation
		decision := tokens.Decide(presented.Session, refresh, presented.Now, m.rotation)
		set, done, err := m.apply(ctx, r, presented, decision)
		if err != nil || done {
			m.meter.Refreshed(verdictName(decision))
			return set, err
		}
	}
	return tokens.Set{}, oauth.Unavailable("Too many concurrent refreshes of this session. Try again.", time.Second,
		nil)
}

// apply carries out a decision. It returns false if the row changed in the meantime, so that the caller must decide
// again.
func (m *Manager) apply(ctx context.Context, r request, presented access.RefreshToken, decision tokens.Decision,
) (tokens.Set, bool, error) {
	session := presented.Session
	if decision.Verdict != tokens.Rotate && decision.Verdict != tokens.Repeat {
		return tokens.Set{}, true, m.refuse(ctx, presented, decision)
	}
	session.Scope = r.Client.Retained(session.Scope)
	scope, err := narrowedScope(session.Scope, r.Scope, errWiderRefresh)
	if err != nil {
		return tokens.Set{}, true, err
	}
	target, err := m.userTarget(r, scope, session)
	if err != nil {
		return tokens.Set{}, true, err
	}
	set, err := m.issuer.Renew(ctx, tokens.Renewal{
		Client: r.Client.Client, Session: session, Now: presented.Now, Scope: scope, Target: target,
		WithIDToken: oauth.HasScope(r.Scope, oauth.ScopeOpenID), // only if this request asks for it
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
		m.recordDecision(ctx, presented, decision)
	}
	set.RefreshToken, err = m.issuer.Successor(presented.Token, decision.Session)
	return set, true, err
}

// refuse carries out a decision that returns no token, and returns the error for the client.
func (m *Manager) refuse(ctx context.Context, presented access.RefreshToken, decision tokens.Decision) error {
	session := presented.Session
	switch decision.Verdict {
	case tokens.RefuseKey:
		return errKeyOfAnother
	case tokens.Theft:
		// End the session even if the client disconnects.
		if _, err := m.sessions.End(context.WithoutCancel(ctx), session.ID, identity.EndedByTheft); err != nil {
			return oauth.StoreFailed(err)
		}
		m.logger.WarnContext(ctx, "a retired refresh token was used again; its session was ended", "session",
			session.ID, "client", session.ClientID)
		return access.ErrSessionEnded
	}
	if identity.FirstWithin(ctx, refusalPeriod, m.volatile, m.logger, identity.EventRefreshRefused, session.ID,
		strconv.Itoa(int(presented.Token.Generation))) {
		m.recordDecision(ctx, presented, decision)
	}
	return access.ErrBadRefreshToken
}

var errKeyOfAnother = oauth.NewError(oauth.InvalidRequest, "The Idempotency-Key belongs to another refresh token. "+
	"Make a new random key with each refresh token, and repeat it only with that token.")

var errWiderRefresh = oauth.NewError(oauth.InvalidScope,
	"A refresh cannot request a scope that the sign-in was not granted or the client may no longer have.")

// narrowedScope returns what was granted, or the part of it that is requested (RFC 6749 §6). It returns wider if more
// is requested.
func narrowedScope(granted, requested string, wider *oauth.Error) (string, error) {
	if requested == "" {
		return granted, nil
	}
	names, err := oauth.ParseScope(requested)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if !oauth.HasScope(granted, name) {
			return "", wider
		}
	}
	return strings.Join(names, " "), nil
}

// refusalPeriod is the minimum time between two audit events for the same rejected token.
const refusalPeriod = time.Minute

// recordDecision logs and records what is unusual about a decision.
func (m *Manager) recordDecision(ctx context.Context, presented access.RefreshToken, decision tokens.Decision) {
	session := presented.Session
	event := identity.Event{Kind: identity.EventRefreshRefused, UserID: session.UserID, ClientID: session.ClientID,
		SessionID: session.ID}
	switch {
	case decision.Ahead:
		event.Kind = identity.EventRefreshAhead
		event.Detail = fmt.Sprintf("row at %d, token at %d", session.Generation, presented.Token.Generation)
		m.logger.WarnContext(ctx, "a refresh token is newer than its session's row: the store has lost commits",
			"session", session.ID)
	case decision.Verdict == tokens.RefuseClock:
		event.Kind = identity.EventRefreshClock
		m.logger.WarnContext(ctx, "a refresh token was retired at a time that has not come yet: the store's clock was "+
			"set back", "session", session.ID)
	}
	m.record(ctx, event)
}
