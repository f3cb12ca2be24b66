package server

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRepeatedFailuresAreLoggedOnce, also if the work succeeds in between.
func TestRepeatedFailuresAreLoggedOnce(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var log bytes.Buffer
	wake, calls := make(chan struct{}), 0
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		repeat(ctx, wake, slog.New(slog.NewTextHandler(&log, nil)), "cannot work", func(context.Context) error {
			if calls++; calls%2 == 0 {
				return nil
			}
			return errors.New("broken")
		})
	}()
	for range 6 {
		wake <- struct{}{}
	}
	cancel()
	<-ended
	require.GreaterOrEqual(t, calls, 6)
	require.Equal(t, 1, strings.Count(log.String(), "cannot work"))
}
