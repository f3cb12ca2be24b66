package admin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

// Clients manages OAuth clients. It is safe for concurrent use.
type Clients struct {
	clients identity.Clients
	apps    identity.Apps
}

// NewClients returns a Clients for a store.
func NewClients(store identity.Clients, apps identity.Apps) *Clients { return &Clients{store, apps} }

// Create registers a client, with the origins as browsers send them. It returns the secret of a confidential client
// without keys, which is stored as a hash and cannot be shown again. It returns the errors of [clients.Check], and
// RefusedError with identity.ErrExists if the id is or was used by another client.
func (c *Clients) Create(ctx context.Context, actor identity.Actor, client identity.Client) (identity.Secret, error) {
	ctx = identity.WithActor(ctx, actor)
	client, err := c.checked(ctx, client)
	if err != nil {
		return "", err
	}
	secret := ""
	if client.Confidential && !client.HasKeys() {
		secret = identity.NewClientSecret()
		client.SecretHash = identity.HashSecret(secret)
	}
	if err := c.clients.Create(ctx, client); err != nil {
		if errors.Is(err, identity.ErrExists) {
			return "", refused(err, "the id %q is or was used by another client; see: lingpai clients show %s",
				client.ID, client.ID)
		}
		return "", err
	}
	return identity.Secret(secret), nil
}

// checked returns a client with the origins as browsers send them, or the errors of [clients.Check].
func (c *Clients) checked(ctx context.Context, client identity.Client) (identity.Client, error) {
	apps, err := c.apps.List(ctx)
	if err != nil {
		return client, err
	}
	client.Origins = slices.Clone(client.Origins)
	for n, origin := range client.Origins {
		client.Origins[n] = clients.CanonicalOrigin(origin)
	}
	return client, clients.Check(client, apps)
}

// Update replaces a client's record, with the origins as browsers send them. The client's type, secret, times and
// LegacyAudienceUntil stay. Update returns what it changed, which may be nothing. It returns UnknownError if there is
// no such client, RefusedError if it is disabled or could not authenticate any more, and the errors of [clients.Check].
func (c *Clients) Update(ctx context.Context, actor identity.Actor, client identity.Client) ([]Change, error) {
	ctx = identity.WithActor(ctx, actor)
	before, err := c.clients.Find(ctx, client.ID)
	switch {
	case err != nil:
		return nil, unknown(err, "client", client.ID)
	case before.Disabled():
		return nil, refused(nil, "%s was disabled at %s, and an update does not enable it", client.ID,
			instant(before.DisabledAt))
	case before.HasKeys() && !client.HasKeys() && len(before.SecretHash) == 0:
		return nil, refused(nil, "%s has no secret, and could not authenticate without keys: first run: lingpai "+
			"clients rotate-secret %s", client.ID, client.ID)
	}
	client.Confidential, client.SecretHash = before.Confidential, before.SecretHash
	client.OldSecretHash, client.OldSecretUntil = before.OldSecretHash, before.OldSecretUntil
	client.CreatedAt, client.DisabledAt = before.CreatedAt, before.DisabledAt
	client.LegacyAudienceUntil = before.LegacyAudienceUntil
	client, err = c.checked(ctx, client)
	if err != nil {
		return nil, err
	}
	changes := changesOf(ViewClient(before), ViewClient(client))
	if len(changes) == 0 {
		return nil, nil
	}
	return changes, unknown(c.clients.Update(ctx, client), "client", client.ID)
}

// UsesSDK is [clients.UsesSDK] with all registered apps.
func (c *Clients) UsesSDK(ctx context.Context, actor identity.Actor, client identity.Client) (bool, error) {
	apps, err := c.apps.List(identity.WithActor(ctx, actor))
	return clients.UsesSDK(client, apps), err
}

// DifferingPublic returns the enabled public clients that share an app with a public client but whose users get
// different tokens: anyone with a code of the app can use it with any of them.
func (c *Clients) DifferingPublic(ctx context.Context, actor identity.Actor,
	client identity.Client) ([]identity.Client, error) {
	if client.Confidential {
		return nil, nil
	}
	others, err := c.clients.List(identity.WithActor(ctx, actor))
	var differing []identity.Client
	for _, other := range others {
		shares := slices.ContainsFunc(other.Apps, func(app string) bool { return slices.Contains(client.Apps, app) })
		if other.ID != client.ID && !other.Confidential && !other.Disabled() && shares &&
			!clients.SameRights(other, client) {
			differing = append(differing, other)
		}
	}
	return differing, err
}

