package grants

import (
	"slices"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/tokens"
)

const maxScopeLength = 1024

// ScopeAppToken lets a client have the app-level access tokens of its apps. It is for the client itself and
// never for a user, and is given only if it is asked for by name and alone, so that no other server gets to
// see a token that has it.
const ScopeAppToken = "wechat.app_token"

// ScopeData lets a client have encrypted data of its users opened, signatures of theirs checked, and their
// session keys asked about and reset: with the token of a user for that user, with its own for all users of
// its apps.
const ScopeData = "wechat.data"

// Scopes lists the scopes that mean something to the provider itself; clients are registered for others as they like.
func Scopes() []string {
	return []string{tokens.ScopeOpenID, tokens.ScopeProfile, tokens.ScopeEmail, tokens.ScopePhone,
		tokens.ScopeOfflineAccess,
		tokens.ScopeRoles, tokens.ScopeClaims, tokens.ScopeAccount, ScopeAppToken, ScopeData}
}

// allowedScope is what a client gets by a grant that asks for a scope, or for none.
func allowedScope(client identity.Client, grant, requested string) (string, error) {
	if requested == "" {
		return defaultScope(client), nil
	}
	names, err := parseScope(requested)
	if err != nil {
		return "", err
	}
	var allowed []string
	for _, name := range names {
		switch {
		// who may refresh is the client's grant, not a scope (OpenID Connect Core §11)
		case name == tokens.ScopeOfflineAccess:
			if !client.Allows(tokens.GrantRefreshToken) {
				continue
			}
		case !slices.Contains(client.Scopes, name):
			return "", invalidScope("The client is not registered for a scope that it asked for.")
		case name == tokens.ScopeAccount && !client.FirstParty:
			return "", invalidScope("account is for first-party clients: its tokens reach all that a user " +
				"may do with the account.")
		case name == ScopeAppToken && (grant != ClientCredentials || len(names) > 1):
			return "", invalidScope("wechat.app_token is for clients themselves: ask for it by " +
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
	names, err := parseScope(requested)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if !tokens.HasScope(granted, name) {
			return "", invalidScope("A refresh cannot ask for more than the sign-in was granted.")
		}
	}
	return strings.Join(names, " "), nil
}

// defaultScope is what a client gets that asks for nothing: never what must be asked for by name, nor what
// only our own clients may have.
func defaultScope(client identity.Client) string {
	names := slices.DeleteFunc(slices.Clone(client.DefaultScopes), func(name string) bool {
		return name == ScopeAppToken || name == tokens.ScopeAccount && !client.FirstParty
	})
	return strings.Join(names, " ")
}

// parseScope splits a scope by the syntax of RFC 6749 §3.3 and drops repetitions.
func parseScope(scope string) ([]string, error) {
	if len(scope) > maxScopeLength || strings.ContainsFunc(scope, notScope) {
		return nil, invalidScope("A scope is up to 1024 visible ASCII characters without quote and " +
			"backslash; names are separated by single spaces.")
	}
	var names []string
	for name := range strings.SplitSeq(scope, " ") {
		if name == "" {
			return nil, invalidScope("Scope names are separated by single spaces.")
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func notScope(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }
