package sql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// Sessions implements identity.Sessions.
type Sessions struct{ db *DB }

var _ identity.Sessions = (*Sessions)(nil)

// Sessions returns the database's sessions.
func (db *DB) Sessions() *Sessions { return &Sessions{db} }

// Open implements identity.Sessions.
func (s *Sessions) Open(ctx context.Context, session identity.Session, epoch int64, lifetimes identity.Lifetimes,
	limit int) (identity.Session, error) {
	if err := storable(session.ID, session.UserID, session.ClientID, session.Scope, session.Method, session.Device,
		session.Account.Platform, session.Account.App, session.Account.Subject); err != nil {
		return identity.Session{}, err
	}
	session.AuthTime = time.UnixMilli(session.AuthTime.UnixMilli())
	now, err := s.insert(ctx, session, epoch, lifetimes)
	if err != nil {
		return session, err
	}
	session.LastSeenAt, session.ExpiresAt = now, now.Add(lifetimes.Absolute).Truncate(time.Millisecond)
	session.IdleExpiresAt = now.Add(min(lifetimes.Idle, lifetimes.Absolute)).Truncate(time.Millisecond)
	if limit <= 0 {
		return session, nil
	}
	// The session is open, and its caller is to be told so. A limit that could not be enforced now is
	// enforced at the next sign-in.
	_ = s.endBeyond(context.WithoutCancel(ctx), session, limit)
	return session, nil
}

// openSession inserts only where the user is as the caller knew it, and keeps the user's row so until it is
// done: what disables a user comes before it and is seen, or after it and sees the session.
const openSession = `WITH clock AS (SELECT {clock} AS now)
	INSERT INTO sessions (id, user_id, account_platform, account_app, account_subject, client_id, scope, method, auth_time, generation, rotations,
		opened_by, secret_hash, idle_expires_at, expires_at, last_seen_at, device)
	SELECT CAST(? AS TEXT), users.id, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT),
		CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS {bytes}), CAST(? AS {bytes}), CAST(? AS {bytes}), now + CAST(? AS BIGINT),
		now + CAST(? AS BIGINT), now, CAST(? AS TEXT)
	FROM users, clock WHERE users.id = ? AND disabled_at IS NULL AND joined_into IS NULL AND auth_epoch = ?{share}
	RETURNING last_seen_at`

func (s *Sessions) insert(ctx context.Context, session identity.Session, epoch int64,
	lifetimes identity.Lifetimes) (time.Time, error) {
	var platform, app, subject *string
	if session.Account != (identity.AccountKey{}) {
		platform, app, subject = &session.Account.Platform, &session.Account.App, &session.Account.Subject
	}
	var openedBy any // NULL rather than an empty value, which would have to be unique
	if len(session.OpenedBy) > 0 {
		openedBy = session.OpenedBy
	}
	var now int64
	err := s.db.hot.openSession.row(ctx, []any{&now}, append(s.db.clockValue(),
		session.ID, platform, app, subject, session.ClientID, session.Scope, session.Method,
		session.AuthTime.UnixMilli(),
		session.Generation, encodeRotations(session.Rotations), openedBy, session.SecretHash[:],
		min(lifetimes.Idle, lifetimes.Absolute).Milliseconds(),
		lifetimes.Absolute.Milliseconds(), session.Device, session.UserID, epoch)...)
	if errors.Is(err, identity.ErrNotFound) {
		return time.Time{}, identity.ErrStale
	}
	return instant(&now), err
}

// Find implements identity.Sessions.
func (s *Sessions) Find(ctx context.Context, id string) (identity.Session, time.Time, error) {
	if storable(id) != nil {
		return identity.Session{}, time.Time{}, identity.ErrNotFound
	}
	return s.find(ctx, s.db.hot.findSession, id)
}

// FindByOpening implements identity.Sessions.
func (s *Sessions) FindByOpening(ctx context.Context, openedBy ...[]byte) (identity.Session, time.Time, error) {
	if len(openedBy) == 0 || len(openedBy) > identity.MaxOpenings {
		return identity.Session{}, time.Time{}, fmt.Errorf("a session is looked for by 1 to %d values",
			identity.MaxOpenings)
	}
	var values [identity.MaxOpenings]any // the statement is one, so what is missing is asked for twice
	for n := range values {
		values[n] = openedBy[min(n, len(openedBy)-1)]
	}
	return s.find(ctx, s.db.hot.findSessionByOpening, values[:]...)
}

func (s *Sessions) find(ctx context.Context, query *statement, values ...any) (identity.Session, time.Time, error) {
	var row sessionRow
	var now int64
	if err := query.row(ctx, append([]any{&now}, row.targets()...), append(s.db.clockValue(),
		values...)...); err != nil {
		return identity.Session{}, time.Time{}, err
	}
	session, err := row.session()
	return session, instant(&now), err
}

const rotateSession = `UPDATE sessions SET generation = ?, rotations = ?, idle_expires_at = ?, last_seen_at = ?
	WHERE id = ? AND generation = ? AND ended_at IS NULL`

// Rotate implements identity.Sessions.
func (s *Sessions) Rotate(ctx context.Context, session identity.Session, from uint32) (bool, error) {
	if storable(session.ID) != nil {
		return false, nil
	}
	moved, err := s.db.hot.rotateSession.exec(ctx, session.Generation, encodeRotations(session.Rotations),
		session.IdleExpiresAt.UnixMilli(), session.LastSeenAt.UnixMilli(), session.ID, from)
	return moved == 1, err
}

// List implements identity.Sessions.
func (s *Sessions) List(ctx context.Context, userID string) ([]identity.Session, error) {
	if storable(userID) != nil {
		return nil, nil
	}
	clock, err := s.db.Clock(ctx)
	if err != nil {
		return nil, err
	}
	now := clock.UnixMilli()
	var rows []sessionRow
	err = s.db.read.WithContext(ctx).Raw(`SELECT * FROM sessions WHERE user_id = ? AND ended_at IS NULL AND idle_expires_at > ? AND expires_at > ?
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
