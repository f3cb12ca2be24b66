package provider_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// newBackEnd registers a confidential client with apps.
func (w records) newBackEnd(id string, scopes []string, apps ...string) {
	w.t.Helper()
	client := confidentialClient(id, oauth.GrantClientCredentials)
	client.Apps, client.Scopes, client.DefaultScopes = apps, scopes, scopes
	require.NoError(w.t, w.database.Clients().Create(w.t.Context(), client))
}

func (w records) subOf(token string) string {
	w.t.Helper()
	return claimsOf(w.t, token)["sub"].(string)
}

// TestABackEndNamesTheUser, and may do what the user could do.
func TestABackEndNamesTheUser(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	alice := w.subOf(w.dataToken("alice"))
	own := w.backEndToken("service")
	share := w.encrypted("share", wechattest.Plaintext{User: "alice", Kind: "share"})
	requireData(t, w.data(decryptPath, own, share.with("user", alice)))
	requireData(t, w.data(decryptPath, own, share.with("user", alice, "appid", testApp)))
	requireData(t, w.data(verifyPath, own, w.signed("alice").with("user", alice)))
	require.Equal(t, true, w.data(checkPath, own, form{"user": alice}).members["valid"])
	requireData(t, w.data(resetPath, own, form{"user": alice}))
	requireError(t, w.data(decryptPath, own, share), http.StatusBadRequest, "invalid_request")
	requireInvalidData(t, w.data(decryptPath, own, share.with("user", w.subOf(w.dataToken("bob")))))
}

// TestABackEndActsOnItsOwnAppsOnly, and cannot find out who uses others.
func TestABackEndActsOnItsOwnAppsOnly(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.newBackEnd("other", []string{oauth.ScopeWechatData}, otherApp)
	w.newBackEnd("both", []string{oauth.ScopeWechatData}, testApp, otherApp)
	w.newBackEnd("none", []string{oauth.ScopeWechatData})
	alice := w.subOf(w.dataToken("alice"))
	gone := w.subOf(w.dataToken("gone"))
	require.NoError(t, w.database.Users().Disable(t.Context(), gone))
	share := w.encrypted("share", wechattest.Plaintext{User: "alice", Kind: "share"})
	var first answer
	for _, path := range []string{decryptPath, verifyPath, checkPath, resetPath} {
		for _, f := range []form{share.with("user", alice), share.with("user", alice, "appid", otherApp),
			share.with("user", "u_nobody"), share.with("user", wechattest.OpenID(otherApp, "alice"))} {
			a := w.data(path, w.backEndToken("other"), f.with("rawData", "{}", "signature", "x"))
			requireError(t, a, http.StatusBadRequest, "unknown_user")
			if first.body == "" {
				first = a
			}
			require.Equal(t, withoutRequestID(first), withoutRequestID(a))
		}
		requireError(t, w.data(path, w.backEndToken("other"), share.with("user", alice, "appid", testApp)),
			http.StatusBadRequest, "invalid_request")
		requireError(t, w.data(path, w.backEndToken("both"), share.with("user", alice)), http.StatusBadRequest,
			"invalid_request")
		requireError(t, w.data(path, w.backEndToken("none"), share.with("user", alice)), http.StatusBadRequest,
			"invalid_request")
		requireError(t, w.data(path, w.backEndToken("service"), share.with("user", gone)), http.StatusBadRequest,
			"unknown_user")
	}
	requireData(t, w.data(decryptPath, w.backEndToken("both"), share.with("user", alice, "appid", testApp)))
	requireError(t, w.data(decryptPath, w.backEndToken("both"), share.with("user", alice, "appid", otherApp)),
		http.StatusBadRequest, "unknown_user")
}

