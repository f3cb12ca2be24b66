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

// tokenRequest returns a request about a token for /revoke or /introspect.
func tokenRequest(client, secret, token string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.PostForm = url.Values{"client_id": {client}, "token": {token}}
	if secret != "" {
		r.PostForm.Set("client_secret", secret)
	}
	return r
}

var errDisk = errors.New("the disk is full")

// brokenSessions is a store that cannot end sessions, nor find them if find is set.
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

// TestRevocationReportsAFailingStore: after a 200 response a client would forget its token, and could not end the
// session later.
func TestRevocationReportsAFailingStore(t *testing.T) {
	ctx := context.Background()
	for name, broken := range map[string]brokenSessions{"cannot find": {find: errDisk}, "cannot end": {}} {
		w := newEnv(t)
		info := w.signIn("alice")
		broken.Sessions = w.database.Sessions()
		w.rewire(func(c *server.Config) { c.Stores.Sessions = broken })
		for _, token := range []string{info.GetRefresh(), info.GetAccess()} {
			err := w.access.Revoke(ctx, tokenRequest("mini", "", token))
			require.ErrorIs(t, err, oauth.TemporarilyUnavailable, name)
			require.ErrorIs(t, err, errDisk, "the cause is logged")
			var refusal *oauth.Error
			require.ErrorAs(t, err, &refusal)
			require.NotZero(t, refusal.RetryAfter)
		}
		w.rewire(func(c *server.Config) { c.Stores.Sessions = w.database.Sessions() })
		_, err := w.refresh(info.GetRefresh(), "")
		require.NoError(t, err)
	}
}

// TestRevocationOutlivesItsRequest: pages sign out while the browser closes them.
func TestRevocationOutlivesItsRequest(t *testing.T) {
	w := newEnv(t)
	info := w.signIn("alice")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, w.access.Revoke(ctx, tokenRequest("mini", "", info.GetRefresh())))
	require.Equal(t, identity.EndedByClient, w.session(info.GetRefresh()).EndReason)
}

// TestRevocationEndsAnExpiredSessionToo: a refresh that read the session before it expired must not prolong it.
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

// TestRevocationNeedsTheSessionsSecret checks that a token with only a valid MAC ends no session and gets no error.
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
