package wechat

import (
	"context"
	"errors"
	"time"
)

// resealTries is how often Reseal tries to get at keys before it gives up. It
// does not go on without, as a login does: it would put back what it has read
// over what a login has written meanwhile.
const resealTries = 4

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
	unlock, had := v.lock(ctx, account)
	for try := 1; !had && try < resealTries; try++ { // whoever held it and is gone holds it no longer than that
		unlock, had = v.lock(ctx, account)
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if !had {
		return false, errors.New("the session keys of an account are in use all the time; run it again")
	}
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
