package clients_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

const (
	appID    = "wx0123456789abcdef"
	qqID     = "1112345678"
	website  = "wx00000000000000bb"
	audience = "https://api.example.com"
)

func registered() []identity.App {
	return []identity.App{{Platform: identity.PlatformWechat, ID: appID, Kind: identity.KindMiniProgram},
		{Platform: identity.PlatformQQ, ID: qqID, Kind: identity.KindMiniProgram},
		{Platform: identity.PlatformWechat, ID: website, Kind: identity.KindWebsite}}
}

func publicClient() identity.Client {
	return identity.Client{
		ID: "shop", Grants: []string{"wechat_code", "refresh_token"}, Apps: []string{appID},
		Audience: []string{audience}, Scopes: []string{"openid"}, DefaultScopes: []string{"openid"},
		Origins: []string{"https://shop.example.com"},
	}
}

// backEnd is a confidential client that acts for itself.
func backEnd() identity.Client {
	return identity.Client{ID: "back-end", Confidential: true, Grants: []string{"client_credentials"},
		Audience: []string{audience}}
}

func TestValidRecords(t *testing.T) {
	appTokens := backEnd()
	appTokens.Apps, appTokens.Scopes = []string{appID}, []string{"api", "wechat.app_token"}
	passwords := publicClient()
	passwords.FirstParty = true
	passwords.Grants, passwords.Scopes = []string{"password"}, []string{"openid", "account"}
	longest := publicClient()
	longest.AccessTTL, longest.IdleTTL, longest.AbsoluteTTL = clients.MaxAccessTTL, clients.MaxIdleTTL,
		clients.MaxAbsoluteTTL
	qq := publicClient()
	qq.Grants, qq.Apps = []string{"qq_code"}, []string{qqID}
	strict := publicClient()
	strict.RefreshKeys = true
	browsers := publicClient()
	browsers.Confidential, browsers.Apps = true, []string{appID, website}
	signsIn, api := publicClient(), backEnd()
	signsIn.Audience, api.Audience, api.IsAudience = nil, nil, []string{audience, "orders-api"}
	actor, ticket := backEnd(), publicClient()
	actor.Grants = []string{oauth.GrantTokenExchange}
	ticket.FirstParty, ticket.Grants = true, append(ticket.Grants, oauth.GrantTokenExchange)
	for _, client := range []identity.Client{publicClient(), backEnd(), appTokens, passwords, longest, qq, strict,
		browsers, signsIn, api, actor, ticket} {
		require.NoError(t, clients.Check(client, registered()))
	}
}

