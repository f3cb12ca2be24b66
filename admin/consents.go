package admin

import (
	"context"

	"github.com/lingpai/lingpai/identity"
)

// Consents lists and withdraws what users have allowed clients. It is safe for concurrent use.
type Consents struct{ consents identity.Consents }

// NewConsents returns a Consents for a store.
func NewConsents(store identity.Consents) *Consents { return &Consents{store} }

// List returns what a user has allowed clients, ordered by client.
func (c *Consents) List(ctx context.Context, actor identity.Actor, userID string) ([]identity.Consent, error) {
	return c.consents.List(identity.WithActor(ctx, actor), userID)
}

// Withdraw withdraws all that a user has allowed a client, and ends the user's sessions at the client. It returns
// UnknownError if there is nothing to withdraw.
func (c *Consents) Withdraw(ctx context.Context, actor identity.Actor, userID, clientID string) error {
	withdrawn, err := c.consents.Withdraw(identity.WithActor(ctx, actor), userID, clientID)
	if err == nil && !withdrawn {
		return UnknownError{"consent of this user to client", clientID}
	}
	return err
}

// WithdrawAll withdraws all that a user has allowed any client, and returns for how many clients.
func (c *Consents) WithdrawAll(ctx context.Context, actor identity.Actor, userID string) (int, error) {
	ctx = identity.WithActor(ctx, actor)
	consents, err := c.consents.List(ctx, userID)
	count := 0
	for _, consent := range consents {
		withdrawn, err := c.consents.Withdraw(ctx, userID, consent.ClientID) // false: for another resource before
		if err != nil {
			return count, err
		}
		if withdrawn {
			count++
		}
	}
	return count, err
}

// ConsentView is a consent in the form that operators see.
type ConsentView struct {
	ClientID  string   `json:"client_id"`
	Resource  string   `json:"resource,omitempty"`
	Scopes    []string `json:"scopes"`
	Terms     string   `json:"terms,omitempty"`
	GrantedAt string   `json:"granted_at"`
}

// ViewConsent returns the view of a consent.
func ViewConsent(c identity.Consent) ConsentView {
	return ConsentView{c.ClientID, c.Resource, c.Scopes, c.Terms, instant(c.GrantedAt)}
}
