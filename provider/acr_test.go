package provider_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server"
	serversettings "github.com/lingpai/lingpai/server/settings"
)

const (
	passwordClass = "urn:example:password"
	wechatClass   = "urn:example:wechat"
)

// withClasses sets the values of acr: one for passwords and one for WeChat, but none for QQ.
func withClasses(s *settings) {
	s.also(func(c *serversettings.Settings) {
		c.ContextClasses = identity.ContextClasses{identity.MethodPassword: passwordClass,
			identity.PlatformWechat: wechatClass}
	})
}

// TestTokensHaveTheACROfTheSignIn (OpenID Connect Core §2, RFC 9068 §2.2.1), also after a refresh.
func TestTokensHaveTheACROfTheSignIn(t *testing.T) {
	t.Parallel()
	w := newDevices(t, withClasses)
	d := w.device("tv")
	w.visitor().approve(d, "alice")
	backend := []string{"client_id", "backend", "client_secret", testSecret}
	for name, c := range map[string]struct {
		first  answer
		client []string
		want   any
	}{
		"by password in a browser": {w.redeem("shop", w.visitor().codeFor("alice", "shop")),
			[]string{"client_id", "shop", "client_secret", testSecret}, passwordClass},
		"by password": {w.token(passwordForm("alice", testPassword).with("scope", "openid offline_access")), backend,
			passwordClass},
		"with a device": {d.poll(), []string{"client_id", "tv"}, passwordClass},
		"by WeChat": {w.token(w.wechatCode("alice").with(backend...).with("appid", testApp, "scope", "openid api")),
			backend, wechatClass},
		"by QQ, which has none": {w.token(w.qqForm("alice").with("scope", "openid")),
			[]string{"client_id", "public-" + qqApp}, nil},
	} {
		requireTokens(t, c.first)
		again := w.token(refreshForm(c.first.text("refresh_token")).with("scope", "openid").with(c.client...))
		requireTokens(t, again)
		for _, a := range []answer{c.first, again} {
			require.Equal(t, c.want, claimsOf(t, a.text("id_token"))["acr"], name)
			require.Equal(t, c.want, claimsOf(t, a.text("access_token"))["acr"], name)
		}
		if len(c.client) == 4 { // it can authenticate
			require.Equal(t, c.want, w.introspect(again.text("access_token"), c.client...).members["acr"], name)
			require.Equal(t, c.want, w.introspect(again.text("refresh_token"), c.client...).members["acr"], name)
		}
	}
	own := w.token(serviceForm())
	requireTokens(t, own)
	require.NotContains(t, claimsOf(t, own.text("access_token")), "acr", "nobody has signed in")
}

// TestMetadataListsTheACRs in both documents, each once.
func TestMetadataListsTheACRs(t *testing.T) {
	t.Parallel()
	same := func(s *settings) {
		s.also(func(c *serversettings.Settings) {
			c.ContextClasses = identity.ContextClasses{identity.MethodPassword: "1", identity.PlatformWechat: "1"}
		})
	}
	for _, c := range []struct {
		configure option
		want      any
	}{{func(*settings) {}, nil}, {withClasses, []any{passwordClass, wechatClass}}, {same, []any{"1"}}} {
		w := newEnv(t, c.configure)
		for _, path := range documentPaths()[:2] {
			a := w.get(path, nil)
			require.Equal(t, c.want, a.members["acr_values_supported"], path)
			claims, ok := a.members["claims_supported"].([]any)
			require.True(t, ok)
			if c.want == nil {
				require.NotContains(t, claims, "acr")
				require.NotContains(t, a.members, "acr_values_supported", "null is no list")
			} else {
				require.Contains(t, claims, "acr")
			}
		}
	}
}

// acr returns the pairs by which a request asks for an acr.
func acr(how string) []string { return []string{"claims", `{"id_token":{"acr":` + how + `}}`} }

