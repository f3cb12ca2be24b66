package accounts

import (
	"context"
	"errors"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// SessionInfo is what users see about one of their sessions. Times are UTC dates (2006-01-02).
type SessionInfo struct {
	ID       string `json:"id"`
	ClientID string `json:"client_id"`
	Device   string `json:"device,omitempty"` // from the User-Agent header at the sign-in
	Method   string `json:"method"`           // how the user signed in, see identity.Session
	SignedIn string `json:"signed_in"`
	LastSeen string `json:"last_seen"`
	Current  bool   `json:"current"` // the session of the access token
}

// ListSessions returns the caller's active sessions, the most recently used first. See [Accounts] for its errors.
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

// EndSession ends one of the caller's sessions, which may be the current one. It needs no proof, because it gives a
// thief nothing. Besides the errors of [Accounts], it returns oauth.UnknownSession if the session has ended or is
// another user's; it does not reveal which.
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
	case session.UserID != user.ID || !session.Active(now):
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
	Description: "You have no such session. It may have already ended."}

// EndOtherSessions ends all sessions of the caller, also in browsers, but the current one and the browser session that
// it came from. It returns how many it ended, even if it fails before it has ended all. See [Accounts] for its errors.
func (a *Accounts) EndOtherSessions(ctx context.Context, c Caller) (int, error) {
	sessions, err := a.sessionsOf(ctx, c)
	if err != nil {
		return 0, err
	}
	count, ownBrowser := 0, ""
	for _, s := range sessions {
		if s.ID == c.SessionID {
			ownBrowser = s.Browser
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
	browsers, err := a.browsers.List(ctx, c.UserID)
	if err != nil {
		return count, oauth.StoreFailed(err)
	}
	for _, b := range browsers {
		if b.ID == ownBrowser {
			continue
		}
		ended, err := a.browsers.End(ctx, b.ID, identity.EndedByUser, true) // also what was opened from it meanwhile
		if err != nil {
			return count, oauth.StoreFailed(err)
		}
		if ended {
			count++
		}
	}
	return count, nil
}
