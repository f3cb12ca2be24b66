package oauth

import (
	"slices"
	"strings"
)

// Supported scopes of OpenID Connect Core §5.4 and §11.
const (
	ScopeOpenID        = "openid"
	ScopeProfile       = "profile"
	ScopeEmail         = "email"
	ScopePhone         = "phone"
	ScopeAddress       = "address"
	ScopeOfflineAccess = "offline_access"
)

// Scopes for the roles and claims that an operator gives a user. They are in access tokens only, because they are for
// APIs, not for clients.
const (
	ScopeRoles  = "roles"
	ScopeClaims = "claims"
)

// ScopeAccount lets a first-party client call the account API for its user.
const ScopeAccount = "account"

// ScopeSignInApprove lets a first-party client approve, for its user, that a screen signs in whose code was scanned.
const ScopeSignInApprove = "signin.approve"

// ScopeSignInHandOff lets a first-party client hand its user's session to a browser: a mini-program to its web-view.
const ScopeSignInHandOff = "signin.handoff"

// ScopeWechatAppToken lets a client get the app-level access tokens of its apps. It is for the client itself, never for
// a user. It is granted only if it is requested explicitly and alone, so that no other server ever sees a token with
// it.
const ScopeWechatAppToken = "wechat.app_token"

// ScopeWechatData lets a client decrypt WeChat data, check signatures, and check and reset session keys: with a user's
// token for that user, with the client's own token for all users of its apps.
const ScopeWechatData = "wechat.data"

// Scopes lists the scopes that have a meaning for this server. Clients may be registered for any others.
func Scopes() []string {
	return []string{
		ScopeOpenID, ScopeProfile, ScopeEmail, ScopePhone, ScopeAddress, ScopeOfflineAccess, ScopeRoles, ScopeClaims,
		ScopeAccount, ScopeSignInApprove, ScopeSignInHandOff, ScopeWechatAppToken, ScopeWechatData,
	}
}

// ServedHere reports whether only this server serves a scope. Access tokens for APIs do not have it.
func ServedHere(name string) bool {
	switch name {
	case ScopeAccount, ScopeSignInApprove, ScopeSignInHandOff, ScopePhone, ScopeWechatData, ScopeWechatAppToken:
		return true
	}
	return false
}

// FirstPartyOnly reports whether only the operator's own clients may have a scope, since it gives access to all that is
// a user's.
func FirstPartyOnly(name string) bool {
	return name == ScopeAccount || name == ScopeSignInApprove || name == ScopeSignInHandOff
}

// AboutIdentity reports whether a scope requests claims about a user in ID tokens and at userinfo (OpenID Connect Core
// §5.4). Access tokens for one API that was named do not have it.
func AboutIdentity(name string) bool {
	switch name {
	case ScopeOpenID, ScopeProfile, ScopeEmail, ScopePhone, ScopeAddress:
		return true
	}
	return false
}

// CoversClaims reports whether a scope requests claims besides the user's id.
func CoversClaims(name string) bool { return AboutIdentity(name) && name != ScopeOpenID }

// maxScopeLength is the maximum length of a scope in bytes.
const maxScopeLength = 1024

// HasScope reports whether a space-separated scope contains a name.
func HasScope(scope, name string) bool { return slices.Contains(strings.Fields(scope), name) }

// ParseScope splits a scope into names (RFC 6749 §3.3) and drops duplicates and extra spaces. It returns InvalidScope
// if the scope is malformed or has no names.
func ParseScope(scope string) ([]string, error) {
	if len(scope) > maxScopeLength || strings.ContainsFunc(scope, notScope) {
		return nil, NewError(InvalidScope, "A scope must have at most 1024 visible ASCII characters without quotes "+
			"and backslashes, and spaces between names.")
	}
	var names []string
	for name := range strings.FieldsSeq(scope) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, NewError(InvalidScope, "The scope has no names.")
	}
	return names, nil
}

func notScope(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }

// ValidScopeName reports whether a text may be the name of one scope (RFC 6749 §3.3).
func ValidScopeName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r == ' ' || notScope(r) })
}
