package verify

import (
	"context"
	"log/slog"
)

// discard is a slog.Handler that logs nothing; the standard library's own is newer than the Go release that this
// module requires.
type discard struct{}

// Enabled implements slog.Handler.
func (discard) Enabled(context.Context, slog.Level) bool { return false }

// Handle implements slog.Handler.
func (discard) Handle(context.Context, slog.Record) error { return nil }

// WithAttrs implements slog.Handler.
func (d discard) WithAttrs([]slog.Attr) slog.Handler { return d }

// WithGroup implements slog.Handler.
func (d discard) WithGroup(string) slog.Handler { return d }