// TestVoluntaryACR: the answer comes whatever is wished for, with the acr of the sign-in, or without one.
func TestVoluntaryACR(t *testing.T) {
	t.Parallel()
	for want, configure := range map[any]option{nil: func(*settings) {}, passwordClass: withClasses} {
		w := newWeb(t, configure)
		v := w.visitor()
		v.signIn("alice", "shop")
		for _, pairs := range [][]string{
			{"acr_values", "urn:mace:incommon:iap:silver phr"}, {"acr_values", wechatClass},
			{"acr_values", passwordClass},
			acr(`{"values":["phr"]}`), acr(`{"value":"` + wechatClass + `"}`), acr(`{"essential":true}`), acr(`null`),
		} {
			a := w.redeem("shop", v.code(v.open(w.request("shop", append(pairs, "prompt", "none")...)), "shop"))
			requireTokens(t, a)
			require.Equal(t, want, claimsOf(t, a.text("id_token"))["acr"], pairs)
		}
	}
}

// TestRequiredACR: a sign-in that has it is good enough.
func TestRequiredACR(t *testing.T) {
	t.Parallel()
	w := newWeb(t, withClasses)
	v := w.visitor()
	required := acr(`{"essential":true,"values":["phr","` + passwordClass + `"]}`)
	first := v.codeFor("alice", "shop", required...)
	silent := v.code(v.open(w.request("shop", append(required, "prompt", "none")...)), "shop")
	pushed := v.code(v.open(w.push("shop", required...)), "shop")
	for _, code := range []string{first, silent, pushed} {
		require.Equal(t, passwordClass, claimsOf(t, w.redeem("shop", code).text("id_token"))["acr"])
	}
}

// TestUnattainableACR: nobody signs in for nothing (OpenID Connect Core §5.5.1.1).
func TestUnattainableACR(t *testing.T) {
	t.Parallel()
	for _, configure := range []option{func(*settings) {}, withClasses} {
		w := newWeb(t, configure)
		v := w.visitor()
		required := acr(`{"essential":true,"value":"` + wechatClass + `"}`)
		silently := append([]string{"prompt", "none"}, required...)
		for _, signedIn := range []bool{false, true} {
			if signedIn { // makes no difference
				v.signIn("alice", "shop")
			}
			for _, pairs := range [][]string{required, silently} {
				back := v.answered(v.open(w.request("shop", pairs...)), "shop")
				require.Equal(t, "unmet_authentication_requirements", back.Get("error"))
				require.Equal(t, "the state", back.Get("state"))
			}
		}
		p := v.open(w.request("partner", required...))
		require.Equal(t, http.StatusBadRequest, p.status)
		require.Contains(t, p.body, "unmet_authentication_requirements", "on a page that leads back")
		requireError(t, w.pushed("shop", required...), http.StatusBadRequest, "unmet_authentication_requirements")
	}
}

// byWechat makes the first session of a browser one that WeChat has signed in.
type byWechat struct {
	identity.BrowserSessions
	opened atomic.Bool
}

func (s *byWechat) Open(ctx context.Context, session identity.BrowserSession, lifetimes identity.Lifetimes,
	replaced string) (identity.BrowserSession, error) {
	if !s.opened.Swap(true) {
		session.Method = identity.PlatformWechat
	}
	return s.BrowserSessions.Open(ctx, session, lifetimes, replaced)
}

// TestAnotherACRIsRequired than that of the sign-in: the user signs in again.
func TestAnotherACRIsRequired(t *testing.T) {
	t.Parallel()
	w := newWeb(t, withClasses, func(s *settings) {
		s.stores = func(stores *server.Stores) { stores.Browsers = &byWechat{BrowserSessions: stores.Browsers} }
	})
	v := w.visitor()
	a := w.redeem("shop", v.codeFor("alice", "shop"))
	require.Equal(t, wechatClass, claimsOf(t, a.text("id_token"))["acr"])
	required := acr(`{"essential":true,"value":"` + passwordClass + `"}`)
	silent := w.request("shop", append(required, "prompt", "none")...)
	require.Equal(t, "login_required", v.answered(v.open(silent), "shop").Get("error"))
	p := v.follow(v.open(w.request("shop", required...)))
	require.Contains(t, p.body, `value="alice"`, "it is known who must sign in again")
	a = w.redeem("shop", v.code(v.enter(p, "alice"), "shop"))
	require.Equal(t, passwordClass, claimsOf(t, a.text("id_token"))["acr"])
	v.code(v.open(silent), "shop")
}
