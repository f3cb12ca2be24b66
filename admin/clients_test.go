package admin_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

func publicClient() identity.Client {
	return identity.Client{ID: "shop", FirstParty: true, Grants: []string{"password"}, Audience: []string{audience}}
}

func confidential(id string) identity.Client {
	client := publicClient()
	client.ID, client.Confidential = id, true
	return client
}

func TestSecretIsReturnedOnceAndStoredAsAHash(t *testing.T) {
	e := newEnv(t)
	made, err := e.clients.Create(t.Context(), operator, confidential("back-end"))
	require.NoError(t, err)
	found, err := e.clients.Find(t.Context(), operator, "back-end")
	require.NoError(t, err)
	require.True(t, identity.SecretMatches(found.SecretHash, made.Reveal()))
	rotated, err := e.clients.RotateSecret(t.Context(), operator, "back-end", 0)
	require.NoError(t, err)
	found, err = e.clients.Find(t.Context(), operator, "back-end")
	require.NoError(t, err)
	require.True(t, identity.SecretMatches(found.SecretHash, rotated.Reveal()))
	require.False(t, identity.SecretMatches(found.SecretHash, made.Reveal()))

	none, err := e.clients.Create(t.Context(), operator, publicClient())
	require.NoError(t, err)
	require.Empty(t, none, "a public client has no secret")
}

func TestRejectedClients(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	bad := publicClient()
	bad.Grants, bad.Apps = []string{"implicit"}, []string{appID}
	_, err := e.clients.Create(ctx, operator, bad)
	var all clients.FieldErrors
	require.ErrorAs(t, err, &all)
	require.Equal(t, []string{"grants", "grants", "apps"}, []string{all[0].Field, all[1].Field, all[2].Field})
	listed, err := e.clients.List(ctx, operator)
	require.NoError(t, err)
	require.Empty(t, listed, "no client was created")

	user := e.addUser(t, "alice")
	_, err = e.clients.Create(ctx, operator, publicClient())
	require.NoError(t, err)
	_, err = e.clients.Create(ctx, operator, publicClient())
	requireRefused(t, err, `the id "shop" is or was used by another client; see: lingpai clients show shop`)
	require.ErrorIs(t, err, identity.ErrExists)
	named := publicClient()
	named.ID = user.ID
	_, err = e.clients.Create(ctx, operator, named)
	requireFieldOf(t, err, "client_id")

	_, err = e.clients.RotateSecret(ctx, operator, "shop", 0)
	requireRefused(t, err, "shop is a public client: it has no secret")
	_, err = e.clients.Create(ctx, operator, confidential("back-end"))
	require.NoError(t, err)
	require.NoError(t, e.clients.Disable(ctx, operator, "back-end"))
	disabled, err := e.clients.Find(ctx, operator, "back-end")
	require.NoError(t, err)
	_, err = e.clients.RotateSecret(ctx, operator, "back-end", 0)
	requireRefused(t, err, "back-end was disabled at "+disabled.DisabledAt.UTC().Format(time.RFC3339)+
		", and a new secret does not enable it")

	_, err = e.clients.Find(ctx, operator, "nobody")
	requireUnknown(t, err, "client", "nobody")
	require.EqualError(t, err, `there is no client "nobody"`)
	_, err = e.clients.RotateSecret(ctx, operator, "nobody", 0)
	requireUnknown(t, err, "client", "nobody")
	requireUnknown(t, e.clients.SetRefreshKeys(ctx, operator, "nobody", true), "client", "nobody")
	requireUnknown(t, e.clients.Disable(ctx, operator, "nobody"), "client", "nobody")
}

func requireFieldOf(t *testing.T, err error, field string) {
	t.Helper()
	requireField(t, err, field, "")
}

func TestDifferingPublic(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	require.NoError(t, e.apps.Add(ctx, operator, newApp(appID)))
	create := func(id string, change func(c *identity.Client)) identity.Client {
		client := identity.Client{ID: id, Grants: []string{"wechat_code"}, Apps: []string{appID},
			Audience: []string{audience}}
		if change != nil {
			change(&client)
		}
		_, err := e.clients.Create(ctx, operator, client)
		require.NoError(t, err)
		return client
	}
	differing := func(client identity.Client) (ids []string) {
		found, err := e.clients.DifferingPublic(ctx, operator, client)
		require.NoError(t, err)
		for _, c := range found {
			ids = append(ids, c.ID)
		}
		return ids
	}
	first := create("first", nil)
	require.Empty(t, differing(first))
	require.Empty(t, differing(create("equal", nil)))
	require.Empty(t, differing(create("backend", func(c *identity.Client) {
		c.Confidential, c.Scopes = true, []string{"api"}
	})), "a confidential client authenticates")
	require.Equal(t, []string{"equal", "first"}, differing(create("other", func(c *identity.Client) {
		c.Scopes = []string{"api"}
	})))
	require.NoError(t, e.clients.Disable(ctx, operator, "other"))
	require.Empty(t, differing(first))
}

