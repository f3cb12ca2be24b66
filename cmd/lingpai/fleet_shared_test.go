package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestReplicasShareEverything: a change at one replica takes effect at the other.
func TestReplicasShareEverything(t *testing.T) {
	t.Parallel()
	f := onSharedServers(t)
	first, second := f.replicas[0], f.replicas[1]

	t.Run("a sign-in that is repeated elsewhere, at the same time and later", func(t *testing.T) {
		for n := range 5 {
			code, key := f.code(fmt.Sprint("twin-", n)), fmt.Sprintf("the-key-of-sign-in-number-%d", n)
			tokens := map[string]bool{}
			var mutex sync.Mutex
			var asking sync.WaitGroup
			for _, r := range []*replica{first, second, first, second} {
				asking.Go(func() {
					a, err := r.token(key, "grant_type", "wechat_code", "code", code)
					mutex.Lock()
					defer mutex.Unlock()
					tokens[fmt.Sprint(a.status, err, a.members.RefreshToken)] = true
				})
			}
			asking.Wait()
			require.Len(t, tokens, 1, "all got the same answer")
			require.Equal(t, 1, f.simulator.Requests().Codes[code], "and WeChat was asked once")
		}
	})
	t.Run("a session", func(t *testing.T) {
		refresh, err := f.ask("", "grant_type", "wechat_code", "code", f.code("alice"))
		require.NoError(t, err)
		for range 10 {
			refresh, err = f.ask("", "grant_type", "refresh_token", "refresh_token", refresh)
			require.NoError(t, err)
		}
	})
	t.Run("that a user is disabled", func(t *testing.T) {
		a, err := first.token("", "grant_type", "wechat_code", "code", f.code("mallory"))
		require.NoError(t, err)
		database, issuer := f.shared()
		read, err := issuer.ReadRefreshToken(a.members.RefreshToken)
		require.NoError(t, err)
		session, _, err := database.Sessions().Find(t.Context(), read.SessionID)
		require.NoError(t, err)
		f.ok("users", "disable", session.UserID)
		for _, r := range f.replicas {
			refused, err := r.token("", "grant_type", "refresh_token", "refresh_token", a.members.RefreshToken)
			require.NoError(t, err)
			require.Equal(t, "invalid_grant", refused.members.Error)
			refused, err = r.token("", "grant_type", "wechat_code", "code", f.code("mallory"))
			require.NoError(t, err)
			require.Equal(t, "invalid_grant", refused.members.Error)
		}
	})
	t.Run("which assertions were used", f.sharesAssertions)
	t.Run("how often a password was guessed", func(t *testing.T) {
		f.ok("clients", "create", "back-office", "--public", "--first-party", "--grant", "password", "--audience",
			audience)
		f.okWith("a good password", "users", "create", "bob")
		statuses := map[int]int{}
		for n := range 40 {
			a, err := f.replicas[n%2].token("", "client_id", "back-office", "grant_type", "password", "username",
				"bob", "password", "wrong")
			require.NoError(t, err)
			statuses[a.status]++
		}
		require.Equal(t, 40, statuses[http.StatusBadRequest]+statuses[http.StatusTooManyRequests])
		require.LessOrEqual(t, statuses[http.StatusBadRequest], 6, "as few as one replica would allow: %v", statuses)
	})
}

// TestRedisThatForgets: users stay signed in.
func TestRedisThatForgets(t *testing.T) {
	t.Parallel()
	f, _, redis := onOwnServers(t)
	refresh, err := f.ask("", "grant_type", "wechat_code", "code", f.code("alice"))
	require.NoError(t, err)
	redis.Kill()
	require.NoError(t, redis.Start()) // with its data lost
	_, err = f.ask("", "grant_type", "refresh_token", "refresh_token", refresh)
	require.NoError(t, err)
	_, err = f.ask("", "grant_type", "wechat_code", "code", f.code("bob"))
	require.NoError(t, err)
}

