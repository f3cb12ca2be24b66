package provider_test

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// TestACodeDiesWithTheConsent: a client that was just given a code cannot use it after the user has withdrawn.
func TestACodeDiesWithTheConsent(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	code := v.code(v.follow(v.submit(v.signIn("alice", "partner"), "decision", "allow")), "partner")
	w.withdraw("alice", "partner")
	requireError(t, w.redeem("partner", code), http.StatusBadRequest, "invalid_grant")
	v.code(v.open(v.request("shop", "prompt", "none")), "shop") // the browser is still signed in
}

// TestWithdrawnConsentsAreAskedForAgain: what a page has recorded is good for a quarter of an hour, a consent only
// until it is withdrawn.
func TestWithdrawnConsentsAreAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	sent := v.submit(v.signIn("alice", "partner"), "decision", "allow")
	v.code(v.open(sent.next()), "partner")
	w.withdraw("alice", "partner")
	asked := v.follow(v.open(sent.next()))
	require.Contains(t, asked.body, `id="consent-allow"`)
	v.code(v.follow(v.submit(asked, "decision", "allow")), "partner")
}

// TestCodeReplayAfterAnotherSignIn: a second use ends the session of the first also if the browser session that both
// are from was renewed in between, or ended.
func TestCodeReplayAfterAnotherSignIn(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	for name, between := range map[string]func(v visitor){
		"signed in again": func(v visitor) { v.signIn("alice", "shop", "prompt", "login") },
		"signed out":      func(v visitor) { v.submit(v.open("/sign-out")) },
	} {
		v := w.visitor()
		code := v.codeFor("alice", "shop", "scope", "openid offline_access")
		first := w.redeem("shop", code, ":Idempotency-Key", testKey)
		requireTokens(t, first)
		between(v)
		requireTokens(t, w.redeem("shop", code, ":Idempotency-Key", testKey)) // the owner, who has lost the answer
		requireError(t, w.redeem("shop", code), http.StatusBadRequest, "invalid_grant")
		t.Log(name)
		w.requireEnded("shop", first)
	}
}

// TestSmuggledParameters: what a page carries on as its state of the request cannot add parameters to it.
func TestSmuggledParameters(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	v.signIn("alice", "shop")
	for _, seen := range []string{"x&max_age=0", "x&to=consent", "x#", "x\r\nLocation: https://evil.example"} {
		p := v.open(onPage("sign-in", w.request("shop")) + "&seen=" + url.QueryEscape(seen))
		next, err := url.Parse(p.next())
		require.NoError(t, err)
		require.Equal(t, "/authorize", next.Path)
		require.Empty(t, next.Fragment)
		require.Equal(t, seen, next.Query().Get("seen"))
		require.Empty(t, next.Query().Get("max_age")+next.Query().Get("to"))
		v.code(v.follow(p), "shop")
	}
}

// TestMalformedQueries: a parameter that cannot be read is not left out, as if the client had sent none: a state is
// what protects it from forged answers.
func TestMalformedQueries(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	v.signIn("alice", "shop")
	request := w.request("shop", "state", "")
	for _, malformed := range []string{"&state=%zz", "&state=a;b", "&%=", "&state=%"} {
		for _, target := range []string{request, onPage("sign-in", request)} {
			p := v.open(target + malformed)
			require.Equal(t, http.StatusBadRequest, p.status, malformed)
			require.Empty(t, p.next())
		}
	}
}

// TestHintsAboutSomebodyElse: a hint ends in an answer for its user or in an error, not in a loop.
func TestHintsAboutSomebodyElse(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	hint := v.tokens("alice", "shop").text("id_token")
	other := w.visitor()
	p := other.signIn("bob", "shop", "id_token_hint", hint)
	require.Equal(t, "login_required", other.answered(p, "shop").Get("error"))
	w.clock.Move(61 * time.Minute)
	other.code(other.open(w.request("shop", "prompt", "none")), "shop") // bob is signed in all the same

	v.signIn("bob", "shop", "prompt", "login") // beside alice
	for _, prompt := range []string{"", "select_account"} {
		p = v.follow(v.open(w.request("shop", "id_token_hint", hint, "prompt", prompt)))
		if prompt != "" {
			require.NotContains(t, p.body, "bob", "cannot be chosen")
			p = v.follow(v.choose(p, "alice"))
		}
		v.code(p, "shop")
	}
}

