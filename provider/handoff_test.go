package provider_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// TestHandOff is a whole flow: a mini-program trades its token for a ticket (RFC 8693 §2.2.1), its web-view asks, and
// then the user is signed in there for the site of the ticket.
func TestHandOff(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "/tenant"} {
		w := newHandOffs(t, func(s *settings) { s.path = path })
		ada := w.miniProgram("ada")
		w.clock.Move(time.Minute) // the sign-in is older than the hand-off
		a := w.token(ada.form())
		require.Equal(t, http.StatusOK, a.status, a.body)
		ticket := a.text("access_token")
		require.Equal(t, map[string]any{"access_token": ticket, "issued_token_type": oauth.TokenTypeTicket,
			"token_type": "N_A", "expires_in": 30.0}, a.members)
		require.Less(t, len(ticket), 600)

		v := w.webView()
		p := v.open("/handoff?" + url.Values{"ticket": {ticket},
			"target_link_uri": {"https://shop.example.com/orders?a=1"}, "ui_locales": {"en"}}.Encode())
		require.Equal(t, http.StatusSeeOther, p.status)
		require.NotContains(t, p.next(), ticket, "the address that the page shows has no ticket")
		require.Equal(t, "no-referrer", p.header.Get("Referrer-Policy"))
		p = v.follow(p)
		require.Contains(t, p.body, "Continue as")
		require.Contains(t, p.body, ada.user)
		require.Contains(t, p.body, "The shop")
		require.Equal(t, p.body, v.open(p.at).body, "it can be reloaded")
		require.Empty(t, w.browserSessionsOf(ada.user), "nobody is signed in before they have answered")

		start, err := url.Parse(v.submit(p).next())
		require.NoError(t, err)
		require.Equal(t, "https://shop.example.com/sign-in", start.Scheme+"://"+start.Host+start.Path)
		require.Equal(t, url.Values{"from": {"lingpai"}, "iss": {w.issuer},
			"target_link_uri": {"https://shop.example.com/orders?a=1"}}, start.Query())

		tokens := w.redeem("shop", v.code(v.open(w.request("shop", "scope", "openid offline_access")), "shop"))
		requireTokens(t, tokens)
		require.Equal(t, "openid", tokens.text("scope"), "a session by a hand-off works only with its user")
		claims, before := claimsOf(t, tokens.text("id_token")), claimsOf(t, ada.token)
		require.Equal(t, ada.user, claims["sub"])
		require.Equal(t, []any{"handoff"}, claims["amr"])
		require.Equal(t, before["auth_time"], claims["auth_time"], "the user has not signed in again")
	}
}

// TestTheUserOfAHandOffIsNamed by what they call themselves, and by their id, since anyone can choose a nickname.
func TestTheUserOfAHandOffIsNamed(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	ada := w.miniProgram("ada")
	require.NoError(t, w.database.Profiles().Choose(t.Context(), ada.user, identity.Profile{Nickname: "小<b>芳"}))
	body := w.webView().asked(ada.address()).body
	require.Contains(t, body, "小&lt;b&gt;芳")
	require.Contains(t, body, "<code>"+ada.user+"</code>")
	bo := w.miniProgram("bo")
	require.Equal(t, 1, strings.Count(w.webView().asked(bo.address()).body, bo.user))
}

// TestATicketIsForOneSite: at other sites nobody is signed in, whether they are somebody else's or the operator's.
func TestATicketIsForOneSite(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	ada, v := w.miniProgram("ada"), w.webView()
	v.handed(ada.address())
	for _, other := range []string{"partner", "spa"} {
		require.Contains(t, v.follow(v.open(w.request(other))).body, `name="password"`, other)
		require.Equal(t, "login_required", v.answered(v.open(w.request(other, "prompt", "none")), other).Get("error"))
	}
	p := v.handed(ada.address("audience", "partner"))
	require.True(t, strings.HasPrefix(p.next(), "https://partner.example.com/start?"), p.next())
	v.code(v.open(w.request("shop")), "shop")
	require.Contains(t, v.follow(v.open(w.request("partner"))).body, `id="consent-allow"`, "as at any sign-in")
	require.Len(t, w.browserSessionsOf(ada.user), 2)
}

// TestSwipingBack: the web-view loads the first address again. A ticket that was used, or has expired, does no harm
// where its user is signed in, and is an error for everybody else.
func TestSwipingBack(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	ada, v := w.miniProgram("ada"), w.webView()
	address := ada.address()
	asked := v.asked(address)
	v.submit(asked)
	for range 2 {
		for _, back := range []string{address, asked.at} {
			p := v.open(back)
			require.Equal(t, http.StatusSeeOther, p.status)
			require.True(t, strings.HasPrefix(p.next(), "https://shop.example.com/sign-in?"), p.next())
			require.NotContains(t, p.next(), "ticket")
		}
		w.clock.Move(20 * time.Minute)
	}
	require.Len(t, w.browserSessionsOf(ada.user), 1)
	requireNoHandOff(t, w.webView().open(address))
	requireNoHandOff(t, v.follow(v.open(w.miniProgram("bo").expired())))
	v.code(v.open(w.request("shop")), "shop")
}

