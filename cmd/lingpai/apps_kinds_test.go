package main

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

func TestAppsAreOfAKindAndAPlatform(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	for id, kind := range map[string]string{"wx1111111111111111": "mobile-app",
		"wx2222222222222222": "official-account", "wx3333333333333333": "website"} {
		o.okWith(realSecret, "apps", "add", id, "--kind", kind)
	}
	o.okWith("QQ's-secrets-look-otherwise", "apps", "add", "1112345678")
	o.okWith(realSecret, "apps", "add", appID)
	var shown [][2]any
	for _, row := range o.listed("apps", "list") {
		shown = append(shown, [2]any{row["platform"], row["kind"]})
	}
	require.Equal(t, [][2]any{
		{"qq", "mini-program"}, {"wechat", "mini-program"}, {"wechat", "mobile-app"},
		{"wechat", "official-account"}, {"wechat", "website"},
	}, shown)
	require.Contains(t, o.ok("apps", "list"), "official-account")

	o.okWith("another", "apps", "rotate-secret", "1112345678")
	require.Contains(t, o.ok("apps", "set-open-platform", "1112345678", "qq's"), "1112345678 belongs to")
	require.Equal(t, "qq's", o.listed("apps", "list")[0]["open_platform"])
	require.Contains(t, o.okWith("", "apps", "add", "--help"), "mini-program, mobile-app, official-account, website")
}

func TestAnAppOfNoKindIsRefused(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	require.Contains(t, o.refusedWith(realSecret, "apps", "add", appID, "--kind", "game"),
		`--kind: there is no kind "game"; use one of mini-program, mobile-app`)
	require.Contains(t, o.refusedWith(realSecret, "apps", "add", "1112345678", "--kind", "website"),
		"only QQ apps of kind mini-program")
	for _, id := range []string{"12345", "123456789012345678901", "1112345678 ", "wx1112345678",
		"WX0123456789ABCDEF", "１１１２３４５６７８"} {
		require.Contains(t, o.refusedWith(realSecret, "apps", "add", id), "is not an AppID", id)
	}
	for _, args := range [][]string{{"1112345678", "--phone-budget", "5"}, {appID, "--kind", "website",
		"--phone-budget", "-1"}} {
		require.Contains(t, o.refusedWith(realSecret, append([]string{"apps", "add"}, args...)...),
			"only WeChat mini-programs provide phone numbers")
	}
	require.Contains(t, o.refusedWith(realSecret, "apps", "add", appID, "--phone-budget", "-2"),
		"--phone-budget: must be a number")
	require.Empty(t, o.listed("apps", "list"))
}

func TestPhoneBudgetsAreSetAndShown(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith(realSecret, "apps", "add", appID, "--phone-budget", "1000")
	o.okWith(realSecret, "apps", "add", "wx1111111111111111")
	budgets := func() (shown []any) {
		for _, row := range o.listed("apps", "list") {
			shown = append(shown, row["phone_numbers"].(map[string]any)["budget"])
		}
		return shown
	}
	require.Equal(t, []any{1000.0, 0.0}, budgets())
	database, err := sql.Open(context.Background(), sql.Options{URL: "sqlite:" + filepath.Join(o.folder, "lingpai.db")})
	require.NoError(t, err)
	for range 12 {
		ok, err := database.Apps().SpendPhone(context.Background(), identity.PlatformWechat, appID)
		require.NoError(t, err)
		require.True(t, ok)
	}
	require.NoError(t, database.Close())
	require.Contains(t, o.ok("apps", "list"), " 12/1000 ")
	require.Equal(t, 12.0, o.listed("apps", "list")[0]["phone_numbers"].(map[string]any)["used"])

	require.Contains(t, o.ok("apps", "set-phone-budget", appID, "-1"),
		"may request any number of phone numbers per month")
	require.Contains(t, o.ok("apps", "list"), " 12/no limit ")
	for _, flag := range []string{"--no-limit", "--no-bound"} { // the latter is the former name
		require.Contains(t, o.ok("apps", "set-phone-budget", appID, flag), "may request any number of")
	}
	help := o.ok("apps", "set-phone-budget", "--help")
	require.Contains(t, help, "-1, --no-limit ")
	require.NotContains(t, help, "no-bound")
	require.Contains(t, o.ok("apps", "set-phone-budget", appID, "0"), "may request no phone numbers per month")
	require.Contains(t, o.ok("apps", "list"), " 12/0 ")
	require.Contains(t, o.ok("apps", "set-phone-budget", "wx1111111111111111", "7"),
		"may request 7 phone numbers per month")
	require.Equal(t, []any{0.0, 7.0}, budgets())
	for _, n := range []string{"-2", "many", "1.5", "", "99999999999"} {
		o.refused("apps", "set-phone-budget", appID, n)
	}
	require.Contains(t, o.refused("apps", "set-phone-budget", appID), "usage: lingpai apps set-phone-budget APPID N")
	require.Contains(t, o.refused("apps", "set-phone-budget", appID, "5", "-1"), "give one number of phone numbers")
	require.Contains(t, o.refused("apps", "set-phone-budget", "wx2222222222222222", "5"), "there is no app")
	o.okWith("secret", "apps", "add", "1112345678")
	require.Contains(t, o.refused("apps", "set-phone-budget", "1112345678", "5"), "only WeChat mini-programs")
	require.Equal(t, []any{0.0, 0.0, 7.0}, budgets())
}

func TestAppsTestAsksByTheAppsKindAndPlatform(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	simulator := o.simulates()
	o = o.with("LINGPAI_WECHAT_BASE_URL="+simulator, "LINGPAI_QQ_BASE_URL="+simulator+"/qq")
	o.okWith(simSecret, "apps", "add", "1112345678")
	require.Contains(t, o.refused("apps", "test", "1112345678"), "there is no such AppID")
	_, err := post(t.Context(), simulator+"/qq/_sim/apps", "application/json", `{"appid":"1112345678","secret":"`+
		simSecret+`"}`)
	require.NoError(t, err)
	require.Contains(t, o.ok("apps", "test", "1112345678"), "1112345678 works")
	require.Contains(t, o.refused("apps", "test", "1112345679"), `there is no app "1112345679"`)
	o.okWith(simSecret, "apps", "add", appID, "--kind", "website")
	require.Contains(t, o.ok("apps", "test", appID), appID+" works")
}
