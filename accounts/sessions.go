package accounts

import (
	"context"
	"errors"
	"slices"

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
	Browser  string `json:"browser_session,omitempty"` // id of the browser session that it came from
	Current  bool   `json:"current"`                   // the session of the access token
}

// BrowserInfo is what users see about a browser in which they are signed in. Its members are as in SessionInfo.
type BrowserInfo struct {
	ID       string `json:"id"`
	Device   string `json:"device,omitempty"`
	Method   string `json:"method"`
	SignedIn string `json:"signed_in"`
	LastSeen string `json:"last_seen"`
	Current  bool   `json:"current"` // the session of the access token came from it
}

// SessionList is all active sessions of a user, the most recently used first.
type SessionList struct {
	Sessions []SessionInfo `json:"sessions"`
	Browsers []BrowserInfo `json:"browser_sessions"`
}

// ListSessions returns the caller's active sessions. See [Accounts] for its errors.
func (a *Accounts) ListSessions(ctx context.Context, c Caller) (SessionList, error) {
	sessions, err := a.sessionsOf(ctx, c)
	if err != nil {
		return SessionList{}, err
	}
	browsers, err := a.browsers.List(ctx, c.UserID)
	if err != nil {
		return SessionList{}, oauth.StoreFailed(err)
	}
	list := SessionList{make([]SessionInfo, len(sessions)), make([]BrowserInfo, len(browsers))}
	ownBrowser := ""
	for n, s := range sessions {
		list.Sessions[n] = SessionInfo{
			ID: s.ID, ClientID: s.ClientID, Device: s.Device, Method: s.Method, SignedIn: day(s.AuthTime),
			LastSeen: day(s.LastSeenAt), Browser: s.Browser, Current: s.ID == c.SessionID,
		}
		if s.ID == c.SessionID {
			ownBrowser = s.Browser
		}
	}
	for n, b := range browsers {
		list.Browsers[n] = BrowserInfo{
			ID: b.ID, Device: b.Device, Method: b.Method, SignedIn: day(b.AuthTime), LastSeen: day(b.LastSeenAt),
			Current: b.ID == ownBrowser,
		}
	}
	return list, nil
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

// EndSession ends one of the caller's sessions, which may be the current one, or one of the caller's browser sessions
// with all sessions that came from it. It needs no proof, because it gives a thief nothing. Besides the errors of
// [Accounts], it returns oauth.UnknownSession if the session has ended or is another user's; it does not reveal which.
func (a *Accounts) EndSession(ctx context.Context, c Caller, id string) error {
	user, err := a.enter(ctx, c)
	if err != nil {
		return err
	}
	session, now, err := a.sessions.Find(ctx, id)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return a.endBrowser(ctx, user.ID, id)
	case err != nil:
		return oauth.StoreFailed(err)
	case session.UserID != user.ID || !session.Active(now):
		return errUnknownSession
	}
	ended, err := a.sessions.End(ctx, id, identity.EndedByUser)
	return changed(ended, err, errUnknownSession)
}

// endBrowser ends an active browser session of a user, with all sessions that came from it.
func (a *Accounts) endBrowser(ctx context.Context, userID, id string) error {
	browsers, err := a.browsers.List(ctx, userID)
	if err != nil {
		return oauth.StoreFailed(err)
	}
	if !slices.ContainsFunc(browsers, func(b identity.BrowserSession) bool { return b.ID == id }) {
		return errUnknownSession
	}
	ended, err := a.browsers.End(ctx, id, identity.EndedByUser, true)
	return changed(ended, err, errUnknownSession)
}

// changed returns the error of a store, or missing if the store has changed nothing.
func changed(did bool, err, missing error) error {
	switch {
	case err != nil:
		return oauth.StoreFailed(err)
	case !did:
		return missing
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
