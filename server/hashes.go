package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/password"
)

// hashInterval is how often the kinds of stored password hashes are counted, which reads all users. They change by
// imports, and slowly by sign-ins.
const hashInterval = time.Hour

// followHashes tells the hasher which kinds of hashes are stored, until the context ends, so that unknown names take as
// long as they do.
func followHashes(ctx context.Context, users identity.Users, hasher *password.Hasher, logger *slog.Logger) {
	ticker := time.NewTicker(hashInterval)
	defer ticker.Stop()
	for {
		counts, err := users.HashParameters(ctx)
		switch {
		case err == nil:
			hasher.SetStored(counts)
		case ctx.Err() == nil:
			logger.WarnContext(ctx, "cannot count the kinds of password hashes; the next run tries again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
