package grants

import (
	"context"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// clientCredentials is the grant of RFC 6749 §4.4: a confidential client acts for itself. There is no user to
// look up, no session to open and nothing to refresh (§4.4.3), so an answer costs one signature.
func (m *Manager) clientCredentials(_ context.Context, r request) (tokens.Set, error) {
	scope, err := ownScope(r)
	if err != nil {
		return tokens.Set{}, err
	}
	if scope == oauth.ScopeWechatAppToken || scope == oauth.ScopeWechatData {
		return m.issuer.IssueToClientForUs(r.Client.Client, scope)
	}
	return m.issuer.IssueToClient(r.Client.Client, scope)
}

// ownScope is what a client gets for itself. Asking about a user is refused, for there is none and an answer
// without ID token would surprise (OpenID Connect Core §3.1.2.1); defaults, which the client did not ask for,
// are left out instead. So is offline_access, as for others who get nothing to refresh. The answer's scope
// tells of either (RFC 6749 §3.3).
func ownScope(r request) (string, error) {
	aboutUsers := []string{oauth.ScopeOpenID, oauth.ScopeProfile, oauth.ScopeEmail, oauth.ScopePhone,
		oauth.ScopeRoles, oauth.ScopeClaims, oauth.ScopeAccount}
	var own []string
	for _, name := range strings.Fields(r.Scope) {
		switch {
		case slices.Contains(aboutUsers, name) && r.Parameters.Get("scope") != "":
			return "", oauth.NewError(oauth.InvalidScope,
				"openid, profile, email, phone, roles, claims and account are about a "+
					"user, and client_credentials has none.")
		case name == oauth.ScopeWechatData && r.Parameters.Get("scope") != "" && r.Scope != oauth.ScopeWechatData:
			return "", oauth.NewError(oauth.InvalidScope, "wechat.data reaches all users of the client: ask for it by "+
				"client_credentials for nothing else.")
		// left out like those, so that no other server gets to see a token that has it
		case name == oauth.ScopeWechatData && r.Scope != oauth.ScopeWechatData:
		case slices.Contains(aboutUsers, name) || name == oauth.ScopeOfflineAccess:
		default:
			own = append(own, name)
		}
	}
	return strings.Join(own, " "), nil
}
