package clients_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/wechat/qq/qqtest"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

func TestCheckAppNamesTheField(t *testing.T) {
	for _, app := range registered() {
		require.NoError(t, clients.CheckApp(app))
	}
	for name, test := range map[string]struct {
		spoil func(a *identity.App)
		want  []clients.FieldError
	}{
		"no AppID": {func(a *identity.App) { a.ID = "wx1" },
			fields("appid", `"wx1" is not an AppID: WeChat's are wx and 16 lowercase hexadecimal digits`)},
		"another platform's AppID": {func(a *identity.App) { a.Platform = identity.PlatformQQ },
			fields("appid", appID)},
		"unknown kind": {func(a *identity.App) { a.Kind = "game" },
			fields("kind", `there is no kind "game"; use one of mini-program, `)},
		"QQ's website": {func(a *identity.App) {
			a.Platform, a.ID, a.Kind = identity.PlatformQQ, qqID, identity.KindWebsite
		}, fields("kind", "only QQ apps of kind mini-program can be added")},
		"negative budget": {func(a *identity.App) { a.PhoneBudget = -2 },
			fields("phone_budget", "must be a number of phone numbers, 0 for none, or -1 for no limit")},
		"budget of a website": {func(a *identity.App) { a.Kind, a.PhoneBudget = identity.KindWebsite, 1 },
			fields("phone_budget", "this app cannot have a phone budget")},
		"budget at QQ": {func(a *identity.App) {
			a.Platform, a.ID, a.PhoneBudget = identity.PlatformQQ, qqID, -1
		}, fields("phone_budget", "this app cannot have a phone budget")},
	} {
		app := registered()[0]
		test.spoil(&app)
		requireFields(t, test.want, clients.CheckApp(app), name)
	}
	bounded := registered()[0]
	bounded.PhoneBudget = -1
	require.NoError(t, clients.CheckPhoneBudget(bounded))
	bounded.Kind = identity.KindWebsite
	requireFields(t, fields("phone_budget", "cannot have"), clients.CheckPhoneBudget(bounded), "")
}

func TestPlatformOf(t *testing.T) {
	require.Equal(t, identity.PlatformWechat, clients.PlatformOf(appID))
	require.Equal(t, identity.PlatformQQ, clients.PlatformOf(qqID))
	require.Equal(t, identity.PlatformWechat, clients.PlatformOf("nobody's"))
	require.True(t, clients.ValidAppID(identity.PlatformWechat, appID))
	require.False(t, clients.ValidAppID(identity.PlatformQQ, appID))
	require.False(t, clients.ValidAppID(identity.PlatformWechat, qqID))
}

func TestParseAppSecret(t *testing.T) {
	secret, err := clients.ParseAppSecret(" 0123456789abcdef0123456789abcdef\t\n")
	require.NoError(t, err)
	require.Equal(t, "0123456789abcdef0123456789abcdef", secret.Reveal())
	require.True(t, clients.UsualAppSecret(identity.PlatformWechat, secret))
	for _, text := range []string{"", "  ", "two words", "geheimniß", "a\x00b"} {
		_, err := clients.ParseAppSecret(text)
		var wrong clients.FieldError
		require.ErrorAs(t, err, &wrong, text)
		require.Equal(t, "secret", wrong.Field)
		if strings.TrimSpace(text) != "" {
			require.NotContains(t, err.Error(), text)
		}
	}
	require.False(t, clients.UsualAppSecret(identity.PlatformWechat, "0123"))
	require.False(t, clients.UsualAppSecret(identity.PlatformWechat, "0123456789ABCDEF0123456789ABCDEF"))
	require.True(t, clients.UsualAppSecret(identity.PlatformQQ, "0123"), "the form of QQ's secrets is unknown")
	require.True(t, clients.UsualAppSecret(identity.PlatformWechat, clients.SimulatorSecretPrefix+"x"))
	require.Equal(t, wechattest.SecretPrefix, clients.SimulatorSecretPrefix)
	require.Equal(t, qqtest.SecretPrefix, clients.SimulatorSecretPrefix)
}
