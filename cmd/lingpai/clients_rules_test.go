package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
)

const website = "wx00000000000000bb"

func goodClient() identity.Client {
	return identity.Client{
		ID: "shop", Grants: []string{"wechat_code", "refresh_token"}, Apps: []string{appID},
		Audience: []string{audience},
		Scopes:   []string{"openid"}, DefaultScopes: []string{"openid"},
		Origins: []string{"https://shop.example.com"},
	}
}

func appsOfClients() []identity.App {
	return []identity.App{{ID: appID}, {ID: website, Kind: identity.KindWebsite}}
}

func TestValidClientsAreAccepted(t *testing.T) {
	t.Parallel()
	require.Empty(t, terminal.ClientProblems(goodClient(), appsOfClients()))
	require.Empty(t, terminal.ClientProblems(identity.Client{ID: "service", Confidential: true,
		Grants: []string{"client_credentials"}, Audience: []string{audience}}, nil),
		"a client that acts for itself needs no app")
	require.Empty(t, terminal.ClientProblems(identity.Client{
		ID: "back-end", Confidential: true, Grants: []string{"client_credentials"}, Apps: []string{appID},
		Audience: []string{audience}, Scopes: []string{"api", "wechat.app_token"},
	}, appsOfClients()))
}

// spoilt is a valid client with one flag changed, and the expected error.
type spoilt map[string]struct {
	spoil func(c *identity.Client)
	want  string
}

func (tests spoilt) check(t *testing.T) {
	t.Helper()
	for name, test := range tests {
		client := goodClient()
		test.spoil(&client)
		faults := terminal.ClientProblems(client, appsOfClients())
		require.NotEmpty(t, faults, name)
		require.ErrorContains(t, errors.Join(faults...), test.want, name)
	}
}

func TestEveryFlagOfAClientIsChecked(t *testing.T) {
	t.Parallel()
	spoilt{
		"id with a space": {func(c *identity.Client) { c.ID = "my shop" }, "CLIENT_ID: "},
		"id of a user":    {func(c *identity.Client) { c.ID = "u_x" }, "CLIENT_ID: "},
		"no grant": {func(c *identity.Client) { c.Grants = nil },
			"--grant: use authorization_code, wechat_code, qq_code, password or urn:ietf"},
		"only refreshes": {func(c *identity.Client) { c.Grants = []string{"refresh_token"} },
			"refresh_token alone gets no token"},
		"public, for itself": {func(c *identity.Client) { c.Grants = append(c.Grants, "client_credentials") },
			"--grant: client_credentials is not for a public client"},
		"refreshes for itself": {func(c *identity.Client) {
			c.Grants = []string{"client_credentials",
				"refresh_token"}
		}, "refresh_token alone gets no token"},
		"unknown grant": {func(c *identity.Client) { c.Grants = append(c.Grants, "implicit") },
			`--grant: there is no grant "implicit"`},
		"grants in one flag": {func(c *identity.Client) { c.Grants = []string{"wechat_code,password"} },
			"each as its own value"},
		"third party, password": {func(c *identity.Client) { c.Grants = []string{"password"} },
			"--grant: password needs a first-party client"},
		"wechat_code, no app": {func(c *identity.Client) { c.Apps = nil }, "--grant: wechat_code needs an app"},
		"qq_code, WeChat's app": {func(c *identity.Client) { c.Grants = append(c.Grants, "qq_code") },
			"--grant: qq_code needs an app"},
		"account, third party": {func(c *identity.Client) { c.Scopes = append(c.Scopes, "account") },
			"--scope: account needs a first-party client"},
		"browser codes, public": {func(c *identity.Client) { c.Apps = append(c.Apps, website) },
			"--app: " + website + " is not for a public client"},
		"unknown app": {func(c *identity.Client) { c.Apps = []string{"wx9"} },
			`--app: there is no app "wx9"; add it with: lingpai apps add wx9`},
	}.check(t)
}

func TestFlagsOfAudienceScopesAndLivesAreChecked(t *testing.T) {
	t.Parallel()
	spoilt{
		"empty audience":        {func(c *identity.Client) { c.Audience = []string{""} }, "--audience: "},
		"audience with a space": {func(c *identity.Client) { c.Audience = []string{"a b"} }, "--audience: "},
		"scopes in one flag":    {func(c *identity.Client) { c.Scopes = []string{"openid", "a b"} }, "--scope: "},
		"empty scope":           {func(c *identity.Client) { c.Scopes = []string{"openid", ""} }, "--scope: "},
		"scope with a quote":    {func(c *identity.Client) { c.Scopes = []string{"openid", `a"`} }, "--scope: "},
		"default without scope": {func(c *identity.Client) { c.DefaultScopes = []string{"api"} },
			`--default-scope: "api" is not among`},
		"app token, public": {func(c *identity.Client) { c.Scopes = append(c.Scopes, "wechat.app_token") },
			"--scope: wechat.app_token is not for a public client"},
		"app token, by users": {func(c *identity.Client) {
			c.Confidential, c.Scopes = true,
				append(c.Scopes, "wechat.app_token")
		}, "--scope: wechat.app_token needs the grant client_credentials"},
		"app token, no app": {func(c *identity.Client) {
			c.Apps, c.Scopes = nil,
				append(c.Scopes, "wechat.app_token")
		}, "--scope: wechat.app_token needs an app"},
		"app token by default": {func(
			c *identity.Client) {
			c.Scopes = []string{"wechat.app_token"}
			c.DefaultScopes = c.Scopes
		}, "--default-scope: wechat.app_token"},
		"short access tokens":    {func(c *identity.Client) { c.AccessTTL = time.Millisecond }, "--access-ttl: 1ms"},
		"long access tokens":     {func(c *identity.Client) { c.AccessTTL = 25 * time.Hour }, "--access-ttl: 25h"},
		"negative idle time":     {func(c *identity.Client) { c.IdleTTL = -time.Hour }, "--idle-ttl: "},
		"long absolute lifetime": {func(c *identity.Client) { c.AbsoluteTTL = 90000 * time.Hour }, "--absolute-ttl: "},
	}.check(t)
}

func TestAllProblemsOfAClientAreReportedAtOnceAndNothingIsCreated(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	message := o.refused("clients", "create", "my shop", "--grant", "implicit", "--app", appID, "--origin", "*",
		"--access-ttl", "1ms")
	for _, text := range []string{"CLIENT_ID: ", "--grant: ", "--app: ", "--origin: ", "--access-ttl: "} {
		require.Contains(t, message, text)
	}
	require.Empty(t, o.listed("clients", "list"))
}

func TestDifferingPublicClientsOfOneAppCauseAWarning(t *testing.T) {
	t.Parallel()
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
