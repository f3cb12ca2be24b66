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

// UndeliveredNotices counts what a client was not told in time.
type UndeliveredNotices struct {
	ClientID string
	Waiting  int           // notices of sessions that ended long ago
	Oldest   time.Duration // since the first of them ended
	Tried    bool          // whether any of them was sent
	GivenUp  int
}

// Undelivered returns the clients that do not know yet about sessions that ended longer than late ago, or whose notices
// were given up within a period.
func (n *LogoutNotices) Undelivered(ctx context.Context, late, period time.Duration) ([]UndeliveredNotices, error) {
	now, err := n.db.Clock(ctx)
	if err != nil {
		return nil, err
	}
	since := now.Add(-period)
	return scanAll[UndeliveredNotices](n.db.read.WithContext(ctx), `SELECT client_id, sum(waiting) AS waiting,
			max(age) * 1000000 AS oldest, max(attempts) > 0 AS tried, CAST(sum(given_up) AS BIGINT) AS given_up FROM (
		SELECT client_id, 1 AS waiting, CAST(? AS BIGINT) - ended_at AS age, attempts, 0 AS given_up
			FROM logout_notices WHERE ended_at < ?
		UNION ALL SELECT client_id, 0, 0, 0, count FROM events
			WHERE id >= ? AND kind = ? AND coalesce(last_at, at) >= ?) AS n
		GROUP BY client_id ORDER BY client_id`, now.UnixMilli(), now.Add(-late).UnixMilli(),
		firstEventID(since.Add(-repeatWindow)), identity.EventNoticeUndelivered, since.UnixMilli())
}
