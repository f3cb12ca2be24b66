package grants_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/grants"
	"github.com/lingpai/lingpai/oauth"
)

// TestRequirementOfNothingLetsNothingPass: an unset requirement is a mistake.
func TestRequirementOfNothingLetsNothingPass(t *testing.T) {
	w := newWorld(t)
	_, err := w.manager.Verify(context.Background(), w.signIn("alice").GetAccess(), grants.Requirement{})
	require.ErrorIs(t, err, oauth.InsufficientScope)
	_, err = grants.NewRequirement("", "api")
	require.ErrorIs(t, err, oauth.InvalidRequest)
}

// TestVerifyWithoutTheStore neither lets pass nor calls the token invalid.
func TestVerifyWithoutTheStore(t *testing.T) {
	w := newWorld(t)
	info := w.signIn("alice")
	w.manager.Sessions = brokenSessions{find: errDisk}
	need, err := grants.NewRequirement(testAudience, "")
	require.NoError(t, err)
	_, err = w.manager.Verify(context.Background(), info.GetAccess(), need)
	require.ErrorIs(t, err, oauth.TemporarilyUnavailable)
}