func TestViewClientHasNoSecret(t *testing.T) {
	shown, err := json.Marshal(admin.ViewClient(identity.Client{ID: "x", Confidential: true, SecretHash: []byte("hash"),
		AccessTTL: time.Hour, CreatedAt: time.UnixMilli(0), Grants: []string{"password"}}))
	require.NoError(t, err)
	require.JSONEq(t, `{"client_id":"x","type":"confidential","first_party":false,"grants":["password"],"scopes":null,
		"default_scopes":null,"audience":null,"is_audience":null,"apps":null,"origins":null,"refresh_keys":false,
		"wechat_claims":false,"access_ttl":"1h0m0s","created_at":"1970-01-01T00:00:00Z","redirect_uris":null,
		"post_logout_redirect_uris":null,"always_consent":false,"optional_pkce":false,
		"require_par":false,		"has_secret":true}`, string(shown))
}

func TestUpdateAClient(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	client := confidential("shop")
	client.LegacyAudienceUntil = time.UnixMilli(1893456000000)
	_, err := e.clients.Create(ctx, operator, client)
	require.NoError(t, err)
	before, err := e.clients.Find(ctx, operator, "shop")
	require.NoError(t, err)

	wanted := before
	wanted.Grants = []string{"authorization_code", "refresh_token"}
	wanted.RedirectURIs = []string{"https://shop.example.com/callback"}
	wanted.Origins, wanted.AccessTTL = []string{"https://Shop.example.com"}, time.Minute
	wanted.AlwaysConsent, wanted.FirstParty = true, false
	tampered := wanted // with what an update does not change
	tampered.Confidential, tampered.SecretHash, tampered.CreatedAt = false, nil, time.Now()
	tampered.DisabledAt, tampered.LegacyAudienceUntil = time.Now(), time.Time{}
	changes, err := e.clients.Update(ctx, operator, tampered)
	require.NoError(t, err)
	require.Equal(t, []admin.Change{
		{Field: "first_party", Before: true, After: false},
		{Field: "grants", Before: before.Grants, After: wanted.Grants},
		{Field: "origins", Before: before.Origins, After: []string{"https://shop.example.com"}},
		{Field: "access_ttl", Before: "", After: "1m0s"},
		{Field: "redirect_uris", Before: before.RedirectURIs, After: wanted.RedirectURIs},
		{Field: "always_consent", Before: false, After: true},
	}, changes)
	after, err := e.clients.Find(ctx, operator, "shop")
	require.NoError(t, err)
	wanted.Origins = []string{"https://shop.example.com"}
	require.Equal(t, wanted, after)
	events, err := e.events.List(ctx, operator, identity.EventsOf{Kind: identity.EventClientUpdated}, 10)
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, operator, events[0].Actor)
	require.Equal(t, "shop", events[0].ClientID)
	for _, change := range changes {
		require.Contains(t, events[0].Detail, change.Field)
	}

	after.Origins = nil
	after.PostLogoutRedirectURIs = nil // as it is
	changes, err = e.clients.Update(ctx, operator, after)
	require.NoError(t, err)
	require.Equal(t, []admin.Change{{Field: "origins", Before: wanted.Origins, After: []string(nil)}}, changes)
	changes, err = e.clients.Update(ctx, operator, after)
	require.NoError(t, err)
	require.Empty(t, changes)
	require.Len(t, e.recordedOf(t, identity.EventClientUpdated), 2, "what changes nothing is no event")
}

func TestRejectedUpdatesChangeNothing(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	_, err := e.clients.Update(ctx, operator, publicClient())
	requireUnknown(t, err, "client", "shop")
	_, err = e.clients.Create(ctx, operator, publicClient())
	require.NoError(t, err)
	before, err := e.clients.Find(ctx, operator, "shop")
	require.NoError(t, err)
	bad := before
	bad.Grants, bad.RedirectURIs = []string{"authorization_code"}, []string{"javascript:alert(1)"}
	_, err = e.clients.Update(ctx, operator, bad)
	requireFieldOf(t, err, "redirect_uris")
	bad = before
	bad.Apps = []string{appID}
	_, err = e.clients.Update(ctx, operator, bad)
	requireField(t, err, "apps", "there is no app")
	after, err := e.clients.Find(ctx, operator, "shop")
	require.NoError(t, err)
	require.Equal(t, before, after)

	require.NoError(t, e.clients.Disable(ctx, operator, "shop"))
	disabled, err := e.clients.Find(ctx, operator, "shop")
	require.NoError(t, err)
	_, err = e.clients.Update(ctx, operator, before)
	requireRefused(t, err, "shop was disabled at "+disabled.DisabledAt.UTC().Format(time.RFC3339)+
		", and an update does not enable it")
	require.Empty(t, e.recordedOf(t, identity.EventClientUpdated))
}
