package provider_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	serversettings "github.com/lingpai/lingpai/server/settings"
)

const (
	passwordClass = "urn:example:password"
	wechatClass   = "urn:example:wechat"
)

// withClasses sets the values of acr: one for passwords and one for WeChat, but none for QQ.
func withClasses(s *settings) {
	s.configure = func(c *serversettings.Settings) {
		c.ContextClasses = identity.ContextClasses{identity.MethodPassword: passwordClass,
			identity.PlatformWechat: wechatClass}
	}
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
		s.configure = func(c *serversettings.Settings) {
			c.ContextClasses = identity.ContextClasses{identity.MethodPassword: "1", identity.PlatformWechat: "1"}
		}
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
