package grants_test

import (
	"context"
	"testing"

	oautherrors "github.com/go-oauth2/oauth2/v4/errors"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/grants"
)

// TestRequirementOfNothingLetsNothingPass: an unset requirement is a mistake.
func TestRequirementOfNothingLetsNothingPass(t *testing.T) {
	w := newWorld(t)
	_, err := w.manager.Verify(context.Background(), w.signIn("alice").GetAccess(), grants.Requirement{})
	require.ErrorIs(t, err, grants.ErrInsufficientScope)
	_, err = grants.NewRequirement("", "api")
	require.ErrorIs(t, err, oautherrors.ErrInvalidRequest)
}

// TestVerifyWithoutTheStore neither lets pass nor calls the token invalid.
func TestVerifyWithoutTheStore(t *testing.T) {
	w := newWorld(t)
	info := w.signIn("alice")
	w.manager.Sessions = brokenSessions{find: errDisk}
	need, err := grants.NewRequirement(testAudience, "")
	require.NoError(t, err)
	_, err = w.manager.Verify(context.Background(), info.GetAccess(), need)
	require.ErrorIs(t, err, oautherrors.ErrTemporarilyUnavailable)
}
