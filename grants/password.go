package grants

import (
	"context"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// password implements the grant of RFC 6749 §4.3. RFC 9700 §2.4 forbids it, so only first-party clients can be
// registered for it.
func (m *Manager) password(ctx context.Context, r request) (tokens.Set, error) {
	username, secret := r.Parameters.Get("username"), r.Parameters.Get("password")
	if username == "" || secret == "" {
		return tokens.Set{}, oauth.NewError(oauth.InvalidRequest, "username and password are both required.")
	}
	var err error
	if r.Target, err = m.userTarget(r, r.Scope, identity.Session{Scope: r.Scope}); err != nil {
		return tokens.Set{}, err
	}
	user, err := m.signIn.Password(ctx, r.signIn(), username, secret)
	if err != nil {
		return tokens.Set{}, err
	}
	return m.issue(ctx, tokens.Authorization{
		Client: r.Client.Client, User: user, Scope: r.Scope, Resource: r.Resource, Target: r.Target,
		Method: identity.MethodPassword, AuthTime: m.now(), Device: r.Device,
	})
}
