package admin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

// Clients manages the programs that may ask for tokens. It is safe for parallel use.
type Clients struct {
	clients identity.Clients
	apps    identity.Apps
}

// NewClients returns what manages the clients of a store.
func NewClients(store identity.Clients, apps identity.Apps) *Clients { return &Clients{store, apps} }

// Create registers a client whose record obeys [clients.Check], and returns the secret of a confidential one, which is
// kept as a hash and cannot be shown again. Errors: clients.FieldErrors; RefusedError with identity.ErrExists: the id
// is or was taken.
func (c *Clients) Create(ctx context.Context, actor identity.Actor, client identity.Client) (identity.Secret, error) {
	ctx = identity.WithActor(ctx, actor)
	apps, err := c.apps.List(ctx)
	if err != nil {
		return "", err
	}
	if err := clients.Check(client, apps); err != nil {
		return "", err
	}
	secret := ""
	if client.Confidential {
		secret = identity.NewClientSecret()
		client.SecretHash = identity.HashSecret(secret)
	}
	if err := c.clients.Create(ctx, client); err != nil {
		if errors.Is(err, identity.ErrExists) {
			return "", refused(err, "the id %q is taken, now or in the past; see: lingpai clients show %s", client.ID,
				client.ID)
		}
		return "", err
	}
	return identity.Secret(secret), nil
}

// DifferingPublic returns the enabled public clients that share an app with a public client and whose users get other
// tokens: whoever has a code of the app can use any of them.
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

// List returns all clients in the order of ids.
func (c *Clients) List(ctx context.Context, actor identity.Actor) ([]identity.Client, error) {
	return c.clients.List(identity.WithActor(ctx, actor))
}

// Find returns a client. UnknownError.
func (c *Clients) Find(ctx context.Context, actor identity.Actor, id string) (identity.Client, error) {
	client, err := c.clients.Find(identity.WithActor(ctx, actor), id)
	return client, unknown(err, "client", id)
}

// RotateSecret gives a confidential client another secret and returns it; the one before stops working. UnknownError;
// RefusedError: the client is public or disabled.
func (c *Clients) RotateSecret(ctx context.Context, actor identity.Actor, id string) (identity.Secret, error) {
	ctx = identity.WithActor(ctx, actor)
	client, err := c.clients.Find(ctx, id)
	switch {
	case err != nil:
		return "", unknown(err, "client", id)
	case !client.Confidential:
		return "", refused(nil, "%s is a public client: it has no secret", client.ID)
	case client.Disabled():
		return "", refused(nil, "%s is disabled since %s, with whatever secret", client.ID, instant(client.DisabledAt))
	}
	secret := identity.NewClientSecret()
	if err := c.clients.SetSecret(ctx, client.ID, identity.HashSecret(secret)); err != nil {
		return "", err
	}
	return identity.Secret(secret), nil
}

// Disable refuses a client for good. UnknownError.
func (c *Clients) Disable(ctx context.Context, actor identity.Actor, id string) error {
	return unknown(c.clients.Disable(identity.WithActor(ctx, actor), id), "client", id)
}

// ClientView is a client as operators see it.
type ClientView struct {
	ID            string   `json:"client_id"`
	Name          string   `json:"name,omitempty"`
	Type          string   `json:"type"` // "confidential" or "public" (RFC 6749 §2.1)
	FirstParty    bool     `json:"first_party"`
	Grants        []string `json:"grants"`
	Scopes        []string `json:"scopes"`
	DefaultScopes []string `json:"default_scopes"`
	Audience      []string `json:"audience"`
	Apps          []string `json:"apps"`
	Origins       []string `json:"origins"`
	WechatClaims  bool     `json:"wechat_claims"`
	AccessTTL     string   `json:"access_ttl,omitempty"` // as 1h0m0s; none: the server's default; likewise the next
	IdleTTL       string   `json:"idle_ttl,omitempty"`
	AbsoluteTTL   string   `json:"absolute_ttl,omitempty"`
	CreatedAt     string   `json:"created_at"` // RFC 3339 in UTC, as all instants of views
	DisabledAt    string   `json:"disabled_at,omitempty"`
}

// ViewClient shows all of a client but its secret.
func ViewClient(c identity.Client) ClientView {
	kind := "public"
	if c.Confidential {
		kind = "confidential"
	}
	return ClientView{
		ID: c.ID, Name: c.Name, Type: kind, FirstParty: c.FirstParty, Grants: c.Grants, Scopes: c.Scopes,
		DefaultScopes: c.DefaultScopes, Audience: c.Audience, Apps: c.Apps, Origins: c.Origins,
		WechatClaims: c.WechatClaims,
		AccessTTL:    optionalDuration(c.AccessTTL), IdleTTL: optionalDuration(c.IdleTTL),
		AbsoluteTTL: optionalDuration(c.AbsoluteTTL),
		CreatedAt:   instant(c.CreatedAt), DisabledAt: instant(c.DisabledAt),
	}
}

func optionalDuration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// instant shows an instant, or nothing for none.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