// TestCheckIDGrantsAndApps breaks one rule of a valid record in each case, and expects only the errors of that rule.
func TestCheckIDGrantsAndApps(t *testing.T) {
	type record = identity.Client
	for name, test := range map[string]struct {
		spoil func(c *record)
		want  []clients.FieldError // the beginning of each reason
	}{
		"id with a space": {func(c *record) { c.ID = "my shop" }, fields("client_id", "")},
		"id of a user":    {func(c *record) { c.ID = "u_x" }, fields("client_id", "")},
		"no grant": {func(c *record) { c.Grants = nil },
			fields("grants", "use authorization_code, wechat_code, qq_code, password or urn:ietf")},
		"only refreshes": {func(c *record) { c.Grants = []string{"refresh_token"} },
			fields("grants", "use authorization_code, wechat_code, qq_code, password or urn:ietf")},
		"public, for itself": {func(c *record) { c.Grants = append(c.Grants, "client_credentials") },
			fields("grants", "client_credentials is not for a public client: it must authenticate (RFC 6749 §4.4)")},
		"refreshes for itself": {func(c *record) {
			c.Confidential, c.Grants = true, []string{"client_credentials", "refresh_token"}
		}, fields("grants", "use authorization_code, wechat_code, qq_code, password or urn:ietf")},
		"strict without refreshes": {func(c *record) {
			c.RefreshKeys, c.Grants = true, []string{"wechat_code"}
		}, fields("refresh_keys", "needs the grant refresh_token")},
		"unknown grant": {func(c *record) { c.Grants = append(c.Grants, "implicit") },
			fields("grants", `there is no grant "implicit"; use one of authorization_code, wechat_code, `+
				"qq_code, password, refresh_token, client_credentials, urn:ietf:params:oauth:grant-type:device_code, "+
				"urn:ietf:params:oauth:grant-type:token-exchange, "+
				"each as its own value")},
		"third party, public, exchanges": {func(c *record) {
			c.Grants = append(c.Grants, oauth.GrantTokenExchange)
		}, fields("grants", oauth.GrantTokenExchange+" is not for a public client of a third party")},
		"public, only exchanges": {func(c *record) {
			c.FirstParty, c.Grants = true, []string{oauth.GrantTokenExchange}
		}, fields("grants", "use authorization_code, wechat_code, qq_code, password or urn:ietf")},
		"third party, password": {func(c *record) { c.Grants = []string{"password"} },
			fields("grants", "password needs a first-party client: no other program may see passwords")},
		"wechat_code, no app": {func(c *record) { c.Apps = nil }, fields("grants", "wechat_code needs an app: ")},
		"wechat_code, QQ's app": {func(c *record) { c.Apps = []string{qqID} },
			fields("grants", "wechat_code needs an app: ")},
		"qq_code, WeChat's app": {func(c *record) { c.Grants = append(c.Grants, "qq_code") },
			fields("grants", "qq_code needs an app: ")},
		"unknown app": {func(c *record) { c.Apps = append(c.Apps, "wx9") },
			fields("apps", `there is no app "wx9"; add it with: lingpai apps add wx9`)},
		"browser codes, public": {func(c *record) { c.Apps = append(c.Apps, website) },
			fields("apps", website+" is not for a public client: codes of an app of kind website pass")},
	} {
		client := publicClient()
		test.spoil(&client)
		requireFields(t, test.want, clients.Check(client, registered()), name)
	}
}

func TestCheckAudienceScopesOriginsAndLifetimes(t *testing.T) {
	type record = identity.Client
	for name, test := range map[string]struct {
		spoil func(c *record)
		want  []clients.FieldError // as above
	}{
		"empty audience that it is": {func(c *record) { c.Confidential, c.IsAudience = true, []string{""} },
			fields("is_audience", `"" is empty`)},
		"public, an audience": {func(c *record) { c.IsAudience = []string{audience} },
			fields("is_audience", "is not for a public client")},
		"empty audience": {func(c *record) { c.Audience = []string{""} }, fields("audience", `"" is empty`)},
		"audience with a space": {func(c *record) { c.Audience = []string{"a b"} },
			fields("audience", `"a b" is empty`)},
		"audience is itself": {func(c *record) { c.Audience = []string{"shop"} },
			fields("audience", `"shop" is the client's own id`)},
		"scope with a space": {func(c *record) { c.Scopes = []string{"openid", "a b"} },
			fields("scopes", `"a b" is empty`)},
		"empty scope": {func(c *record) { c.Scopes = []string{"openid", ""} }, fields("scopes", `"" is empty`)},
		"scope with a quote": {func(c *record) { c.Scopes = []string{"openid", `a"`} },
			fields("scopes", `"a\"" is empty`)},
		"account, third party": {func(c *record) { c.Scopes = append(c.Scopes, "account") },
			fields("scopes", "account needs a first-party client: ")},
		"default without scope": {func(c *record) { c.DefaultScopes = []string{"api"} },
			fields("default_scopes", `"api" is not among the client's scopes`)},
		"app token, public, by users": {func(c *record) { c.Scopes = append(c.Scopes, "wechat.app_token") },
			fields("scopes", "wechat.app_token is not for a public client: ",
				"scopes", "wechat.app_token needs the grant client_credentials: ")},
		"app token, no app": {func(c *record) { *c = backEnd(); c.Scopes = []string{"wechat.app_token"} },
			fields("scopes", "wechat.app_token needs an app: ")},
		"app token by default": {func(c *record) {
			*c = backEnd()
			c.Apps, c.Scopes = []string{appID}, []string{"wechat.app_token"}
			c.DefaultScopes = c.Scopes
		}, fields("default_scopes", "wechat.app_token is granted only if it is requested explicitly")},
		"origin with a path": {func(c *record) { c.Origins = []string{"https://shop.example.com/"} },
			fields("origins", `"https://shop.example.com/" is not an origin`)},
		"short access tokens": {func(c *record) { c.AccessTTL = time.Millisecond },
			fields("access_ttl", "1ms is not between 1s and 24h0m0s")},
		"long access tokens": {func(c *record) { c.AccessTTL = 25 * time.Hour },
			fields("access_ttl", "25h0m0s is not between")},
		"negative idle time": {func(c *record) { c.IdleTTL = -time.Hour }, fields("idle_ttl", "-1h0m0s is not")},
		"long absolute lifetime": {func(c *record) { c.AbsoluteTTL = 90000 * time.Hour },
			fields("absolute_ttl", "90000h0m0s is not between 1s and 87600h0m0s")},
	} {
		client := publicClient()
		test.spoil(&client)
		requireFields(t, test.want, clients.Check(client, registered()), name)
	}
}

