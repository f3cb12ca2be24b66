package server

import (
	"context"
	"log/slog"
	"time"
)

// repeatInterval is how often servers look for what others have left for them.
const repeatInterval = 2 * time.Second

// repeat does some work every two seconds, and whenever wake (nil: never) receives a value, until the context ends. It
// logs an error unless the time before failed, too.
func repeat(ctx context.Context, wake <-chan struct{}, logger *slog.Logger, failure string,
	work func(context.Context) error) {
	ticker := time.NewTicker(repeatInterval)
	defer ticker.Stop()
	for failed := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-ticker.C:
		}
		err := work(ctx)
		if err != nil && !failed && ctx.Err() == nil {
			logger.WarnContext(ctx, failure, "error", err)
		}
		failed = err != nil
	}
}
