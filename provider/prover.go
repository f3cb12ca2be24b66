package provider

import (
	"context"
	"errors"

	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/grants"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// prover lets accounts ask what a sign-in would find out.
type prover struct{ manager *grants.Manager }

// NewProver returns what proves people to their accounts: the manager that signs them in.
func NewProver(manager *grants.Manager) accounts.Prover { return prover{manager} }

// ProvePassword implements accounts.Prover.
func (p prover) ProvePassword(ctx context.Context, user identity.User, password, address string) error {
	return unproved(p.manager.ProvePassword(ctx, user, password, address))
}

// ProveCode implements accounts.Prover.
func (p prover) ProveCode(ctx context.Context, clientID, appID, code, address string) (identity.Sighting, error) {
	sighting, err := p.manager.ProveCode(ctx, clientID, appID, code, address)
	return sighting, unproved(err)
}

func unproved(err error) error {
	if errors.Is(err, oauth.InsufficientUserAuthentication) || errors.Is(err, oauth.InvalidGrant) {
		return accounts.Unproved(err)
	}
	return err
}
