package grants

import (
	"context"
	"net/http"
	"slices"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

var (
	errNoAccountScope = &oauth.Error{
		Code: oauth.InsufficientScope,
		Description: "This needs a token of a signed-in user for this server, with the scope account, " +
			"which first-party clients may have.",
		Scope: oauth.ScopeAccount,
	}
	errNotProved = &oauth.Error{
		Code: oauth.InsufficientUserAuthentication,
		Description: "That does not prove who you are. Send your current password, or a fresh code of an " +
			"account that is linked already.",
	}
)

// CheckAccount says which user is calling about the own account. The token must be for this server and its
// client one of ours, still: an API that was shown one for itself cannot come here with it.
func (m *Manager) CheckAccount(ctx context.Context, bearer string) (Caller, error) {
	claims, client, _, err := m.userOf(ctx, bearer)
	switch {
	case err != nil:
		return Caller{}, err
	case !oauth.HasScope(claims.Scope, oauth.ScopeAccount) || !slices.Contains(claims.Audience, claims.Issuer) ||
		!client.FirstParty:
		return Caller{}, errNoAccountScope
	}
	return callerOf(claims), nil
}

// CheckRegistrar returns the first-party client that a request proves to be from (its PostForm and headers
// are read, as at the token endpoint), with which people may register: it must be able to sign them in by
// password.
func (m *Manager) CheckRegistrar(ctx context.Context, r *http.Request) (clientID string, err error) {
	client, err := authenticate(ctx, m.Clients, r)
	if err != nil {
		return "", err
	}
	if !m.mayUse(client, oauth.GrantPassword) || !slices.Contains(client.Scopes, oauth.ScopeAccount) {
		return "", &oauth.Error{Code: oauth.UnauthorizedClient,
			Description: "The client may not register users: it needs the grant password and the scope account."}
	}
	return client.ID, nil
}

// ProvePassword says whether a password is a user's. It counts like a sign-in, so that guessing here is no
// way round its bounds.
func (m *Manager) ProvePassword(ctx context.Context, user identity.User, secret, address string) error {
	if user.Username == "" || user.PasswordHash == "" {
		return errNotProved
	}
	attempt := newAttempt(user.Username, address)
	if err := m.countAttempt(ctx, attempt); err != nil {
		return err
	}
	right, _, err := m.Hasher.Check(ctx, address, user.PasswordHash, secret)
	switch {
	case err != nil:
		return hasherFailed(err)
	case !right:
		return errNotProved
	}
	m.forgetAttempts(ctx, attempt)
	return nil
}

// ProveCode trades a code at an app of a client's and returns whose it is. It makes no user.
func (m *Manager) ProveCode(ctx context.Context, clientID, appID, code, address string) (identity.Sighting, error) {
	client, err := m.Clients.Find(ctx, clientID)
	if err != nil {
		return identity.Sighting{}, oauth.StoreFailed(err)
	}
	if appID == "" && len(client.Apps) == 1 {
		appID = client.Apps[0]
	}
	s := signIn{Request: Request{Client: client, Address: address}, appID: appID, code: code}
	if s.platform, err = m.platformOf(client, appID); err != nil {
		return identity.Sighting{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signInTimeout)
	defer cancel()
	app, login, err := m.tradeProof(ctx, s)
	if err != nil {
		return identity.Sighting{}, err
	}
	key := identity.AccountKey{Platform: app.Platform, App: app.ID, Subject: login.Subject}
	if _, err := m.Accounts.Find(ctx, key); err == nil { // the key before it is stale now
		m.keepSessionKey(ctx, client, app.ID, login, m.Now())
	}
	return identity.Sighting{AccountKey: key, UnionID: login.UnionID, OpenPlatform: app.OpenPlatform}, nil
}

// tradeProof refuses codes that travel through browsers, whatever the client's record says: here it has not
// proved who it is, and its users have its tokens.
func (m *Manager) tradeProof(ctx context.Context, s signIn) (identity.App, Login, error) {
	app, err := m.findApp(ctx, s.platform.Name(), s.appID)
	if err == nil && app.InBrowser() {
		err = errInBrowser
	}
	if err != nil {
		return app, Login{}, err
	}
	return m.trade(ctx, s)
}

// platformOf returns the platform of an app whose codes a client may trade.
func (m *Manager) platformOf(client identity.Client, appID string) (Platform, error) {
	if appID == "" {
		return nil, oauth.NewError(oauth.InvalidRequest,
			"The client has several apps or none: name the one whose code it is.")
	}
	for name, platform := range m.Platforms {
		if client.Allows(name) && platform.Owns(appID) && slices.Contains(client.Apps, appID) {
			return platform, nil
		}
	}
	return nil, oauth.NewError(oauth.InvalidRequest, "The client may not trade codes of that app.")
}
