package grants_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// TestRefreshInParallelMovesTheRowOnce checks that exactly one of many refreshes of one generation writes the row, and
// that all get the same token.
func TestRefreshInParallelMovesTheRowOnce(t *testing.T) {
	for _, key := range []string{"", testKey} {
		t.Run("key="+key, func(t *testing.T) {
			w := newEnv(t)
			held := w.signIn("alice").GetRefresh()
			for generation := uint32(1); generation <= 3; generation++ {
				next := key // one key per refresh token
				if key != "" {
					next = fmt.Sprintf("%s-%d", key, generation)
				}
				answers := make([]string, 32)
				var group sync.WaitGroup
				for n := range answers {
					group.Go(func() {
						if info, err := w.refresh(held, next); err == nil {
							answers[n] = info.GetRefresh()
						}
					})
				}
				group.Wait()
				for _, answer := range answers {
					require.NotEmpty(t, answer)
					require.Equal(t, answers[0], answer)
				}
				require.Equal(t, generation, w.session(held).Generation)
				held = answers[0]
			}
		})
	}
}

// TestRefreshOfARetiredTokenIsTheft checks that such a refresh ends the session with all its tokens (RFC 9700 §4.14.2).
func TestRefreshOfARetiredTokenIsTheft(t *testing.T) {
	w := newEnv(t)
	old := w.signIn("alice")
	current, err := w.refresh(old.GetRefresh(), "")
	require.NoError(t, err)
	w.clock.Move(31 * time.Second)

	_, err = w.refresh(old.GetRefresh(), "")
	require.ErrorIs(t, err, oauth.InvalidGrant)
	_, err = w.refresh(current.GetRefresh(), "")
	require.ErrorIs(t, err, oauth.InvalidGrant, "the newest token is invalid too")
	_, err = w.access.Check(context.Background(), current.GetAccess())
	require.ErrorIs(t, err, oauth.InvalidToken)
	require.Equal(t, identity.EndedByTheft, w.session(old.GetRefresh()).EndReason)
	require.Len(t, w.events(identity.EventSessionEnded), 1)
	_, err = w.refresh(w.signIn("alice").GetRefresh(), "")
	require.NoError(t, err, "other sessions of the user stay active")
}

// TestRefreshByAnotherClientEndsNothing checks that another client is rejected, even with a retired token, and that
// the session stays active.
func TestRefreshByAnotherClientEndsNothing(t *testing.T) {
	w := newEnv(t)
	old := w.signIn("alice").GetRefresh()
	current, err := w.refresh(old, "")
	require.NoError(t, err)
	w.clock.Move(time.Hour)
	for _, other := range []form{{"client_id": "mini-2"}, {"client_id": "backend", "client_secret": testSecret}} {
		for _, token := range []string{old, current.GetRefresh()} {
			f := form{"grant_type": oauth.GrantRefreshToken, "refresh_token": token}
			maps.Copy(f, other)
			_, err := w.token(f)
			require.ErrorIs(t, err, oauth.InvalidGrant)
		}
	}
	_, err = w.refresh(current.GetRefresh(), "")
	require.NoError(t, err)
}

// TestRefreshWithAnotherKeyIsARepeat: libraries make a new key for each attempt, so at a client that is not strict a
// key proves a repeat and its absence proves nothing.
func TestRefreshWithAnotherKeyIsARepeat(t *testing.T) {
	w := newEnv(t)
	old := w.signIn("alice").GetRefresh()
	current, err := w.refresh(old, testKey)
	require.NoError(t, err)
	for _, key := range []string{"", "another-key-of-128-random-bits", testKey} {
		again, err := w.refresh(old, key)
		require.NoError(t, err)
		require.Equal(t, current.GetRefresh(), again.GetRefresh())
	}
	w.clock.Move(24 * time.Hour)
	again, err := w.refresh(old, testKey)
	require.NoError(t, err, "the right key gets the answer even after the window")
	require.Equal(t, current.GetRefresh(), again.GetRefresh())
	_, err = w.refresh(old, "another-key-of-128-random-bits")
	require.ErrorIs(t, err, oauth.InvalidGrant)
	require.Equal(t, identity.EndedByTheft, w.session(old).EndReason)
}

// TestRefreshAfterTheStoreLostCommits uses a token that is newer than its row. It is accepted unless the policy
// rejects such tokens.
func TestRefreshAfterTheStoreLostCommits(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		t.Run(fmt.Sprintf("refuse=%t", refuse), func(t *testing.T) {
			w := newEnv(t, withPolicy(tokens.RotationPolicy{Window: 30 * time.Second, RefuseAhead: refuse}))
			held := w.signIn("alice").GetRefresh()
			w.backup()
			for range 3 {
				info, err := w.refresh(held, "")
				require.NoError(t, err)
				held = info.GetRefresh()
				w.clock.Move(time.Hour)
			}
			w.restore()
			_, err := w.refresh(held, "")
			if refuse {
				require.ErrorIs(t, err, oauth.InvalidGrant)
				require.Zero(t, w.session(held).EndedAt, "rejected, but the session is not ended")
				require.Len(t, w.events(identity.EventRefreshAhead), 1)
				return
			}
			require.NoError(t, err)
			require.Len(t, w.events(identity.EventRefreshAhead), 1)
			require.EqualValues(t, 4, w.session(held).Generation)
		})
	}
}

