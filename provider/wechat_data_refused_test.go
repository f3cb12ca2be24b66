package provider_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// TestAllInvalidDataGivesTheSameAnswer, so that it is no padding oracle.
func TestAllInvalidDataGivesTheSameAnswer(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.dataToken("bob")
	w.signIn("alice", "client_id", "backend", "client_secret", testSecret, "appid", otherApp, "code",
		w.codeOf(otherApp, "alice"))
	day := 24 * 3600
	good := func() form { return w.encrypted("phone", wechattest.Plaintext{User: "alice", Kind: "phone"}) }
	user := func(change map[string]any) map[string]any {
		data := map[string]any{"nickName": "a", "gender": 0}
		maps.Copy(data, change)
		return data
	}
	wrong := map[string]func() form{
		"cut":                func() form { f := good(); return f.with("encryptedData", f["encryptedData"][:24]) },
		"spaces for plusses": func() form { f := good(); return f.with("encryptedData", " "+f["encryptedData"][1:]) },
		"URL alphabet":       func() form { f := good(); return f.with("encryptedData", "-_"+f["encryptedData"][2:]) },
		"iv cut":             func() form { f := good(); return f.with("iv", f["iv"][:20]) },
		"another iv":         func() form { return good().with("iv", "AAAAAAAAAAAAAAAAAAAAAA==") },
		"another kind":       func() form { return good().with("kind", "user_info") },
		"foreign watermark": func() form {
			return w.encrypted("phone", wechattest.Plaintext{User: "alice", Kind: "phone", WatermarkAppID: otherApp})
		},
		"old": func() form {
			return w.encrypted("share", wechattest.Plaintext{User: "alice", Kind: "share", WatermarkAge: 3*day + 60})
		},
		"of the future": func() form {
			return w.encrypted("share", wechattest.Plaintext{User: "alice", Kind: "share", WatermarkAge: -600})
		},
		"no watermark": func() form {
			return w.encrypted("share", wechattest.Plaintext{User: "alice", Kind: "share", WithoutWatermark: true})
		},
		"bob's": func() form { return w.encrypted("phone", wechattest.Plaintext{User: "bob", Kind: "phone"}) },
		"of another app": func() form {
			return w.encrypted("phone", wechattest.Plaintext{AppID: otherApp, User: "alice", Kind: "phone"})
		},
		"bob's openId": func() form {
			return w.encrypted("user_info", wechattest.Plaintext{User: "alice",
				Data: user(map[string]any{"openId": wechattest.OpenID(testApp, "bob")})})
		},
		"a wrong type": func() form {
			return w.encrypted("user_info", wechattest.Plaintext{User: "alice",
				Data: user(map[string]any{"city": true})})
		},
	}
	var first answer
	for name, f := range wrong {
		token := w.dataToken("alice")
		got := w.data(decryptPath, token, f())
		requireInvalidData(t, got)
		if first.body == "" {
			first = got
		}
		require.Equal(t, withoutRequestID(first), withoutRequestID(got), name)
		requireData(t, w.data(decryptPath, token, good()))
	}
	token := w.dataToken("alice")
	raw := w.signed("alice")
	for _, f := range []form{raw.with("rawData", raw["rawData"]+" "),
		raw.with("signature", strings.Repeat("0", 40)), w.signed("bob")} {
		require.Equal(t, withoutRequestID(first), withoutRequestID(w.data(verifyPath, token, f)))
	}
}

// TestTenFailuresEndWithTheNextSignIn: after ten failures all data is rejected until the user signs in again.
func TestTenFailuresEndWithTheNextSignIn(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.dataToken("alice")
	good := w.encrypted("share", wechattest.Plaintext{User: "alice", Kind: "share"})
	for range 10 {
		requireData(t, w.data(decryptPath, token, good))
		requireInvalidData(t, w.data(decryptPath, token, good.with("iv", "AAAAAAAAAAAAAAAAAAAAAA==")))
	}
	for _, f := range []form{good, good.with("iv", "AAAAAAAAAAAAAAAAAAAAAA==")} {
		requireError(t, w.data(decryptPath, token, f), http.StatusBadRequest, "login_required")
	}
	requireError(t, w.data(verifyPath, token, w.signed("alice")), http.StatusBadRequest, "login_required")
	require.Equal(t, http.StatusOK, w.userinfo(token).status, "the session is still active")
	w.signIn("alice")
	requireData(t, w.data(decryptPath, token, w.encrypted("share", wechattest.Plaintext{User: "alice", Kind: "share"})))
}

