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

// forgetful is a volatile store that is gone.
type forgetful struct{ identity.Volatile }

func (forgetful) PutIfAbsent(context.Context, string, []byte, time.Duration) (bool, error) {
	return false, errors.New("gone")
}

// TestRefusedTokensDoNotFillTheAuditLog, also when nobody can tell which of them were told of.
func TestRefusedTokensDoNotFillTheAuditLog(t *testing.T) {
	w := newEnv(t)
	first := w.signIn("alice").GetRefresh()
	_, err := w.refresh(first, "the-key-of-the-only-refresh-here")
	require.NoError(t, err)
	for range 10 {
		_, err := w.refresh(first, "")
		require.Error(t, err)
	}
	require.Len(t, w.events(identity.EventRefreshRefused), 1)
	w.rewire(func(c *server.Config) { c.Volatile = forgetful{c.Volatile} })
	for range 10 {
		_, err := w.refresh(first, "")
		require.Error(t, err)
	}
	require.Len(t, w.events(identity.EventRefreshRefused), 1)
	require.Contains(t, w.log.String(), "the audit log does not tell")
}