// TestRefreshIsRejectedAfterTheSessionEnded checks that the error does not reveal why the session ended.
func TestRefreshIsRejectedAfterTheSessionEnded(t *testing.T) {
	ctx := context.Background()
	for name, end := range map[string]func(w *env, user, session string) error{
		"user disabled": func(w *env, user, _ string) error { return w.database.Users().Disable(ctx, user) },
		"password changed": func(w *env, user, _ string) error {
			return w.database.Users().SetPassword(ctx, user, "")
		},
		"session revoked": func(w *env, _, session string) error {
			_, err := w.database.Sessions().End(ctx, session, identity.EndedByOperator)
			return err
		},
		"idle for too long": func(w *env, _, _ string) error {
			w.clock.Move(7*24*time.Hour + time.Second)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newEnv(t)
			info := w.signIn("alice")
			require.NoError(t, end(w, info.GetUserID(), w.session(info.GetRefresh()).ID))
			_, err := w.refresh(info.GetRefresh(), "")
			require.ErrorIs(t, err, oauth.InvalidGrant)
			_, garbled := w.refresh("lp_rt_garbled", "")
			require.Equal(t, garbled.Error(), err.Error())
		})
	}
}

func TestRefreshingForEverEndsAtTheAbsoluteLifetime(t *testing.T) {
	w := newEnv(t)
	held := w.signIn("alice").GetRefresh()
	for day := range 100 {
		w.clock.Move(24 * time.Hour)
		info, err := w.refresh(held, "")
		if day >= 89 {
			require.ErrorIs(t, err, oauth.InvalidGrant)
			return
		}
		require.NoError(t, err, "day %d", day)
		held = info.GetRefresh()
	}
}

// TestRefreshNarrowsAndNeverWidensTheScope tests RFC 6749 §6: a narrower access token does not change the session's
// scope.
func TestRefreshNarrowsAndNeverWidensTheScope(t *testing.T) {
	w := newEnv(t)
	f := wechatCode(w.code("alice"), "")
	f["scope"] = "api openid"
	info, err := w.token(f)
	require.NoError(t, err)
	refresh := func(scope string) error {
		f := form{"grant_type": oauth.GrantRefreshToken, "client_id": "mini", "refresh_token": info.GetRefresh(),
			"scope": scope}
		if scope == "" {
			delete(f, "scope")
		}
		next, err := w.token(f)
		if err == nil {
			info = next
		}
		return err
	}
	require.ErrorIs(t, refresh("api api.write"), oauth.InvalidScope)
	require.EqualValues(t, 0, w.session(info.GetRefresh()).Generation, "a rejected request does not rotate")
	require.NoError(t, refresh("api"))
	require.Equal(t, "api", info.GetScope())
	require.NoError(t, refresh(""))
	require.Equal(t, "api openid", info.GetScope())
}

// TestRefreshLosesScopesOfWhichTheClientWasDeprived is the attack of a client that keeps, by its old sessions, what its
// operator has taken from it.
func TestRefreshLosesScopesOfWhichTheClientWasDeprived(t *testing.T) {
	w := newEnv(t)
	held, err := w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": "mini", "code": w.code("alice"),
		"scope": "api api.write offline_access"})
	require.NoError(t, err)
	client, err := w.database.Clients().Find(t.Context(), "mini")
	require.NoError(t, err)
	client.Scopes = []string{"openid", "api"}
	require.NoError(t, w.database.Clients().Update(t.Context(), client))
	require.Equal(t, "api api.write offline_access", held.GetScope())

	_, err = w.token(form{"grant_type": oauth.GrantRefreshToken, "client_id": "mini",
		"refresh_token": held.GetRefresh(), "scope": "api.write"})
	require.ErrorIs(t, err, oauth.InvalidScope)
	refreshed, err := w.refresh(held.GetRefresh(), "")
	require.NoError(t, err)
	require.Equal(t, "api offline_access", refreshed.GetScope())
}

