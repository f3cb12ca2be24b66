package accounts

import (
	"context"
	"errors"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// SessionInfo is what people see of a sign-in of theirs. Days are enough to know it again, and they are UTC's.
type SessionInfo struct {
	ID       string `json:"id"`
	ClientID string `json:"client_id"`
	Device   string `json:"device,omitempty"` // what the client said of itself
	Method   string `json:"method"`           // as in "amr"
	SignedIn string `json:"signed_in"`
	LastSeen string `json:"last_seen"`
	Current  bool   `json:"current"` // the one that asks
}

// ListSessions returns the caller's sessions that are alive, the most recently seen first. The refusals of
// the caller; oauth.TemporarilyUnavailable.
func (a *Accounts) ListSessions(ctx context.Context, c Caller) ([]SessionInfo, error) {
	sessions, err := a.sessionsOf(ctx, c)
	infos := make([]SessionInfo, len(sessions))
	for n, s := range sessions {
		infos[n] = SessionInfo{
			ID: s.ID, ClientID: s.ClientID, Device: s.Device, Method: s.Method, SignedIn: day(s.AuthTime),
			LastSeen: day(s.LastSeenAt),
			Current:  s.ID == c.SessionID,
		}
	}
	return infos, err
}

func (a *Accounts) sessionsOf(ctx context.Context, c Caller) ([]identity.Session, error) {
	user, err := a.enter(ctx, c)
	if err != nil {
		return nil, err
	}
	sessions, err := a.sessions.List(ctx, user.ID)
	if err != nil {
		return nil, oauth.StoreFailed(err)
	}
	return sessions, nil
}

// EndSession ends a session of the caller's, which may be the current one. It needs no proof: whoever
// borrowed a token can only lessen what it reaches. oauth.UnknownSession: it is over, or another user's, which
// is not told apart; the refusals of the caller; oauth.TemporarilyUnavailable.
func (a *Accounts) EndSession(ctx context.Context, c Caller, id string) error {
	user, err := a.enter(ctx, c)
	if err != nil {
		return err
	}
	session, now, err := a.sessions.Find(ctx, id)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return errUnknownSession
	case err != nil:
		return oauth.StoreFailed(err)
	case session.UserID != user.ID || !session.Alive(now):
		return errUnknownSession
	}
	ended, err := a.sessions.End(ctx, id, identity.EndedByUser)
	switch {
	case err != nil:
		return oauth.StoreFailed(err)
	case !ended:
		return errUnknownSession
	}
	return nil
}

var errUnknownSession = &oauth.Error{Code: oauth.UnknownSession,
	Description: "You have no such session. It may have ended already."}

// EndOtherSessions ends all sessions of the caller but the current one, and tells how many it ended, also if
// it could not end all of them. The refusals of the caller; oauth.TemporarilyUnavailable.
func (a *Accounts) EndOtherSessions(ctx context.Context, c Caller) (int, error) {
	sessions, err := a.sessionsOf(ctx, c)
	if err != nil {
		return 0, err
	}
	count := 0
	for _, s := range sessions {
		if s.ID == c.SessionID {
			continue
		}
		ended, err := a.sessions.End(ctx, s.ID, identity.EndedByUser)
		if err != nil {
			return count, oauth.StoreFailed(err)
		}
		if ended {
			count++
		}
	}
	return count, nil
}
