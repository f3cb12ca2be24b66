package accounts_test

import (
	"context"
	"errors"
	"sync"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
)

// playedSignIns is a Prover whose codes work once, as WeChat's do.
type playedSignIns struct {
	hasher *password.Hasher
	broken error // what every call says, if anything

	mutex sync.Mutex
	codes map[string]identity.ExternalIdentity
	asked int
}

func (p *playedSignIns) ProvePassword(ctx context.Context, user identity.User, secret, address string) error {
	if err := p.ask(); err != nil {
		return err
	}
	right, _, err := p.hasher.Check(ctx, address, user.PasswordHash, secret)
	if err == nil && !right {
		return oauth.NewError(oauth.InsufficientUserAuthentication, "no proof")
	}
	return err
}

func (p *playedSignIns) ProveCode(_ context.Context, clientID, appID, code, _ string) (identity.ExternalIdentity,
	error) {
	if err := p.ask(); err != nil {
		return identity.ExternalIdentity{}, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	external, fresh := p.codes[code]
	if !fresh || clientID != client || appID != "" && appID != external.App {
		return identity.ExternalIdentity{}, &oauth.Error{Code: oauth.InvalidGrant, Cause: errBadCode}
	}
	delete(p.codes, code)
	return external, nil
}

func (p *playedSignIns) ask() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.asked++
	return p.broken
}

var errBadCode = errors.New("invalid code (40029)")