func TestMalformedRefreshTokenIsRejected(t *testing.T) {
	w := newEnv(t)
	good := w.signIn("alice").GetRefresh()
	elsewhere := newEnv(t).signIn("alice").GetRefresh()
	flipped := []byte(good)
	flipped[len(flipped)-2] ^= 1
	for name, token := range map[string]string{
		"truncated":                 good[:len(good)-1],
		"extended":                  good + "A",
		"one bit changed":           string(flipped),
		"padded":                    good + "=",
		"without its prefix":        strings.TrimPrefix(good, "lp_rt_"),
		"of another installation":   elsewhere,
		"an access token":           w.signIn("alice").GetAccess(),
		"a code of WeChat":          w.code("alice"),
		"a UUID of an older format": "4f9f3a5e-31a6-4a0e-9d5e-3a52a2e63c8f",
		"with white space":          " " + good,
		"64 KiB":                    strings.Repeat("A", 64<<10),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.refresh(token, "")
			require.ErrorIs(t, err, oauth.InvalidGrant)
		})
	}
	_, err := w.refresh(good, "")
	require.NoError(t, err)
}

// TestSessionsBeyondTheLimitEnd checks that the least recently used session ends first.
func TestSessionsBeyondTheLimitEnd(t *testing.T) {
	w := newEnv(t)
	first := w.signIn("alice").GetRefresh()
	w.clock.Move(time.Second)
	second := w.signIn("alice").GetRefresh()
	w.clock.Move(time.Second)
	info, err := w.refresh(first, "")
	require.NoError(t, err)
	for range 19 {
		w.clock.Move(time.Second)
		w.signIn("alice")
	}
	_, err = w.refresh(second, "")
	require.ErrorIs(t, err, oauth.InvalidGrant)
	require.Equal(t, identity.EndedByLimit, w.session(second).EndReason)
	_, err = w.refresh(info.GetRefresh(), "")
	require.NoError(t, err)
}

// TestSessionsEndedSinceTheBackup checks that a session which ended after the backup is active again in a restored
// database until the operator ends all sessions of the backup, and that this does not end newer sessions.
func TestSessionsEndedSinceTheBackup(t *testing.T) {
	ctx := context.Background()
	w := newEnv(t)
	stolen := w.signIn("alice").GetRefresh()
	w.backup()
	backup := w.clock.Now()
	w.clock.Move(time.Minute)
	_, err := w.database.Sessions().End(ctx, w.session(stolen).ID, identity.EndedByOperator)
	require.NoError(t, err)
	w.restore()
	fresh := w.signIn("alice").GetRefresh()
	ended, err := w.database.Sessions().EndBefore(ctx, backup, identity.EndedByOperator)
	require.NoError(t, err)
	require.EqualValues(t, 1, ended)
	_, err = w.refresh(stolen, "")
	require.ErrorIs(t, err, oauth.InvalidGrant)
	_, err = w.refresh(fresh, "")
	require.NoError(t, err)
}

func TestAccessTokenNeverOutlivesItsSession(t *testing.T) {
	w := newEnv(t, func(w *env) { w.absolute = 10 * time.Minute })
	info := w.signIn("alice")
	require.LessOrEqual(t, info.GetAccessExpiresIn(), 10*time.Minute)
	w.clock.Move(4 * time.Minute)
	info, err := w.refresh(info.GetRefresh(), "")
	require.NoError(t, err)
	require.LessOrEqual(t, info.GetAccessExpiresIn(), 6*time.Minute)
}

// TestSigningErrorIsNotTemporary checks that an internal error does not ask the client to try again.
func TestSigningErrorIsNotTemporary(t *testing.T) {
	w := newEnv(t)
	huge := publicClient("huge", oauth.GrantWechatCode, oauth.GrantRefreshToken)
	huge.Audience = []string{strings.Repeat("https://api.example.com/", 500)}
	require.NoError(t, w.database.Clients().Create(context.Background(), huge))
	f := wechatCode(w.code("alice"), "")
	f["client_id"] = "huge"
	_, err := w.token(f)
	require.ErrorIs(t, err, tokens.ErrNotSigned)
	require.NotErrorIs(t, err, oauth.TemporarilyUnavailable)
}

// forgedWithMAC returns a refresh token for the session of a genuine one, forged with the server's secret but
// without the session's.
func (w *env) forgedWithMAC(genuine string) string {
	w.t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(genuine, "lp_rt_"))
	require.NoError(w.t, err)
	b[30] ^= 1 // within the session secret
	mac, ok := w.keys.MAC(w.keys.SecretID(), "refresh token", b[:43])
	require.True(w.t, ok)
	forged := "lp_rt_" + base64.RawURLEncoding.EncodeToString(append(b[:43:43], mac[:]...))
	_, err = w.issuer.ReadRefreshToken(forged)
	require.NoError(w.t, err, "the MAC is valid")
	return forged
}

// TestStolenServerSecretRefreshesNothing checks that a token with a valid MAC but without the session's own secret is
// rejected, and that the session stays active.
func TestStolenServerSecretRefreshesNothing(t *testing.T) {
	w := newEnv(t)
	genuine := w.signIn("alice").GetRefresh()
	_, err := w.refresh(w.forgedWithMAC(genuine), "")
	require.ErrorIs(t, err, oauth.InvalidGrant)
	_, err = w.refresh(genuine, "")
	require.NoError(t, err)
}
