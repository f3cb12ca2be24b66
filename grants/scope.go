package grants

import (
	"slices"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// allowedScope is what a client gets by a grant that asks for a scope, or for none.
func allowedScope(client identity.Client, grant, requested string) (string, error) {
	if requested == "" {
		return defaultScope(client), nil
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
			if !client.Allows(oauth.GrantRefreshToken) {
				continue
			}
		case !slices.Contains(client.Scopes, name):
			return "", oauth.NewError(oauth.InvalidScope, "The client is not registered for a scope that it asked for.")
		case name == oauth.ScopeAccount && !client.FirstParty:
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

// narrowedScope is what a refresh gets: the session's scope, or a part of it (RFC 6749 §6).
func narrowedScope(granted, requested string) (string, error) {
	if requested == "" {
		return granted, nil
	}
	names, err := oauth.ParseScope(requested)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if !oauth.HasScope(granted, name) {
			return "", oauth.NewError(oauth.InvalidScope, "A refresh cannot ask for more than the sign-in was granted.")
		}
	}
	return strings.Join(names, " "), nil
}

// defaultScope is what a client gets that asks for nothing: never what must be asked for by name, nor what
// only our own clients may have.
func defaultScope(client identity.Client) string {
	names := slices.DeleteFunc(slices.Clone(client.DefaultScopes), func(name string) bool {
		return name == oauth.ScopeWechatAppToken || name == oauth.ScopeAccount && !client.FirstParty
	})
	return strings.Join(names, " ")
}
