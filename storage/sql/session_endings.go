package sql

import (
	"context"
	"errors"
	"fmt"
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
	return s.endMatching(ctx, reason, "auth_time <= ?", before)
}

// EndSince implements identity.Sessions.
func (s *Sessions) EndSince(ctx context.Context, since time.Time, reason string) (int64, error) {
	return s.endMatching(ctx, reason, "last_seen_at >= ?", since)
}

// end ends sessions and records one event.
func (s *Sessions) end(ctx context.Context, event identity.Event, reason, where string, value any) (ended int64,
	err error) {
	err = s.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		if ended, err = endSessions(tx, now, reason, where, value); err != nil || ended == 0 {
			return err
		}
		if event.SessionID == "" {
			event.Detail = endedDetail(reason, ended)
		}
		return recordEvent(tx, now, event)
	})
	return ended, err
}

func endSessions(tx *gorm.DB, now time.Time, reason, where string, values ...any) (int64, error) {
	if err := storable(reason); err != nil {
		return 0, err
	}
	values = append([]any{now.UnixMilli(), reason}, values...)
	result := tx.Exec("UPDATE sessions SET ended_at = ?, end_reason = ? WHERE ended_at IS NULL AND "+where, values...)
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
			ended, err = endSessions(tx, now, reason, where+" AND id > ? AND id <= ?", at.UnixMilli(), from, last)
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

const (
	// endingsSlack is for verifiers that accept a token for a minute after it has expired, and for servers whose
	// clocks are a minute ahead.
	endingsSlack = 2 * time.Minute
	// longestAccessTTL is longer than the lifetime of any access token. keepEndings and the pruning of sessions keep
	// ended sessions that long.
	longestAccessTTL = 24*time.Hour + endingsSlack
)

// latestEndings compares and orders by the indexed column alone, so that PostgreSQL reads the index and not all
// sessions. It excludes sessions that had expired so long ago that their tokens have expired too: disabling a user
// ends all sessions that the user ever had.
const latestEndings = `SELECT id, ended_at FROM (
		SELECT id, ended_at FROM sessions WHERE ended_at > ? AND idle_expires_at > ? AND expires_at > ?
			ORDER BY ended_at DESC LIMIT ?) AS known
	UNION ALL SELECT id, ended_at FROM (SELECT id, ended_at FROM ended_sessions WHERE ended_at > ?
		ORDER BY ended_at DESC LIMIT ?) AS gone
	ORDER BY ended_at DESC LIMIT ?`

// Ended implements identity.Sessions. It reads the clock before the sessions, so that no session that ended before that
// time is missing.
func (s *Sessions) Ended(ctx context.Context, accessTTL time.Duration, limit int) (identity.EndedSessions, error) {
	now, err := s.db.Clock(ctx)
	if err != nil {
		return identity.EndedSessions{}, err
	}
	var longest int64
	if err := s.db.read.WithContext(ctx).Raw("SELECT coalesce(max(access_ttl), 0) FROM clients").Scan(
		&longest).Error; err != nil {
		return identity.EndedSessions{}, ended(ctx, err)
	}
	since := now.Add(-max(accessTTL, time.Duration(longest)*time.Millisecond) - endingsSlack).UnixMilli()
	var rows []struct {
		ID      string
		EndedAt int64
	}
	if err := s.db.read.WithContext(ctx).Raw(latestEndings, since, since, since, limit+1, since, limit+1,
		limit+1).Scan(&rows).Error; err != nil {
		return identity.EndedSessions{}, ended(ctx, err)
	}
	endings := identity.EndedSessions{ReadAt: now}
	if len(rows) > limit {
		endings.MissingUntil = instant(&rows[limit].EndedAt)
		rows = rows[:limit]
	}
	for _, row := range rows {
		endings.SessionIDs = append(endings.SessionIDs, row.ID)
	}
	return endings, nil
}

// keepEndings records the ends of sessions that must still be listed although their users are being deleted.
// Sessions that had not ended end now.
func keepEndings(tx *gorm.DB, now time.Time, userIDs []string) error {
	since := now.Add(-longestAccessTTL).UnixMilli()
	return tx.Exec(`INSERT INTO ended_sessions (id, ended_at) SELECT id, coalesce(ended_at, ?) FROM sessions
		WHERE user_id IN ? AND coalesce(ended_at, ?) > ? AND idle_expires_at > ? AND expires_at > ?`,
		now.UnixMilli(), userIDs, now.UnixMilli(), since, since, since).Error
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
