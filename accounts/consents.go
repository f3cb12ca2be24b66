package accounts

import (
	"context"

	"github.com/lingpai/lingpai/oauth"
)

// ConsentInfo is what users see about something that they have allowed a client.
type ConsentInfo struct {
	ClientID string   `json:"client_id"`
	Resource string   `json:"resource,omitempty"` // that it is for; absent if the client named none
	Scopes   []string `json:"scopes"`
	Granted  string   `json:"granted"` // a UTC date (2006-01-02)
}

// ListConsents returns what the caller has allowed clients. See [Accounts] for its errors.
func (a *Accounts) ListConsents(ctx context.Context, c Caller) ([]ConsentInfo, error) {
	user, err := a.enter(ctx, c)
	if err != nil {
		return nil, err
	}
	consents, err := a.consents.List(ctx, user.ID)
	if err != nil {
		return nil, oauth.StoreFailed(err)
	}
	infos := make([]ConsentInfo, len(consents))
	for n, consent := range consents {
		infos[n] = ConsentInfo{ClientID: consent.ClientID, Resource: consent.Resource,
			Scopes: consent.Scopes, Granted: day(consent.GrantedAt)}
	}
	return infos, nil
}

// WithdrawConsent withdraws all that the caller has allowed a client, and ends the caller's sessions at the client. It
// needs no proof, because it gives a thief nothing. Besides the errors of [Accounts], it returns oauth.UnknownConsent
// if there is nothing to withdraw.
func (a *Accounts) WithdrawConsent(ctx context.Context, c Caller, clientID string) error {
	user, err := a.enter(ctx, c)
	if err != nil {
		return err
	}
	withdrawn, err := a.consents.Withdraw(ctx, user.ID, clientID)
	return changed(withdrawn, err, errUnknownConsent)
}

var errUnknownConsent = oauth.NewError(oauth.UnknownConsent, "You have not allowed this client anything.")
