package provider_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
)

// TestTicketsAreRefused: nobody gets a ticket with what is not a mini-program's own token for this server.
func TestTicketsAreRefused(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	ada := w.miniProgram("ada")
	byCode := w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": "handing",
		"code": w.wechatUsers.code("ada")})
	other := publicClient("other", oauth.GrantWechatCode, oauth.GrantTokenExchange)
	other.FirstParty, other.Apps = true, []string{testApp}
	other.Scopes = []string{"openid", oauth.ScopeSignInHandOff}
	without := other
	without.ID = "without-grant"
	without.Grants = []string{oauth.GrantWechatCode}
	for _, client := range []identity.Client{other, without} {
		require.NoError(t, w.database.Clients().Create(t.Context(), client))
	}
	signIn := func(client, scope string) string {
		a := w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": client,
			"code": w.wechatUsers.code("ada"), "scope": scope})
		require.Equal(t, http.StatusOK, a.status, a.body)
		return a.text("access_token")
	}
	for _, test := range []struct {
		want  string
		pairs []string
	}{
		{"invalid_request", []string{"subject_token", ""}},
		{"invalid_request", []string{"subject_token", "guessed"}},
		{"invalid_request", []string{"subject_token", ada.refresh}},
		{"invalid_request", []string{"subject_token", byCode.text("id_token")}},
		{"invalid_request", []string{"subject_token", byCode.text("access_token")}}, // for the API
		{"invalid_request", []string{"subject_token", signIn("other", "openid signin.handoff")}},
		{"invalid_request", []string{"subject_token", signIn("other", "openid"), "client_id", "other"}},
		{"invalid_request", []string{"subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"}},
		{"invalid_request", []string{"actor_token", ada.token}},
		{"invalid_request", []string{"audience", ""}},
		{"invalid_request", []string{"scope", "openid"}},
		{"invalid_request", []string{"resource", testAudience}},
		{"invalid_target", []string{"audience", "nobody"}},
		{"invalid_target", []string{"audience", "spa"}}, // nothing says where a sign-in begins there
		{"invalid_target", []string{"audience", testAudience}},
		{"invalid_target", []string{"audience", "shop/"}},
		{"unauthorized_client", []string{"client_id", "without-grant"}},
	} {
		requireError(t, w.token(ada.form().with(test.pairs...)), http.StatusBadRequest, test.want)
	}
	body, header := ada.form().encode()
	requireError(t, w.post("/token", body+"&audience=partner", header), http.StatusBadRequest, "invalid_request")
	require.NoError(t, w.database.Clients().Disable(t.Context(), "partner"))
	requireError(t, w.token(ada.form().with("audience", "partner")), http.StatusBadRequest, "invalid_target")
	w.update("handing", func(c *identity.Client) { c.FirstParty = false })
	requireError(t, w.token(ada.form()), http.StatusBadRequest, "unauthorized_client")
}

