package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/signin"
	"github.com/lingpai/lingpai/storage/sql"
)

// clientFaults says all that is wrong with a client's record, flag by flag.
func clientFaults(client identity.Client, apps []identity.App) []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if err := identity.ValidClientID(client.ID); err != nil {
		fault("CLIENT_ID: %w", err)
	}
	faults = append(faults, grantFaults(client)...)
	for _, id := range client.Apps {
		if !slices.ContainsFunc(apps, func(app identity.App) bool { return app.ID == id }) {
			fault("--app: there is no app %q; add it with: lingpai apps add %s", id, id)
		}
	}
	if len(client.Audience) == 0 {
		fault("--audience: name the API that the access tokens are for, such as https://api.example.com")
	}
	for _, audience := range client.Audience {
		if audience == client.ID {
			fault("--audience: %q is the client's own id, and ID tokens are for that; name the API", audience)
		}
		if audience == "" || strings.ContainsFunc(audience, func(r rune) bool { return r <= ' ' || r > '~' }) {
			fault("--audience: %q is empty or has spaces or characters outside ASCII", audience)
		}
	}
	for _, scope := range client.Scopes {
		if !validScope(scope) {
			fault("--scope: %q is empty or has characters that a scope must not have (RFC 6749 §3.3); give "+
				"one scope per --scope", scope)
		}
	}
	for _, scope := range client.DefaultScopes {
		if !slices.Contains(client.Scopes, scope) {
			fault("--default-scope: %q is not among the client's --scope", scope)
		}
	}
	faults = append(faults, appTokenFaults(client)...)
	faults = append(faults, reachFaults(client, apps)...)
	for _, origin := range client.Origins {
		if !validOrigin(origin) {
			fault("--origin: %q is not an origin as a browser sends it, such as https://shop.example.com: "+
				"scheme, host in lower case, no path, no default port, no wildcard", origin)
		}
	}
	for _, life := range []struct {
		flag      string
		ttl, most time.Duration
	}{{"access-ttl", client.AccessTTL, maxAccessTTL}, {"idle-ttl", client.IdleTTL, maxIdleTTL},
		{"absolute-ttl", client.AbsoluteTTL, maxAbsoluteTTL}} {
		if life.ttl != 0 && (life.ttl < time.Second || life.ttl > life.most) {
			fault("--%s: %s is not within 1s and %s, nor 0 for the server's default", life.flag, life.ttl, life.most)
		}
	}
	return faults
}

// grantFaults says which grants the client cannot have, or not so.
func grantFaults(client identity.Client) []error {
	var faults []error
	known := []string{oauth.GrantWechatCode, oauth.GrantQQCode, oauth.GrantPassword, oauth.GrantRefreshToken,
		oauth.GrantClientCredentials}
	for _, name := range client.Grants {
		if !slices.Contains(known, name) {
			faults = append(faults, fmt.Errorf("--grant: there is no grant %q; give one of %s per --grant", name,
				strings.Join(known, ", ")))
		}
	}
	usersSignIn := client.Allows(oauth.GrantWechatCode) || client.Allows(oauth.GrantQQCode) ||
		client.Allows(oauth.GrantPassword)
	if !usersSignIn && (!client.Allows(oauth.GrantClientCredentials) || client.Allows(oauth.GrantRefreshToken)) {
		faults = append(faults, errors.New(
			"--grant: name wechat_code, qq_code or password, with which users sign in, or client_credentials alone, "+
				"with which the client acts for itself; refresh_token alone gets no token"))
	}
	if client.Allows(oauth.GrantClientCredentials) && !client.Confidential {
		faults = append(faults, errors.New(
			"--grant client_credentials is not for a --public client: it must prove who it is (RFC 6749 §4.4)"))
	}
	if client.Allows(oauth.GrantPassword) && !client.FirstParty {
		faults = append(faults, errors.New(
			"--grant password needs --first-party: only our own programs may see passwords (RFC 9700 §2.4)"))
	}
	for name, owns := range map[string]func(string) bool{oauth.GrantWechatCode: signin.WechatPlatform{}.Owns,
		oauth.GrantQQCode: signin.QQPlatform{}.Owns} {
		if client.Allows(name) && !slices.ContainsFunc(client.Apps, owns) {
			faults = append(faults, errors.New("--grant "+name+
				" needs --app: the AppID whose codes the client may trade"))
		}
	}
	return faults
}

