package sql

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// sessionsBeyond finds, from the most recently seen on, the other live sessions that a user has at a client
// beyond a number; none if the session in question has been ended itself.
const sessionsBeyond = `SELECT id FROM sessions WHERE user_id = ? AND client_id = ? AND id <> ? AND ended_at IS NULL
		AND idle_expires_at > ? AND expires_at > ? AND EXISTS (SELECT 1 FROM sessions own WHERE own.id = ? AND own.ended_at IS NULL)
	ORDER BY last_seen_at DESC, id DESC LIMIT 1000000 OFFSET ?`

// endBeyond ends what is beyond the limit once a session is open. Almost always there is nothing, which a
// glance tells; otherwise it looks again in a transaction. Of sessions that open at once, the one whose
// transaction is last ends the others; one that was ended so ends nobody.
func (s *Sessions) endBeyond(ctx context.Context, session identity.Session, limit int) error {
	now := session.LastSeenAt // which is when it was opened
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
		if err := s.db.words.lockUser(tx, session.UserID); err != nil {
			return err
		}
		var beyond []string
		if err := tx.Raw(sessionsBeyond, values...).Scan(&beyond).Error; err != nil {
			return err
		}
		for _, id := range beyond {
			if _, err := endSessions(tx, now, identity.EndedByLimit, "id = ?", id); err != nil {
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
