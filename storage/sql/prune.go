package sql

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// pruneCursor marks the last session that pruning has looked at.
const pruneCursor = "sessions.pruned_to"

// Prune implements identity.Sessions. Walking the primary key needs no index on what a refresh changes, and
// the stored cursor lets any replica, and the next start, go on where the last one stopped.
func (s *Sessions) Prune(ctx context.Context, keep time.Duration, batch int) (pruned int, end bool, err error) {
	cursor, err := s.db.Marks().Marked(ctx, pruneCursor)
	if err != nil {
		return 0, false, err
	}
	var looked []string
	if err := s.db.read.WithContext(ctx).Raw("SELECT id FROM sessions WHERE id > ? ORDER BY id LIMIT ?", cursor,
		batch).Scan(&looked).Error; err != nil {
		return 0, false, err
	}
	next := ""
	if len(looked) == batch {
		next = looked[batch-1]
	}
	err = s.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		before := now.Add(-keep).UnixMilli()
		result := tx.Exec("DELETE FROM sessions WHERE id IN ? AND (ended_at < ? OR idle_expires_at < ? OR "+
			"expires_at < ?)", looked, before, before, before)
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
