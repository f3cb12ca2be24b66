package identity

import (
	"context"
	"slices"
	"time"
)

// Client is a program that may ask for tokens (RFC 6749 §2).
type Client struct {
	ID            string
	Name          string
	Confidential  bool   // has a secret; a public client proves nothing of itself
	SecretHash    []byte // HashSecret of the secret of a confidential client
	FirstParty    bool   // ours: may be allowed to see passwords
	Grants        []string
	Scopes        []string      // what it may ask for
	DefaultScopes []string      // what it gets when it asks for nothing
	Audience      []string      // "aud" of its access tokens
	Apps          []string      // AppIDs whose codes it may trade
	Origins       []string      // web origins whose scripts may call us
	WechatClaims  bool          // puts appid, openid and unionid into its access tokens
	AccessTTL     time.Duration // life of an access token; 0: the server's default
	IdleTTL       time.Duration // a session ends when it is not refreshed for so long; 0: the server's default
	AbsoluteTTL   time.Duration // a session ends in any case; 0: the server's default
	CreatedAt     time.Time
	DisabledAt    time.Time // zero: enabled
}

// Disabled says whether the client may not ask for anything.
func (c Client) Disabled() bool { return !c.DisabledAt.IsZero() }

// Allows says whether the client may use a grant.
func (c Client) Allows(grant string) bool { return slices.Contains(c.Grants, grant) }

// Clients is what a store does for clients.
type Clients interface {
	// Create keeps a new client. ErrExists: its id is a client's or a user's, now or in the past.
	Create(ctx context.Context, client Client) error
	// Find returns ErrNotFound for an unknown id.
	Find(ctx context.Context, id string) (Client, error)
	// SetSecret replaces the secret's hash. ErrNotFound.
	SetSecret(ctx context.Context, id string, hash []byte) error
	// Disable refuses the client from now on; its sessions cannot be refreshed while it is disabled. ErrNotFound.
	Disable(ctx context.Context, id string) error
	// List returns all clients in the order of ids.
	List(ctx context.Context) ([]Client, error)
}
