package grants_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server"
)

func passwordForm(username, secret string) form {
	return form{"grant_type": oauth.GrantPassword, "client_id": "backend", "client_secret": testSecret,
		"username": username, "password": secret}
}

func TestPasswordSignsIn(t *testing.T) {
	w := newEnv(t)
	for _, name := range []string{"alice", "ALICE", "ａｌｉｃｅ"} {
		info, err := w.token(passwordForm(name, testPassword))
		require.NoError(t, err, "%s is a spelling of alice", name)
		claims, err := w.issuer.ReadAccessToken(info.GetAccess())
		require.NoError(t, err)
		require.Equal(t, []string{"pwd"}, claims.Methods)
	}
}

// TestPasswordAnswersAlike checks that unknown users, wrong passwords, users without password and disabled users
// all get the same error.
func TestPasswordAnswersAlike(t *testing.T) {
	w := newEnv(t)
	ctx := context.Background()
	disabled, err := w.database.Users().Create(ctx, "disabled", "")
	require.NoError(t, err)
	alice, err := w.database.Users().FindByUsername(ctx, "alice")
	require.NoError(t, err)
	require.NoError(t, w.database.Users().SetPassword(ctx, disabled.ID, alice.PasswordHash))
	require.NoError(t, w.database.Users().Disable(ctx, disabled.ID))
	_, err = w.database.Users().Create(ctx, "wechat-only", "")
	require.NoError(t, err)

	_, want := w.token(passwordForm("alice", "not the password"))
	for name, f := range map[string]form{
		"unknown user":            passwordForm("nobody", testPassword),
		"invalid user name":       passwordForm("no body", testPassword),
		"user without password":   passwordForm("wechat-only", testPassword),
		"disabled user":           passwordForm("disabled", testPassword),
		"password of 1,000 bytes": passwordForm("alice", string(make([]byte, 1000))),
	} {
		_, err := w.token(f)
		require.ErrorIs(t, err, oauth.InvalidGrant, name)
		require.Equal(t, want.Error(), err.Error(), name)
	}
}

// TestPasswordNeedsARegisteredFirstPartyClient tests the trust that RFC 6749 §4.3 requires.
func TestPasswordNeedsARegisteredFirstPartyClient(t *testing.T) {
	w := newEnv(t)
	thirdParty := confidentialClient("third-party", oauth.GrantPassword)
	thirdParty.FirstParty = false
	require.NoError(t, w.database.Clients().Create(context.Background(), thirdParty))
	for _, id := range []string{"third-party", "mini"} {
		f := passwordForm("alice", testPassword)
		f["client_id"] = id
		if id == "mini" {
			delete(f, "client_secret")
		}
		_, err := w.token(f)
		require.ErrorIs(t, err, oauth.UnauthorizedClient, id)
	}
}

// TestPasswordGuessingSlowsDown checks that five guesses are allowed at once and that the next one has to wait.
func TestPasswordGuessingSlowsDown(t *testing.T) {
	w := newEnv(t)
	guess := strings.Repeat("p", 4000) // counts, but is not hashed, which would take time
	for _, name := range []string{"alice", "nobody"} {
		for range 5 {
			_, err := w.token(passwordForm(name, guess))
			require.ErrorIs(t, err, oauth.InvalidGrant)
		}
		_, err := w.token(passwordForm(name, guess))
		require.ErrorIs(t, err, oauth.TooManyRequests, "also for unknown names")
		wait := refusal(t, err).RetryAfter
		require.Positive(t, wait)
		w.clock.Move(wait)
		_, err = w.token(passwordForm(name, guess))
		require.ErrorIs(t, err, oauth.InvalidGrant)
	}
}

// TestPasswordGuessingInParallelGetsNoFurther checks that attempts are counted before the password is hashed.
func TestPasswordGuessingInParallelGetsNoFurther(t *testing.T) {
	w := newEnv(t)
	var group sync.WaitGroup
	var mutex sync.Mutex
	hashed := 0
	for range 50 {
		group.Go(func() {
			_, err := w.token(passwordForm("alice", "a guess"))
			if refusal(t, err).Code == oauth.InvalidGrant {
				mutex.Lock()
				hashed++
				mutex.Unlock()
			}
		})
	}
	group.Wait()
	require.LessOrEqual(t, hashed, 6)
}

// TestPasswordGuessingElsewhereDoesNotLockOut checks that guesses from one address do not lock the user out at
// another.
func TestPasswordGuessingElsewhereDoesNotLockOut(t *testing.T) {
	w := newEnv(t)
	for range 30 {
		_, _ = w.token(passwordForm("alice", "a guess"))
		w.clock.Move(time.Second)
	}
	_, err := w.tokenFrom("198.51.100.7", passwordForm("alice", testPassword))
	require.NoError(t, err)
}

// TestPasswordSprayingIsBoundedByAddress checks the limit of an address that tries many users.
func TestPasswordSprayingIsBoundedByAddress(t *testing.T) {
	w := newEnv(t)
	w.rewire(func(c *server.Config) { c.Settings.AddressAttempts = 10 })
	for n := range 10 {
		_, err := w.token(passwordForm(fmt.Sprintf("user-%d", n), "a guess"))
		require.ErrorIs(t, err, oauth.InvalidGrant)
	}
	_, err := w.token(passwordForm("user-10", "a guess"))
	require.ErrorIs(t, err, oauth.TooManyRequests)
}

// TestCorrectPasswordResetsTheCounters checks that typing errors do not slow a user down after signing in.
func TestCorrectPasswordResetsTheCounters(t *testing.T) {
	w := newEnv(t)
	for range 4 {
		for range 4 {
			_, err := w.token(passwordForm("alice", "a guess"))
			require.ErrorIs(t, err, oauth.InvalidGrant)
		}
		_, err := w.token(passwordForm("alice", testPassword))
		require.NoError(t, err)
	}
}

// TestPasswordSprayingDoesNotCountForUsers checks that the limit of an address is applied before any user's attempts
// are counted.
func TestPasswordSprayingDoesNotCountForUsers(t *testing.T) {
	w := newEnv(t)
	w.rewire(func(c *server.Config) { c.Settings.AddressAttempts = 1 })
	_, err := w.token(passwordForm("nobody", "a guess"))
	require.ErrorIs(t, err, oauth.InvalidGrant)
	for range 150 {
		_, err = w.token(passwordForm("alice", "a guess"))
		require.ErrorIs(t, err, oauth.TooManyRequests)
	}
	_, err = w.tokenFrom("198.51.100.7", passwordForm("alice", testPassword))
	require.NoError(t, err)
}
