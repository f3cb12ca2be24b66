package clients

import (
	"slices"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Client is a client's record, and what it allows.
type Client struct{ identity.Client }

// MayUse reports whether the record allows a grant. Passwords are shown to first-party clients only (RFC 9700
// §2.4), and only a client that has proved who it is may act for itself (RFC 6749 §4.4).
func (c Client) MayUse(grant string) bool {
	switch grant {
	case oauth.GrantWechatCodeURN:
		grant = oauth.GrantWechatCode
	case oauth.GrantPassword:
		return c.FirstParty && c.Allows(oauth.GrantPassword)
	case oauth.GrantClientCredentials:
		return c.Confidential && c.Allows(oauth.GrantClientCredentials)
	}
	return c.Allows(grant)
}

// App returns the app of a platform whose codes or tokens a request is about: the client's only one of the
// platform, or the one that the request names. owns reports whether an AppID has the form of the platform's. An
// error has the code [oauth.InvalidRequest].
func (c Client) App(named string, owns func(appID string) bool) (string, error) {
	apps := slices.DeleteFunc(slices.Clone(c.Apps), func(id string) bool { return !owns(id) })
	switch {
	case named == "" && len(apps) == 1:
		return apps[0], nil
	case named == "":
		return "", oauth.NewError(oauth.InvalidRequest,
			"The client has several apps or none: name one with appid.")
	case !slices.Contains(apps, named):
		return "", oauth.NewError(oauth.InvalidRequest, "appid is not an app of this client.")
	}
	return named, nil
}

// Scope is what the client gets by a grant that asks for a scope, or for none. An error has the code
// [oauth.InvalidScope].
func (c Client) Scope(grant, requested string) (string, error) {
	if requested == "" {
		return c.defaultScope(), nil
	}
	names, err := oauth.ParseScope(requested)
	if err != nil {
		return "", err
	}
	var allowed []string
	for _, name := range names {
		switch {
		// who may refresh is the client's grant, not a scope (OpenID Connect Core §11)
		case name == oauth.ScopeOfflineAccess:
			if !c.Allows(oauth.GrantRefreshToken) {
				continue
			}
		case !slices.Contains(c.Scopes, name):
			return "", oauth.NewError(oauth.InvalidScope, "The client is not registered for a scope that it asked for.")
		case name == oauth.ScopeAccount && !c.FirstParty:
			return "", oauth.NewError(oauth.InvalidScope,
				"account is for first-party clients: its tokens reach all that a user "+
					"may do with the account.")
		case name == oauth.ScopeWechatAppToken && (grant != oauth.GrantClientCredentials || len(names) > 1):
			return "", oauth.NewError(oauth.InvalidScope, "wechat.app_token is for clients themselves: ask for it by "+
				"client_credentials, and for nothing else.")
		}
		allowed = append(allowed, name)
	}
	return strings.Join(allowed, " "), nil
}

// defaultScope is what the client gets if it asks for nothing: never what must be asked for by name, nor what
// only our own clients may have.
func (c Client) defaultScope() string {
	names := slices.DeleteFunc(slices.Clone(c.DefaultScopes), func(name string) bool {
		return name == oauth.ScopeWechatAppToken || name == oauth.ScopeAccount && !c.FirstParty
	})
	return strings.Join(names, " ")
}
