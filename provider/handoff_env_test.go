package provider_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

const shopStart = "https://shop.example.com/sign-in?from=lingpai"

// handOffs is an installation with the mini-program "handing", which hands its sessions to "shop" and "partner".
type handOffs struct{ *web }

func newHandOffs(t testing.TB, options ...option) handOffs {
	t.Helper()
	w := handOffs{newWeb(t, options...)}
	scopes := []string{"openid", "account", "offline_access", oauth.ScopeSignInHandOff}
	require.NoError(t, w.database.Clients().Create(t.Context(), identity.Client{ID: "handing", Name: "The mini-program",
		FirstParty: true, Apps: []string{testApp}, Audience: []string{testAudience}, Scopes: scopes,
		DefaultScopes: scopes,
		Grants:        []string{oauth.GrantWechatCode, oauth.GrantRefreshToken, oauth.GrantTokenExchange}}))
	w.update("shop", func(c *identity.Client) { c.InitiateLoginURI = shopStart })
	w.update("partner", func(c *identity.Client) { c.InitiateLoginURI = "https://partner.example.com/start" })
	return w
}

// miniProgram is one with a user who is signed in.
type miniProgram struct {
	w       handOffs
	token   string // for the issuer
	refresh string
	user    string
}

// miniProgram signs a user of WeChat in.
func (w handOffs) miniProgram(user string) miniProgram {
	w.t.Helper()
	a := w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": "handing", "code": w.wechatUsers.code(user)})
	require.Equal(w.t, http.StatusOK, a.status, a.body)
	b := w.token(form{"grant_type": oauth.GrantRefreshToken, "client_id": "handing", "resource": w.issuer,
		"refresh_token": a.text("refresh_token")})
	require.Equal(w.t, http.StatusOK, b.status, b.body)
	return miniProgram{w, b.text("access_token"), b.text("refresh_token"),
		claimsOf(w.t, b.text("access_token"))["sub"].(string)}
}

func (m miniProgram) form() form {
	return form{"grant_type": oauth.GrantTokenExchange, "client_id": "handing", "subject_token": m.token,
		"subject_token_type": oauth.TokenTypeAccessToken, "requested_token_type": oauth.TokenTypeTicket,
		"audience": "shop"}
}

// address returns the address for the web-view; pairs change the request for the ticket.
func (m miniProgram) address(pairs ...string) string {
	m.w.t.Helper()
	a := m.w.token(m.form().with(pairs...))
	require.Equal(m.w.t, http.StatusOK, a.status, a.body)
	return "/handoff?" + url.Values{"ticket": {a.text("access_token")}}.Encode()
}

// webView is a browser in a mini-program.
func (w handOffs) webView() visitor {
	v := w.visitor()
	v.sends = http.Header{"User-Agent": {inMiniProgram}}
	return v
}

// asked opens the address of a ticket, and returns the page that asks.
func (v visitor) asked(address string) page {
	v.t.Helper()
	p := v.follow(v.open(address))
	require.Contains(v.t, p.body, `id="handoff-continue"`, p.body)
	return p
}

// handed opens the address of a ticket and goes on.
func (v visitor) handed(address string) page {
	v.t.Helper()
	p := v.submit(v.asked(address))
	require.Contains(v.t, p.next(), "https://", p.body)
	return p
}

// subject returns the user who signs in at a client without being asked.
func (v visitor) subject(client string, pairs ...string) any {
	v.t.Helper()
	answer := v.redeem(client, v.code(v.open(v.request(client, pairs...)), client))
	return claimsOf(v.t, answer.text("id_token"))["sub"]
}

// requireNoHandOff requires the page that says that a ticket is of no use.
func requireNoHandOff(t testing.TB, p page, names ...any) {
	t.Helper()
	require.Equal(t, http.StatusBadRequest, p.status, names...)
	require.Contains(t, p.body, "请重新打开页面", names...)
	require.NotContains(t, p.body, "<form", names...)
}

// browserSessionsOf returns the active browser sessions of a user.
func (w handOffs) browserSessionsOf(userID string) []identity.BrowserSession {
	w.t.Helper()
	sessions, err := w.database.BrowserSessions().List(w.t.Context(), userID)
	require.NoError(w.t, err)
	return sessions
}
