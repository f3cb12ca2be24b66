package grants_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// The keys of an owner and of a thief, who copied the refresh token but not its key.
const (
	ownersKey = "the-key-that-the-owner-made"
	thiefsKey = "a-key-that-the-thief-made-up"
)

// keyed is a client whose record says that all its refreshes have a key.
const keyed = "keyed"

// TestThiefWithAnOwnKeyBeforeTheOwner: the thief refreshes 30 seconds before the owner does. The owner signs in again,
// and the thief must not keep the session.
func TestThiefWithAnOwnKeyBeforeTheOwner(t *testing.T) {
	w := newEnv(t)
	stolen := w.signInAt(keyed, "alice")
	thiefs, err := w.refreshAt(keyed, stolen, thiefsKey)
	require.NoError(t, err)
	w.clock.Move(30*time.Second - time.Millisecond)
	_, err = w.refreshAt(keyed, stolen, ownersKey)
	require.ErrorIs(t, err, oauth.InvalidGrant)
	require.Equal(t, identity.EndedByTheft, w.session(stolen).EndReason)
	requireState(t, err, "ended")
	require.Len(t, w.events(identity.EventSessionEnded), 1)
	_, err = w.refreshAt(keyed, thiefs, thiefsKey+"-2")
	requireState(t, err, "ended")
}

// TestThiefWithoutAKeyBeforeTheOwner: otherwise both would be served for as long as the thief likes.
func TestThiefWithoutAKeyBeforeTheOwner(t *testing.T) {
	w := newEnv(t)
	stolen := w.signInAt(keyed, "alice")
	_, err := w.refreshAt(keyed, stolen, "")
	require.NoError(t, err)
	w.clock.Move(10 * time.Second)
	_, err = w.refreshAt(keyed, stolen, ownersKey)
	requireState(t, err, "ended")
	require.Equal(t, identity.EndedByTheft, w.session(stolen).EndReason)
}

// TestThiefBehindTheOwner: within the window, too, with a key and without.
func TestThiefBehindTheOwner(t *testing.T) {
	for _, key := range []string{"", thiefsKey} {
		t.Run("key="+key, func(t *testing.T) {
			w := newEnv(t)
			stolen := w.signInAt(keyed, "alice")
			owners, err := w.refreshAt(keyed, stolen, ownersKey)
			require.NoError(t, err)
			w.clock.Move(10 * time.Second)
			_, err = w.refreshAt(keyed, stolen, key)
			require.ErrorIs(t, err, oauth.InvalidGrant)
			require.Equal(t, identity.EndedByTheft, w.session(stolen).EndReason)
			requireState(t, err, "ended")
			_, err = w.refreshAt(keyed, owners, ownersKey+"-2")
			requireState(t, err, "ended")
		})
	}
}

// TestRotationInTheFuture sets the clock back by more than the window, as a failover may: a clock is no evidence, so
// nothing ends, and nobody gets a token by it either.
func TestRotationInTheFuture(t *testing.T) {
	for _, client := range []string{"mini", keyed} {
		t.Run(client, func(t *testing.T) {
			w := newEnv(t)
			retired := w.signInAt(client, "alice")
			current, err := w.refreshAt(client, retired, "")
			require.NoError(t, err)
			w.clock.Move(-time.Minute)
			for _, key := range []string{"", "", thiefsKey} {
				_, err = w.refreshAt(client, retired, key)
				requireState(t, err, "unknown")
			}
			require.Zero(t, w.session(retired).EndedAt)
			require.Len(t, w.events("refresh.clock"), 1, "recorded once, so that nobody can flood the log")
			_, err = w.refreshAt(client, current, ownersKey)
			require.NoError(t, err)
		})
	}
}

// TestRightKeyWhenTheClockWasSetBack: the key is evidence, whatever the clock says.
func TestRightKeyWhenTheClockWasSetBack(t *testing.T) {
	w := newEnv(t)
	retired := w.signInAt(keyed, "alice")
	current, err := w.refreshAt(keyed, retired, ownersKey)
	require.NoError(t, err)
	w.clock.Move(-time.Hour)
	again, err := w.refreshAt(keyed, retired, ownersKey)
	require.NoError(t, err)
	require.Equal(t, current, again)
}