func TestDataNeedsAUsersTokenWithItsScope(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.dataToken("alice")
	share := w.encrypted("share", wechattest.Plaintext{User: "alice", Kind: "share"})
	for _, path := range []string{decryptPath, verifyPath, checkPath, resetPath} {
		a := w.data(path, w.signIn("alice", "scope", "openid api").text("access_token"), share)
		requireError(t, a, http.StatusForbidden, "insufficient_scope")
		require.Contains(t, a.header.Get("WWW-Authenticate"), `scope="wechat.data"`)
		a = w.post(path, "", nil)
		requireError(t, a, http.StatusUnauthorized, "invalid_token")
		requireError(t, w.data(path, token[:len(token)-2], share), http.StatusUnauthorized, "invalid_token")
		requireError(t, w.data(path, token, share.with("user", "u_somebody")), http.StatusBadRequest, "invalid_request")
		requireError(t, w.data(path, token, share.with("appid", testApp)), http.StatusBadRequest, "invalid_request")
		requireError(t, w.data(path, token, share.with("access_token", token)), http.StatusBadRequest,
			"invalid_request")
		requireError(t, w.get(path, bearer(token)), http.StatusMethodNotAllowed, "invalid_request")
		requireError(t, w.data(path+"?kind=share", token, share), http.StatusBadRequest, "invalid_request")
		withPassword := w.token(passwordForm("alice", testPassword).with("scope",
			oauth.ScopeWechatData)).text("access_token")
		requireError(t, w.data(path, withPassword, share.with("rawData", "{}", "signature", "x")),
			http.StatusBadRequest, "login_required")
	}
	for _, f := range []form{share.with("kind", ""), share.with("kind", "Share"), share.with("iv", ""),
		share.with("encryptedData", ""), {}} {
		requireError(t, w.data(decryptPath, token, f), http.StatusBadRequest, "invalid_request")
	}
	requireError(t, w.data(verifyPath, token, form{"rawData": "{}"}), http.StatusBadRequest, "invalid_request")
	a := w.data(decryptPath, token, share.with(":Origin", testOrigin))
	requireData(t, a)
	require.Equal(t, testOrigin, a.header.Get("Access-Control-Allow-Origin"))
	other := w.dataToken("bob")
	claims, foreign := claimsOf(t, token), claimsOf(t, other)
	for name, change := range map[string]map[string]any{
		"somebody else's session":  {"sid": foreign["sid"]},
		"a session that never was": {"sid": "01900000-0000-7000-8000-000000000000"},
		"no session":               {"sid": nil}, "somebody else's sub": {"sub": foreign["sub"]},
		"another client": {"client_id": "mini-2"}, "the client's own": {"sid": nil, "sub": "mini"},
	} {
		changed := maps.Clone(claims)
		maps.Copy(changed, change)
		payload, err := json.Marshal(changed)
		require.NoError(t, err)
		forged, err := w.keys.Sign("at+jwt", payload)
		require.NoError(t, err)
		a := w.data(decryptPath, string(forged), share)
		require.Contains(t, []int{http.StatusUnauthorized, http.StatusForbidden}, a.status, "%s: %s", name, a.body)
	}
	w.ended(token)
	requireError(t, w.data(decryptPath, token, share), http.StatusUnauthorized, "invalid_token")
	requireInvalidData(t, w.data(decryptPath, other, share))
}

// ended ends the session of an access token.
func (w records) ended(token string) {
	w.t.Helper()
	ended, err := w.database.Sessions().End(w.t.Context(), claimsOf(w.t, token)["sid"].(string),
		identity.EndedByOperator)
	require.NoError(w.t, err)
	require.True(w.t, ended)
}
