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
	ended, err := s.end(ctx, event, reason, " AND id = ?", id)
	return ended > 0, err
}

// EndAll implements identity.Sessions.
func (s *Sessions) EndAll(ctx context.Context, userID, reason string) (int64, error) {
	if storable(userID) != nil {
		return 0, nil
	}
	return s.end(ctx, identity.Event{Kind: identity.EventSessionEnded, UserID: userID}, reason, "")
}

// EndBefore implements identity.Sessions.
func (s *Sessions) EndBefore(ctx context.Context, before time.Time, reason string) (int64, error) {
	return s.endMatching(ctx, reason, "auth_time <= ?", before)
}

// EndSince implements identity.Sessions.
func (s *Sessions) EndSince(ctx context.Context, since time.Time, reason string) (int64, error) {
	return s.endMatching(ctx, reason, "last_seen_at >= ?", since)
}

// end ends sessions of the event's user and records the event.
func (s *Sessions) end(ctx context.Context, event identity.Event, reason, and string, values ...any) (ended int64,
	err error) {
	err = s.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		if ended, err = endSessions(tx, now, reason, event.UserID, and, values...); err != nil || ended == 0 {
			return err
		}
		if event.SessionID == "" {
			event.Detail = endedDetail(reason, ended)
		}
		return recordEvent(tx, now, event)
	})
	return ended, err
}

// endSessions ends a user's active sessions that meet a further condition, which is empty or begins with " AND ".
func endSessions(tx *gorm.DB, now time.Time, reason, userID, and string, values ...any) (int64, error) {
	bucket := int(identity.Bucket(userID))
	if reason == identity.EndedByLimit {
		bucket = unlisted
	}
	return endIn(tx, now, reason, "CAST(? AS INTEGER)", []any{bucket}, " WHERE user_id = ?"+and,
		append([]any{userID}, values...)...)
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

// endMatching goes through all sessions in the order of ids, and ends those that match a condition on a time, with an
// event for each batch. If it is interrupted, ended sessions stay ended, and the next call does the rest.
func (s *Sessions) endMatching(ctx context.Context, reason, where string, at time.Time) (total int64, err error) {
	for from, last, done := "", "", false; !done; from = last {
		if last, done, err = s.lastOfBatch(ctx, from); err != nil {
			break
		}
		var ended int64
		err = s.db.transaction(ctx, func(tx *gorm.DB, now time.Time) (err error) {
			ended, err = endRange(tx, now, reason, where, at, from, last)
			if err != nil || ended == 0 {
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
	return endIn(tx, now, reason, "matching.column2", nil, " FROM (VALUES "+
		strings.Repeat(value, len(rows))[2:]+") AS matching WHERE id = matching.column1 AND "+where,
		append(values, at.UnixMilli())...)
}

// endedDetail returns the detail of an event about several sessions.
func endedDetail(reason string, ended int64) string {
	return fmt.Sprintf("%s: %d sessions", reason, ended)
}

// lastOfBatch returns the last id of the next batch, and whether it is the last batch.
func (s *Sessions) lastOfBatch(ctx context.Context, from string) (string, bool, error) {
	ids, err := scanAll[string](s.db.read.WithContext(ctx),
		"SELECT id FROM sessions WHERE id > ? ORDER BY id LIMIT ?", from, endBatch)
	if err != nil || len(ids) == 0 {
		return from, true, err
	}
	return ids[len(ids)-1], len(ids) < endBatch, nil
}

// pruneCursor is the mark with the last session that pruning has examined.
const pruneCursor = "sessions.pruned_to"

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
			"expires_at < ?)", ids, before, before, before)
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
