package provider_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server"
)

const ledgerAudience = "ledger" // not a URI

// exchanges is an installation with a chain of APIs: users sign in at "shop-web" and call "orders", which calls "stock"
// and the ledger for them, which "stock" calls too.
type exchanges struct{ *env }

func newExchanges(t *testing.T, options ...option) exchanges {
	t.Helper()
	w := exchanges{newEnv(t, options...)}
	shop := confidentialClient("shop-web", oauth.GrantPassword, oauth.GrantRefreshToken, oauth.GrantWechatCode,
		oauth.GrantTokenExchange, oauth.GrantClientCredentials)
	shop.Audience, shop.WechatClaims = []string{ordersResource, testAudience}, true
	orders := confidentialClient("orders", oauth.GrantTokenExchange)
	orders.IsAudience, orders.Audience = []string{ordersResource}, []string{stockResource, ledgerAudience, w.issuer}
	orders.Scopes = []string{"openid", "profile", "api", "roles", "account", "stock.read"}
	stock := confidentialClient("stock", oauth.GrantTokenExchange)
	stock.IsAudience, stock.Audience = []string{stockResource}, []string{ledgerAudience, stockResource}
	page := publicClient("page", oauth.GrantPassword, oauth.GrantTokenExchange)
	page.FirstParty, page.Audience = true, shop.Audience
	for _, client := range []identity.Client{shop, orders, stock, page,
		confidentialClient("without-grant", oauth.GrantPassword)} {
		require.NoError(t, w.database.Clients().Create(t.Context(), client))
	}
	return w
}

// user signs alice in at shop-web.
func (w exchanges) user(pairs ...string) answer {
	w.t.Helper()
	a := w.token(passwordForm("alice", testPassword).with("client_id", "shop-web",
		"scope", "openid profile api api.write roles offline_access").with(pairs...))
	requireTokens(w.t, a)
	return a
}

// exchange exchanges a token at orders for one for stock; pairs change the form.
func (w exchanges) exchange(token string, pairs ...string) answer {
	return w.token(w.exchangeForm(token).with(pairs...))
}

func (w exchanges) exchangeForm(token string) form {
	return form{"grant_type": oauth.GrantTokenExchange, "client_id": "orders", "client_secret": testSecret,
		"subject_token": token, "subject_token_type": oauth.TokenTypeAccessToken, "resource": stockResource}
}

// ownExchange registers a client for the grant, and returns an exchange of a token of its own user.
func (w *env) ownExchange() form {
	w.update("backend", func(c *identity.Client) { c.Grants = append(c.Grants, oauth.GrantTokenExchange) })
	token := w.token(passwordForm("alice", testPassword)).text("access_token")
	return exchanges{w}.exchangeForm(token).with("client_id", "backend", "resource", testAudience)
}

// exchanged returns the access token of an exchange that must succeed.
func (w exchanges) exchanged(token string, pairs ...string) string {
	w.t.Helper()
	a := w.exchange(token, pairs...)
	requireTokens(w.t, a)
	return a.text("access_token")
}

// byStock exchanges at stock, for the ledger.
var byStock = []string{"client_id", "stock", "resource", "", "audience", ledgerAudience}

// TestTokenExchange (RFC 8693 §2): the user and the sign-in stay, and everything else is the exchanging client's.
func TestTokenExchange(t *testing.T) {
	t.Parallel()
	w := newExchanges(t)
	subject := w.user().text("access_token")
	w.touched.Reset()
	w.log.Reset()
	a := w.exchange(subject, ":Idempotency-Key", testKey)
	requireTokens(t, a)
	require.Equal(t, []string{"access_token", "expires_in", "issued_token_type", "scope", "token_type"},
		names(a.members), "no refresh token, and no ID token")
	require.Equal(t, oauth.TokenTypeAccessToken, a.text("issued_token_type"))
	require.Equal(t, "api roles", a.text("scope"))
	require.Equal(t, "at+jwt", headerOf(t, a.text("access_token"))["typ"])

	before, claims := claimsOf(t, subject), claimsOf(t, a.text("access_token"))
	require.Equal(t, []string{"act", "amr", "aud", "auth_time", "client_id", "exp", "iat", "iss", "jti", "scope", "sid",
		"sub"}, names(claims))
	for _, name := range []string{"iss", "sub", "sid", "auth_time", "amr"} {
		require.Equal(t, before[name], claims[name], name)
	}
	require.Equal(t, stockResource, claims["aud"])
	require.Equal(t, "orders", claims["client_id"])
	require.Equal(t, "api roles", claims["scope"])
	require.Equal(t, map[string]any{"sub": "orders"}, claims["act"])
	require.LessOrEqual(t, claims["exp"], before["exp"])
	require.Equal(t, a.members["expires_in"], claims["exp"].(float64)-claims["iat"].(float64))
	require.NotEqual(t, before["jti"], claims["jti"])

	sid, _ := claims["sid"].(string)
	require.Equal(t, "find "+sid+"\n", w.touched.String(), "one session is read, and none is written")
	require.Empty(t, w.eventKinds(t))
	require.NotContains(t, w.log.String(), subject)

	second := claimsOf(t, w.exchanged(a.text("access_token"), byStock...))
	require.Equal(t, ledgerAudience, second["aud"])
	require.Equal(t, "stock", second["client_id"])
	require.Equal(t, map[string]any{"sub": "stock", "act": map[string]any{"sub": "orders"}}, second["act"])
}