// TestManyQuickRotationsKeepTheFirst: nine rotations within the window, and a slow caller that has the first token.
func TestManyQuickRotationsKeepTheFirst(t *testing.T) {
	for _, client := range []string{"mini", keyed} {
		t.Run(client, func(t *testing.T) {
			w := newEnv(t)
			first := w.signInAt(client, "alice")
			current := first
			var err error
			for range identity.MaxRotations + 1 {
				current, err = w.refreshAt(client, current, "")
				require.NoError(t, err)
				w.clock.Move(time.Second)
			}
			again, err := w.refreshAt(client, first, "")
			require.NoError(t, err)
			require.Equal(t, current, again)
			w.clock.Move(time.Minute)
			_, err = w.refreshAt(client, first, "")
			requireState(t, err, "ended")
		})
	}
}

// TestConstantKeyIsRejected: anyone who knows the key of an installation could use its tokens for ever.
func TestConstantKeyIsRejected(t *testing.T) {
	for _, client := range []string{"mini", keyed} {
		t.Run(client, func(t *testing.T) {
			w := newEnv(t)
			first := w.signInAt(client, "alice")
			second, err := w.refreshAt(client, first, testKey)
			require.NoError(t, err)
			again, err := w.refreshAt(client, first, testKey)
			require.NoError(t, err, "a repeat")
			require.Equal(t, second, again)
			third, err := w.refreshAt(client, second, ownersKey)
			require.NoError(t, err)
			for _, token := range []string{third, second} {
				_, err = w.refreshAt(client, token, testKey)
				require.ErrorIs(t, err, oauth.InvalidRequest)
			}
			require.EqualValues(t, 2, w.session(first).Generation)
			_, err = w.refreshAt(client, third, thiefsKey)
			require.NoError(t, err, "the session continues")
		})
	}
}

// TestSessionStateOfARefusal: the client must know whether the session may still be active, and another client must
// not.
func TestSessionStateOfARefusal(t *testing.T) {
	w := newEnv(t)
	token := w.signInAt(keyed, "alice")
	_, err := w.refreshAt("mini", token, ownersKey)
	requireState(t, err, "unknown")
	_, err = w.refreshAt(keyed, "lp_rt_garbled", ownersKey)
	requireState(t, err, "unknown")
	_, err = w.refreshAt(keyed, newEnv(t).signInAt(keyed, "alice"), ownersKey)
	requireState(t, err, "unknown")
	_, err = w.database.Sessions().End(t.Context(), w.session(token).ID, identity.EndedByOperator)
	require.NoError(t, err)
	_, err = w.refreshAt(keyed, token, ownersKey)
	requireState(t, err, "ended")
	_, err = w.refreshAt("mini", token, ownersKey)
	requireState(t, err, "unknown")

	expired := w.signInAt(keyed, "bob")
	w.clock.Move(8 * 24 * time.Hour)
	_, err = w.refreshAt(keyed, expired, ownersKey)
	requireState(t, err, "ended")
	_, err = w.refreshAt("mini", expired, ownersKey)
	requireState(t, err, "unknown")
}

// requireState checks the member session_state of a refused refresh token.
func requireState(t *testing.T, err error, state string) {
	t.Helper()
	require.ErrorIs(t, err, oauth.InvalidGrant)
	var refusal *oauth.Error
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, state, fmt.Sprint(refusal.Members["session_state"]))
}

// signInAt signs a user in at a public client and returns the refresh token.
func (w *env) signInAt(client, user string) string {
	w.t.Helper()
	info, err := w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": client, "code": w.code(user)})
	require.NoError(w.t, err)
	return info.GetRefresh()
}

// refreshAt refreshes at a public client and returns the new refresh token.
func (w *env) refreshAt(client, token, key string) (string, error) {
	f := form{"grant_type": oauth.GrantRefreshToken, "client_id": client, "refresh_token": token}
	if key != "" {
		f[":Idempotency-Key"] = key
	}
	info, err := w.token(f)
	if err != nil {
		return "", err
	}
	return info.GetRefresh(), nil
}