// TestOneHandOffLeadsToNoOther: a session that came about by one hands nothing on and approves nothing, whatever its
// client may do.
func TestOneHandOffLeadsToNoOther(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	w.update("shop", func(c *identity.Client) {
		c.Grants = append(c.Grants, oauth.GrantTokenExchange, oauth.GrantDeviceCode)
		c.Scopes = append(c.Scopes, oauth.ScopeSignInHandOff, oauth.ScopeSignInApprove)
	})
	ada, v := w.miniProgram("ada"), w.webView()
	v.handed(ada.address())
	tokens := w.redeem("shop", v.code(v.open(w.request("shop", "scope", "openid signin.handoff signin.approve",
		"resource", w.issuer)), "shop"))
	requireTokens(t, tokens)
	a := w.token(ada.form().with("client_id", "shop", "client_secret", testSecret, "subject_token",
		tokens.text("access_token")))
	requireError(t, a, http.StatusBadRequest, "invalid_request")
	require.Contains(t, a.text("error_description"), "hand-off")
	require.Equal(t, http.StatusForbidden, w.post("/scan/look", "scan=x",
		http.Header{"Authorization": {"Bearer " + tokens.text("access_token")},
			"Content-Type": {"application/x-www-form-urlencoded"}}).status)

	asked := w.post("/device_authorization", "client_id=shop&client_secret="+testSecret+"&scope=openid",
		http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	require.Equal(t, http.StatusOK, asked.status, asked.body)
	p := v.follow(v.open("/device?" + url.Values{"user_code": {asked.text("user_code")}}.Encode()))
	require.Contains(t, p.body, `name="password"`, "the device is approved by nobody who was handed over")
}

// between are what may happen to a hand-off on its way.
func between(w handOffs, ada miniProgram) map[string]func() {
	ctx := context.Background()
	no := func(err error) { require.NoError(w.t, err) }
	return map[string]func(){
		"signed out": func() {
			requireRevoked(w.t, w.revoke(ada.refresh, "client_id", "handing", "client_secret", ""))
		},
		"ended": func() {
			sid, _ := claimsOf(w.t, ada.token)["sid"].(string)
			_, err := w.database.Sessions().End(ctx, sid, identity.EndedByOperator)
			no(err)
		},
		"user disabled":   func() { no(w.database.Users().Disable(ctx, ada.user)) },
		"client disabled": func() { no(w.database.Clients().Disable(ctx, "handing")) },
		"scope lost": func() {
			w.update("handing", func(c *identity.Client) { c.Scopes = []string{"openid"} })
		},
		"no longer our own": func() { w.update("handing", func(c *identity.Client) { c.FirstParty = false }) },
	}
}

// TestWhatEndsAHandOff before the browser comes, and before its user answers.
func TestWhatEndsAHandOff(t *testing.T) {
	t.Parallel()
	for name := range between(handOffs{}, miniProgram{}) {
		w := newHandOffs(t)
		ada := w.miniProgram("ada")
		v, address := w.webView(), ada.address()
		asked := v.asked(address)
		between(w, ada)[name]()
		requireNoHandOff(t, v.submit(asked), name)
		requireNoHandOff(t, v.open(asked.at), name)
		requireNoHandOff(t, w.webView().open(address), name)
		require.Empty(t, w.browserSessionsOf(ada.user), name)
	}
	for name, change := range map[string]func(*identity.Client){
		"no sign-in there":  func(c *identity.Client) { c.InitiateLoginURI = "" },
		"no browsers there": func(c *identity.Client) { c.Grants = []string{oauth.GrantClientCredentials} },
		"disabled":          nil,
	} {
		w := newHandOffs(t)
		v := w.webView()
		asked := v.asked(w.miniProgram("ada").address())
		if change == nil {
			require.NoError(t, w.database.Clients().Disable(t.Context(), "shop"))
		} else {
			w.update("shop", change)
		}
		require.Equal(t, http.StatusBadRequest, v.submit(asked).status, name)
	}
}

// TestGuessedTicketsAreNone: nor is anything else that this server has sealed.
func TestGuessedTicketsAreNone(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	ada, v := w.miniProgram("ada"), w.webView()
	ticket := strings.TrimPrefix(ada.address(), "/handoff?ticket=")
	asked := v.asked(ada.address())
	carried := strings.TrimPrefix(asked.at, "/handoff?handoff=")
	code := w.visitor().codeFor("bob", "shop")
	changed := []byte(ticket)
	if changed[20] = 'A'; ticket[20] == 'A' {
		changed[20] = 'B'
	}
	for name, query := range map[string]string{
		"nothing": "", "an empty one": "ticket=", "a guess": "ticket=lp_ht_AAAA",
		"without its prefix":  "ticket=" + ticket[6:],
		"a changed one":       "ticket=" + string(changed),
		"a shorter one":       "ticket=" + ticket[:len(ticket)-1],
		"a longer one":        "ticket=" + ticket + strings.Repeat("A", 2000),
		"a code":              "ticket=" + code,
		"a code as a ticket":  "ticket=lp_ht_" + strings.TrimPrefix(code, "lp_ac_"),
		"what a page carries": "ticket=lp_ht_" + carried, "a ticket as that": "handoff=" + ticket,
		"a ticket's inside as that": "handoff=" + ticket[6:], "that of another browser": "handoff=" + carried,
		"another one after it": "handoff=" + carried + "&ticket=lp_ht_AAAA",
	} {
		other := w.webView()
		other.follow(other.open(w.request("shop"))) // it has a cookie
		requireNoHandOff(t, other.open("/handoff?"+query), name)
	}
	for name, query := range map[string]string{
		"twice": "ticket=" + ticket + "&ticket=" + ticket, "not in UTF-8": "ticket=%ff", "malformed": "ticket=%zz",
		"with a line end": "ticket=" + ticket + "%0A",
	} {
		require.Equal(t, http.StatusBadRequest, w.webView().open("/handoff?"+query).status, name)
	}
	requireError(t, w.redeem("shop", ticket), http.StatusBadRequest, "invalid_grant")
	require.Equal(t, http.StatusUnauthorized, w.get("/userinfo", bearer(ticket)).status)
	v.submit(asked) // nothing of that has used it up
	v.code(v.open(w.request("shop")), "shop")
}

// TestATargetElsewhereIsRefused: the address must not send people to another site, although clients must check it too.
func TestATargetElsewhereIsRefused(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	ada := w.miniProgram("ada")
	for _, target := range []string{"https://evil.example/", "//evil.example/", "/orders", "javascript:alert(1)",
		"http://shop.example.com/", "https://shop.example.com:8443/", "https://shop.example.com@evil.example/",
		"https://x@shop.example.com/", `https://shop.example.com\@evil.example/`,
		"https://shop.example.com.evil.example/", "https://shop.example.com/订单", "https://shop.example.com/\n",
		"https://shop.example.com/" + strings.Repeat("a", 2048),
	} {
		p := w.webView().open(ada.address() + "&" + url.Values{"target_link_uri": {target}}.Encode())
		require.Equal(t, http.StatusBadRequest, p.status, target)
		require.Empty(t, p.next(), target)
	}
	v := w.webView()
	asked := v.asked(ada.address())
	p := v.open(asked.at + "&target_link_uri=" + url.QueryEscape("https://evil.example/"))
	require.Equal(t, http.StatusBadRequest, p.status)
}

// TestAHandOffNeedsAnAnswer: messengers and scanners open addresses by themselves, and other sites post forms.
func TestAHandOffNeedsAnAnswer(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	ada, v := w.miniProgram("ada"), w.webView()
	writes := w.writes()
	before := writes()
	address := ada.address()
	for range 3 {
		v.do(http.MethodHead, address, nil, nil)
		v.do(http.MethodGet, address, nil, http.Header{"Sec-Purpose": {"prefetch"}})
		v.open(address)
	}
	asked := v.asked(address)
	foreign := http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}
	require.Equal(t, http.StatusForbidden, v.do(http.MethodPost, asked.at, url.Values{}, foreign).status)
	require.Equal(t, http.StatusForbidden, v.do(http.MethodPost, address, url.Values{}, foreign).status)
	require.Contains(t, w.webView().open("/handoff").body, "请重新打开页面", "the mini-program has sent no ticket")
	blocked := w.webView()
	p := blocked.do(http.MethodGet, asked.at, nil, nil)
	require.Equal(t, http.StatusBadRequest, p.status)
	require.Contains(t, p.body, "Cookie", "a browser without cookies gets as far as this")
	require.Equal(t, http.StatusSeeOther, v.do(http.MethodPost, address, url.Values{}, nil).status,
		"only the page that asks has a form")
	require.Equal(t, before, writes(), "a ticket and its page cost no row")
	v.submit(asked)
	require.NotEqual(t, before, writes())
}

// TestLogsHaveNoTicket, nor what the page carries on.
func TestLogsHaveNoTicket(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	ada, v := w.miniProgram("ada"), w.webView()
	address := ada.address()
	asked := v.asked(address)
	v.submit(asked)
	other := w.webView()
	requireNoHandOff(t, other.submit(other.asked(address)))
	requireNoHandOff(t, other.open(address+"x"))
	w.token(ada.form().with("audience", "nobody"))
	log := w.log.String()
	require.Contains(t, log, "token issued")
	require.NotContains(t, log, "lp_ht_")
	require.NotContains(t, log, strings.TrimPrefix(address, "/handoff?ticket=lp_ht_"))
	require.NotContains(t, log, strings.TrimPrefix(asked.at, "/handoff?handoff="))
	require.NotContains(t, log, ada.token)
}

// TestTicketsAreLimited for each user: others go on.
func TestTicketsAreLimited(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t, limited(limits.HandOffs, 3))
	ada, bo := w.miniProgram("ada"), w.miniProgram("bo")
	for range 3 {
		ada.address()
	}
	requireTooMany(t, w.token(ada.form()))
	bo.address()
	w.clock.Move(4 * time.Hour)
	w.miniProgram("ada").address()
}
