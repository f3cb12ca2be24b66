package grants_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server"
)

// tokenRequest is a request about a token, as /revoke and /introspect have it.
func tokenRequest(client, secret, token string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.PostForm = url.Values{"client_id": {client}, "token": {token}}
	if secret != "" {
		r.PostForm.Set("client_secret", secret)
	}
	return r
}

var errDisk = errors.New("the disk is full")

// brokenSessions finds sessions, or does not, and can end none.
type brokenSessions struct {
	identity.Sessions
	find error
}

func (s brokenSessions) Find(ctx context.Context, id string) (identity.Session, time.Time, error) {
	if s.find != nil {
		return identity.Session{}, time.Time{}, s.find
	}
	return s.Sessions.Find(ctx, id)
}

func (brokenSessions) End(context.Context, string, string) (bool, error) { return false, errDisk }

// TestRevocationThatIsNotWrittenIsNotReported: a client that is told 200 forgets the token, and nobody could
// end the session any more.
func TestRevocationThatIsNotWrittenIsNotReported(t *testing.T) {
	ctx := context.Background()
	for name, broken := range map[string]brokenSessions{"not found out": {find: errDisk}, "not ended": {}} {
		w := newEnv(t)
		info := w.signIn("alice")
		broken.Sessions = w.database.Sessions()
		w.rewire(func(c *server.Config) { c.Stores.Sessions = broken })
		for _, token := range []string{info.GetRefresh(), info.GetAccess()} {
			err := w.access.Revoke(ctx, tokenRequest("mini", "", token))
			require.ErrorIs(t, err, oauth.TemporarilyUnavailable, name)
			require.ErrorIs(t, err, errDisk, "the log is told why")
			var refusal *oauth.Error
			require.ErrorAs(t, err, &refusal)
			require.NotZero(t, refusal.RetryAfter)
		}
		w.rewire(func(c *server.Config) { c.Stores.Sessions = w.database.Sessions() })
		_, err := w.refresh(info.GetRefresh(), "")
		require.NoError(t, err)
	}
}

// TestRevocationOutlivesItsRequest: pages sign out while they are being closed.
func TestRevocationOutlivesItsRequest(t *testing.T) {
	w := newEnv(t)
	info := w.signIn("alice")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, w.access.Revoke(ctx, tokenRequest("mini", "", info.GetRefresh())))
	require.Equal(t, identity.EndedByClient, w.session(info.GetRefresh()).EndReason)
}

// TestRevocationEndsAnExpiredSessionToo: a refresh that read it in time must find it ended when it writes.
func TestRevocationEndsAnExpiredSessionToo(t *testing.T) {
	w := newEnv(t)
	info := w.signIn("alice")
	read := w.session(info.GetRefresh())
	w.clock.Move(7*24*time.Hour + time.Second)
	require.NoError(t, w.access.Revoke(context.Background(), tokenRequest("mini", "", info.GetRefresh())))
	require.Equal(t, identity.EndedByClient, w.session(info.GetRefresh()).EndReason)
	moved, err := w.database.Sessions().Rotate(context.Background(), read, read.Generation)
	require.NoError(t, err)
	require.False(t, moved)
}

// TestRevocationNeedsTheSessionsSecret: who can make the MAC alone ends nothing, and is told nothing.
func TestRevocationNeedsTheSessionsSecret(t *testing.T) {
	w := newEnv(t)
	genuine := w.signIn("alice").GetRefresh()
	forged := w.forgedWithMAC(genuine)
	for _, client := range []string{"mini", "mini-2"} {
		require.NoError(t, w.access.Revoke(context.Background(), tokenRequest(client, "", forged)))
	}
	_, err := w.refresh(genuine, "")
	require.NoError(t, err)
}
