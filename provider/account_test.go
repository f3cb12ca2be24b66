package provider_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

const (
	accountPath = "/account/v1"
	newPassword = "a tortoise that plays chess"
)

// newAccountEnv has a first-party mini-program, "own", in which people look after their accounts. It has no API, so its
// tokens are for the server.
func newAccountEnv(t testing.TB, options ...option) *env {
	t.Helper()
	w := newEnv(t, options...)
	w.addOwn("own", nil)
	return w
}

func (w records) addOwn(id string, change func(*identity.Client)) {
	w.t.Helper()
	client := publicClient(id, oauth.GrantWechatCode, oauth.GrantPassword, oauth.GrantRefreshToken)
	client.FirstParty, client.Apps, client.Audience = true, []string{testApp, otherApp}, nil
	client.Scopes = []string{"openid", "profile", "email", "phone", "account"}
	client.DefaultScopes = client.Scopes
	if change != nil {
		change(&client)
	}
	require.NoError(w.t, w.database.Clients().Create(context.Background(), client))
}

// account makes a call, such as "GET /profile". Nil sends no body; names that begin with ":" are headers.
func (w accountCalls) account(call, token string, body form) answer {
	w.t.Helper()
	members, header := form{}, http.Header{}
	for name, value := range body {
		if headerName, isHeader := strings.CutPrefix(name, ":"); isHeader {
			header.Set(headerName, value)
			continue
		}
		members[name] = value
	}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	if body == nil {
		return w.accountText(call, "", header)
	}
	text, err := json.Marshal(members)
	require.NoError(w.t, err)
	return w.accountText(call, string(text), header)
}

// accountText sends a body unchanged, as JSON unless the header has another type. It compares every answer with the
// API's description.
func (w accountCalls) accountText(call, body string, header http.Header) answer {
	w.t.Helper()
	method, path, _ := strings.Cut(call, " ")
	request, err := http.NewRequest(method, w.issuer+accountPath+path, strings.NewReader(body))
	require.NoError(w.t, err)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(request.Header, header)
	a := w.send(request)
	if err := requireDescribed(call, body, a); err != nil {
		w.t.Errorf("the answer of %s is not described: %v", call, err)
	}
	return a
}

func requireNoContent(t testing.TB, a answer) {
	t.Helper()
	require.Equal(t, http.StatusNoContent, a.status, a.body)
	require.Empty(t, a.body)
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
}

func requireAccount(t testing.TB, a answer) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	requireJSON(t, a)
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
}

// at signs in a WeChat user of an app at the client own.
func (w accountCalls) at(app, user string) answer {
	w.t.Helper()
	a := w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": "own", "appid": app,
		"code": w.codeOf(app, user)})
	requireTokens(w.t, a)
	return a
}

func ownPassword(username, secret string) form {
	return form{"grant_type": oauth.GrantPassword, "client_id": "own", "username": username, "password": secret}
}

func ownRefresh(a answer) form { return refreshForm(a.text("refresh_token")).with("client_id", "own") }

// registered is the first sign-in of a new user.
func (w accountCalls) registered(username, secret string) answer {
	w.t.Helper()
	a := w.account("POST /users", "", form{"client_id": "own", "username": username, "password": secret})
	require.Equal(w.t, http.StatusCreated, a.status, a.body)
	a = w.token(ownPassword(username, secret))
	requireTokens(w.t, a)
	return a
}

// proofBy returns a fresh code of an account as a proof.
func (w wechatUsers) proofBy(app, user string) form {
	return form{"proof_code": w.codeOf(app, user), "proof_appid": app}
}

// requireOver requires that no token of these sessions at the client own is accepted.
func (w accountCalls) requireOver(t testing.TB, sessions ...answer) {
	t.Helper()
	for _, a := range sessions {
		requireError(t, w.token(ownRefresh(a)), http.StatusBadRequest, "invalid_grant")
		requireError(t, w.account("GET /profile", a.text("access_token"), nil), http.StatusUnauthorized,
			"invalid_token")
	}
}

func (w accountCalls) requireAlive(t testing.TB, sessions ...answer) {
	t.Helper()
	for _, a := range sessions {
		requireAccount(t, w.account("GET /profile", a.text("access_token"), nil))
	}
}

func TestRegisteringAnAccount(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.account("POST /users", "", form{"client_id": "own", "username": "Ada", "password": testPassword})
	require.Equal(t, http.StatusCreated, a.status, a.body)
	requireJSON(t, a)
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, []string{"sub", "username"}, names(a.members))
	signedIn := w.token(ownPassword("ada", testPassword))
	requireTokens(t, signedIn)
	require.Equal(t, a.text("sub"), w.subOf(signedIn.text("access_token")))
	me := w.account("GET /profile", signedIn.text("access_token"), nil)
	requireAccount(t, me)
	today := w.clock.Now().UTC().Format(time.DateOnly)
	require.Equal(t, map[string]any{
		"sub": a.text("sub"), "username": "Ada", "has_password": true, "profile": map[string]any{},
		"email_verified": false, "accounts": []any{},
		"created": today, "last_seen": today,
	}, me.members)
	require.Equal(t, []string{identity.EventRegistered}, w.eventKinds(t))
	w.requireNotLogged(t, testPassword, signedIn.text("access_token"), signedIn.text("refresh_token"))
}

// TestTheProfileOfAnAccountIsReplaced, and returned by every call whose scope allows it.
func TestTheProfileOfAnAccountIsReplaced(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.at(testApp, "ada")
	chosen := form{"name": "Ada Lovelace", "nickname": "The Countess", "picture": "https://example.com/a.png",
		"gender": "female", "locale": "zh_CN", "email": "ada@example.com"}
	me := w.account("PUT /profile", a.text("access_token"), chosen)
	requireAccount(t, me)
	kept := map[string]any{}
	for name, value := range chosen.with("locale", "zh-CN") {
		kept[name] = value
	}
	require.Equal(t, kept, me.members["profile"])
	require.Equal(t, false, me.members["email_verified"])
	require.Equal(t, me.members, w.account("GET /profile", a.text("access_token"), nil).members)
	info, signedIn := w.userinfoOf(a).members, claimsOf(t, w.at(testApp, "ada").text("id_token"))
	for name := range kept {
		require.Equal(t, kept[name], info[name], name)
		require.Equal(t, kept[name], signedIn[name], name)
	}

	me = w.account("PUT /profile", a.text("access_token"), form{"nickname": "A"})
	require.Equal(t, map[string]any{"nickname": "A"}, me.members["profile"], "what is left out is removed")
	requireError(t, w.account("PUT /profile", a.text("access_token"), form{"picture": "javascript:alert(1)"}),
		http.StatusBadRequest, "invalid_request")
	require.Equal(t, map[string]any{"nickname": "A"}, w.account("PUT /profile", a.text("access_token"),
		form{"nickname": "A"}).members["profile"])
	require.NotContains(t, w.userinfoOf(a).members, "name")
	require.Equal(t, "A", claimsOf(t, w.token(ownRefresh(a).with("scope", "openid profile")).text(
		"id_token"))["nickname"])
}
