package grants

import (
	"context"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// clientCredentials implements the grant of RFC 6749 §4.4: a confidential client acts for itself. It looks up no
// user, opens no session and issues no refresh token (§4.4.3), so it costs one signature.
func (m *Manager) clientCredentials(_ context.Context, r request) (tokens.Set, error) {
	scope, err := ownScope(r)
	if err != nil {
		return tokens.Set{}, err
	}
	target, err := m.issuer.Target(r.target(scope, scope))
	if err != nil {
		return tokens.Set{}, err
	}
	return m.issuer.IssueToClient(r.Client.Client, target)
}

// ownScope returns the scope that a client gets for itself. It rejects an explicit request for a scope about a user,
// because there is no user, and a response without an ID token would be a surprise (OpenID Connect Core §3.1.2.1).
// It drops such scopes if they come from the client's default scope, and always drops offline_access, since there is
// nothing to refresh. The response's "scope" shows what was granted (RFC 6749 §3.3).
func ownScope(r request) (string, error) {
	aboutUsers := []string{oauth.ScopeOpenID, oauth.ScopeProfile, oauth.ScopeEmail, oauth.ScopePhone,
		oauth.ScopeAddress, oauth.ScopeRoles, oauth.ScopeClaims, oauth.ScopeAccount, oauth.ScopeSignInApprove,
		oauth.ScopeSignInHandOff}
	var own []string
	for _, name := range strings.Fields(r.Scope) {
		switch {
		case slices.Contains(aboutUsers, name) && r.Parameters.Get("scope") != "":
			return "", oauth.NewError(oauth.InvalidScope,
				"openid, profile, email, phone, address, roles, claims, account, signin.approve and signin.handoff "+
					"are about a user, and client_credentials has no user.")
		case name == oauth.ScopeWechatData && r.Parameters.Get("scope") != "" && r.Scope != oauth.ScopeWechatData:
			return "", oauth.NewError(oauth.InvalidScope, "wechat.data gives access to all users of the client. "+
				"With client_credentials, request it without any other scope.")
		// dropped from a default scope too, so that no other server ever sees a token with wechat.data
		case name == oauth.ScopeWechatData && r.Scope != oauth.ScopeWechatData:
		case slices.Contains(aboutUsers, name) || name == oauth.ScopeOfflineAccess:
		default:
			own = append(own, name)
		}
	}
	return strings.Join(own, " "), nil
}
