package server

import (
	"context"
	"log/slog"
	"time"
)

// repeatInterval is how often servers look for what others have left for them.
const repeatInterval = 2 * time.Second

// failureInterval is how often a failure is logged.
const failureInterval = time.Minute

// repeat does some work every two seconds, and whenever wake (nil: never) receives a value, until the context ends. It
// logs a failure at most once a minute.
func repeat(ctx context.Context, wake <-chan struct{}, logger *slog.Logger, failure string,
	work func(context.Context) error) {
	ticker := time.NewTicker(repeatInterval)
	defer ticker.Stop()
	for logged := (time.Time{}); ; {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-ticker.C:
		}
		if err := work(ctx); err != nil && ctx.Err() == nil && time.Since(logged) >= failureInterval {
			logger.WarnContext(ctx, failure, "error", err)
			logged = time.Now()
		}
	}
}