// fields returns field errors from pairs of a field and the beginning of a reason.
func fields(pairs ...string) []clients.FieldError {
	var errs []clients.FieldError
	for n := 0; n < len(pairs); n += 2 {
		errs = append(errs, clients.FieldError{Field: pairs[n], Reason: pairs[n+1]})
	}
	return errs
}

func requireFields(t *testing.T, want []clients.FieldError, err error, name string) {
	t.Helper()
	var errs clients.FieldErrors
	require.ErrorAs(t, err, &errs, name)
	require.Len(t, errs, len(want), "%s: %v", name, err)
	for n, one := range errs {
		require.Equal(t, want[n].Field, one.Field, name)
		require.Contains(t, one.Reason, want[n].Reason, name)
		require.NotContains(t, one.Reason, " --", "%s: reasons do not name flags", name)
		require.Equal(t, one.Field+": "+one.Reason, one.Error())
	}
}

func TestAllErrorsAreReportedAtOnce(t *testing.T) {
	client := identity.Client{ID: "my shop", Grants: []string{"implicit"}, Apps: []string{"wx9"},
		Origins:   []string{"*"},
		AccessTTL: time.Millisecond}
	err := clients.Check(client, nil)
	requireFields(t, fields("client_id", "", "grants", "there is no grant", "grants", "use authorization_code",
		"apps", "wx9",
		"origins", "", "access_ttl", ""), err, "")
	var first clients.FieldError
	require.ErrorAs(t, err, &first)
	require.Equal(t, "client_id", first.Field)
	require.Contains(t, err.Error(), "\napps: there is no app", "one line each")
}

func TestSameRights(t *testing.T) {
	other := publicClient()
	other.ID, other.Name = "another", "Another"
	other.Grants = []string{"refresh_token", "wechat_code", "wechat_code"}
	require.True(t, clients.SameRights(publicClient(), other), "sets have no order")
	for name, change := range map[string]func(c *identity.Client){
		"grants":         func(c *identity.Client) { c.Grants = c.Grants[:1] },
		"scopes":         func(c *identity.Client) { c.Scopes = nil },
		"default scopes": func(c *identity.Client) { c.DefaultScopes = nil },
		"audience":       func(c *identity.Client) { c.Audience = []string{"https://other.example.com"} },
		"access tokens":  func(c *identity.Client) { c.AccessTTL = time.Minute },
		"idle time":      func(c *identity.Client) { c.IdleTTL = time.Minute },
		"lifetime":       func(c *identity.Client) { c.AbsoluteTTL = time.Minute },
		"claims":         func(c *identity.Client) { c.WechatClaims = true },
		"old rule":       func(c *identity.Client) { c.LegacyAudienceUntil = time.Now() },
	} {
		changed := publicClient()
		change(&changed)
		require.False(t, clients.SameRights(publicClient(), changed), name)
	}
}
