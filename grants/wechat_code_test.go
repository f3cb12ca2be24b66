package grants_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/go-oauth2/oauth2/v4"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

const testKey = "a-key-of-at-least-128-random-bits"

func wechatCode(code, key string) form {
	f := form{"grant_type": oauth.GrantWechatCode, "client_id": "mini", "code": code}
	if key != "" {
		f[":Idempotency-Key"] = key
	}
	return f
}

// refusal returns the OAuth error in err.
func refusal(t *testing.T, err error) *oauth.Error {
	t.Helper()
	var refusal *oauth.Error
	require.ErrorAs(t, err, &refusal)
	return refusal
}

func TestWechatCodeSignsIn(t *testing.T) {
	w := newEnv(t)
	first, second := w.signIn("alice"), w.signIn("alice")
	require.Equal(t, first.GetUserID(), second.GetUserID(), "one user per account")
	require.NotEqual(t, first.GetUserID(), w.signIn("bob").GetUserID())
	require.NotEqual(t, first.GetRefresh(), second.GetRefresh())
	require.Equal(t, "api", first.GetScope(), "a request without scope gets the default scope")
	require.Equal(t, identity.AccountKey{Platform: "wechat", App: testApp,
		Subject: w.session(first.GetRefresh()).Account.Subject}, w.session(first.GetRefresh()).Account)

	claims, err := w.issuer.ReadAccessToken(first.GetAccess())
	require.NoError(t, err)
	require.Equal(t, first.GetUserID(), claims.Subject)
	require.Equal(t, []string{"wechat"}, claims.Methods)
	require.EqualValues(t, []string{testAudience}, claims.Audience)
	require.Nil(t, claims.Wechat, "WeChat's ids are only for clients that are registered for them")
}

func TestWechatCodeByItsURN(t *testing.T) {
	w := newEnv(t)
	f := wechatCode(w.code("alice"), "")
	f["grant_type"] = "urn:lingpai:oauth:grant-type:wechat_code"
	_, err := w.token(f)
	require.NoError(t, err)
}

func TestWechatCodeWithoutRefreshGrantGivesNoRefreshToken(t *testing.T) {
	w := newEnv(t)
	f := wechatCode(w.code("alice"), "")
	f["client_id"] = "codes-only"
	info, err := w.token(f)
	require.NoError(t, err)
	require.Empty(t, info.GetRefresh())
}

func TestWechatCodeRepeatedWithItsKeyGetsTheFirstAnswer(t *testing.T) {
	w := newEnv(t)
	code := w.code("alice")
	first, err := w.token(wechatCode(code, testKey))
	require.NoError(t, err)
	for range 3 {
		again, err := w.token(wechatCode(code, testKey))
		require.NoError(t, err)
		require.Equal(t, first.GetRefresh(), again.GetRefresh())
		require.Equal(t, first.GetUserID(), again.GetUserID())
	}
	w.restart()
	again, err := w.token(wechatCode(code, testKey))
	require.NoError(t, err)
	require.Equal(t, first.GetRefresh(), again.GetRefresh(), "also after a restart")
	_, err = w.refresh(first.GetRefresh(), "")
	require.NoError(t, err)
	_, err = w.token(wechatCode(code, testKey))
	require.ErrorIs(t, err, oauth.InvalidGrant, "after a refresh the first answer is no longer valid")
}

func TestWechatCodeRepeatedInParallelOpensOneSession(t *testing.T) {
	w := newEnv(t)
	code := w.code("alice")
	answers := make([]oauth2.TokenInfo, 16)
	var group sync.WaitGroup
	for n := range answers {
		group.Go(func() {
			info, err := w.token(wechatCode(code, testKey))
			if err == nil {
				answers[n] = info
			}
		})
	}
	group.Wait()
	for _, answer := range answers {
		require.NotNil(t, answer, "duplicates wait for the first request")
		require.Equal(t, answers[0].GetRefresh(), answer.GetRefresh())
	}
	sessions, err := w.database.Sessions().List(context.Background(), answers[0].GetUserID())
	require.NoError(t, err)
	require.Len(t, sessions, 1)
}

// TestWechatCodeRepeatedDifferentlyIsRejected checks requests without the key or with another key, client or scope.
func TestWechatCodeRepeatedDifferentlyIsRejected(t *testing.T) {
	w := newEnv(t)
	code := w.code("alice")
	_, err := w.token(wechatCode(code, testKey))
	require.NoError(t, err)
	for name, change := range map[string]form{
		"no key":         {":Idempotency-Key": ""},
		"another key":    {":Idempotency-Key": "another-key-of-128-random-bits"},
		"another client": {"client_id": "mini-2"},
		"another scope":  {"scope": "api.write"},
	} {
		t.Run(name, func(t *testing.T) {
			f := wechatCode(code, testKey)
			maps.Copy(f, change)
			if f[":Idempotency-Key"] == "" {
				delete(f, ":Idempotency-Key")
			}
			_, err := w.token(f)
			require.ErrorIs(t, err, oauth.InvalidGrant)
		})
	}
}

