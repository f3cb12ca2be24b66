package wechat

import (
	"context"
	"errors"
	"time"
)

// Reseal seals the keys of an account anew if what is kept of them is
// outdated, as after a change of master keys. They live no longer than before.
// It reports whether it did. What does not open is left alone: the next login
// replaces it.
func (v *Vault) Reseal(ctx context.Context, account Account, outdated func(sealed []byte) bool) (bool, error) {
	sealed, err := v.config.Store.Get(ctx, account.place("keys"))
	switch {
	case errors.Is(err, v.config.NotFound):
		return false, nil
	case err != nil:
		return false, err
	case !outdated(sealed):
		return false, nil
	}
	locked, cancel := context.WithTimeout(ctx, keepPatience)
	defer cancel()
	unlock := v.lock(locked, account)
	defer unlock()
	versions, err := v.read(ctx, account)
	switch {
	case errors.Is(err, ErrNoSessionKey):
		return false, nil
	case err != nil:
		return false, err
	}
	left := v.config.KeyLife - v.config.Now().Sub(versions[0].at)
	if left < time.Second {
		return false, nil
	}
	return true, v.writeFor(ctx, account, versions, min(left, v.config.KeyLife))
}
