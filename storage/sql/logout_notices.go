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

// Claim implements identity.LogoutNotices.
func (n *LogoutNotices) Claim(ctx context.Context, batch int) ([]identity.LogoutNotice, time.Time, error) {
	return claim[string](ctx, n.db, "logout_notices", "session_id",
		"session_id, user_id, client_id, ended_at, attempts", logoutNoticeRow.notice, batch)
}

// claim returns at most batch rows of a table that are due, and makes them due again after a time that grows with the
// attempts. It looks first, since there is rarely a row, and SQLite has only one writer. Of two callers that have found
// the same row, the second waits for the first, and then finds it not due. K is the type of the key.
func claim[K, R, V any](ctx context.Context, db *DB, table, key, columns string, convert func(R) V, batch int) (
	claimed []V, now time.Time, err error) {
	if now, err = db.Clock(ctx); err != nil {
		return nil, now, err
	}
	due, err := scanAll[K](db.read.WithContext(ctx), "SELECT "+key+" FROM "+table+" WHERE due_at <= ? "+
		"ORDER BY due_at LIMIT ?", now.UnixMilli(), batch)
	if err != nil || len(due) == 0 {
		return nil, now, err
	}
	err = db.transaction(ctx, func(tx *gorm.DB, at time.Time) error {
		now = at
		claimed, err = listed(tx, convert, "UPDATE "+table+" SET attempts = attempts + 1, "+
			"due_at = CAST(? AS BIGINT) + CASE WHEN attempts < 6 THEN 60000 << CAST(attempts AS INTEGER) "+
			"ELSE 3600000 END WHERE "+key+" IN ? AND due_at <= ? RETURNING "+columns, at.UnixMilli(), due,
			at.UnixMilli())
		return err
	})
	return claimed, now, err
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