func TestInvalidWechatCodeIsRejected(t *testing.T) {
	w := newEnv(t)
	used := w.code("alice")
	_, err := w.token(wechatCode(used, ""))
	require.NoError(t, err)
	foreign, err := w.simulator.MintCode(otherApp, "alice")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		code string
		want error
	}{
		"used":          {used, oauth.InvalidGrant},
		"never minted":  {"not-a-code-of-wechat", oauth.InvalidGrant},
		"another app's": {foreign, oauth.InvalidGrant},
		"missing":       {"", oauth.InvalidRequest},
		"with a space":  {"a code", oauth.InvalidRequest},
		"oversized":     {strings.Repeat("c", 513), oauth.InvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			f := wechatCode(c.code, "")
			if c.code == "" {
				delete(f, "code")
			}
			_, err := w.token(f)
			require.ErrorIs(t, err, c.want)
			if c.want == oauth.InvalidGrant {
				require.Contains(t, []any{40029, 40163}, refusal(t, err).Members["wechat_errcode"])
			}
		})
	}
}

func TestWechatCodeOfAnAppThatTheClientDoesNotHave(t *testing.T) {
	w := newEnv(t)
	code, err := w.simulator.MintCode(otherApp, "alice")
	require.NoError(t, err)
	f := wechatCode(code, "")
	f["appid"] = otherApp
	_, err = w.token(f)
	require.ErrorIs(t, err, oauth.InvalidRequest)
}

func TestWechatCodeOfADisabledUser(t *testing.T) {
	w := newEnv(t)
	user := w.signIn("alice").GetUserID()
	require.NoError(t, w.database.Users().Disable(context.Background(), user))
	_, err := w.token(wechatCode(w.code("alice"), ""))
	require.ErrorIs(t, err, oauth.InvalidGrant)
	require.NoError(t, w.database.Users().Enable(context.Background(), user))
	require.Equal(t, user, w.signIn("alice").GetUserID())
}

func TestWechatCodeFirstSignInsInParallelCreateOneUser(t *testing.T) {
	w := newEnv(t)
	users := make([]string, 16)
	var group sync.WaitGroup
	for n := range users {
		code := w.code("new-user")
		group.Go(func() {
			if info, err := w.token(wechatCode(code, "")); err == nil {
				users[n] = info.GetUserID()
			}
		})
	}
	group.Wait()
	for _, user := range users {
		require.NotEmpty(t, user)
		require.Equal(t, users[0], user)
	}
}

func TestInvalidIdempotencyKeyIsRejected(t *testing.T) {
	w := newEnv(t)
	for name, key := range map[string]string{
		"too short": "short", "too long": strings.Repeat("k", 129),
		"with a space": "a key with spaces and enough length", "not ASCII": "钥匙钥匙钥匙钥匙钥匙钥匙",
	} {
		t.Run(name, func(t *testing.T) {
			code := w.code("alice")
			_, err := w.token(wechatCode(code, key))
			require.ErrorIs(t, err, oauth.InvalidRequest)
			_, err = w.token(wechatCode(code, ""))
			require.NoError(t, err, "the code was not used up")
		})
	}
}

// TestNothingSecretIsLogged signs in in every way and searches the log, the events and all errors for the secrets.
func TestNothingSecretIsLogged(t *testing.T) {
	w := newEnv(t)
	code := w.code("alice")
	secrets := []string{code, testKey, testPassword, testSecret, "simulator-" + testApp, "wrong-password-of-somebody"}
	var output strings.Builder
	try := func(info oauth2.TokenInfo, err error) oauth2.TokenInfo {
		if err != nil {
			fmt.Fprintln(&output, err)
		} else {
			secrets = append(secrets, info.GetAccess(), info.GetRefresh())
		}
		return info
	}
	first := try(w.token(wechatCode(code, testKey)))
	try(w.token(wechatCode(code, "another-key-of-128-random-bits")))
	try(w.refresh(first.GetRefresh(), testKey))
	try(w.refresh(first.GetRefresh(), "another-key-of-128-random-bits"))
	try(w.token(passwordForm("alice", testPassword)))
	try(w.token(passwordForm("alice", "wrong-password-of-somebody")))
	output.WriteString(w.log.String())
	events, err := w.database.Events().List(context.Background(), identity.EventsOf{}, 100)
	require.NoError(t, err)
	fmt.Fprintf(&output, "%+v", events)
	for _, secret := range secrets {
		require.NotEmpty(t, secret)
		require.NotContains(t, output.String(), secret)
	}
}

// TestWechatClaimsAreTheSameAfterARefresh uses an app whose record names no Open Platform account.
func TestWechatClaimsAreTheSameAfterARefresh(t *testing.T) {
	w := newEnv(t)
	curious := publicClient("curious", oauth.GrantWechatCode, oauth.GrantRefreshToken)
	curious.WechatClaims = true
	require.NoError(t, w.database.Clients().Create(context.Background(), curious))
	require.NoError(t, w.simulator.Bind(testApp, "an-open-platform-account"))
	f := wechatCode(w.code("alice"), "")
	f["client_id"] = "curious"
	info, err := w.token(f)
	require.NoError(t, err)
	first, err := w.issuer.ReadAccessToken(info.GetAccess())
	require.NoError(t, err)
	require.NotEmpty(t, first.Wechat.UnionID)
	info, err = w.token(form{"grant_type": oauth.GrantRefreshToken, "client_id": "curious",
		"refresh_token": info.GetRefresh()})
	require.NoError(t, err)
	second, err := w.issuer.ReadAccessToken(info.GetAccess())
	require.NoError(t, err)
	require.Equal(t, first.Wechat, second.Wechat)
}
