package grants_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server"
)

// brokenVolatile is a volatile store that cannot be reached.
type brokenVolatile struct{ identity.Volatile }

func (brokenVolatile) PutIfAbsent(context.Context, string, []byte, time.Duration) (bool, error) {
	return false, errors.New("connection refused")
}

// TestRejectedTokensDoNotFloodTheAuditLog also checks the case in which it is unknown whether a token was recorded.
func TestRejectedTokensDoNotFloodTheAuditLog(t *testing.T) {
	w := newEnv(t)
	first := w.signIn("alice").GetRefresh()
	_, err := w.refresh(first, "")
	require.NoError(t, err)
	w.clock.Move(-time.Hour)
	for range 10 {
		_, err := w.refresh(first, "")
		require.Error(t, err)
	}
	require.Len(t, w.events(identity.EventRefreshClock), 1)
	w.rewire(func(c *server.Config) { c.Volatile = brokenVolatile{c.Volatile} })
	for range 10 {
		_, err := w.refresh(first, "")
		require.Error(t, err)
	}
	require.Len(t, w.events(identity.EventRefreshClock), 1)
	require.Contains(t, w.log.String(), "an event may be missing in the audit log")
}
