package clients

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/oauth"
)

// The longest lifetimes that the server's settings or a client's record may set: of an access token, of a session
// without refreshes, and of a session with refreshes.
const (
	MaxAccessTTL   = 24 * time.Hour
	MaxIdleTTL     = 8760 * time.Hour
	MaxAbsoluteTTL = 87600 * time.Hour
)

// checker collects the errors of a record.
type checker struct{ errs FieldErrors }

func (c *checker) reject(field, format string, args ...any) {
	c.errs = append(c.errs, FieldError{Field: field, Reason: fmt.Sprintf(format, args...)})
}

// Check checks a client's record against the rules and all registered apps. It returns every violation as FieldErrors.
func Check(client identity.Client, apps []identity.App) error {
	var c checker
	if err := identity.ValidClientID(client.ID); err != nil {
		c.reject("client_id", "%v", err)
	}
	c.checkGrants(client)
	c.checkRefreshKeys(client)
	c.checkAppsExist(client, apps)
	c.checkAudience(client)
	c.checkScopes(client)
	c.checkAppTokens(client)
	c.checkReach(client, apps)
	for _, origin := range client.Origins {
		if !ValidOrigin(origin) {
			c.reject("origins", "%q is not an origin as browsers send it, such as https://shop.example.com or "+
				"capacitor://localhost: a scheme and a host in lowercase, no path, no default port, no wildcard",
				origin)
		}
	}
	c.checkRedirects(client)
	c.checkKeys(client)
	c.checkLifetimes(client)
	return c.errs.asError()
}

// checkGrants rejects grants that do not exist, do not go together or do not match the client's type.
func (c *checker) checkGrants(client identity.Client) {
	for _, name := range client.Grants {
		if !slices.Contains(oauth.GrantTypes(), name) {
			c.reject("grants", "there is no grant %q; use one of %s, each as its own value", name,
				strings.Join(oauth.GrantTypes(), ", "))
		}
	}
	usersSignIn := client.Allows(oauth.GrantAuthorizationCode) || client.Allows(oauth.GrantWechatCode) ||
		client.Allows(oauth.GrantQQCode) || client.Allows(oauth.GrantPassword) || client.Allows(oauth.GrantDeviceCode)
	alone := client.Allows(oauth.GrantClientCredentials) ||
		client.Confidential && client.Allows(oauth.GrantTokenExchange)
	if !usersSignIn && (!alone || client.Allows(oauth.GrantRefreshToken)) {
		c.reject("grants", "use authorization_code, wechat_code, qq_code, password or "+oauth.GrantDeviceCode+
			", with which users sign in, or only client_credentials, with which the client acts for itself, or, for a "+
			"confidential client, "+oauth.GrantTokenExchange+", with which an API calls another one; "+
			"refresh_token alone gets no token")
	}
	if client.Allows(oauth.GrantTokenExchange) && !client.Confidential && !client.FirstParty {
		c.reject("grants", "%s is not for a public client of a third party: it cannot authenticate",
			oauth.GrantTokenExchange)
	}
	if client.Allows(oauth.GrantClientCredentials) && !client.Confidential {
		c.reject("grants", "client_credentials is not for a public client: it must authenticate (RFC 6749 §4.4)")
	}
	if client.Allows(oauth.GrantPassword) && !client.FirstParty {
		c.reject("grants", "password needs a first-party client: no other program may see passwords "+
			"(RFC 6749 §4.3)")
	}
	for _, grant := range []struct{ name, platform string }{
		{oauth.GrantWechatCode, identity.PlatformWechat}, {oauth.GrantQQCode, identity.PlatformQQ},
	} {
		owns := func(id string) bool { return ValidAppID(grant.platform, id) }
		if client.Allows(grant.name) && !slices.ContainsFunc(client.Apps, owns) {
			c.reject("grants", "%s needs an app: the AppID whose codes the client may exchange", grant.name)
		}
	}
}

// CheckRefreshKeys checks a client's refresh_keys. It returns what is wrong as FieldErrors.
func CheckRefreshKeys(client identity.Client) error {
	var c checker
	c.checkRefreshKeys(client)
	return c.errs.asError()
}

func (c *checker) checkRefreshKeys(client identity.Client) {
	if client.RefreshKeys && !client.Allows(oauth.GrantRefreshToken) {
		c.reject("refresh_keys", "needs the grant refresh_token")
	}
}

func (c *checker) checkAppsExist(client identity.Client, apps []identity.App) {
	for _, id := range client.Apps {
		if !slices.ContainsFunc(apps, func(app identity.App) bool { return app.ID == id }) {
			c.reject("apps", "there is no app %q; add it with: lingpai apps add %s", id, id)
		}
	}
}

func (c *checker) checkAudience(client identity.Client) {
	for _, audience := range client.Audience {
		if audience == client.ID {
			c.reject("audience", "%q is the client's own id, which is the audience of ID tokens; name the API",
				audience)
		}
	}
	for _, list := range []struct {
		field     string
		audiences []string
	}{{"audience", client.Audience}, {"is_audience", client.IsAudience}} {
		for _, audience := range list.audiences {
			if audience == "" || !oauth.Visible(audience) {
				c.reject(list.field, "%q is empty or contains spaces or characters outside ASCII", audience)
			}
		}
	}
	if len(client.IsAudience) > 0 && !client.Confidential {
		c.reject("is_audience", "is not for a public client: an API authenticates to introspect tokens (RFC 7662 §2.1)")
	}
}

