package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func TestEveryFlagOfAClientIsChecked(t *testing.T) {
	good := func() identity.Client {
		return identity.Client{
			ID: "shop", Grants: []string{"wechat_code", "refresh_token"}, Apps: []string{appID},
			Audience: []string{audience},
			Scopes:   []string{"openid"}, DefaultScopes: []string{"openid"},
			Origins: []string{"https://shop.example.com"},
		}
	}
	const website = "wx00000000000000bb"
	apps := []identity.App{{ID: appID}, {ID: website, Kind: identity.KindWebsite}}
	require.Empty(t, clientFaults(good(), apps))
	require.Empty(t, clientFaults(identity.Client{ID: "service", Confidential: true,
		Grants: []string{"client_credentials"}, Audience: []string{audience}}, nil),
		"a client that acts for itself needs no app")
	require.Empty(t, clientFaults(identity.Client{
		ID: "back-end", Confidential: true, Grants: []string{"client_credentials"}, Apps: []string{appID},
		Audience: []string{audience}, Scopes: []string{"api", "wechat.app_token"},
	}, apps))
	for name, test := range map[string]struct {
		spoil func(c *identity.Client)
		want  string
	}{
		"id with a space": {func(c *identity.Client) { c.ID = "my shop" }, "CLIENT_ID: "},
		"id of a user":    {func(c *identity.Client) { c.ID = "u_x" }, "CLIENT_ID: "},
		"no grant": {func(c *identity.Client) { c.Grants = nil },
			"--grant: name wechat_code, qq_code or password"},
		"only refreshes": {func(c *identity.Client) { c.Grants = []string{"refresh_token"} },
			"refresh_token alone gets no token"},
		"public, for itself": {func(c *identity.Client) { c.Grants = append(c.Grants, "client_credentials") },
			"--grant client_credentials is not for a --public client"},
		"refreshes for itself": {func(c *identity.Client) {
			c.Grants = []string{"client_credentials",
				"refresh_token"}
		}, "refresh_token alone gets no token"},
		"unknown grant": {func(c *identity.Client) { c.Grants = append(c.Grants, "implicit") },
			`--grant: there is no grant "implicit"`},
		"grants in one flag": {func(c *identity.Client) { c.Grants = []string{"wechat_code,password"} },
			"per --grant"},
		"third party, password": {func(c *identity.Client) { c.Grants = []string{"password"} },
			"--grant password needs --first-party"},
		"wechat_code, no app": {func(c *identity.Client) { c.Apps = nil }, "--grant wechat_code needs --app"},
		"qq_code, WeChat's app": {func(c *identity.Client) { c.Grants = append(c.Grants, "qq_code") },
			"--grant qq_code needs --app"},
		"account, third party": {func(c *identity.Client) { c.Scopes = append(c.Scopes, "account") },
			"--scope account needs --first-party"},
		"browser codes, public": {func(c *identity.Client) { c.Apps = append(c.Apps, website) },
			"--app " + website + " is not for a --public client"},
		"unknown app": {func(c *identity.Client) { c.Apps = []string{"wx9"} },
			`--app: there is no app "wx9"; add it with: lingpai apps add wx9`},
		"no audience":           {func(c *identity.Client) { c.Audience = nil }, "--audience: "},
		"empty audience":        {func(c *identity.Client) { c.Audience = []string{""} }, "--audience: "},
		"audience with a space": {func(c *identity.Client) { c.Audience = []string{"a b"} }, "--audience: "},
		"scopes in one flag":    {func(c *identity.Client) { c.Scopes = []string{"openid", "a b"} }, "--scope: "},
		"empty scope":           {func(c *identity.Client) { c.Scopes = []string{"openid", ""} }, "--scope: "},
		"scope with a quote":    {func(c *identity.Client) { c.Scopes = []string{"openid", `a"`} }, "--scope: "},
		"default without scope": {func(c *identity.Client) { c.DefaultScopes = []string{"api"} },
			`--default-scope: "api" is not among`},
		"app token, public": {func(c *identity.Client) { c.Scopes = append(c.Scopes, "wechat.app_token") },
			"--scope wechat.app_token is not for a --public client"},
		"app token, by users": {func(c *identity.Client) {
			c.Confidential, c.Scopes = true,
				append(c.Scopes, "wechat.app_token")
		}, "--scope wechat.app_token needs --grant client_credentials"},
		"app token, no app": {func(c *identity.Client) {
			c.Apps, c.Scopes = nil,
				append(c.Scopes, "wechat.app_token")
		}, "--scope wechat.app_token needs --app"},
		"app token by default": {func(
			c *identity.Client) {
			c.Scopes = []string{"wechat.app_token"}
			c.DefaultScopes = c.Scopes
		}, "--default-scope wechat.app_token"},
		"short access tokens":    {func(c *identity.Client) { c.AccessTTL = time.Millisecond }, "--access-ttl: 1ms"},
		"long access tokens":     {func(c *identity.Client) { c.AccessTTL = 25 * time.Hour }, "--access-ttl: 25h"},
		"negative idle time":     {func(c *identity.Client) { c.IdleTTL = -time.Hour }, "--idle-ttl: "},
		"long absolute lifetime": {func(c *identity.Client) { c.AbsoluteTTL = 90000 * time.Hour }, "--absolute-ttl: "},
	} {
		client := good()
		test.spoil(&client)
		faults := clientFaults(client, apps)
		require.NotEmpty(t, faults, name)
		require.ErrorContains(t, errors.Join(faults...), test.want, name)
	}
}

