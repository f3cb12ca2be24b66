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
	return s.endEverybodys(ctx, reason, "auth_time <= ?", before)
}

// EndSince implements identity.Sessions.
func (s *Sessions) EndSince(ctx context.Context, since time.Time, reason string) (int64, error) {
	return s.endEverybodys(ctx, reason, "last_seen_at >= ?", since)
}

// end ends sessions and tells of it in one event.
func (s *Sessions) end(ctx context.Context, event identity.Event, reason, where string, value any) (ended int64,
	err error) {
	err = s.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		if ended, err = endSessions(tx, now, reason, where, value); err != nil || ended == 0 {
			return err
		}
		if event.SessionID == "" {
			event.Detail = fmt.Sprintf("%s: %d sessions", reason, ended)
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

// endBatch is how many sessions are looked at in one transaction: few enough to be over long before anybody
// who waits for them gives up.
const endBatch = 5000

// endEverybodys walks all sessions in the order of ids, and ends those that a condition on an instant holds
// for. If it is broken off, what it ended stays ended, and the next try goes through the rest.
func (s *Sessions) endEverybodys(ctx context.Context, reason, where string, at time.Time) (total int64, err error) {
	for from, last, done := "", "", false; !done; from = last {
		if last, done, err = s.lastOfBatch(ctx, from); err != nil {
			break
		}
		var ended int64
		err = s.db.transaction(ctx, func(tx *gorm.DB, now time.Time) (err error) {
			ended, err = endSessions(tx, now, reason, where+" AND id > ? AND id <= ?", at.UnixMilli(), from, last)
			return err
		})
		if err != nil {
			break
		}
		total += ended
	}
	if total == 0 {
		return 0, err
	}
	event := identity.Event{Kind: identity.EventSessionEnded, Detail: fmt.Sprintf("%s: %d sessions", reason, total)}
	return total, errors.Join(err, s.db.Events().Record(ctx, event))
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
