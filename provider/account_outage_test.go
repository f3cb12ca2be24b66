package provider_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

// TestAnAccountWithoutStorage: all calls answer 503, without the cause.
func TestAnAccountWithoutStorage(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.both("ada")
	calls := w.everyAccountCall()
	calls["POST /users"] = person("bob")
	require.NoError(t, w.database.Close())
	for call, body := range calls {
		token := a.text("access_token")
		if call == "POST /users" {
			token = ""
		}
		gone := w.account(call, token, body)
		requireError(t, gone, http.StatusServiceUnavailable, "temporarily_unavailable")
		require.NotContains(t, gone.body, "sql")
		require.NotContains(t, gone.body, "database")
	}
}

// TestAnAccountWhoseGuessesCannotBeCounted: proofs by password and registrations are rejected; proofs by code, which
// WeChat checks, still work.
func TestAnAccountWhoseGuessesCannotBeCounted(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.both("ada")
	before := w.stateOf(a)
	w.volatile.broken.Store(true)
	requireError(t, w.account("POST /users", "", person("bob")), http.StatusServiceUnavailable,
		"temporarily_unavailable")
	for call, body := range w.guarded() {
		refused := w.account(call, a.text("access_token"), body.with("current_password", testPassword))
		requireError(t, refused, http.StatusServiceUnavailable, "temporarily_unavailable")
	}
	require.Equal(t, before, w.stateOf(a))
	requireAccount(t, w.account("POST /export", a.text("access_token"), w.proofBy(testApp, "ada")))
}

// TestAnAccountWhenWeChatFails: an outage is not reported as an error of the user, and nothing is done without a proof.
func TestAnAccountWhenWeChatFails(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.both("ada")
	before := w.stateOf(a)
	for name, c := range map[string]struct {
		fault  wechattest.Fault
		status int
		error  string
	}{
		"wrong AppSecret": {wechattest.Fault{Errcode: 40125}, http.StatusInternalServerError, "server_error"},
		"HTML":            {wechattest.Fault{Body: "html"}, http.StatusServiceUnavailable, "temporarily_unavailable"},
		"a rate":          {wechattest.Fault{Errcode: 45011}, http.StatusServiceUnavailable, "temporarily_unavailable"},
		"blocked": {wechattest.Fault{Errcode: 40226}, http.StatusUnauthorized,
			"insufficient_user_authentication"},
		"a used code": {wechattest.Fault{Errcode: 40163}, http.StatusUnauthorized,
			"insufficient_user_authentication"},
	} {
		t.Run(name, func(t *testing.T) {
			c.fault.Errmsg = secretOfWechat
			require.NoError(t, w.simulator.Fail(c.fault))
			proof := w.proofBy(testApp, "ada")
			refused := w.account("POST /deletion", a.text("access_token"), proof)
			requireError(t, refused, c.status, c.error)
			require.NotContains(t, refused.body, secretOfWechat)
			w.requireNotLogged(t, proof["proof_code"])
		})
	}
	require.NoError(t, w.simulator.Fail(wechattest.Fault{Errcode: 40163}))
	link := form{"current_password": testPassword, "appid": otherApp, "code": w.codeOf(otherApp, "ada")}
	requireError(t, w.account("POST /links", a.text("access_token"), link), http.StatusBadRequest, "invalid_grant")
	require.Equal(t, before, w.stateOf(a))
}