// TestTargetsOfAnExchange: resource and audience mean the same, and one of them may be left out together with the other
// if the client has one API only.
func TestTargetsOfAnExchange(t *testing.T) {
	t.Parallel()
	w := newExchanges(t)
	subject := w.user().text("access_token")
	for _, test := range []struct {
		pairs []string
		want  string // an audience, or an error
	}{
		{[]string{"audience", stockResource}, stockResource},
		{[]string{"resource", "", "audience", stockResource}, stockResource},
		{[]string{"resource", "", "audience", ledgerAudience}, ledgerAudience},
		{[]string{"requested_token_type", oauth.TokenTypeAccessToken}, stockResource},
		{[]string{"subject_token_type", oauth.TokenTypeJWT}, stockResource},
		{[]string{"audience", ledgerAudience}, "invalid_target"},
		{[]string{"resource", ""}, "invalid_target"},
		{[]string{"resource", ledgerAudience}, "invalid_target"},
		{[]string{"resource", stockResource + "#x"}, "invalid_target"},
		{[]string{"resource", stockResource + "/"}, "invalid_target"},
		{[]string{"resource", strings.ToUpper(stockResource)}, "invalid_target"},
		{[]string{"resource", ordersResource}, "invalid_target"},
		{[]string{"resource", "https://other.example.com"}, "invalid_target"},
		{[]string{"resource", "", "audience", "orders"}, "invalid_target"},
		{[]string{"resource", w.issuer}, "invalid_target"},
		{[]string{"resource", "", "audience", w.issuer}, "invalid_target"},
	} {
		a := w.exchange(subject, test.pairs...)
		if strings.HasPrefix(test.want, "invalid_") {
			requireError(t, a, http.StatusBadRequest, test.want)
			continue
		}
		requireTokens(t, a)
		require.Equal(t, test.want, claimsOf(t, a.text("access_token"))["aud"])
	}
	w.update("orders", func(c *identity.Client) { c.Audience = []string{w.issuer, ledgerAudience} })
	require.Equal(t, ledgerAudience, claimsOf(t, w.exchanged(subject, "resource", ""))["aud"], "the only API")
	w.update("orders", func(c *identity.Client) { c.Audience = nil })
	requireError(t, w.exchange(subject, "resource", ""), http.StatusBadRequest, "invalid_target")
}

// TestScopesOfAnExchange are never more than the subject token's, nor than the exchanging client's, nor any that this
// server serves.
func TestScopesOfAnExchange(t *testing.T) {
	t.Parallel()
	w := newExchanges(t)
	for _, test := range []struct{ subject, requested, want string }{
		{"openid profile api api.write roles offline_access", "", "api roles"},
		{"openid profile api api.write roles", "api", "api"},
		{"openid api roles", "roles openid", "roles"},
		{"openid", "", ""},
		{"openid api", "api.write", "invalid_scope"},
		{"api api.write", "api.write", "invalid_scope"}, // orders is not registered for it
		{"api", "stock.read", "invalid_scope"},          // the subject token does not have it
		{"api", "api stock.read", "invalid_scope"},      // nor for a part of it
		{"api", "account", "invalid_scope"},             // served here
		{"openid api", "openid", "invalid_scope"},       // there is no ID token
		{"api offline_access", "offline_access", "invalid_scope"},
		{"api", `api "`, "invalid_scope"},
	} {
		a := w.exchange(w.user("scope", test.subject).text("access_token"), "scope", test.requested)
		if test.want == "invalid_scope" {
			requireError(t, a, http.StatusBadRequest, "invalid_scope")
			continue
		}
		requireTokens(t, a)
		require.Equal(t, test.want, a.members["scope"], "%q of %q", test.requested, test.subject)
		scope, _ := claimsOf(t, a.text("access_token"))["scope"].(string)
		require.Equal(t, test.want, scope)
	}
	served := w.resigned(w.user().text("access_token"), map[string]any{"scope": "api account"}) // of an older server
	require.Equal(t, "api", w.exchange(served).text("scope"))
	narrow := w.exchanged(w.user().text("access_token"), "scope", "api")
	requireError(t, w.exchange(narrow, append(byStock, "scope", "roles")...), http.StatusBadRequest, "invalid_scope")
}

