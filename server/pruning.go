package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

// Sessions that are over are kept for a day, so that an operator can see why, and until the last of their
// access tokens has expired everywhere; then they are deleted in small batches, so that pruning never holds
// anybody up.
const (
	pruneKeep     = clients.MaxAccessTTL + time.Hour
	pruneBatch    = 500
	pruneBatches  = 20 // in one go
	pruneInterval = time.Minute
)

// pruneRegularly deletes sessions that are over, and users whose time has come, until the context ends.
func pruneRegularly(ctx context.Context, sessions identity.Sessions, deletions identity.Deletions,
	logger *slog.Logger) {
	ticker := time.NewTicker(pruneInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			prune(ctx, sessions, logger)
			deleteLeft(ctx, deletions, logger)
		}
	}
}

// prune looks at the next few batches of sessions.
func prune(ctx context.Context, sessions identity.Sessions, logger *slog.Logger) {
	total := 0
	end := false
	for n := 0; n < pruneBatches && !end && ctx.Err() == nil; n++ {
		var pruned int
		var err error
		if pruned, end, err = sessions.Prune(ctx, pruneKeep, pruneBatch); err != nil {
			if ctx.Err() != nil {
				return
			}
			logger.WarnContext(ctx, "cannot prune sessions", "error", err)
			return
		}
		total += pruned
	}
	if total > 0 {
		logger.InfoContext(ctx, "pruned sessions that are over", "sessions", total)
	}
}

// deleteBatch is how many users are deleted in one go.
const deleteBatch = 100

// deleteLeft deletes users who asked for it, or whom the operator dismissed.
func deleteLeft(ctx context.Context, deletions identity.Deletions, logger *slog.Logger) {
	deleted, err := deletions.PurgeDeleted(ctx, deleteBatch)
	if err != nil && ctx.Err() == nil {
		logger.WarnContext(ctx, "cannot delete users whose time has come; the next round tries again", "error", err)
	}
	if deleted > 0 {
		logger.InfoContext(ctx, "deleted users whose time had come", "users", deleted)
	}
}
