package admin

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// Sessions lists and ends sessions, with the reason [identity.EndedByOperator]. Access tokens of an ended session stay
// valid for offline verifiers until they expire. It is safe for concurrent use.
type Sessions struct{ sessions identity.Sessions }

// NewSessions returns a Sessions for a store.
func NewSessions(store identity.Sessions) *Sessions { return &Sessions{store} }

// List returns a user's active sessions, the most recently used first.
func (s *Sessions) List(ctx context.Context, actor identity.Actor, userID string) ([]identity.Session, error) {
	return s.sessions.List(identity.WithActor(ctx, actor), userID)
}

// End ends one session. It returns UnknownError if there is no such active session.
func (s *Sessions) End(ctx context.Context, actor identity.Actor, id string) error {
	ended, err := s.sessions.End(identity.WithActor(ctx, actor), id, identity.EndedByOperator)
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

// SessionView is a session in the form that operators see.
type SessionView struct {
	ID         string `json:"sid"`
	ClientID   string `json:"client_id"`
	Method     string `json:"method"`
	Scope      string `json:"scope"`
	Device     string `json:"device,omitempty"`
	AuthTime   string `json:"auth_time"`
	LastSeenAt string `json:"last_seen_at"`
	Refreshes  uint32 `json:"refreshes"`
	ExpiresAt  string `json:"expires_at"`
}

// ViewSession returns the view of a session, without its secrets.
func ViewSession(s identity.Session) SessionView {
	return SessionView{s.ID, s.ClientID, s.Method, s.Scope, s.Device, instant(s.AuthTime), instant(s.LastSeenAt),
		s.Generation, instant(s.ExpiresAt)}
}
