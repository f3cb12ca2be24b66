package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// End implements identity.Sessions.
func (s *Sessions) End(ctx context.Context, id, reason string) (bool, error) {
	session, _, err := s.Find(ctx, id)
	if errors.Is(err, identity.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	event := identity.Event{Kind: identity.EventSessionEnded, UserID: session.UserID, ClientID: session.ClientID,
		SessionID: id, Detail: reason}
	var ended int64
	err = s.db.transaction(ctx, func(tx *gorm.DB, now time.Time) (err error) {
		if ended, err = endSessions(tx, now, reason, session.UserID, " AND id = ?", id); err != nil || ended == 0 {
			return err
		}
		return recordEvent(tx, now, event)
	})
	return ended > 0, err
}

// EndAll implements identity.Sessions.
func (s *Sessions) EndAll(ctx context.Context, userID, reason string) (ended int64, err error) {
	if storable(userID) != nil {
		return 0, nil
	}
	err = s.db.transaction(ctx, func(tx *gorm.DB, now time.Time) (err error) {
		if ended, err = endAllSessions(tx, now, reason, userID); err != nil || ended == 0 {
			return err
		}
		return recordEvent(tx, now, identity.Event{Kind: identity.EventSessionEnded, UserID: userID,
			Detail: endedDetail(reason, ended)})
	})
	return ended, err
}

// EndBefore implements identity.Sessions.
func (s *Sessions) EndBefore(ctx context.Context, before time.Time, reason string) (int64, error) {
	return s.endMatching(ctx, reason, "auth_time <= ?", before)
}

// EndSince implements identity.Sessions.
func (s *Sessions) EndSince(ctx context.Context, since time.Time, reason string) (int64, error) {
	return s.endMatching(ctx, reason, "last_seen_at >= ?", since)
}

// endAllSessions ends all active sessions of a user, those in browsers first, and returns how many.
func endAllSessions(tx *gorm.DB, now time.Time, reason, userID string) (int64, error) {
	inBrowsers, err := endBrowserSessions(tx, now, reason, "user_id = ?", userID)
	if err != nil {
		return 0, err
	}
	atClients, err := endSessions(tx, now, reason, userID, "")
	return inBrowsers + atClients, err
}

// endSessions ends a user's active sessions that meet a further condition, which is empty or begins with " AND ". Their
// clients are notified, unless they ended the sessions themselves: by a token, or by opening more than the limit.
func endSessions(tx *gorm.DB, now time.Time, reason, userID, and string, values ...any) (int64, error) {
	bucket := int(identity.Bucket(userID))
	if reason == identity.EndedByLimit {
		bucket = unlisted
	}
	of := append([]any{userID}, values...)
	ended, err := endIn(tx, now, reason, "CAST(? AS INTEGER)", []any{bucket}, " WHERE user_id = ?"+and, of...)
	if err != nil || ended == 0 {
		return ended, err
	}
	if err := endHanded(tx, now, reason, userID); err != nil {
		return ended, err
	}
	if reason == identity.EndedByLimit || reason == identity.EndedByClient {
		return ended, err
	}
	return ended, addNotices(tx, now, "user_id = ?"+and+" AND ended_at = ? AND end_reason = ?",
		append(of, now.UnixMilli(), reason)...)
}

// endHanded ends the browser sessions that were handed over from sessions that have ended just now, and the sessions of
// clients that came from them.
func endHanded(tx *gorm.DB, now time.Time, reason, userID string) error {
	handed, err := endBrowserSessions(tx, now, reason, "user_id = ? AND handed_by IN (SELECT id FROM sessions WHERE "+
		"user_id = ? AND ended_at = ? AND end_reason = ?)", userID, userID, now.UnixMilli(), reason)
	if err != nil || handed == 0 {
		return err
	}
	_, err = endSessions(tx, now, identity.EndedBySignOut, userID, " AND browser_session_id IN (SELECT id FROM "+
		"browser_sessions WHERE user_id = ? AND handed_by <> '' AND ended_at = ? AND end_reason = ?)", userID,
		now.UnixMilli(), reason)
	return err
}

// endIn ends active sessions and stores their buckets. bucket is an expression. Sessions that had expired so long ago
// that their tokens have expired too are not listed: disabling a user ends all sessions that the user ever had.
func endIn(tx *gorm.DB, now time.Time, reason, bucket string, bucketValues []any, where string, values ...any) (int64,
	error) {
	if err := storable(reason); err != nil {
		return 0, err
	}
	since := now.Add(-longestAccessTTL).UnixMilli()
	all := append([]any{now.UnixMilli(), reason, since, since}, bucketValues...)
	result := tx.Exec("UPDATE sessions SET ended_at = ?, end_reason = ?, bucket = CASE WHEN idle_expires_at > ? "+
		"AND expires_at > ? THEN "+bucket+" ELSE -1 END"+where+" AND ended_at IS NULL", append(all, values...)...)
	return result.RowsAffected, result.Error
}

// endBatch is how many sessions one transaction examines: few enough that it ends long before the timeout of requests
// that wait for it.
const endBatch = 5000

// endMatching ends the sessions that match a condition on a time, those in browsers first. If it is interrupted, ended
// sessions stay ended, and the next call does the rest.
func (s *Sessions) endMatching(ctx context.Context, reason, where string, at time.Time) (int64, error) {
	inBrowsers, err := s.endInBatches(ctx, reason, "browser_sessions", func(tx *gorm.DB, now time.Time, from,
		last string) (int64, error) {
		return endBrowserSessions(tx, now, reason, "id > ? AND id <= ? AND "+where, from, last, at.UnixMilli())
	})
	if err != nil {
		return inBrowsers, err
	}
	atClients, err := s.endInBatches(ctx, reason, "sessions", func(tx *gorm.DB, now time.Time, from,
		last string) (int64, error) {
		return endRange(tx, now, reason, where, at, from, last)
	})
	return inBrowsers + atClients, err
}

// endInBatches goes through all rows of a table in the order of ids, and calls end for each batch: the ids after from
// and up to last. It records an event for each batch in which sessions ended.
func (s *Sessions) endInBatches(ctx context.Context, reason, table string, end func(tx *gorm.DB, now time.Time, from,
	last string) (int64, error)) (total int64, err error) {
	for from, last, done := "", "", false; !done; from = last {
		if last, done, err = s.lastOfBatch(ctx, table, from); err != nil {
			break
		}
		var ended int64
		err = s.db.transaction(ctx, func(tx *gorm.DB, now time.Time) (err error) {
			if ended, err = end(tx, now, from, last); err != nil || ended == 0 {
				return err
			}
			event := identity.Event{Kind: identity.EventSessionEnded, Detail: endedDetail(reason, ended)}
			return recordEvent(tx, now, event)
		})
		if err != nil {
			break
		}
		total += ended
	}
	return total, err
}

// endRange ends the sessions of many users that match a condition on a time, with ids after from and up to last.
func endRange(tx *gorm.DB, now time.Time, reason, where string, at time.Time, from, last string) (int64, error) {
	rows, err := scanAll[struct{ ID, UserID string }](tx, "SELECT id, user_id FROM sessions WHERE id > ? AND id <= ? "+
		"AND ended_at IS NULL AND "+where, from, last, at.UnixMilli())
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	var values []any
	for _, row := range rows {
		values = append(values, row.ID, int(identity.Bucket(row.UserID)))
	}
	const value = ", (CAST(? AS TEXT), CAST(? AS INTEGER))"
	ended, err := endIn(tx, now, reason, "matching.column2", nil, " FROM (VALUES "+
		strings.Repeat(value, len(rows))[2:]+") AS matching WHERE id = matching.column1 AND "+where,
		append(values, at.UnixMilli())...)
	if err != nil {
		return ended, err
	}
	handers, err := scanAll[string](tx, "SELECT DISTINCT s.user_id FROM sessions s JOIN browser_sessions b "+
		"ON b.user_id = s.user_id AND b.ended_at IS NULL AND b.handed_by = s.id "+
		"WHERE s.id > ? AND s.id <= ? AND s.ended_at = ? AND s.end_reason = ?", from, last, now.UnixMilli(), reason)
	if err != nil {
		return ended, err
	}
	for _, userID := range handers {
		if err := endHanded(tx, now, reason, userID); err != nil {
			return ended, err
		}
	}
	return ended, addNotices(tx, now, "id > ? AND id <= ? AND ended_at = ? AND end_reason = ?", from, last,
		now.UnixMilli(), reason)
}

// endedDetail returns the detail of an event about several sessions.
func endedDetail(reason string, ended int64) string {
	return fmt.Sprintf("%s: %d sessions", reason, ended)
}

// lastOfBatch returns the last id of the next batch of a table, and whether it is the last batch.
func (s *Sessions) lastOfBatch(ctx context.Context, table, from string) (string, bool, error) {
	ids, err := scanAll[string](s.db.read.WithContext(ctx),
		"SELECT id FROM "+table+" WHERE id > ? ORDER BY id LIMIT ?", from, endBatch)
	if err != nil || len(ids) == 0 {
		return from, true, err
	}
	return ids[len(ids)-1], len(ids) < endBatch, nil
}

// pruneCursor is the mark with the last session that pruning has examined.
const pruneCursor = "sessions.pruned_to"

// notifiedNoMore is the condition for a session whose client need not be told about the end of the browser session that
// it came from: that has ended, or its absolute lifetime has passed since the sign-in that the session came from.
// auth_time of the browser session may be a later one, of a sign-in that replaced it (BrowserSessions.Open).
const notifiedNoMore = `NOT EXISTS (SELECT 1 FROM browser_sessions b WHERE b.id = browser_session_id
	AND b.ended_at IS NULL AND b.expires_at - b.auth_time + sessions.auth_time > ?)`

// Prune implements identity.Sessions. It scans the primary key, so it needs no index on a column that a refresh
// changes. The cursor is stored, so any replica continues where the last one stopped, even after a restart.
func (s *Sessions) Prune(ctx context.Context, keep time.Duration, batch int) (pruned int, end bool, err error) {
	cursor, err := s.db.Marks().Marked(ctx, pruneCursor)
	if err != nil {
		return 0, false, err
	}
	var ids []string
	if err := s.db.read.WithContext(ctx).Raw("SELECT id FROM sessions WHERE id > ? ORDER BY id LIMIT ?", cursor,
		batch).Scan(&ids).Error; err != nil {
		return 0, false, err
	}
	next := ""
	if len(ids) == batch {
		next = ids[batch-1]
	}
	err = s.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		before := now.Add(-keep).UnixMilli()
		result := tx.Exec("DELETE FROM sessions WHERE id IN ? AND (ended_at < ? OR idle_expires_at < ? OR "+
			"expires_at < ?) AND "+notifiedNoMore, ids, before, before, before, now.UnixMilli())
		pruned = int(result.RowsAffected)
		if result.Error != nil {
			return result.Error
		}
		if err := tx.Exec("DELETE FROM ended_sessions WHERE ended_at < ?", before).Error; err != nil {
			return err
		}
		return mark(tx, pruneCursor, next)
	})
	return pruned, next == "", err
}
