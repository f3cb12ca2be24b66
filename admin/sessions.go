package admin

import (
	"context"
	"slices"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// Sessions lists and ends sessions of clients and of browsers, with the reason [identity.EndedByOperator]. Access
// tokens of an ended session stay valid for offline verifiers until they expire. It is safe for concurrent use.
type Sessions struct {
	sessions identity.Sessions
	browsers identity.BrowserSessions
}

// NewSessions returns a Sessions for two stores.
func NewSessions(sessions identity.Sessions, browsers identity.BrowserSessions) *Sessions {
	return &Sessions{sessions, browsers}
}

// List returns a user's active sessions, the most recently used first. A browser session is followed by those that came
// from it.
func (s *Sessions) List(ctx context.Context, actor identity.Actor, userID string) ([]SessionView, error) {
	ctx = identity.WithActor(ctx, actor)
	browsers, err := s.browsers.List(ctx, userID)
	if err != nil {
		return nil, err
	}
	sessions, err := s.sessions.List(ctx, userID)
	if err != nil {
		return nil, err
	}
	var views []SessionView
	for _, browser := range browsers {
		views = append(views, viewBrowser(browser))
		for _, session := range sessions {
			if session.Browser == browser.ID {
				views = append(views, viewSession(session))
			}
		}
	}
	for _, session := range sessions {
		if !slices.ContainsFunc(browsers, func(b identity.BrowserSession) bool { return b.ID == session.Browser }) {
			views = append(views, viewSession(session))
		}
	}
	return views, nil
}

// End ends one session, or one browser session with all sessions that came from it. It returns UnknownError if there is
// no such active session.
func (s *Sessions) End(ctx context.Context, actor identity.Actor, id string) error {
	ctx = identity.WithActor(ctx, actor)
	ended, err := s.sessions.End(ctx, id, identity.EndedByOperator)
	if err == nil && !ended {
		ended, err = s.browsers.End(ctx, id, identity.EndedByOperator, true)
	}
	if err == nil && !ended {
		return UnknownError{"active session", id}
	}
	return err
}

// EndAll ends all sessions of a user and returns how many it ended.
func (s *Sessions) EndAll(ctx context.Context, actor identity.Actor, userID string) (int64, error) {
	return s.sessions.EndAll(identity.WithActor(ctx, actor), userID, identity.EndedByOperator)
}

// EndBefore ends all sessions that were opened at or before a time and returns how many it ended.
func (s *Sessions) EndBefore(ctx context.Context, actor identity.Actor, before time.Time) (int64, error) {
	return s.sessions.EndBefore(identity.WithActor(ctx, actor), before, identity.EndedByOperator)
}

// EndSince ends all sessions that were opened or refreshed at or after a time and returns how many it ended.
func (s *Sessions) EndSince(ctx context.Context, actor identity.Actor, since time.Time) (int64, error) {
	return s.sessions.EndSince(identity.WithActor(ctx, actor), since, identity.EndedByOperator)
}

// SessionView is a session of a client, or of a browser, in the form that operators see.
type SessionView struct {
	ID         string `json:"sid"`
	Kind       string `json:"kind"`                // client or browser
	ClientID   string `json:"client_id,omitempty"` // of a client; the next two, too
	Browser    string `json:"browser_session,omitempty"`
	Scope      string `json:"scope,omitempty"`
	Method     string `json:"method"`
	Device     string `json:"device,omitempty"`
	AuthTime   string `json:"auth_time"`
	LastSeenAt string `json:"last_seen_at"`
	Refreshes  uint32 `json:"refreshes"` // 0 for a browser
	ExpiresAt  string `json:"expires_at"`
}

func viewSession(s identity.Session) SessionView {
	return SessionView{ID: s.ID, Kind: "client", ClientID: s.ClientID, Browser: s.Browser, Scope: s.Scope,
		Method: s.Method, Device: s.Device, AuthTime: instant(s.AuthTime), LastSeenAt: instant(s.LastSeenAt),
		Refreshes: s.Generation, ExpiresAt: instant(s.ExpiresAt)}
}

func viewBrowser(b identity.BrowserSession) SessionView {
	return SessionView{ID: b.ID, Kind: "browser", Method: b.Method, Device: b.Device, AuthTime: instant(b.AuthTime),
		LastSeenAt: instant(b.LastSeenAt), ExpiresAt: instant(b.ExpiresAt)}
}
