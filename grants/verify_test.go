package grants_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server"
)

// TestEmptyRequirementRejectsAllTokens: a requirement that is not set is a mistake.
func TestEmptyRequirementRejectsAllTokens(t *testing.T) {
	w := newEnv(t)
	_, err := w.access.Verify(context.Background(), w.signIn("alice").GetAccess(), access.Requirement{})
	require.ErrorIs(t, err, oauth.InsufficientScope)
	_, err = access.NewRequirement("", "api")
	require.ErrorIs(t, err, oauth.InvalidRequest)
}

// TestVerifyWithoutTheStore checks that a token is neither accepted nor called invalid.
func TestVerifyWithoutTheStore(t *testing.T) {
	w := newEnv(t)
	info := w.signIn("alice")
	w.rewire(func(c *server.Config) { c.Stores.Sessions = brokenSessions{find: errDisk} })
	need, err := access.NewRequirement(testAudience, "")
	require.NoError(t, err)
	_, err = w.access.Verify(context.Background(), info.GetAccess(), need)
	require.ErrorIs(t, err, oauth.TemporarilyUnavailable)
}