// TestRedisGone: requests that must be counted are answered with "try again later", all others work, and everything
// recovers without a restart. A Redis that hangs has the same effect.
func TestRedisGone(t *testing.T) {
	t.Parallel()
	f, _, redis := onOwnServers(t)
	f.ok("clients", "create", "back-office", "--public", "--first-party", "--grant", "password", "--audience", audience)
	f.okWith("a good password", "users", "create", "bob")
	password := []string{"client_id", "back-office", "grant_type", "password", "username", "bob",
		"password", "a good password"}
	signed := f.signer(t)
	refresh, err := f.ask("", "grant_type", "wechat_code", "code", f.code("alice"))
	require.NoError(t, err)
	for name, fault := range map[string]struct {
		begin func()
		end   func() error
	}{
		"killed": {redis.Kill, redis.Start},
		"halted": {func() { require.NoError(t, redis.Pause()) }, redis.Resume},
	} {
		t.Run(name, func(t *testing.T) {
			fault.begin()
			for _, r := range f.replicas {
				for _, counted := range [][]string{password, signed()} {
					refused := f.token(t, r, counted...)
					require.True(t, refused.unavailable(), "%d %s", refused.status, refused.members.Error)
				}
				require.Equal(t, http.StatusOK, f.token(t, r, "grant_type", "wechat_code", "code",
					f.code("carol")).status)
				refreshed := f.token(t, r, "grant_type", "refresh_token", "refresh_token", refresh)
				require.Equal(t, http.StatusOK, refreshed.status)
				refresh = refreshed.members.RefreshToken
				require.Equal(t, http.StatusOK, get(t, "http://"+r.addr+"/readyz").status)
			}
			require.NoError(t, fault.end())
			_, err := f.ask("", password...)
			require.NoError(t, err)
		})
	}
}

// TestPostgreSQLGone: all requests are answered with "try again later" in bounded time, nothing is left half done, and
// everything recovers without a restart. A PostgreSQL that rejects writes has the same effect.
func TestPostgreSQLGone(t *testing.T) {
	t.Parallel()
	f, postgres, _ := onOwnServers(t)
	for name, fault := range map[string]struct {
		begin func()
		end   func() error
		note  string // of /readyz
	}{
		"stopped": {postgres.Stop, postgres.Start, ""},
		"read-only": {func() { postgres.RejectWrites(t, true) },
			func() error { postgres.RejectWrites(t, false); return nil },
			"read-only: default_transaction_read_only is on"},
	} {
		t.Run(name, func(t *testing.T) {
			refresh, err := f.ask("", "grant_type", "wechat_code", "code", f.code("alice"))
			require.NoError(t, err)
			fault.begin()
			for _, r := range f.replicas {
				began := time.Now()
				for _, pairs := range [][]string{
					{"grant_type", "refresh_token", "refresh_token", refresh},
					{"grant_type", "wechat_code", "code", f.code("bob")},
				} {
					a := f.token(t, r, pairs...)
					require.True(t, a.unavailable(), "%d %s", a.status, a.members.Error)
				}
				require.Less(t, time.Since(began), 2*patience)
				require.Equal(t, http.StatusOK, get(t, "http://"+r.addr+"/.well-known/jwks.json").status)
				require.Eventually(t, func() bool {
					ready := get(t, "http://"+r.addr+"/readyz")
					return ready.status == http.StatusServiceUnavailable &&
						strings.Contains(fmt.Sprint(ready.members["checks"]), fault.note)
				}, patience, 50*time.Millisecond)
			}
			require.NoError(t, fault.end())
			_, err = f.ask("", "grant_type", "refresh_token", "refresh_token", refresh)
			require.NoError(t, err)
			_, err = f.ask("", "grant_type", "wechat_code", "code", f.code("bob"))
			require.NoError(t, err)
		})
	}
}

// token requests a token from a replica that must answer.
func (f *fleet) token(t *testing.T, r *replica, pairs ...string) answered {
	t.Helper()
	a, err := r.token("", pairs...)
	require.NoError(t, err)
	return a
}
