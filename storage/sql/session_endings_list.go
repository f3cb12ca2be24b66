package sql

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

const (
	// endingsSlack is for verifiers that take a token a minute after it has expired, and for servers whose
	// clocks are a minute ahead.
	endingsSlack = 2 * time.Minute
	// longestAccessTTL is more than any access token's life: see keepEndings, and the pruning of sessions,
	// which keeps ended ones as long.
	longestAccessTTL = 24*time.Hour + endingsSlack
)

// latestEndings asks for the instant in so many words, and in the order of its index, so that PostgreSQL
// reads that and not all sessions. A session that had run out so long ago that its tokens have too is not
// among them: whoever disables a user ends all that he ever had.
const latestEndings = `SELECT id, ended_at FROM (
		SELECT id, ended_at FROM sessions WHERE ended_at > ? AND idle_expires_at > ? AND expires_at > ? ORDER BY ended_at DESC LIMIT ?) AS known
	UNION ALL SELECT id, ended_at FROM (SELECT id, ended_at FROM ended_sessions WHERE ended_at > ? ORDER BY ended_at DESC LIMIT ?) AS gone
	ORDER BY ended_at DESC LIMIT ?`

// Ended implements identity.Sessions. The clock is read before the sessions, so that nothing which ended
// before that instant is missing.
func (s *Sessions) Ended(ctx context.Context, accessTTL time.Duration, limit int) (identity.Endings, error) {
	now, err := s.db.Clock(ctx)
	if err != nil {
		return identity.Endings{}, err
	}
	var longest int64
	if err := s.db.read.WithContext(ctx).Raw("SELECT coalesce(max(access_ttl), 0) FROM clients").Scan(
		&longest).Error; err != nil {
		return identity.Endings{}, ended(ctx, err)
	}
	since := now.Add(-max(accessTTL, time.Duration(longest)*time.Millisecond) - endingsSlack).UnixMilli()
	var rows []struct {
		ID      string
		EndedAt int64
	}
	if err := s.db.read.WithContext(ctx).Raw(latestEndings, since, since, since, limit+1, since, limit+1,
		limit+1).Scan(&rows).Error; err != nil {
		return identity.Endings{}, ended(ctx, err)
	}
	endings := identity.Endings{ReadAt: now}
	if len(rows) > limit {
		endings.MissingUntil = instant(&rows[limit].EndedAt)
		rows = rows[:limit]
	}
	for _, row := range rows {
		endings.SessionIDs = append(endings.SessionIDs, row.ID)
	}
	return endings, nil
}

// keepEndings keeps what is needed of the sessions of users who are being deleted. What was not ended ends now.
func keepEndings(tx *gorm.DB, now time.Time, userIDs []string) error {
	since := now.Add(-longestAccessTTL).UnixMilli()
	return tx.Exec(`INSERT INTO ended_sessions (id, ended_at) SELECT id, coalesce(ended_at, ?) FROM sessions
		WHERE user_id IN ? AND coalesce(ended_at, ?) > ? AND idle_expires_at > ? AND expires_at > ?`,
		now.UnixMilli(), userIDs, now.UnixMilli(), since, since, since).Error
}
