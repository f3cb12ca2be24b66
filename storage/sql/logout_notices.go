package sql

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// LogoutNotices implements identity.LogoutNotices.
type LogoutNotices struct{ db *DB }

var _ identity.LogoutNotices = (*LogoutNotices)(nil)

// LogoutNotices returns the store of logout notices.
func (db *DB) LogoutNotices() *LogoutNotices { return &LogoutNotices{db} }

// addNotices stores a notice for each session from a browser that meets a condition and whose client wants one. The
// transaction must have ended the sessions, or their browser session, before, so that no other session can be opened
// that would be missed.
func addNotices(tx *gorm.DB, now time.Time, where string, values ...any) error {
	at := now.UnixMilli()
	return wrote(tx.Exec("INSERT INTO logout_notices (session_id, user_id, client_id, ended_at, due_at) "+
		"SELECT s.id, s.user_id, s.client_id, CAST(? AS BIGINT), CAST(? AS BIGINT) "+
		"FROM sessions s JOIN clients c ON c.id = s.client_id "+
		"WHERE c.backchannel_logout_uri <> '' AND s.id IN (SELECT id FROM sessions WHERE "+where+
		" AND browser_session_id IS NOT NULL) ON CONFLICT (session_id) DO NOTHING",
		append([]any{at, at}, values...)...))
}

type logoutNoticeRow struct {
	SessionID string
	UserID    string
	ClientID  string
	EndedAt   int64
	Attempts  int
}

func (r logoutNoticeRow) notice() identity.LogoutNotice {
	return identity.LogoutNotice{SessionID: r.SessionID, UserID: r.UserID, ClientID: r.ClientID,
		EndedAt: instant(&r.EndedAt), Attempts: r.Attempts}
}

// Claim implements identity.LogoutNotices. It looks first, since there is rarely a notice, and SQLite has only one
// writer. Of two callers that have found the same row, the second waits for the first, and then finds it not due.
func (n *LogoutNotices) Claim(ctx context.Context, batch int) (notices []identity.LogoutNotice, now time.Time,
	err error) {
	if now, err = n.db.Clock(ctx); err != nil {
		return nil, now, err
	}
	due, err := scanAll[string](n.db.read.WithContext(ctx), "SELECT session_id FROM logout_notices WHERE due_at <= ? "+
		"ORDER BY due_at LIMIT ?", now.UnixMilli(), batch)
	if err != nil || len(due) == 0 {
		return nil, now, err
	}
	err = n.db.transaction(ctx, func(tx *gorm.DB, at time.Time) error {
		now = at
		notices, err = listed(tx, logoutNoticeRow.notice, "UPDATE logout_notices SET attempts = attempts + 1, "+
			"due_at = CAST(? AS BIGINT) + CASE WHEN attempts < 6 THEN 60000 << CAST(attempts AS INTEGER) "+
			"ELSE 3600000 END "+
			"WHERE session_id IN ? AND due_at <= ? "+
			"RETURNING session_id, user_id, client_id, ended_at, attempts", at.UnixMilli(), due, at.UnixMilli())
		return err
	})
	return notices, now, err
}

// Delete implements identity.LogoutNotices.
func (n *LogoutNotices) Delete(ctx context.Context, sessionID string) error {
	if storable(sessionID) != nil {
		return nil
	}
	return n.db.transaction(ctx, func(tx *gorm.DB, _ time.Time) error {
		return wrote(tx.Exec("DELETE FROM logout_notices WHERE session_id = ?", sessionID))
	})
}

// GiveUp implements identity.LogoutNotices.
func (n *LogoutNotices) GiveUp(ctx context.Context, notice identity.LogoutNotice, reason string) error {
	event := identity.Event{Kind: identity.EventNoticeUndelivered, UserID: notice.UserID, ClientID: notice.ClientID,
		SessionID: notice.SessionID, Detail: reason}
	return withEvent(ctx, n.db, event, func(tx *gorm.DB, _ time.Time) error {
		return wrote(tx.Exec("DELETE FROM logout_notices WHERE session_id = ?", notice.SessionID))
	})
}
