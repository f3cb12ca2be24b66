package clients

import (
	"net/http"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Client is a client's record with methods for what it allows.
type Client struct{ identity.Client }

// MayUse reports whether the record allows a grant. Only first-party clients may see passwords (RFC 6749 §4.3), only
// confidential clients may act for themselves (RFC 6749 §4.4), and public clients of third parties may exchange no
// tokens (RFC 8693).
func (c Client) MayUse(grant string) bool {
	switch grant {
	case oauth.GrantWechatCodeURN:
		grant = oauth.GrantWechatCode
	case oauth.GrantPassword:
		return c.FirstParty && c.Allows(oauth.GrantPassword)
	case oauth.GrantClientCredentials:
		return c.Confidential && c.Allows(oauth.GrantClientCredentials)
	case oauth.GrantTokenExchange:
		return (c.Confidential || c.FirstParty) && c.Allows(oauth.GrantTokenExchange)
	}
	return c.Allows(grant)
}

// MayAct reports whether the client may exchange a user's access token for another one, and so be an actor (RFC 8693
// §1.1). Only a client that authenticates may.
func (c Client) MayAct() bool { return c.Confidential && c.MayUse(oauth.GrantTokenExchange) }

// Is reports whether the client is an audience: the API that tokens with it are for.
func (c Client) Is(audience string) bool {
	return audience == c.ID || slices.Contains(c.IsAudience, audience)
}

// CheckOrigin returns oauth.InvalidRequest if a request is from a web page whose origin the client has not registered:
// the page of one client must not make its visitors' browsers try passwords at another.
func (c Client) CheckOrigin(header http.Header) error {
	for _, origin := range header.Values("Origin") {
		if origin != "" && !slices.Contains(c.Origins, origin) {
			return oauth.NewError(oauth.InvalidRequest, "Pages of this origin may not use this client. "+
				"Register the origin with the client.")
		}
	}
	return nil
}

// App returns the AppID that a request is about: named, which may be empty if the client has only one app of the
// platform. owns reports whether an AppID has the platform's form. App returns oauth.InvalidRequest if there is no such
// app.
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

// Scope returns the scope that the client is granted. If requested is empty, that is its default scope. Scope drops
// offline_access if the client may not refresh. It returns oauth.InvalidScope if requested is malformed or the client
// may not have it with this grant.
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
		// The grant refresh_token decides whether a client may refresh, not a scope (OpenID Connect Core §11).
		case name == oauth.ScopeOfflineAccess:
			if !c.Allows(oauth.GrantRefreshToken) {
				continue
			}
		case !slices.Contains(c.Scopes, name):
			return "", oauth.NewError(oauth.InvalidScope, "The client is not registered for a requested scope.")
		case oauth.FirstPartyOnly(name) && !c.FirstParty:
			return "", oauth.NewError(oauth.InvalidScope,
				name+" is only for first-party clients, since it gives access to the user's whole account.")
		case name == oauth.ScopeWechatAppToken && (grant != oauth.GrantClientCredentials || len(names) > 1):
			return "", oauth.NewError(oauth.InvalidScope, "wechat.app_token is only for clients themselves: request "+
				"it with client_credentials and without any other scope.")
		}
		allowed = append(allowed, name)
	}
	return strings.Join(allowed, " "), nil
}

// Retained returns the part of a session's scope that the client may still have: its record may have changed since the
// sign-in.
func (c Client) Retained(granted string) string {
	lost := func(name string) bool {
		return name != oauth.ScopeOfflineAccess && !slices.Contains(c.Scopes, name) ||
			oauth.FirstPartyOnly(name) && !c.FirstParty
	}
	for name := range strings.FieldsSeq(granted) {
		if lost(name) {
			return strings.Join(slices.DeleteFunc(strings.Fields(granted), lost), " ")
		}
	}
	return granted
}

// defaultScope returns the scope of a request that names none. It never contains wechat.app_token, which must
// be requested explicitly, nor, for a third-party client,
// one that only first-party clients may have.
func (c Client) defaultScope() string {
	names := slices.DeleteFunc(slices.Clone(c.DefaultScopes), func(name string) bool {
		return name == oauth.ScopeWechatAppToken || oauth.FirstPartyOnly(name) && !c.FirstParty
	})
	return strings.Join(names, " ")
}
