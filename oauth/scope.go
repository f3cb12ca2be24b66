package oauth

import (
	"slices"
	"strings"
)

// Scopes that OpenID Connect Core §5.4 and §11 define and we serve.
const (
	ScopeOpenID        = "openid"
	ScopeProfile       = "profile"
	ScopeEmail         = "email"
	ScopePhone         = "phone"
	ScopeOfflineAccess = "offline_access"
)

// Scopes of what an operator says of a user, for access tokens only: APIs decide by it, not clients.
const (
	ScopeRoles  = "roles"
	ScopeClaims = "claims"
)

// ScopeAccount lets a program of ours do what its user may do with the account. Its tokens have the issuer in
// "aud" beside the client's audience.
const ScopeAccount = "account"

// ScopeWechatAppToken lets a client have the app-level access tokens of its apps. It is for the client itself and
// never for a user, and is given only if it is asked for by name and alone, so that no other server gets to see a
// token that has it.
const ScopeWechatAppToken = "wechat.app_token"

// ScopeWechatData lets a client have encrypted data of its users opened, signatures of theirs checked, and their
// session keys asked about and reset: with the token of a user for that user, with its own for all users of its
// apps.
const ScopeWechatData = "wechat.data"

// Scopes lists the scopes that mean something to the provider itself; clients are registered for others as they
// like.
func Scopes() []string {
	return []string{
		ScopeOpenID, ScopeProfile, ScopeEmail, ScopePhone, ScopeOfflineAccess, ScopeRoles, ScopeClaims, ScopeAccount,
		ScopeWechatAppToken, ScopeWechatData,
	}
}

// maxScopeLength bounds a scope, in bytes.
const maxScopeLength = 1024

// HasScope reports whether a space-separated scope has a name.
func HasScope(scope, name string) bool { return slices.Contains(strings.Fields(scope), name) }

// ParseScope splits a scope by the syntax of RFC 6749 §3.3 and drops repetitions. An error has the code
// [InvalidScope].
func ParseScope(scope string) ([]string, error) {
	if len(scope) > maxScopeLength || strings.ContainsFunc(scope, notScope) {
		return nil, NewError(InvalidScope, "A scope is up to 1024 visible ASCII characters without quote and "+
			"backslash; names are separated by single spaces.")
	}
	var names []string
	for name := range strings.SplitSeq(scope, " ") {
		if name == "" {
			return nil, NewError(InvalidScope, "Scope names are separated by single spaces.")
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func notScope(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }

// ValidScopeName reports whether a text may be the name of one scope (RFC 6749 §3.3).
func ValidScopeName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r == ' ' || notScope(r) })
}