// reachFaults says what the client could reach and must not.
func reachFaults(client identity.Client, apps []identity.App) []error {
	var faults []error
	if slices.Contains(client.Scopes, oauth.ScopeAccount) && !client.FirstParty {
		faults = append(faults, errors.New(
			"--scope account needs --first-party: its tokens reach all that a user may do with the account"))
	}
	for _, app := range apps {
		if !client.Confidential && app.InBrowser() && slices.Contains(client.Apps, app.ID) {
			faults = append(faults, fmt.Errorf(
				"--app %s is not for a --public client: codes of an app of kind %s travel through browsers", app.ID,
				app.Kind))
		}
	}
	return faults
}

// appTokenFaults says why the client cannot have the app tokens of its apps, if it is to have them.
func appTokenFaults(client identity.Client) []error {
	if !slices.Contains(client.Scopes, oauth.ScopeWechatAppToken) {
		return nil
	}
	var faults []error
	fault := func(text string) { faults = append(faults, errors.New("--scope "+oauth.ScopeWechatAppToken+" "+text)) }
	if !client.Confidential {
		fault("is not for a --public client: whoever has such a token can act as the app")
	}
	if !client.Allows(oauth.GrantClientCredentials) {
		fault("needs --grant client_credentials: it is for the client itself, and no user's token has it")
	}
	if len(client.Apps) == 0 {
		fault("needs --app: the AppID whose tokens the client may have")
	}
	if slices.Contains(client.DefaultScopes, oauth.ScopeWechatAppToken) {
		faults = append(faults, errors.New("--default-scope "+oauth.ScopeWechatAppToken+
			": it is given only if it is asked for by name"))
	}
	return faults
}

func validScope(scope string) bool {
	return scope != "" && !strings.ContainsFunc(scope, func(r rune) bool {
		return r <= ' ' || r > '~' ||
			r == '"' || r == '\\'
	})
}

// validOrigin takes what browsers send as Origin, since that is compared letter by letter.
func validOrigin(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" || strings.Contains(u.Host, "*") || strings.HasSuffix(u.Host, ":") {
		return false
	}
	defaultPort, web := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	return web && u.Port() != defaultPort && origin == u.Scheme+"://"+strings.ToLower(u.Host)
}

// warnSharedApps tells when public clients of one app differ: whoever has a code of the app can choose among
// them, so they are one security domain.
func warnSharedApps(ctx context.Context, cmd *cobra.Command, database *sql.DB, client identity.Client) error {
	if client.Confidential {
		return nil
	}
	others, err := database.Clients().List(ctx)
	if err != nil {
		return err
	}
	for _, other := range others {
		shares := slices.ContainsFunc(other.Apps, func(app string) bool { return slices.Contains(client.Apps, app) })
		if other.ID != client.ID && !other.Confidential && !other.Disabled() && shares && !sameRights(other, client) {
			cmd.PrintErrf("warning: %s is a public client of the same app with other grants, scopes, "+
				"audiences, lives or claims; whoever has a code of the app can use either\n", other.ID)
		}
	}
	return nil
}

// sameRights says whether two clients' users get the same tokens.
func sameRights(a, b identity.Client) bool {
	return sameSet(a.Grants, b.Grants) && sameSet(a.Scopes, b.Scopes) && sameSet(a.DefaultScopes,
		b.DefaultScopes) && sameSet(a.Audience, b.Audience) &&
		a.AccessTTL == b.AccessTTL && a.IdleTTL == b.IdleTTL && a.AbsoluteTTL == b.AbsoluteTTL &&
		a.WechatClaims == b.WechatClaims
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))),
		slices.Compact(slices.Sorted(slices.Values(b))))
}