// expired returns an address whose ticket has expired.
func (m miniProgram) expired() string {
	address := m.address()
	m.w.clock.Move(31 * time.Second)
	return address
}

// TestTicketsLive30Seconds, and who has come in time has some minutes to answer.
func TestTicketsLive30Seconds(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	ada := w.miniProgram("ada")
	requireNoHandOff(t, w.webView().open(ada.expired()))
	v, address := w.webView(), ada.address()
	w.clock.Move(29 * time.Second)
	p := v.asked(address)
	w.clock.Move(9 * time.Minute)
	require.Contains(t, v.open(p.at).body, `id="handoff-continue"`)
	late := w.webView()
	slow := late.asked(ada.address())
	w.clock.Move(11 * time.Minute)
	requireNoHandOff(t, late.submit(slow))
	requireNoHandOff(t, v.submit(p), "reloading gives no more time")
	require.Empty(t, w.browserSessionsOf(ada.user))
}

// TestSomebodyElseIsNotReplacedUnasked: they are named on the page, and stay signed in beside the user of the
// mini-program, who then goes on without being asked again.
func TestSomebodyElseIsNotReplacedUnasked(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	ada, v := w.miniProgram("ada"), w.webView()
	v.signIn("bob", "shop")
	p := v.asked(ada.address())
	require.Contains(t, p.body, "继续使用")
	require.Contains(t, p.body, "<bdi>bob</bdi>")
	require.Equal(t, w.user("bob").ID, v.subject("shop"), "the page alone changes nothing")
	v.submit(p)
	require.Equal(t, ada.user, v.subject("shop"))
	require.Equal(t, w.user("bob").ID, v.subject("spa"))
	chooser := v.follow(v.open(w.request("shop", "prompt", "select_account")))
	require.Equal(t, 2, strings.Count(chooser.body, `name="account"`))
	v.signIn("bob", "shop", "prompt", "login")
	require.Contains(t, v.follow(v.open(w.request("shop"))).body, `name="account"`)
}

// TestEachTicketLeadsToItsUser: who comes back goes on as themselves, although somebody else was handed over since.
func TestEachTicketLeadsToItsUser(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	ada, bo, v := w.miniProgram("ada"), w.miniProgram("bo"), w.webView()
	first := ada.address()
	v.handed(first)
	v.handed(bo.address())
	require.Equal(t, bo.user, v.subject("shop"))
	for _, address := range []string{ada.address(), first} { // a new one, and swiping back to an old one
		v.open(address)
		require.Equal(t, ada.user, v.subject("shop"))
		v.open(bo.address())
		require.Equal(t, bo.user, v.subject("shop", "prompt", "none"))
	}
}

// TestAChoiceAfterAHandOffStays: who was handed over does not come before a user who was chosen since, or who is the
// one that the client hints at.
func TestAChoiceAfterAHandOffStays(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	ada, v := w.miniProgram("ada"), w.webView()
	v.signIn("bob", "shop")
	v.handed(ada.address())
	require.Contains(t, v.follow(v.open(w.request("shop", "login_hint", "bob"))).body, `name="account"`)
	v.code(v.follow(v.choose(v.follow(v.open(w.request("shop", "prompt", "select_account"))), "bob")), "shop")
	require.Contains(t, v.follow(v.open(w.request("shop"))).body, `name="account"`)
	require.Equal(t, "account_selection_required",
		v.answered(v.open(w.request("shop", "prompt", "none")), "shop").Get("error"))
	v.open(ada.address())
	v.code(v.open(w.request("shop")), "shop")
}

// TestPromptLoginIsNotMetByAHandOff: the user has not signed in again.
func TestPromptLoginIsNotMetByAHandOff(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	v := w.webView()
	asked := v.follow(v.open(w.request("shop", "prompt", "login")))
	require.Contains(t, asked.body, `name="password"`)
	v.handed(w.miniProgram("ada").address())
	require.Contains(t, v.follow(v.open("/authorize?"+strings.SplitN(asked.at, "to=authorize&", 2)[1])).body,
		`name="password"`)
	v.code(v.open(w.request("shop", "max_age", "60")), "shop")
	w.clock.Move(2 * time.Minute)
	require.Contains(t, v.follow(v.open(w.request("shop", "max_age", "60"))).body, `name="password"`)
}

