package identity

import (
	"context"
	"time"
)

// Consent is what a user has allowed a client: one row per user, client and resource.
type Consent struct {
	UserID    string
	ClientID  string
	Resource  string   // that the request named (RFC 8707); "": none
	Scopes    []string // that the user has allowed, in the order of the requests
	Terms     string   // the version of the terms that were linked when the user consented; "": none
	GrantedAt time.Time
}

// Consents stores consents. They are deleted together with their user.
type Consents interface {
	// Grant adds scopes to what a user allows a client, and sets Terms and GrantedAt, with an event. It returns
	// ErrNotFound for an unknown user.
	Grant(ctx context.Context, consent Consent) error
	// Find returns the consent of a user for a client and a resource, or ErrNotFound.
	Find(ctx context.Context, userID, clientID, resource string) (Consent, error)
	// List returns all consents of a user, ordered by client and resource.
	List(ctx context.Context, userID string) ([]Consent, error)
	// Withdraw deletes the consents of a user for a client and ends the user's sessions at the client, in one
	// transaction, with an event. It increases the user's epoch, so that no code from before opens a session. It
	// returns false if there was none, and then changes nothing.
	Withdraw(ctx context.Context, userID, clientID string) (bool, error)
}
