package storagetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func clients() []testCase {
	return []testCase{
		{"a client is found as created", clientIsFound},
		{"a client without optional settings is found as created", bareClientIsFound},
		{"a client's id is unique", clientIsTaken},
		{"a client cannot have a user's id", clientIsNoUser},
		{"one of several parallel creations of one client succeeds", often(parallelClients)},
		{"an unknown client is not found", unknownClient},
		{"an update replaces the record but not the secret, with an event that names the fields", clientIsUpdated},
		{"an update without a change records no event", clientStaysTheSame},
		{"parallel updates of one client are each complete", often(parallelUpdates)},
		{"a new secret replaces the old one", clientSecretIsReplaced},
		{"a client becomes strict and lenient again", clientRefreshKeys},
		{"a client is served by the old rule for audiences until a date", clientLegacyAudience},
		{"a disabled client is reported as disabled", clientIsDisabled},
		{"the list has every client, ordered by id", listOfClients},
	}
}

// newClient creates a client with the grants that these tests use. It looks the client up before and after, so that a
// store with a cache has cached both results.
func (f fixture) newClient(t *testing.T) identity.Client {
	t.Helper()
	client := identity.Client{ID: identity.NewClientID(), Name: "Client", Grants: []string{"password", "refresh_token"}}
	_, err := f.Clients.Find(t.Context(), client.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.NoError(t, f.Clients.Create(t.Context(), client))
	f.client(t, client.ID)
	return client
}

func (f fixture) client(t *testing.T, id string) identity.Client {
	t.Helper()
	found, err := f.Clients.Find(t.Context(), id)
	require.NoError(t, err)
	return found
}

// fullClient returns a client that has everything that a client can have.
func fullClient() identity.Client {
	return identity.Client{
		ID:            identity.NewClientID(),
		Name:          "令牌 \"quoted\", and, commas",
		Confidential:  true,
		SecretHash:    identity.HashSecret("secret"),
		FirstParty:    true,
		Grants:        []string{"password", "refresh_token", "wechat_code"},
		Scopes:        []string{"openid", "profile", "https://api.example.com/read"},
		DefaultScopes: []string{"openid"},
		Audience:      []string{"https://b.example.com", "https://a.example.com"},
		IsAudience:    []string{"https://c.example.com"},
		Apps:          []string{"wx1", "wx2"},
		Origins:       []string{"https://app.example.com", "http://localhost:3000"},
		RefreshKeys:   true,
		WechatClaims:  true,
		AccessTTL:     90 * time.Second,
		IdleTTL:       36 * time.Hour,
		AbsoluteTTL:   365 * 24 * time.Hour,

		RedirectURIs:           []string{"https://app.example.com/cb?a=%41", "com.example.app:/cb"},
		PostLogoutRedirectURIs: []string{"https://app.example.com/bye"},
		BackchannelLogoutURI:   "https://app.example.com/logout",
		AlwaysConsent:          true,
		OptionalPKCE:           true,

		OldSecretHash:  identity.HashSecret("old"),
		OldSecretUntil: time.UnixMilli(1893456000000),
		JWKS:           `{"keys":[]}`,
		JWKSURI:        "https://app.example.com/jwks",
		RequirePAR:     true,

		LegacyAudienceUntil: time.UnixMilli(1893456000000),
	}
}

func clientIsFound(t *testing.T, f fixture) {
	client := fullClient()
	require.NoError(t, f.Clients.Create(t.Context(), client))
	found := f.client(t, client.ID)
	require.False(t, found.CreatedAt.IsZero())
	client.CreatedAt = found.CreatedAt
	require.Equal(t, client, found)
}

func bareClientIsFound(t *testing.T, f fixture) {
	id := identity.NewClientID()
	require.NoError(t, f.Clients.Create(t.Context(), identity.Client{ID: id}))
	found := f.client(t, id)
	require.False(t, found.Confidential || found.FirstParty || found.WechatClaims || found.Disabled())
	require.False(t, found.RefreshKeys)
	require.False(t, identity.SecretMatches(found.SecretHash, ""))
	for _, list := range [][]string{found.Grants, found.Scopes, found.DefaultScopes, found.Audience,
		found.IsAudience, found.Apps, found.Origins, found.RedirectURIs, found.PostLogoutRedirectURIs} {
		require.Empty(t, list)
	}
	require.Zero(t, found.AccessTTL+found.IdleTTL+found.AbsoluteTTL)
	require.Zero(t, found.LegacyAudienceUntil)
	require.Empty(t, found.BackchannelLogoutURI+found.JWKS+found.JWKSURI)
	require.False(t, found.AlwaysConsent || found.OptionalPKCE || found.RequirePAR || found.HasKeys())
	require.False(t, identity.SecretMatches(found.OldSecretHash, ""))
	require.Zero(t, found.OldSecretUntil)
}

func clientIsTaken(t *testing.T, f fixture) {
	client := f.newClient(t)
	require.ErrorIs(t, f.Clients.Create(t.Context(), identity.Client{ID: client.ID, Name: "again"}), identity.ErrExists)
	require.Equal(t, client.Name, f.client(t, client.ID).Name)
}

func clientIsNoUser(t *testing.T, f fixture) {
	user := f.newUser(t)
	require.ErrorIs(t, f.Clients.Create(t.Context(), identity.Client{ID: user.ID}), identity.ErrExists)
	_, err := f.Clients.Find(t.Context(), user.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
	_, err = f.Users.Find(t.Context(), f.newClient(t).ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
}

func parallelClients(t *testing.T, f fixture) {
	id := identity.NewClientID()
	requireOneWinner(t, inParallel(callers, func(n int) won {
		return wonUnless(f.at(n).Clients.Create(t.Context(), identity.Client{ID: id}), identity.ErrExists)
	}))
}

func unknownClient(t *testing.T, f fixture) {
	f.newClient(t)
	id := identity.NewClientID()
	_, err := f.Clients.Find(t.Context(), id)
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.ErrorIs(t, f.Clients.SetSecret(t.Context(), id, identity.HashSecret("new"), 0), identity.ErrNotFound)
	require.ErrorIs(t, f.Clients.SetRefreshKeys(t.Context(), id, true), identity.ErrNotFound)
	require.ErrorIs(t, f.Clients.SetLegacyAudience(t.Context(), id, time.UnixMilli(1)), identity.ErrNotFound)
	require.ErrorIs(t, f.Clients.Disable(t.Context(), id), identity.ErrNotFound)
	require.ErrorIs(t, f.Clients.Update(t.Context(), identity.Client{ID: id}), identity.ErrNotFound)
	_, err = f.Clients.Find(t.Context(), id)
	require.ErrorIs(t, err, identity.ErrNotFound)
}

func clientIsUpdated(t *testing.T, f fixture) {
	client, bystander := f.newClient(t), f.newClient(t)
	require.NoError(t, f.Clients.SetSecret(t.Context(), client.ID, identity.HashSecret("kept"), 0))
	require.NoError(t, f.Clients.Disable(t.Context(), client.ID))
	before, other := f.client(t, client.ID), f.client(t, bystander.ID)

	want := fullClient()
	want.ID, want.SecretHash = client.ID, identity.HashSecret("not stored")
	require.NoError(t, f.Clients.Update(t.Context(), want))
	want.SecretHash, want.CreatedAt, want.DisabledAt = before.SecretHash, before.CreatedAt, before.DisabledAt
	want.OldSecretHash, want.OldSecretUntil = before.OldSecretHash, before.OldSecretUntil
	require.Equal(t, want, f.client(t, client.ID))
	require.Equal(t, other, f.client(t, bystander.ID))

	want.RedirectURIs, want.OptionalPKCE = nil, false
	require.NoError(t, f.Clients.Update(t.Context(), want))
	require.Empty(t, f.client(t, client.ID).RedirectURIs)
	events := updatesOf(t, f, client)
	require.Len(t, events, 2)
	require.Equal(t, "redirect_uris, optional_pkce", events[0].Detail)
	require.Equal(t, "name, confidential, first_party, grants, scopes, default_scopes, audience, is_audience, apps, "+
		"origins, refresh_keys, wechat_claims, access_ttl, idle_ttl, absolute_ttl, redirect_uris, "+
		"post_logout_redirect_uris, backchannel_logout_uri, always_consent, optional_pkce, jwks, jwks_uri, "+
		"require_par, legacy_audience_until", events[1].Detail)
}

// updatesOf returns the events of updates of a client, the newest first.
func updatesOf(t *testing.T, f fixture, client identity.Client) []identity.Event {
	t.Helper()
	events, err := f.Events.List(t.Context(), identity.EventsOf{Kind: identity.EventClientUpdated, ClientID: client.ID},
		100)
	require.NoError(t, err)
	return events
}

func clientStaysTheSame(t *testing.T, f fixture) {
	client := f.client(t, f.newClient(t).ID)
	require.NoError(t, f.Clients.Update(t.Context(), client))
	require.Equal(t, client, f.client(t, client.ID))
	require.Empty(t, updatesOf(t, f, client))
}

func parallelUpdates(t *testing.T, f fixture) {
	client := f.newClient(t)
	for _, err := range inParallel(callers, func(n int) error {
		updated := client
		updated.Name, updated.Scopes = fmt.Sprint(n), []string{fmt.Sprint(n)}
		return f.at(n).Clients.Update(t.Context(), updated)
	}) {
		require.NoError(t, err)
	}
	stored, err := f.Clients.List(t.Context()) // the replica's cache may have an older one
	require.NoError(t, err)
	n := slices.IndexFunc(stored, func(c identity.Client) bool { return c.ID == client.ID })
	require.Equal(t, []string{stored[n].Name}, stored[n].Scopes)
}

func clientSecretIsReplaced(t *testing.T, f fixture) {
	client, bystander := f.newClient(t), f.newClient(t)
	require.NoError(t, f.Clients.SetSecret(t.Context(), client.ID, identity.HashSecret("old"), 0))
	require.NoError(t, f.Clients.SetSecret(t.Context(), client.ID, identity.HashSecret("new"), 0))
	found := f.client(t, client.ID)
	require.True(t, identity.SecretMatches(found.SecretHash, "new"))
	require.False(t, identity.SecretMatches(found.SecretHash, "old"))
	require.Equal(t, client.Grants, found.Grants)
	require.Empty(t, found.OldSecretHash)
	require.Empty(t, f.client(t, bystander.ID).SecretHash)

	before := f.now(t)
	require.NoError(t, f.Clients.SetSecret(t.Context(), client.ID, identity.HashSecret("newer"), time.Hour))
	found = f.client(t, client.ID)
	require.True(t, identity.SecretMatches(found.SecretHash, "newer"))
	require.True(t, identity.SecretMatches(found.OldSecretHash, "new"))
	require.WithinRange(t, found.OldSecretUntil, before.Add(time.Hour), f.now(t).Add(time.Hour))
	require.NoError(t, f.Clients.SetSecret(t.Context(), client.ID, nil, 0))
	found = f.client(t, client.ID)
	require.Empty(t, found.SecretHash)
	require.Empty(t, found.OldSecretHash)
	require.Zero(t, found.OldSecretUntil)
}

func clientRefreshKeys(t *testing.T, f fixture) {
	client, bystander := f.newClient(t), f.newClient(t)
	for _, on := range []bool{true, true, false} {
		require.NoError(t, f.Clients.SetRefreshKeys(t.Context(), client.ID, on))
		client.RefreshKeys, client.CreatedAt = on, f.client(t, client.ID).CreatedAt
		require.Equal(t, on, f.client(t, client.ID).RefreshKeys)
		require.False(t, f.client(t, bystander.ID).RefreshKeys)
	}
	events, err := f.Events.List(t.Context(), identity.EventsOf{ClientID: client.ID}, 2)
	require.NoError(t, err)
	require.Equal(t, identity.EventClientRefreshKeys, events[0].Kind)
	require.Equal(t, []string{"off", "on"}, []string{events[0].Detail, events[1].Detail})
}

func clientLegacyAudience(t *testing.T, f fixture) {
	client, bystander := f.newClient(t), f.newClient(t)
	for _, until := range []time.Time{time.UnixMilli(1893456000000), {}} {
		require.NoError(t, f.Clients.SetLegacyAudience(t.Context(), client.ID, until))
		require.Equal(t, until, f.client(t, client.ID).LegacyAudienceUntil)
		require.Zero(t, f.client(t, bystander.ID).LegacyAudienceUntil)
	}
	events, err := f.Events.List(t.Context(), identity.EventsOf{ClientID: client.ID}, 2)
	require.NoError(t, err)
	require.Equal(t, identity.EventLegacyAudience, events[0].Kind)
	require.Equal(t, []string{"off", "until 2030-01-01T00:00:00Z"}, []string{events[0].Detail, events[1].Detail})
}

func clientIsDisabled(t *testing.T, f fixture) {
	before := f.now(t)
	client, bystander := f.newClient(t), f.newClient(t)
	require.NoError(t, f.Clients.Disable(t.Context(), client.ID))
	require.NoError(t, f.Clients.Disable(t.Context(), client.ID), "again")
	disabled := f.client(t, client.ID)
	require.True(t, disabled.Disabled())
	between(t, before, f.now(t), disabled.DisabledAt)
	require.False(t, f.client(t, bystander.ID).Disabled())
}

func listOfClients(t *testing.T, f fixture) {
	_, err := f.Clients.List(t.Context())
	require.NoError(t, err)
	want := []identity.Client{f.newClient(t), f.newClient(t), f.newClient(t)}
	listed, err := f.Clients.List(t.Context())
	require.NoError(t, err)
	var ids []string
	for _, client := range listed {
		require.Equal(t, f.client(t, client.ID), client)
		ids = append(ids, client.ID)
	}
	for _, client := range want {
		require.Contains(t, ids, client.ID)
	}
	require.True(t, slices.IsSorted(ids), "ordered by bytes, whatever the database's collation")
}
