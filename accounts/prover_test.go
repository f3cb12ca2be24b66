package accounts_test

import (
	"context"
	"errors"
	"sync"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
)

// fakeProver is a Prover whose codes work once, like WeChat's.
type fakeProver struct {
	hasher *password.Hasher
	broken error // returned by every call if not nil

	mutex sync.Mutex
	codes map[string]identity.ExternalIdentity
	asked int
}

func (p *fakeProver) ProvePassword(ctx context.Context, user identity.User, secret, address string) error {
	if err := p.ask(); err != nil {
		return err
	}
	right, _, err := p.hasher.Check(ctx, password.Caller{Network: address}, user.PasswordHash, secret)
	if err == nil && !right {
		return oauth.NewError(oauth.InsufficientUserAuthentication, "wrong password")
	}
	return err
}

func (p *fakeProver) ProveCode(_ context.Context, _ identity.User, clientID, appID, code, _ string) (
	identity.ExternalIdentity, error) {
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

func (p *fakeProver) ask() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.asked++
	return p.broken
}

var errBadCode = errors.New("invalid code (40029)")
