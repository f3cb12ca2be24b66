package identity

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Client is an application that may request tokens (RFC 6749 §2).
type Client struct {
	ID            string
	Name          string
	Confidential  bool   // authenticates; a public client cannot
	SecretHash    []byte // HashSecret of the secret of a confidential client; nil: it has keys only
	FirstParty    bool   // run by the operator of this server: may be allowed to handle passwords
	Grants        []string
	Scopes        []string      // that it may request
	DefaultScopes []string      // that it gets if it requests none
	Audience      []string      // the APIs that its access tokens are for; none: this server
	IsAudience    []string      // the audiences that it is: an API, which may introspect tokens for them
	Apps          []string      // AppIDs whose codes it may exchange
	Origins       []string      // web origins whose scripts may call the server
	RefreshKeys   bool          // strict: every refresh has an idempotency key, a random one for each refresh token
	WechatClaims  bool          // include appid, openid and unionid in its access tokens
	AccessTTL     time.Duration // lifetime of an access token; 0: the server's default
	IdleTTL       time.Duration // lifetime of a session that is not refreshed; 0: the server's default
	AbsoluteTTL   time.Duration // lifetime of a session in any case; 0: the server's default
	CreatedAt     time.Time
	DisabledAt    time.Time // zero: enabled

	// How users sign in at the client in a browser.
	RedirectURIs           []string // where /authorize may send users, compared byte for byte (RFC 6749 §3.1.2)
	PostLogoutRedirectURIs []string // where they may be sent after signing out (RP-Initiated Logout §3.1)
	BackchannelLogoutURI   string   // receives logout tokens (Back-Channel Logout §2.2); "": none
	InitiateLoginURI       string   // where a sign-in begins (OpenID Connect Core §4); "": nowhere that is known
	AlwaysConsent          bool     // asks for consent at every sign-in
	OptionalPKCE           bool     // a confidential client whose library sends no code_challenge (RFC 7636)

	// How a confidential client authenticates besides, or instead of, with its secret.
	OldSecretHash  []byte    // of the secret before, until OldSecretUntil
	OldSecretUntil time.Time // zero: there is none
	JWKS           string    // its public keys, a JWK set (RFC 7517); "": none
	JWKSURI        string    // where its JWK set is; "": nowhere
	RequirePAR     bool      // sends all authorization requests to /par first (RFC 9126)

	// LegacyAudienceUntil is until when a token request that names no resource gets one token for the client's APIs and
	// this server, as old versions of its program need it. Zero: never.
	LegacyAudienceUntil time.Time
}

// Title returns what users see on pages: the client's name, or its id if it has none.
func (c Client) Title() string { return cmp.Or(c.Name, c.ID) }

// Disabled reports whether all requests of the client are rejected.
func (c Client) Disabled() bool { return !c.DisabledAt.IsZero() }

// HasKeys reports whether the client may authenticate by signing with its own keys.
func (c Client) HasKeys() bool { return c.JWKS != "" || c.JWKSURI != "" }

// Allows reports whether the client may use a grant.
func (c Client) Allows(grant string) bool { return slices.Contains(c.Grants, grant) }

// Clients stores clients.
type Clients interface {
	// Create stores a new client. It returns ErrExists if its id is or ever was the id of a client or a user.
	Create(ctx context.Context, client Client) error
	// Find returns a client, or ErrNotFound.
	Find(ctx context.Context, id string) (Client, error)
	// Update replaces every field of a client's record but its id, its secrets, and the times when it was created and
	// disabled. It returns ErrNotFound for an unknown client.
	Update(ctx context.Context, client Client) error
	// SetSecret replaces the secret's hash, by nil if the client is to have none. The secret before counts for keep
	// more. It returns ErrNotFound for an unknown client.
	SetSecret(ctx context.Context, id string, hash []byte, keep time.Duration) error
	// SetRefreshKeys sets Client.RefreshKeys. It returns ErrNotFound for an unknown client.
	SetRefreshKeys(ctx context.Context, id string, on bool) error
	// SetLegacyAudience sets Client.LegacyAudienceUntil. It returns ErrNotFound for an unknown client.
	SetLegacyAudience(ctx context.Context, id string, until time.Time) error
	// Disable disables the client. Its sessions cannot be refreshed while it is disabled. It returns ErrNotFound for
	// an unknown client.
	Disable(ctx context.Context, id string) error
	// List returns all clients, ordered by id.
	List(ctx context.Context) ([]Client, error)
}