// TestNobodyElseTakesOver: if the session that was chosen ends before the next step, the client does not get a code for
// the other user of the browser.
func TestNobodyElseTakesOver(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	v.signIn("alice", "shop")
	v.signIn("bob", "shop", "prompt", "login")
	sent := v.choose(v.follow(v.open(w.request("shop"))), "bob")
	require.NoError(t, w.database.Users().Disable(t.Context(), w.user("bob").ID))
	v.code(v.follow(v.choose(v.follow(sent), "alice")), "shop")
}

// TestFormPostToAnApp: a browser cannot post a form to the scheme of an app, so the request is refused before there is
// a code.
func TestFormPostToAnApp(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	const callback = "com.example.app:/cb"
	require.NoError(t, w.database.Clients().Create(t.Context(), identity.Client{ID: "app", FirstParty: true,
		Grants: []string{oauth.GrantAuthorizationCode}, Scopes: []string{"openid"}, DefaultScopes: []string{"openid"},
		RedirectURIs: []string{callback}}))
	p := w.visitor().open(w.request("app", "redirect_uri", callback, "response_mode", "form_post"))
	require.Contains(t, p.next(), callback+"?error=invalid_request")
}

// TestASixthUser: the session that a browser forgets ends. Otherwise it would outlive signing out.
func TestASixthUser(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	tokens := v.tokens("alice", "shop")
	alice := w.user("alice")
	another := onPage("sign-in", w.request("shop")) + "&another_account=1"
	for n := range identity.MaxBrowserSessions {
		live, err := w.database.BrowserSessions().List(t.Context(), alice.ID)
		require.NoError(t, err)
		require.Len(t, live, 1)
		name := "user" + strconv.Itoa(n)
		w.createUser(name)
		v.code(v.enter(v.open(another), name), "shop")
	}
	live, err := w.database.BrowserSessions().List(t.Context(), alice.ID)
	require.NoError(t, err)
	require.Empty(t, live)
	w.requireEnded("shop", tokens)
}

// TestARecordThatChangesBeforeTheCodeIsUsed: the record counts as it is when the code is used. The operator may have
// found out that the redirect URI is not the client's, or that a scope is not for it.
func TestARecordThatChangesBeforeTheCodeIsUsed(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	code := v.codeFor("alice", "shop", "scope", "openid profile")
	record, err := w.database.Clients().Find(t.Context(), "shop")
	require.NoError(t, err)
	changed := record
	changed.RedirectURIs = []string{thirdCallback}
	require.NoError(t, w.database.Clients().Update(t.Context(), changed))
	requireError(t, w.redeem("shop", code), http.StatusBadRequest, "invalid_grant")
	record.Scopes = []string{"openid"}
	require.NoError(t, w.database.Clients().Update(t.Context(), record))
	a := w.redeem("shop", code)
	requireTokens(t, a)
	require.Equal(t, "openid", a.text("scope"))
	requireTokens(t, w.redeem("shop", v.code(v.open(w.request("shop", "scope", "openid")), "shop")))
}

// TestFormsOfOldBrowsers: the pages work in browsers that send neither Sec-Fetch-Site nor Origin.
func TestFormsOfOldBrowsers(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	form := v.follow(v.open(v.request("shop")))
	p := v.do(http.MethodPost, form.at, url.Values{"username": {"alice"}, "password": {testPassword}},
		http.Header{"Sec-Fetch-Site": nil, "Origin": nil, "Referer": {w.issuer + form.at}})
	v.code(v.follow(p), "shop")
}

// withdraw withdraws a user's consent for a client.
func (w *web) withdraw(user, client string) {
	w.t.Helper()
	withdrawn, err := w.database.Consents().Withdraw(w.t.Context(), w.user(user).ID, client)
	require.NoError(w.t, err)
	require.True(w.t, withdrawn)
}