// TestClaimsOfAnExchange: roles need their scope in both tokens, and WeChat's ids the exchanging client's record.
func TestClaimsOfAnExchange(t *testing.T) {
	t.Parallel()
	w := newExchanges(t)
	first := w.signIn("ada", "client_id", "shop-web", "client_secret", testSecret, "appid", testApp,
		"scope", "openid api roles")
	subject := claimsOf(t, first.text("access_token"))
	require.NotNil(t, subject["wechat"])
	id, _ := subject["sub"].(string)
	require.NoError(t, w.database.Entitlements().GrantRole(t.Context(), id, "buyer"))
	claims := claimsOf(t, w.exchanged(first.text("access_token")))
	require.Equal(t, []any{"buyer"}, claims["roles"])
	require.NotContains(t, claims, "wechat")
	require.NotContains(t, claimsOf(t, w.exchanged(first.text("access_token"), "scope", "api")), "roles")
	w.update("orders", func(c *identity.Client) { c.WechatClaims = true })
	require.Equal(t, subject["wechat"], claimsOf(t, w.exchanged(first.text("access_token")))["wechat"])
}

// TestAChainOfExchangesEnds: a token has four actors at most, whether they differ or not, and no exchange adds a second
// to its life.
func TestAChainOfExchangesEnds(t *testing.T) {
	t.Parallel()
	w := newExchanges(t)
	w.update("stock", func(c *identity.Client) { c.AccessTTL = 24 * time.Hour })
	subject := w.user().text("access_token")
	end := claimsOf(t, subject)["exp"]
	w.clock.Move(59*time.Minute + 55*time.Second)
	token := w.exchanged(subject)
	depth := func(token string) int {
		n := 0
		for act, ok := claimsOf(t, token)["act"].(map[string]any); ok; act, ok = act["act"].(map[string]any) {
			n++
		}
		return n
	}
	for n := 1; n <= 4; n++ {
		require.Equal(t, n, depth(token))
		require.Equal(t, end, claimsOf(t, token)["exp"])
		if n < 4 {
			w.clock.Move(time.Second)
			token = w.exchanged(token, "client_id", "stock", "resource", stockResource)
		}
	}
	a := w.exchange(token, byStock...)
	requireError(t, a, http.StatusBadRequest, "invalid_request")
	require.Contains(t, a.text("error_description"), "four actors")
	requireTokens(t, w.exchange(subject))
	w.clock.Move(2 * time.Second)
	requireError(t, w.exchange(subject), http.StatusBadRequest, "invalid_request")
}

// earlySessions are those of a store whose clock is ahead of the server's.
type earlySessions struct {
	identity.Sessions
	ahead time.Duration
}

func (s earlySessions) Find(ctx context.Context, id string) (identity.Session, time.Time, error) {
	session, now, err := s.Sessions.Find(ctx, id)
	return session, now.Add(s.ahead), err
}

// TestAnExchangeByTheStoresClock: what has expired by it has no life left to give, even if the server's is behind.
func TestAnExchangeByTheStoresClock(t *testing.T) {
	t.Parallel()
	for ahead, status := range map[time.Duration]int{59 * time.Minute: http.StatusOK,
		time.Hour: http.StatusBadRequest} {
		w := newExchanges(t, func(s *settings) {
			s.stores = func(stores *server.Stores) { stores.Sessions = earlySessions{stores.Sessions, ahead} }
		})
		subject := w.user().text("access_token")
		a := w.exchange(subject)
		require.Equal(t, status, a.status, a.body)
		if status == http.StatusOK {
			require.Equal(t, claimsOf(t, subject)["exp"], claimsOf(t, a.text("access_token"))["exp"])
		}
	}
}

// TestLifeOfAnExchange is the client's own setting if that is shorter.
func TestLifeOfAnExchange(t *testing.T) {
	t.Parallel()
	w := newExchanges(t)
	w.update("orders", func(c *identity.Client) { c.AccessTTL = time.Minute })
	require.InDelta(t, 60, w.exchange(w.user().text("access_token")).members["expires_in"], 0)
}

// TestAnExchangeOfOnesOwnToken may narrow it, but reaches nothing that a refresh would not.
func TestAnExchangeOfOnesOwnToken(t *testing.T) {
	t.Parallel()
	w := newExchanges(t)
	own := []string{"client_id", "shop-web", "resource", testAudience}
	require.Equal(t, testAudience, claimsOf(t, w.exchanged(w.user().text("access_token"), own...))["aud"])
	limited := w.user("resource", ordersResource).text("access_token")
	requireError(t, w.exchange(limited, own...), http.StatusBadRequest, "invalid_target")
	claims := claimsOf(t, w.exchanged(limited, "client_id", "shop-web", "resource", ordersResource, "scope", "api"))
	require.Equal(t, ordersResource, claims["aud"])
	require.Equal(t, map[string]any{"sub": "shop-web"}, claims["act"])
	requireError(t, w.exchange(w.exchanged(limited), own...), http.StatusBadRequest, "invalid_request")
}
