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
	rotated, err := e.clients.RotateSecret(t.Context(), operator, "back-end")
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

	_, err = e.clients.RotateSecret(ctx, operator, "shop")
	requireRefused(t, err, "shop is a public client: it has no secret")
	_, err = e.clients.Create(ctx, operator, confidential("back-end"))
	require.NoError(t, err)
	require.NoError(t, e.clients.Disable(ctx, operator, "back-end"))
	disabled, err := e.clients.Find(ctx, operator, "back-end")
	require.NoError(t, err)
	_, err = e.clients.RotateSecret(ctx, operator, "back-end")
	requireRefused(t, err, "back-end was disabled at "+disabled.DisabledAt.UTC().Format(time.RFC3339)+
		", and a new secret does not enable it")

	_, err = e.clients.Find(ctx, operator, "nobody")
	requireUnknown(t, err, "client", "nobody")
	require.EqualError(t, err, `there is no client "nobody"`)
	_, err = e.clients.RotateSecret(ctx, operator, "nobody")
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
		"post_logout_redirect_uris":null,"always_consent":false,"optional_pkce":false}`, string(shown))
}