func (c *checker) checkScopes(client identity.Client) {
	for _, scope := range client.Scopes {
		if !oauth.ValidScopeName(scope) {
			c.reject("scopes", "%q is empty or contains characters that are not allowed (RFC 6749 §3.3); list "+
				"each scope as its own value", scope)
		}
	}
	for _, scope := range client.DefaultScopes {
		if !slices.Contains(client.Scopes, scope) {
			c.reject("default_scopes", "%q is not among the client's scopes", scope)
		}
	}
}

// checkAppTokens rejects the scope wechat.app_token for clients that cannot have it.
func (c *checker) checkAppTokens(client identity.Client) {
	const scope = oauth.ScopeWechatAppToken
	if !slices.Contains(client.Scopes, scope) {
		return
	}
	if !client.Confidential {
		c.reject("scopes", scope+" is not for a public client: anyone who has such a token can act as the app")
	}
	if !client.Allows(oauth.GrantClientCredentials) {
		c.reject("scopes", scope+" needs the grant client_credentials: it is only for the client itself, never "+
			"for a user")
	}
	if len(client.Apps) == 0 {
		c.reject("scopes", scope+" needs an app: the AppID whose tokens the client may have")
	}
	if slices.Contains(client.DefaultScopes, scope) {
		c.reject("default_scopes", scope+" is granted only if it is requested explicitly")
	}
}

// checkReach rejects scopes and apps that give the client more access than it may have.
func (c *checker) checkReach(client identity.Client, apps []identity.App) {
	for _, name := range client.Scopes {
		if oauth.FirstPartyOnly(name) && !client.FirstParty {
			c.reject("scopes", "%s needs a first-party client: its tokens give access to a user's whole account", name)
		}
	}
	for _, app := range apps {
		if !client.Confidential && app.InBrowser() && slices.Contains(client.Apps, app.ID) {
			c.reject("apps", "%s is not for a public client: codes of an app of kind %s pass through browsers",
				app.ID, app.Kind)
		}
	}
}

// checkKeys rejects keys that cannot be used, and what does not go together with them.
func (c *checker) checkKeys(client identity.Client) {
	if client.HasKeys() && !client.Confidential {
		c.reject("jwks", "keys are not for a public client: it cannot authenticate")
	}
	if client.JWKS != "" {
		if _, err := keys.ParseForeign([]byte(client.JWKS)); err != nil || len(client.JWKS) > maxKeySet {
			c.reject("jwks", "%v", cmp.Or(err, errKeySetTooLarge))
		}
	}
	if client.JWKSURI != "" {
		if client.JWKS != "" {
			c.reject("jwks_uri", "a client has either jwks or jwks_uri")
		}
		c.checkServerURI("jwks_uri", client.JWKSURI)
	}
	if client.RequirePAR && len(client.RedirectURIs) == 0 {
		c.reject("require_par", "needs redirect_uris: without them, no user signs in in a browser")
	}
}

func (c *checker) checkLifetimes(client identity.Client) {
	for _, life := range []struct {
		field      string
		ttl, limit time.Duration
	}{{"access_ttl", client.AccessTTL, MaxAccessTTL}, {"idle_ttl", client.IdleTTL, MaxIdleTTL},
		{"absolute_ttl", client.AbsoluteTTL, MaxAbsoluteTTL}} {
		if life.ttl != 0 && (life.ttl < time.Second || life.ttl > life.limit) {
			c.reject(life.field, "%s is not between 1s and %s; use 0 for the server's default", life.ttl, life.limit)
		}
	}
}

// UsesSDK reports whether a client is most likely a mini-program with this project's SDK, which sends an idempotency
// key with every refresh: a public one whose apps are all mini-programs, and whose users do not sign in in a browser.
func UsesSDK(client identity.Client, apps []identity.App) bool {
	codes := client.Allows(oauth.GrantWechatCode) || client.Allows(oauth.GrantQQCode)
	return !client.Confidential && codes && client.Allows(oauth.GrantRefreshToken) &&
		!client.Allows(oauth.GrantAuthorizationCode) && !slices.ContainsFunc(apps, func(app identity.App) bool {
		return app.Kind != identity.KindMiniProgram && slices.Contains(client.Apps, app.ID)
	})
}

// SameRights reports whether two clients' users get the same tokens. Anyone with a code of an app can use it with any
// of the app's public clients, so these form one security domain and should not differ.
func SameRights(a, b identity.Client) bool {
	return sameSet(a.Grants, b.Grants) && sameSet(a.Scopes, b.Scopes) && sameSet(a.DefaultScopes,
		b.DefaultScopes) && sameSet(a.Audience, b.Audience) &&
		a.AccessTTL == b.AccessTTL && a.IdleTTL == b.IdleTTL && a.AbsoluteTTL == b.AbsoluteTTL &&
		a.WechatClaims == b.WechatClaims && a.LegacyAudienceUntil.Equal(b.LegacyAudienceUntil)
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))),
		slices.Compact(slices.Sorted(slices.Values(b))))
}