// List returns all clients, sorted by id.
func (c *Clients) List(ctx context.Context, actor identity.Actor) ([]identity.Client, error) {
	return c.clients.List(identity.WithActor(ctx, actor))
}

// Find returns a client. It returns UnknownError if there is none.
func (c *Clients) Find(ctx context.Context, actor identity.Actor, id string) (identity.Client, error) {
	client, err := c.clients.Find(identity.WithActor(ctx, actor), id)
	return client, unknown(err, "client", id)
}

// MaxKeptSecret is how long RotateSecret may keep the old secret.
const MaxKeptSecret = 30 * 24 * time.Hour

// RotateSecret replaces the secret of a confidential client and returns the new one. The old one works for keep more,
// and one from before that no longer. It returns UnknownError if there is no such client, and RefusedError if it is
// public or disabled or would keep the old secret for longer than MaxKeptSecret.
func (c *Clients) RotateSecret(ctx context.Context, actor identity.Actor, id string, keep time.Duration,
) (identity.Secret, error) {
	ctx = identity.WithActor(ctx, actor)
	client, err := c.clients.Find(ctx, id)
	switch {
	case err != nil:
		return "", unknown(err, "client", id)
	case !client.Confidential:
		return "", refused(nil, "%s is a public client: it has no secret", client.ID)
	case client.Disabled():
		return "", refused(nil, "%s was disabled at %s, and a new secret does not enable it", client.ID,
			instant(client.DisabledAt))
	case keep < 0 || keep > MaxKeptSecret:
		return "", refused(nil, "the old secret can be kept for %s at most", MaxKeptSecret)
	}
	secret := identity.NewClientSecret()
	if err := c.clients.SetSecret(ctx, client.ID, identity.HashSecret(secret), keep); err != nil {
		return "", err
	}
	return identity.Secret(secret), nil
}

// DeleteSecret deletes the secrets of a client, which then authenticates with its keys only. It returns UnknownError if
// there is no such client, and RefusedError if it has no keys.
func (c *Clients) DeleteSecret(ctx context.Context, actor identity.Actor, id string) error {
	ctx = identity.WithActor(ctx, actor)
	client, err := c.clients.Find(ctx, id)
	switch {
	case err != nil:
		return unknown(err, "client", id)
	case !client.HasKeys():
		return refused(nil, "%s has no keys to authenticate with instead: set them with: lingpai clients update "+
			"%s --jwks-uri URL", id, id)
	}
	return unknown(c.clients.SetSecret(ctx, id, nil, 0), "client", id)
}

// SetRefreshKeys sets whether every refresh of a client has an idempotency key, a random one for each refresh token.
// It returns UnknownError if there is no such client, and the errors of [clients.CheckRefreshKeys].
func (c *Clients) SetRefreshKeys(ctx context.Context, actor identity.Actor, id string, on bool) error {
	ctx = identity.WithActor(ctx, actor)
	client, err := c.clients.Find(ctx, id)
	if err != nil {
		return unknown(err, "client", id)
	}
	client.RefreshKeys = on
	if err := clients.CheckRefreshKeys(client); err != nil {
		return err
	}
	return unknown(c.clients.SetRefreshKeys(ctx, id, on), "client", id)
}

// MaxLegacyAudience is how far in the future the end of SetLegacyAudience may be.
const MaxLegacyAudience = 366 * 24 * time.Hour

// SetLegacyAudience sets a client's LegacyAudienceUntil; zero turns it off. It returns UnknownError if there is no such
// client, and a clients.FieldError if until is not in the future or further away than MaxLegacyAudience.
func (c *Clients) SetLegacyAudience(ctx context.Context, actor identity.Actor, id string, until, now time.Time) error {
	if !until.IsZero() && (!until.After(now) || until.After(now.Add(MaxLegacyAudience))) {
		return clients.FieldError{Field: "legacy_audience_until", Reason: "must be in the future, and within a year: " +
			"until then an API can use the client's tokens at this server"}
	}
	return unknown(c.clients.SetLegacyAudience(identity.WithActor(ctx, actor), id, until), "client", id)
}

// Disable disables a client permanently. It returns UnknownError if there is no such client.
func (c *Clients) Disable(ctx context.Context, actor identity.Actor, id string) error {
	return unknown(c.clients.Disable(identity.WithActor(ctx, actor), id), "client", id)
}
