package sql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// Sessions implements identity.Sessions.
type Sessions struct{ db *DB }

var _ identity.Sessions = (*Sessions)(nil)

// Sessions returns the database's sessions.
func (db *DB) Sessions() *Sessions { return &Sessions{db} }

// Open implements identity.Sessions.
func (s *Sessions) Open(ctx context.Context, session identity.Session, epoch int64, lifetimes identity.Lifetimes, limit int) (identity.Session, error) {
	if err := storable(session.ID, session.UserID, session.ClientID, session.Scope, session.Method, session.Device,
		session.Account.Platform, session.Account.App, session.Account.Subject); err != nil {
		return identity.Session{}, err
	}
	now := s.db.clock()
	session.AuthTime = time.UnixMilli(session.AuthTime.UnixMilli())
	session.LastSeenAt, session.ExpiresAt = now, now.Add(lifetimes.Absolute).Truncate(time.Millisecond)
	session.IdleExpiresAt = now.Add(min(lifetimes.Idle, lifetimes.Absolute)).Truncate(time.Millisecond)
	if err := s.insert(ctx, session, epoch); err != nil {
		return session, err
	}
	if limit <= 0 {
		return session, nil
	}
	// The session is open, and its caller is to be told so. A limit that could not be enforced now is enforced at the next sign-in.
	_ = s.endBeyond(context.WithoutCancel(ctx), session, limit)
	return session, nil
}

// openSession inserts only where the user is as the caller knew it: one statement, so nothing can come between.
const openSession = `INSERT INTO sessions (id, user_id, account_platform, account_app, account_subject, client_id, scope, method, auth_time,
		generation, rotations, opened_by, secret_hash, idle_expires_at, expires_at, last_seen_at, device)
	SELECT ?, id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM users WHERE id = ? AND disabled_at IS NULL AND auth_epoch = ?`

func (s *Sessions) insert(ctx context.Context, session identity.Session, epoch int64) error {
	var platform, app, subject *string
	if session.Account != (identity.AccountKey{}) {
		platform, app, subject = &session.Account.Platform, &session.Account.App, &session.Account.Subject
	}
	var openedBy any // NULL rather than an empty value, which would have to be unique
	if len(session.OpenedBy) > 0 {
		openedBy = session.OpenedBy
	}
	inserted, err := s.db.hot.openSession.exec(ctx,
		session.ID, platform, app, subject, session.ClientID, session.Scope, session.Method, session.AuthTime.UnixMilli(),
		session.Generation, encodeRotations(session.Rotations), openedBy, session.SecretHash[:], session.IdleExpiresAt.UnixMilli(),
		session.ExpiresAt.UnixMilli(), session.LastSeenAt.UnixMilli(), session.Device, session.UserID, epoch)
	if err == nil && inserted == 0 {
		return identity.ErrStale
	}
	return err
}

// Find implements identity.Sessions.
func (s *Sessions) Find(ctx context.Context, id string) (identity.Session, time.Time, error) {
	if storable(id) != nil {
		return identity.Session{}, s.db.clock(), identity.ErrNotFound
	}
	return s.find(ctx, s.db.hot.findSession, id)
}

// FindByOpening implements identity.Sessions.
func (s *Sessions) FindByOpening(ctx context.Context, openedBy []byte) (identity.Session, time.Time, error) {
	return s.find(ctx, s.db.hot.findSessionByOpening, openedBy)
}

func (s *Sessions) find(ctx context.Context, query *statement, value any) (identity.Session, time.Time, error) {
	var row sessionRow
	if err := query.row(ctx, row.targets(), value); err != nil {
		return identity.Session{}, s.db.clock(), err
	}
	session, err := row.session()
	return session, s.db.clock(), err
}

const rotateSession = `UPDATE sessions SET generation = ?, rotations = ?, idle_expires_at = ?, last_seen_at = ?
	WHERE id = ? AND generation = ? AND ended_at IS NULL`

// Rotate implements identity.Sessions.
func (s *Sessions) Rotate(ctx context.Context, session identity.Session, from uint32) (bool, error) {
	moved, err := s.db.hot.rotateSession.exec(ctx, session.Generation, encodeRotations(session.Rotations),
		session.IdleExpiresAt.UnixMilli(), session.LastSeenAt.UnixMilli(), session.ID, from)
	return moved == 1, err
}

// End implements identity.Sessions.
func (s *Sessions) End(ctx context.Context, id, reason string) (bool, error) {
	if storable(id) != nil {
		return false, nil
	}
	session, _, err := s.Find(ctx, id)
	if errors.Is(err, identity.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	event := identity.Event{Kind: identity.EventSessionEnded, UserID: session.UserID, ClientID: session.ClientID, SessionID: id, Detail: reason}
	ended, err := s.end(ctx, event, reason, "id = ?", id)
	return ended > 0, err
}

// EndAll implements identity.Sessions.
func (s *Sessions) EndAll(ctx context.Context, userID, reason string) (int64, error) {
	if storable(userID) != nil {
		return 0, nil
	}
	return s.end(ctx, identity.Event{Kind: identity.EventSessionEnded, UserID: userID}, reason, "user_id = ?", userID)
}

// EndBefore implements identity.Sessions.
func (s *Sessions) EndBefore(ctx context.Context, before time.Time, reason string) (int64, error) {
	return s.end(ctx, identity.Event{Kind: identity.EventSessionEnded}, reason, "auth_time <= ?", before.UnixMilli())
}

// EndSince implements identity.Sessions.
func (s *Sessions) EndSince(ctx context.Context, since time.Time, reason string) (int64, error) {
	return s.end(ctx, identity.Event{Kind: identity.EventSessionEnded}, reason, "last_seen_at >= ?", since.UnixMilli())
}

// end ends sessions and tells of it in one event.
func (s *Sessions) end(ctx context.Context, event identity.Event, reason, where string, value any) (ended int64, err error) {
	err = s.db.transaction(ctx, func(tx *gorm.DB) error {
		if ended, err = endSessions(tx, s.db.clock(), reason, where, value); err != nil || ended == 0 {
			return err
		}
		if event.SessionID == "" {
			event.Detail = fmt.Sprintf("%s: %d sessions", reason, ended)
		}
		return recordEvent(tx, s.db.clock(), event)
	})
	return ended, err
}

func endSessions(tx *gorm.DB, now time.Time, reason, where string, value any) (int64, error) {
	if err := storable(reason); err != nil {
		return 0, err
	}
	result := tx.Exec("UPDATE sessions SET ended_at = ?, end_reason = ? WHERE ended_at IS NULL AND "+where, now.UnixMilli(), reason, value)
	return result.RowsAffected, result.Error
}

// List implements identity.Sessions.
func (s *Sessions) List(ctx context.Context, userID string) ([]identity.Session, error) {
	if storable(userID) != nil {
		return nil, nil
	}
	now := s.db.clock().UnixMilli()
	var rows []sessionRow
	err := s.db.read.WithContext(ctx).Raw(`SELECT * FROM sessions WHERE user_id = ? AND ended_at IS NULL AND idle_expires_at > ? AND expires_at > ?
		ORDER BY last_seen_at DESC, id DESC`, userID, now, now).Scan(&rows).Error
	sessions := make([]identity.Session, 0, len(rows))
	for _, row := range rows {
		session, err := row.session()
		if err != nil {
			return nil, err
		}
		sessions = append(sessions, session)
	}
	return sessions, ended(ctx, err)
}