// TestABackEndsTokenNeedsTheAudienceAndTheScope: an API cannot use a token that it received, nor can a client whose
// record does not allow it.
func TestABackEndsTokenNeedsTheAudienceAndTheScope(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.newBackEnd("without", []string{"api"}, testApp)
	w.newBackEnd("by-default", []string{"api", oauth.ScopeWechatData}, testApp)
	alice := w.subOf(w.dataToken("alice"))
	share := w.encrypted("share", wechattest.Plaintext{User: "alice", Kind: "share"}).with("user", alice)
	own := w.backEndToken("service")
	claims := claimsOf(t, own)
	require.Equal(t, w.issuer, claims["aud"])
	requireError(t, w.token(serviceForm().with("client_id", "without", "scope", oauth.ScopeWechatData)),
		http.StatusBadRequest, "invalid_scope")
	requireError(t, w.token(serviceForm().with("scope", "api wechat.data")), http.StatusBadRequest, "invalid_scope")
	byDefault := w.token(serviceForm().with("client_id", "by-default"))
	require.Equal(t, "api", byDefault.text("scope"), "a scope that reaches all users is never a default")
	requireError(t, w.data(decryptPath, byDefault.text("access_token"), share), http.StatusForbidden,
		"insufficient_scope")
	for name, change := range map[string]map[string]any{
		"for an API":          {"aud": testAudience},
		"for an API and us":   {"aud": []string{testAudience, w.issuer}},
		"of a record without": {"sub": "without", "client_id": "without"},
		"of a public client":  {"sub": "public-service", "client_id": "public-service"},
		"of another grant":    {"sub": "backend", "client_id": "backend"},
	} {
		for key, value := range claims {
			if _, changed := change[key]; !changed {
				change[key] = value
			}
		}
		payload, err := json.Marshal(change)
		require.NoError(t, err)
		forged, err := w.keys.Sign("at+jwt", payload)
		require.NoError(t, err)
		requireError(t, w.data(decryptPath, string(forged), share), http.StatusForbidden, "insufficient_scope")
		require.NotEmpty(t, name)
	}
	requireData(t, w.data(decryptPath, own, share))
	require.NoError(t, w.database.Clients().Disable(t.Context(), "service"))
	requireError(t, w.data(decryptPath, own, share), http.StatusUnauthorized, "invalid_token")
}

// TestADecryptedUnionidLinksNothing, since it is not from a sign-in.
func TestADecryptedUnionidLinksNothing(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	require.NoError(t, w.simulator.Bind(otherApp, testOpenPlatform))
	w.signIn("bob", "client_id", "backend", "client_secret", testSecret, "appid", otherApp, "code",
		w.codeOf(otherApp, "bob"))
	token := w.dataToken("alice")
	a := w.data(decryptPath, token, w.encrypted("user_info", wechattest.Plaintext{User: "alice", Data: map[string]any{
		"nickName": "a", "gender": 0, "unionId": wechattest.UnionID(testOpenPlatform, "bob"),
	}}))
	requireData(t, a)
	account, err := w.database.Accounts().Find(t.Context(),
		identity.AccountKey{Platform: identity.PlatformWechat, App: testApp, Subject: wechattest.OpenID(testApp,
			"alice")})
	require.NoError(t, err)
	require.Empty(t, account.UnionID)
	require.Equal(t, w.subOf(token), account.UserID)
	require.Equal(t, w.subOf(token), w.subOf(w.dataToken("alice")))
}

// TestAnUnreachableVaultFailsNoSignIn, and the answer does not ask the user to sign in again.
func TestAnUnreachableVaultFailsNoSignIn(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.dataToken("alice")
	share := w.encrypted("share", wechattest.Plaintext{User: "alice", Kind: "share"})
	w.volatile.broken.Store(true)
	again := w.dataToken("alice")
	require.Contains(t, w.log.String(), "cannot store a session key")
	for _, path := range []string{decryptPath, checkPath, resetPath} {
		requireError(t, w.data(path, again, share), http.StatusServiceUnavailable, "temporarily_unavailable")
	}
	w.volatile.broken.Store(false)
	requireData(t, w.data(decryptPath, token, share))
	require.NoError(t, w.simulator.Fail(wechattest.Fault{Text: `{"openid":"` + wechattest.OpenID(testApp, "carol") +
		`","session_key":"odd"}`}))
	carol := w.dataToken("carol")
	require.Contains(t, w.log.String(), "no usable session key")
	requireError(t, w.data(decryptPath, carol, share), http.StatusBadRequest, "login_required")
}
