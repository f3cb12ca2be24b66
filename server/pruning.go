package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/pushes"
)

// Ended sessions are kept for a day, so that an operator can see why they ended, and until the last of their access
// tokens has expired everywhere. Then they are deleted in small batches, so that pruning does not block requests.
const (
	pruneKeep     = clients.MaxAccessTTL + time.Hour
	pruneBatch    = 500
	pruneBatches  = 20 // per run
	pruneInterval = time.Minute
)

// pruneRegularly deletes ended sessions, also in browsers, users whose deletion is due, old withdrawals, and events
// older than the retention, and completes names, until the context ends.
func pruneRegularly(ctx context.Context, stores Stores, retention time.Duration, logger *slog.Logger) {
	ticker := time.NewTicker(pruneInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			prune(ctx, stores.Sessions, logger)
			pruneBrowsers(ctx, stores.Browsers, logger)
			pruneWithdrawals(ctx, stores.Withdrawals, logger)
			purgeUsers(ctx, stores.Deletions, logger)
			pruneEvents(ctx, stores.Events, retention, logger)
			fillSkeletons(ctx, stores.Users, logger)
		}
	}
}

// prune deletes the next batches of ended sessions.
func prune(ctx context.Context, sessions identity.Sessions, logger *slog.Logger) {
	pruneBatchwise(ctx, "sessions", logger, func() (int, bool, error) {
		return sessions.Prune(ctx, pruneKeep, pruneBatch)
	})
}

// pruneBrowsers deletes the next batches of browser sessions that are over.
func pruneBrowsers(ctx context.Context, browsers identity.BrowserSessions, logger *slog.Logger) {
	pruneBatchwise(ctx, "browser_sessions", logger, func() (int, bool, error) {
		pruned, err := browsers.Prune(ctx, pruneKeep, pruneBatch)
		return pruned, pruned < pruneBatch, err
	})
}

// withdrawalKeep is how long a withdrawal is recognized, should somebody send it again: longer than its message is
// accepted.
const withdrawalKeep = pushes.MaxAge + 24*time.Hour

// pruneWithdrawals forgets the next batches of withdrawals.
func pruneWithdrawals(ctx context.Context, withdrawals identity.Withdrawals, logger *slog.Logger) {
	pruneBatchwise(ctx, "withdrawals", logger, func() (int, bool, error) {
		pruned, err := withdrawals.Prune(ctx, withdrawalKeep, pruneBatch)
		return pruned, pruned < pruneBatch, err
	})
}

// pruneEvents deletes the next batches of events older than the retention; if that is 0, none.
func pruneEvents(ctx context.Context, events identity.Events, retention time.Duration, logger *slog.Logger) {
	if retention == 0 {
		return
	}
	pruneBatchwise(ctx, "events", logger, func() (int, bool, error) {
		pruned, err := events.Prune(ctx, retention, pruneBatch)
		return pruned, pruned < pruneBatch, err
	})
}

// pruneBatchwise deletes batches until the last one, at most pruneBatches. next deletes a batch; it returns how many
// rows it deleted, and whether it was the last batch.
func pruneBatchwise(ctx context.Context, what string, logger *slog.Logger, next func() (int, bool, error)) {
	total, end := 0, false
	for n := 0; n < pruneBatches && !end && ctx.Err() == nil; n++ {
		var pruned int
		var err error
		if pruned, end, err = next(); err != nil {
			if ctx.Err() == nil {
				logger.WarnContext(ctx, "cannot prune "+what, "error", err)
			}
			break
		}
		total += pruned
	}
	if total > 0 {
		logger.InfoContext(ctx, "pruned old "+what, what, total)
	}
}

// deleteBatch limits the users that are deleted per run.
const deleteBatch = 100

// purgeUsers deletes the users whose deletion, requested by themselves or by the operator, is due.
func purgeUsers(ctx context.Context, deletions identity.Deletions, logger *slog.Logger) {
	deleted, err := deletions.PurgeDeleted(ctx, deleteBatch)
	if err != nil && ctx.Err() == nil {
		logger.WarnContext(ctx, "cannot delete users whose deletion is due; the next run tries again", "error", err)
	}
	if deleted > 0 {
		logger.InfoContext(ctx, "deleted users whose deletion was due", "users", deleted)
	}
}

// fillSkeletons completes the names that servers of the previous version have stored since "lingpai migrate up".
func fillSkeletons(ctx context.Context, users identity.Users, logger *slog.Logger) {
	found, _, err := users.FillSkeletons(ctx, "", pruneBatch)
	if err != nil && ctx.Err() == nil {
		logger.WarnContext(ctx, "cannot complete user names; the next run tries again", "error", err)
	}
	for _, p := range found {
		logger.WarnContext(ctx, "the name of a user looks like that of another one; both keep their names", "user",
			p.UserID, "other", p.OtherID)
	}
}
