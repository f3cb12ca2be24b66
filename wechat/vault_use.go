package wechat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

const (
	// maxFailures is how much may be refused with a version of a key. WeChat's
	// format has no MAC, so every refusal tells a guesser something.
	maxFailures = 10

	// useLife bounds a use of a key with WeChat's part in it, in case that it
	// never ends.
	useLife = 30 * time.Second
)

// Confirm asks WeChat whether it encrypted a message itself, by the
// hexadecimal SHA-256 of its encryptedData.
type Confirm func(ctx context.Context, sha256Hex string) (genuine bool, err error)

// Decrypt returns what a mini-program got encrypted for an account. ErrBadData
// whatever is wrong with it; ErrNoSessionKey. What needs it, which is a phone
// number, is verified if confirm says so; what WeChat disowns is ErrBadData; and
// while WeChat cannot be asked it stays unverified.
func (v *Vault) Decrypt(ctx context.Context, account Account, sealed EncryptedData, kind Kind,
	confirm Confirm) (Opened, error) {
	var opened Opened
	err := v.use(ctx, account, func(keys []SessionKey) error {
		decoded := sealed.decode()
		for _, key := range keys {
			var err error
			if opened, err = decoded.open(key, kind, account, v.config.Now()); err == nil {
				// Whoever hangs up when an answer takes long enough for WeChat to
				// be asked would else have learnt something for nothing.
				return v.confirm(context.WithoutCancel(ctx), &opened, sealed, confirm)
			}
		}
		return ErrBadData
	})
	if err != nil {
		return Opened{}, err
	}
	return opened, nil
}

func (v *Vault) confirm(ctx context.Context, opened *Opened, sealed EncryptedData, confirm Confirm) error {
	if opened.Kind != KindPhone || confirm == nil {
		return nil
	}
	sum := sha256.Sum256([]byte(sealed.Data))
	genuine, err := confirm(ctx, hex.EncodeToString(sum[:]))
	if err != nil { // opened, but not verified
		return nil
	}
	if !genuine {
		return ErrBadData
	}
	opened.Verified = true
	return nil
}

// Verify checks the signature of rawData, which must be as it was received.
// ErrBadData, ErrNoSessionKey.
func (v *Vault) Verify(ctx context.Context, account Account, rawData, signature string) error {
	return v.use(ctx, account, func(keys []SessionKey) error {
		for _, key := range keys {
			if signatureMatches(rawData, signature, key) {
				return nil
			}
		}
		return ErrBadData
	})
}

// use lets something be tried with the keys of an account. A failure counts
// against each of them.
//
// Each try takes one of a version's ten places and gives it back if it succeeds.
// Counted afterwards, a burst of tries would all be let in before the first one
// counts; and a rate would let more in as time goes by.
func (v *Vault) use(ctx context.Context, account Account, try func(keys []SessionKey) error) error {
	versions, err := v.read(ctx, account)
	if err != nil {
		return err
	}
	var keys []SessionKey
	var places []string
	for _, version := range versions {
		place, err := v.takePlace(ctx, account, version)
		if err != nil {
			return err
		}
		if place != "" {
			keys, places = append(keys, version.key), append(places, place)
		}
	}
	if len(keys) == 0 {
		return fmt.Errorf("%w: too many failures", ErrNoSessionKey)
	}
	failed := try(keys)
	if err := v.settle(context.WithoutCancel(ctx), places, failed != nil); err != nil {
		return err
	}
	return failed
}

// takePlace returns a free place of a version, or "" if none is left.
func (v *Vault) takePlace(ctx context.Context, account Account, tried version) (string, error) {
	for n := range maxFailures {
		place := account.place(fmt.Sprintf("%s/%d", tried.id, n))
		free, err := v.config.Store.PutIfAbsent(ctx, place, []byte{1}, useLife)
		if err != nil {
			return "", err
		}
		if free {
			return place, nil
		}
	}
	return "", nil
}

// settle gives places back, or keeps them for as long as the key. A failure
// that cannot be counted is not told either.
func (v *Vault) settle(ctx context.Context, places []string, failed bool) error {
	for _, place := range places {
		if !failed {
			_, _ = v.config.Store.Take(ctx, place) // else it ends by itself
			continue
		}
		if err := v.config.Store.Put(ctx, place, []byte{1}, v.config.KeyLife); err != nil {
			return err
		}
	}
	return nil
}

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
