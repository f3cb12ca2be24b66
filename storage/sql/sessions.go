package sql

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// Sessions implements identity.Sessions.
type Sessions struct{ db *DB }

var _ identity.Sessions = (*Sessions)(nil)

// Sessions returns the store of sessions.
func (db *DB) Sessions() *Sessions { return &Sessions{db} }

// Open implements identity.Sessions.
func (s *Sessions) Open(ctx context.Context, session identity.Session, epoch int64, lifetimes identity.Lifetimes,
	limit int) (identity.Session, error) {
	if err := storable(session.ID, session.UserID, session.ClientID, session.Browser, session.Scope,
		strings.Join(session.Resources, " "), session.Claims.String(), session.Method, session.Device,
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
	// The session is open, so the caller gets it in any case. A limit that cannot be enforced now is enforced at the
	// next sign-in.
	if err := s.endBeyond(context.WithoutCancel(ctx), session, limit); err != nil {
		s.db.logger.WarnContext(ctx, "cannot enforce the limit on sessions; the next sign-in tries again",
			"user", session.UserID, "session", session.ID, "error", err)
	}
	return session, nil
}

// openSession inserts the session only if the user and the browser session are still as the caller read them, and locks
// their rows in this order until it is done: a change that disables the user, or ends the browser session, is either
// committed before and seen here, or comes after and sees the session.
const openSession = `WITH clock AS (SELECT {clock} AS now, CAST(? AS TEXT) AS browser),
	u AS (SELECT id, auth_epoch, disabled_at, joined_into FROM users
		WHERE id = ? AND disabled_at IS NULL AND joined_into IS NULL AND auth_epoch = ?{share})
	INSERT INTO sessions (browser_session_id, user_id, id, account_platform, account_app, account_subject, client_id,
		scope, resources, claims, method, auth_time, generation, rotations,
		opened_by, secret_hash, idle_expires_at, expires_at, last_seen_at, device)
	SELECT browser, u.id, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT),
		CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT),
		CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS {bytes}), CAST(? AS {bytes}), CAST(? AS {bytes}),
		now + CAST(? AS BIGINT),
		now + CAST(? AS BIGINT), now, CAST(? AS TEXT)
	FROM u, clock WHERE browser IS NULL OR EXISTS (SELECT 1 FROM browser_sessions b
		WHERE b.id = browser AND b.user_id = u.id AND ` + liveBrowserSession + `{share})
	RETURNING last_seen_at`

func (s *Sessions) insert(ctx context.Context, session identity.Session, epoch int64,
	lifetimes identity.Lifetimes) (time.Time, error) {
	platform, app, subject := accountColumns(session.Account)
	var browser *string
	if session.Browser != "" {
		browser = &session.Browser
	}
	var resources *string
	if session.Resources != nil {
		joined := strings.Join(session.Resources, " ")
		resources = &joined
	}
	var openedBy any // NULL, since an empty value would have to be unique
	if len(session.OpenedBy) > 0 {
		openedBy = session.OpenedBy
	}
	var now int64
	err := s.db.hot.openSession.row(ctx, []any{&now},
		browser, session.UserID, epoch, session.ID, platform, app, subject, session.ClientID, session.Scope, resources,
		session.Claims.String(), session.Method, session.AuthTime.UnixMilli(),
		session.Generation, encodeRotations(session.Rotations), openedBy, session.SecretHash[:],
		min(lifetimes.Idle, lifetimes.Absolute).Milliseconds(),
		lifetimes.Absolute.Milliseconds(), session.Device)
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
		return identity.Session{}, time.Time{}, fmt.Errorf("a session can be found by 1 to %d values",
			identity.MaxOpenings)
	}
	var values [identity.MaxOpenings]any // the statement has a fixed number of values, so the last one is repeated
	for n := range values {
		values[n] = openedBy[min(n, len(openedBy)-1)]
	}
	return s.find(ctx, s.db.hot.findSessionByOpening, values[:]...)
}