// TestHandOffsDropNobodyElse: one user at many sites takes the place of no other user of the browser.
func TestHandOffsDropNobodyElse(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	ada, v := w.miniProgram("ada"), w.webView()
	v.signIn("bob", "spa")
	for n := range 7 {
		id := fmt.Sprintf("site-%d", n)
		require.NoError(t, w.database.Clients().Create(t.Context(), identity.Client{ID: id, FirstParty: true,
			Grants: []string{oauth.GrantAuthorizationCode}, RedirectURIs: []string{webCallback},
			InitiateLoginURI: shopStart, Scopes: []string{"openid"}}))
		v.handed(ada.address("audience", id))
	}
	v.code(v.open(w.request("spa")), "spa")
	require.Len(t, w.browserSessionsOf(ada.user), identity.MaxBrowserSessions-1)

	p, before := v.asked(ada.address()), v.cookies()
	v.submit(p)
	v.cookies(before...) // as if the answer had been lost
	v.submit(p)
	v.code(v.open(w.request("spa")), "spa")
}

// TestAHandedSessionEndsWithTheMiniPrograms: by a sign-out, or when its refresh token was stolen. So does what the site
// got from it.
func TestAHandedSessionEndsWithTheMiniPrograms(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"signed out", "ended"} {
		w := newHandOffs(t)
		ada, v := w.miniProgram("ada"), w.webView()
		v.handed(ada.address())
		tokens := w.redeem("shop", v.code(v.open(w.request("shop")), "shop"))
		requireTokens(t, tokens)
		between(w, ada)[name]()
		require.Contains(t, v.follow(v.open(w.request("shop"))).body, `name="password"`, name)
		requireError(t, w.token(form{"grant_type": oauth.GrantRefreshToken, "client_id": "shop",
			"client_secret": testSecret, "refresh_token": tokens.text("refresh_token")}),
			http.StatusBadRequest, "invalid_grant")
	}
}

// TestTheUserWhoIsThereIsNotAsked, whatever they signed in with.
func TestTheUserWhoIsThereIsNotAsked(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	w.update("handing", func(c *identity.Client) { c.Grants = append(c.Grants, oauth.GrantPassword) })
	a := w.token(passwordForm("alice", testPassword).with("client_id", "handing", "client_secret", "",
		"resource", w.issuer))
	require.Equal(t, http.StatusOK, a.status, a.body)
	alice, v := miniProgram{w, a.text("access_token"), "", w.user("alice").ID}, w.webView()
	v.signIn("alice", "shop")
	address := alice.address()
	require.True(t, strings.HasPrefix(v.open(address).next(), "https://shop.example.com/sign-in?"))
	require.Len(t, w.browserSessionsOf(alice.user), 1)
	w.webView().asked(address) // it was not used
	v.handed(w.miniProgram("ada").address())
	v.code(v.open(w.request("shop")), "shop")
}

// TestATicketSignsInOnce: of several browsers one gets the session, also if they come at once.
func TestATicketSignsInOnce(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	ada := w.miniProgram("ada")
	address := ada.address()
	var visitors []visitor
	var pages []page
	for range 8 {
		v := w.webView()
		visitors, pages = append(visitors, v), append(pages, v.asked(address))
	}
	results := make([]page, len(visitors))
	var group sync.WaitGroup
	for n, v := range visitors {
		group.Go(func() { results[n] = v.submit(pages[n]) })
	}
	group.Wait()
	in := 0
	for n, result := range results {
		if result.status == http.StatusOK {
			in++
			visitors[n].code(visitors[n].open(w.request("shop")), "shop")
			continue
		}
		requireNoHandOff(t, result)
		require.Contains(t, visitors[n].follow(visitors[n].open(w.request("shop"))).body, `name="password"`)
	}
	require.Equal(t, 1, in)
	require.Len(t, w.browserSessionsOf(ada.user), 1)
}

// TestALostAnswerLosesNoHandOff: a browser that posts its form again gets the same session, since its cookie proves
// that it is the same browser.
func TestALostAnswerLosesNoHandOff(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	ada, v := w.miniProgram("ada"), w.webView()
	p := v.asked(ada.address())
	own := v.cookies()
	v.submit(p)
	signedIn := v.cookies()
	v.cookies(own...) // as if the answer had been lost
	require.Contains(t, v.follow(v.open(w.request("shop"))).body, `name="password"`)
	v.submit(p)
	require.Equal(t, signedIn, v.cookies())
	v.code(v.open(w.request("shop")), "shop")
	w.clock.Move(2 * time.Hour)
	v.code(v.open(w.request("shop")), "shop")
	require.Len(t, w.browserSessionsOf(ada.user), 1)
}

// TestASessionByTicketLastsNoLonger than the mini-program's.
func TestASessionByTicketLastsNoLonger(t *testing.T) {
	t.Parallel()
	w := newHandOffs(t)
	w.update("handing", func(c *identity.Client) { c.AbsoluteTTL = time.Hour })
	ada, v := w.miniProgram("ada"), w.webView()
	w.clock.Move(50 * time.Minute)
	ada.token = w.token(form{"grant_type": oauth.GrantRefreshToken, "client_id": "handing", "resource": w.issuer,
		"refresh_token": ada.refresh}).text("access_token")
	v.handed(ada.address())
	v.code(v.open(w.request("shop")), "shop")
	w.clock.Move(11 * time.Minute)
	require.Contains(t, v.follow(v.open(w.request("shop"))).body, `name="password"`)
}
