package provider_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// TestAddingAPasswordToAnAccount of a WeChat user: a fresh code is the proof, and all sessions end.
func TestAddingAPasswordToAnAccount(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a, other := w.at(testApp, "ada"), w.at(testApp, "ada")
	proof := w.proofBy(testApp, "ada")
	requireError(t, w.account("PUT /password", a.text("access_token"), proof.with("password", newPassword)),
		http.StatusBadRequest, "invalid_request")
	requireNoContent(t, w.account("PUT /password", a.text("access_token"), proof.with("username", "Ada",
		"password", newPassword)))
	w.requireOver(t, a, other)
	back := w.token(ownPassword("ada", newPassword))
	requireTokens(t, back)
	require.Equal(t, w.subOf(a.text("access_token")), w.subOf(back.text("access_token")))
	me := w.account("GET /profile", back.text("access_token"), nil)
	require.Equal(t, "Ada", me.members["username"])
	require.Equal(t, true, me.members["has_password"])
	require.Contains(t, w.eventKinds(t), identity.EventPasswordSet)
	w.requireNotLogged(t, newPassword, proof["proof_code"], a.text("access_token"))
}

// TestChangingThePasswordOfAnAccount by the current one.
func TestChangingThePasswordOfAnAccount(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.registered("ada", testPassword)
	other, bystander := w.token(ownPassword("ada", testPassword)), w.at(testApp, "bob")
	change := form{"current_password": testPassword, "password": newPassword}
	requireError(t, w.account("PUT /password", a.text("access_token"), change.with("username", "bob")),
		http.StatusBadRequest, "invalid_request")
	requireNoContent(t, w.account("PUT /password", a.text("access_token"), change.with("username", "ADA")))
	w.requireOver(t, a, other)
	w.requireAlive(t, bystander)
	requireError(t, w.token(ownPassword("ada", testPassword)), http.StatusBadRequest, "invalid_grant")
	requireTokens(t, w.token(ownPassword("ada", newPassword)))
	w.requireNotLogged(t, testPassword, newPassword)
}

// TestAForgottenPasswordOfAnAccount is replaced with a fresh code as the proof.
func TestAForgottenPasswordOfAnAccount(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.registered("ada", testPassword)
	requireNoContent(t, w.account("POST /links", a.text("access_token"), form{"current_password": testPassword,
		"appid": testApp, "code": w.code("ada")}))
	byCode := w.at(testApp, "ada")
	require.Equal(t, w.subOf(a.text("access_token")), w.subOf(byCode.text("access_token")))
	requireNoContent(t, w.account("PUT /password", byCode.text("access_token"),
		w.proofBy(testApp, "ada").with("password", newPassword)))
	w.requireOver(t, a, byCode)
	requireError(t, w.token(ownPassword("ada", testPassword)), http.StatusBadRequest, "invalid_grant")
	requireTokens(t, w.token(ownPassword("ada", newPassword)))
}

// TestLinkingASecondAccount and unlinking it: the sessions that it opened end, and no others.
func TestLinkingASecondAccount(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.at(testApp, "ada")
	sub := w.subOf(a.text("access_token"))
	code := w.codeOf(otherApp, "ada")
	link := form{"appid": otherApp, "code": code}
	requireNoContent(t, w.account("POST /links", a.text("access_token"), w.proofBy(testApp, "ada").with("appid",
		otherApp, "code", code)))
	second := w.at(otherApp, "ada")
	require.Equal(t, sub, w.subOf(second.text("access_token")))
	today := w.account("GET /profile", a.text("access_token"), nil).members["created"]
	require.Equal(t, []any{
		map[string]any{"platform": "wechat", "app": testApp, "since": today}, map[string]any{"platform": "wechat",
			"app": otherApp, "since": today},
	}, w.account("GET /profile", a.text("access_token"), nil).members["accounts"])
	again := w.proofBy(otherApp, "ada").with("appid", otherApp, "code", w.codeOf(otherApp, "ada"))
	requireNoContent(t, w.account("POST /links", a.text("access_token"), again))
	require.Len(t, w.account("GET /profile", a.text("access_token"), nil).members["accounts"], 2)

	unlink := form{"platform": "wechat", "appid": otherApp}
	requireNoContent(t, w.account("POST /links/remove", second.text("access_token"),
		w.proofBy(testApp, "ada").with("platform", "wechat", "appid", otherApp)))
	w.requireOver(t, second)
	w.requireAlive(t, a)
	require.Len(t, w.account("GET /profile", a.text("access_token"), nil).members["accounts"], 1)
	requireError(t, w.account("POST /links/remove", a.text("access_token"), unlink), http.StatusNotFound,
		"unknown_account")
	require.NotEqual(t, sub, w.subOf(w.at(otherApp, "ada").text("access_token")), "it is no longer linked")
	require.Subset(t, w.eventKinds(t), []string{identity.EventLinked + " wechat " + otherApp,
		identity.EventUnlinked + " wechat " + otherApp})
	w.requireNotLogged(t, link["code"], second.text("access_token"))
}

// TestTheOnlyAppOfAnAccountsClientNeedsNoName, whatever kinds of codes the client may exchange.
func TestTheOnlyAppOfAnAccountsClientNeedsNoName(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOwn("own", func(c *identity.Client) { c.Apps, c.Grants = []string{testApp}, append(c.Grants, "qq_code") })
	a := w.at(testApp, "ada")
	for range 8 { // to notice a random choice
		requireAccount(t, w.account("POST /export", a.text("access_token"), form{"proof_code": w.code("ada")}))
	}
	w.addOwn("two", nil)
	b := w.token(form{"grant_type": "wechat_code", "client_id": "two", "appid": testApp, "code": w.code("ada")})
	code := w.code("ada")
	requireError(t, w.account("POST /export", b.text("access_token"), form{"proof_code": code}),
		http.StatusBadRequest, "invalid_request")
	requireAccount(t, w.account("POST /export", b.text("access_token"), form{"proof_code": code,
		"proof_appid": testApp}))
}

// TestBrowserCodesProveNobodyToAnAccount and link nothing: anyone who reads a browser's address could send them.
func TestBrowserCodesProveNobodyToAnAccount(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addApp(accountApp, identity.KindOfficialAccount)
	for _, confidential := range []bool{false, true} {
		id := map[bool]string{false: "own", true: "own-backend"}[confidential]
		w.addOwn(id, func(c *identity.Client) {
			c.Apps = []string{testApp, accountApp}
			if c.Confidential = confidential; confidential {
				c.SecretHash = identity.HashSecret(testSecret)
			}
		})
		f := form{"grant_type": oauth.GrantWechatCode, "client_id": id, "appid": testApp, "code": w.code("ada")}
		if confidential {
			f["client_secret"] = testSecret
		}
		a := w.token(f)
		requireTokens(t, a)
		before := w.stateOf(a)
		code := w.oauthCode(wechattest.OAuthCode{AppID: accountApp, User: "ada"})
		for _, refused := range []answer{
			w.account("POST /export", a.text("access_token"), form{"proof_code": code, "proof_appid": accountApp}),
			w.account("POST /links", a.text("access_token"), w.proofBy(testApp, "ada").with("appid", accountApp,
				"code", code)),
		} {
			requireError(t, refused, http.StatusBadRequest, "unauthorized_client")
		}
		require.Equal(t, before, w.stateOf(a))
		require.Zero(t, w.simulator.Requests().Codes[code], "WeChat is not asked")
	}
}