func TestAnOriginIsWhatABrowserSends(t *testing.T) {
	for _, origin := range []string{"https://shop.example.com", "http://localhost:3000",
		"https://shop.example.com:8443", "http://[::1]:3000"} {
		require.True(t, validOrigin(origin), origin)
	}
	for _, origin := range []string{
		"", "*", "null", "shop.example.com", "https://", "https://*.example.com", "https://shop.example.com/",
		"https://Shop.example.com", "HTTPS://shop.example.com",
		"https://shop.example.com:443", "http://shop.example.com:80", "https://shop.example.com:",
		"https://u@shop.example.com", "https://shop.example.com?x", "ftp://shop.example.com",
	} {
		require.False(t, validOrigin(origin), origin)
	}
}

func TestAllFaultsOfAClientAreToldAtOnceAndNothingIsCreated(t *testing.T) {
	o := migrated(t)
	message := o.refused("clients", "create", "my shop", "--grant", "implicit", "--app", appID, "--origin", "*",
		"--access-ttl", "1ms")
	for _, text := range []string{"CLIENT_ID: ", "--grant: ", "--app: ", "--audience: ", "--origin: ",
		"--access-ttl: "} {
		require.Contains(t, message, text)
	}
	require.Empty(t, o.listed("clients", "list"))
}

func TestPublicClientsOfOneAppThatDifferAreWarnedOf(t *testing.T) {
	o := migrated(t)
	o.okWith(realSecret, "apps", "add", appID)
	create := func(id string, more ...string) string {
		a := o.types("", append([]string{"clients", "create", id, "--grant", "wechat_code", "--app", appID,
			"--audience", audience}, more...)...)
		require.Zero(t, a.code, a.stderr)
		return a.stderr
	}
	require.Empty(t, create("one", "--public", "--scope", "openid", "--scope", "api"))
	require.Empty(t, create("two", "--public", "--scope", "api", "--scope", "openid"), "the order says nothing")
	require.Empty(t, create("three", "--scope", "admin"), "a confidential client proves who it is")
	warning := create("four", "--public", "--scope", "admin")
	require.Equal(t, 2, strings.Count(warning, "warning: "))
	require.Contains(t, warning, "one is a public client of the same app")
	o.ok("clients", "disable", "one")
	o.ok("clients", "disable", "two")
	require.Contains(t, create("five", "--public", "--scope", "admin", "--wechat-claims"), "four")
	o.okWith(simSecret, "apps", "add", "wx1111111111111111")
	o.ok("clients", "create", "six", "--public", "--grant", "wechat_code", "--app", "wx1111111111111111",
		"--audience", audience)
}