func (s *Sessions) find(ctx context.Context, query *statement, values ...any) (identity.Session, time.Time, error) {
	var row sessionRow
	var now int64
	if err := query.row(ctx, append([]any{&now}, row.targets()...), values...); err != nil {
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
	err = s.db.read.WithContext(ctx).Raw(`SELECT * FROM sessions WHERE user_id = ? AND ended_at IS NULL
		AND idle_expires_at > ? AND expires_at > ?
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

// KeyUse counts refreshes with and without an idempotency key.
type KeyUse struct{ With, Without int }

// The sample of SampleKeyUse: the latest sessions of each of so many days.
const (
	sampledDays     = 14
	sampledSessions = 1000
)

// SampleKeyUse counts the refreshes since a given time, by client, that a sample of the sessions opened in the last two
// weeks remembers. It reads a bounded number of rows by primary key: ids begin with the time (UUIDv7).
func (s *Sessions) SampleKeyUse(ctx context.Context, since time.Time) (map[string]KeyUse, error) {
	now, err := s.db.Clock(ctx)
	if err != nil {
		return nil, err
	}
	uses := map[string]KeyUse{}
	day := 24 * time.Hour
	for n := range sampledDays {
		from := now.Add(-time.Duration(n+1) * day)
		until := from.Add(day)
		if n == 0 {
			until = until.Add(day) // servers' clocks may be ahead
		}
		var rows []sessionRow
		if err := s.db.read.WithContext(ctx).Raw(`SELECT client_id, rotations FROM sessions WHERE id >= ? AND id < ?
			ORDER BY id DESC LIMIT ?`, firstID(from), firstID(until), sampledSessions).Scan(&rows).Error; err != nil {
			return nil, err
		}
		for _, row := range rows {
			rotations, err := decodeRotations(row.Rotations)
			if err != nil {
				return nil, err
			}
			uses[row.ClientID] = uses[row.ClientID].plus(rotations, since)
		}
	}
	return uses, ended(ctx, nil)
}

// plus adds the rotations since a given time. It ignores those that retired several generations: they may be two that
// became one, and so lost their keys.
func (u KeyUse) plus(rotations []identity.Rotation, since time.Time) KeyUse {
	for _, rotation := range rotations {
		switch {
		case rotation.Lowest != rotation.Highest || rotation.At.Before(since):
		case rotation.KeyHash != nil:
			u.With++
		default:
			u.Without++
		}
	}
	return u
}

// firstID returns the least UUIDv7 of a time.
func firstID(at time.Time) string {
	hex := fmt.Sprintf("%012x", at.UnixMilli())
	return hex[:8] + "-" + hex[8:] + "-7000-8000-000000000000"
}

type sessionRow struct {
	ID              string
	UserID          string
	AccountPlatform *string
	AccountApp      *string
	AccountSubject  *string
	ClientID        string
	Scope           string
	Resources       *string // space-separated
	Claims          string  // as text
	Method          string
	AuthTime        int64
	Generation      int64
	Rotations       []byte
	OpenedBy        []byte
	SecretHash      []byte
	IdleExpiresAt   int64
	ExpiresAt       int64
	LastSeenAt      int64
	Device          string
	EndedAt         *int64
	EndReason       string

	BrowserSessionID *string
}

// sessionColumns are in the order of targets.
const sessionColumns = `id, user_id, account_platform, account_app, account_subject, client_id, scope, resources,
	claims, method, auth_time, generation, rotations,
	opened_by, secret_hash, idle_expires_at, expires_at, last_seen_at, device, ended_at, end_reason,
	browser_session_id`

func (r *sessionRow) targets() []any {
	return []any{
		&r.ID, &r.UserID, &r.AccountPlatform, &r.AccountApp, &r.AccountSubject, &r.ClientID, &r.Scope, &r.Resources,
		&r.Claims, &r.Method, &r.AuthTime, &r.Generation,
		&r.Rotations, &r.OpenedBy, &r.SecretHash, &r.IdleExpiresAt, &r.ExpiresAt, &r.LastSeenAt, &r.Device,
		&r.EndedAt, &r.EndReason, &r.BrowserSessionID,
	}
}

func (r *sessionRow) session() (identity.Session, error) {
	rotations, err := decodeRotations(r.Rotations)
	if err == nil && (len(r.SecretHash) != 32 || r.Generation < 0 || r.Generation > 1<<32-1) {
		err = errors.New("the row of a session is damaged")
	}
	if err != nil {
		return identity.Session{}, err
	}
	session := identity.Session{
		ID: r.ID, UserID: r.UserID, ClientID: r.ClientID, Scope: r.Scope, Method: r.Method,
		AuthTime:   instant(&r.AuthTime),
		Claims:     identity.ParseRequestedClaims(r.Claims),
		Generation: uint32(r.Generation), Rotations: rotations, OpenedBy: r.OpenedBy,
		SecretHash:    [32]byte(r.SecretHash),
		IdleExpiresAt: instant(&r.IdleExpiresAt), ExpiresAt: instant(&r.ExpiresAt), LastSeenAt: instant(&r.LastSeenAt),
		Device: r.Device, EndedAt: instant(r.EndedAt), EndReason: r.EndReason,
	}
	if r.Resources != nil {
		session.Resources = strings.Fields(*r.Resources)
	}
	if r.BrowserSessionID != nil {
		session.Browser = *r.BrowserSessionID
	}
	session.Account = accountKey(r.AccountPlatform, r.AccountApp, r.AccountSubject)
	return session, nil
}

// accountColumns returns the key of an account as sessions store it: NULL for none.
func accountColumns(key identity.AccountKey) (platform, app, subject *string) {
	if key == (identity.AccountKey{}) {
		return nil, nil, nil
	}
	return &key.Platform, &key.App, &key.Subject
}

// accountKey is the inverse of accountColumns.
func accountKey(platform, app, subject *string) identity.AccountKey {
	if platform == nil || app == nil || subject == nil {
		return identity.AccountKey{}
	}
	return identity.AccountKey{Platform: *platform, App: *app, Subject: *subject}
}

// sessionsBeyond skips the given number of a user's most recently seen sessions at a client and finds the rest. It
// considers only active sessions other than the new one, and finds none if the new one has already ended. SQLite has no
// OFFSET without LIMIT.
const sessionsBeyond = `SELECT id FROM sessions WHERE user_id = ? AND client_id = ? AND id <> ? AND ended_at IS NULL
		AND idle_expires_at > ? AND expires_at > ? AND EXISTS (SELECT 1 FROM sessions own WHERE own.id = ?
		AND own.ended_at IS NULL)
	ORDER BY last_seen_at DESC, id DESC LIMIT 1000000 OFFSET ?`

// endBeyond ends a user's least recently seen sessions at a client if a new session exceeds the limit. Usually one read
// shows that there are none to end; otherwise it reads them again in a transaction. If several sessions are opened at
// the same time, the one whose transaction is last ends the others; a session that was ended in this way ends no
// others.
func (s *Sessions) endBeyond(ctx context.Context, session identity.Session, limit int) error {
	now := session.LastSeenAt // the time when it was opened
	values := []any{session.UserID, session.ClientID, session.ID, now.UnixMilli(), now.UnixMilli(),
		session.ID, limit - 1}
	var first string
	if err := s.db.hot.sessionsBeyond.row(ctx, []any{&first}, values...); err != nil {
		if errors.Is(err, identity.ErrNotFound) {
			return nil
		}
		return err
	}
	return s.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		if err := s.db.dialect.lockUser(tx, session.UserID); err != nil {
			return err
		}
		var beyond []string
		if err := tx.Raw(sessionsBeyond, values...).Scan(&beyond).Error; err != nil {
			return err
		}
		for _, id := range beyond {
			if _, err := endSessions(tx, now, identity.EndedByLimit, session.UserID, " AND id = ?", id); err != nil {
				return err
			}
			event := identity.Event{
				Kind: identity.EventSessionEnded, UserID: session.UserID, ClientID: session.ClientID, SessionID: id,
				Detail: identity.EndedByLimit,
			}
			if err := recordEvent(tx, now, event); err != nil {
				return err
			}
		}
		return nil
	})
}

// The column sessions.rotations is a version byte followed by the rotations, the newest first, in big-endian order and
// with these sizes in bytes:
//
//	lowest 4 ‖ highest 4 ‖ instant 8 (milliseconds) ‖ flags 1 [‖ key hash 16]
//
// Earlier versions set the lowest flag for every rotation without a key, and have no range that was not lost. They read
// what this version writes, and this version reads what they write.
const (
	rotationsVersion = 1
	rotationSize     = 17
	flagLost         = 1 // or, for one generation without a key, nothing
	flagKeyed        = 2
)

var errRotations = errors.New("the rotations of a session are damaged")

func encodeRotations(rotations []identity.Rotation) []byte {
	if len(rotations) == 0 {
		return nil
	}
	b := make([]byte, 0, 1+len(rotations)*(rotationSize+identity.KeyHashSize))
	b = append(b, rotationsVersion)
	for _, r := range rotations {
		b = binary.BigEndian.AppendUint32(b, r.Lowest)
		b = binary.BigEndian.AppendUint32(b, r.Highest)
		b = binary.BigEndian.AppendUint64(b, uint64(r.At.UnixMilli()))
		var flags byte
		if len(r.KeyHash) == identity.KeyHashSize {
			flags |= flagKeyed
		}
		if r.Lost || flags == 0 && r.Lowest == r.Highest {
			flags |= flagLost
		}
		b = append(b, flags)
		if flags&flagKeyed != 0 {
			b = append(b, r.KeyHash...)
		}
	}
	return b
}

func decodeRotations(b []byte) ([]identity.Rotation, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if b[0] != rotationsVersion {
		return nil, errRotations
	}
	var rotations []identity.Rotation
	for b = b[1:]; len(b) > 0; {
		if len(b) < rotationSize || len(rotations) == identity.MaxRotations {
			return nil, errRotations
		}
		flags := b[16]
		r := identity.Rotation{
			Lowest:  binary.BigEndian.Uint32(b),
			Highest: binary.BigEndian.Uint32(b[4:]),
			At:      time.UnixMilli(int64(binary.BigEndian.Uint64(b[8:]))),
		}
		r.Lost = flags&flagLost != 0 && (flags&flagKeyed != 0 || r.Lowest < r.Highest)
		b = b[rotationSize:]
		if flags&flagKeyed != 0 {
			if len(b) < identity.KeyHashSize {
				return nil, errRotations
			}
			r.KeyHash, b = b[:identity.KeyHashSize:identity.KeyHashSize], b[identity.KeyHashSize:]
		}
		if flags&^(flagLost|flagKeyed) != 0 || r.Lowest > r.Highest {
			return nil, errRotations
		}
		rotations = append(rotations, r)
	}
	return rotations, nil
}
